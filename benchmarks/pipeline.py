"""Times the whole pipeline: a cold run of the studies, a run with nothing to do, seconds a job.

    python benchmarks/pipeline.py [--cores 2] [--studies kimi-linear moba-8k moba-32k]

Runs in a temporary copy of the files that git tracks. The share of start-up is the time that a
script's imports take by themselves (a fresh interpreter, best of three) over the job's time.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--studies", nargs="+", default=["kimi-linear", "moba-8k", "moba-32k"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder))
        command = [
            Path(sys.executable).with_name("snakemake"),
            *("--workflow-profile", "workflow/profiles/default", "--quiet", "all"),
            *("--cores", str(options.cores), "--config", f"studies=[{','.join(options.studies)}]"),
        ]
        print(f"cold, {options.cores} cores: {timed(command, folder):.1f} s")
        jobs = durations(Path(folder))
        print(f"nothing to do: {median(timed(command, folder) for _ in range(3)):.1f} s")
        print(f"{'rule':<12} {'jobs':>4} {'median s':>9} {'imports s':>10} {'share':>6}")
        total = start = 0.0
        for rule, seconds in sorted(jobs.items()):
            imports = start_up(rule)
            total += sum(seconds)
            start += imports * len(seconds)
            row(rule, len(seconds), median(seconds), imports, imports / median(seconds))
        row("all", sum(map(len, jobs.values())), total, start, start / total)


def row(rule: str, jobs: int, seconds: float, imports: float, share: float) -> None:
    print(f"{rule:<12} {jobs:>4} {seconds:>9.2f} {imports:>10.2f} {share:>6.0%}")


def copy(folder: Path) -> None:
    """What git tracks, as it stands in the work tree."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, files.stdout.decode().split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())


def timed(command: list, folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def durations(folder: Path) -> dict[str, list[float]]:
    """Seconds of each job by rule, from Snakemake's own records (one an output)."""
    jobs: dict[str, dict[str, float]] = defaultdict(dict)
    for path in (folder / ".snakemake/metadata").iterdir():
        record = json.loads(path.read_text())
        jobs[record["rule"]][record["log"][0]] = record["endtime"] - record["starttime"]
    return {rule: list(seconds.values()) for rule, seconds in jobs.items()}


def start_up(rule: str) -> float:
    """Seconds that the imports of a rule's script take (of `figure`: the scaling figure's)."""
    script = (
        ROOT / "workflow/scripts" / ("figures/scaling.py" if rule == "figure" else f"{rule}.py")
    )
    tree = ast.parse(script.read_text())
    code = "\n".join(
        ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)
    )
    return min(timed([sys.executable, "-c", code], str(ROOT)) for _ in range(3))


if __name__ == "__main__":
    main()
