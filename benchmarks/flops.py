"""Time to count a run sheet of 10,000 runs in all conventions, as rule `flops` does.

    PYTHONPATH=workflow/lib python benchmarks/flops.py [--runs 10000] [--json]

Two sheets: 60 architectures shared by all runs (a scaling study), and one architecture a run
(a random search), which no cache helps.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from isoloss.flops import CONVENTIONS
from isoloss.flops.flops import flops
from isoloss.flops.settings import Compute

CONFIGS = Path(__file__).parents[1] / "tests" / "data" / "flops" / "configs"
BUDGET_S = 5.0


def sheet(folder: Path, runs: int, distinct: int) -> tuple[list[dict[str, object]], pd.DataFrame]:
    """Runs of variants of published models that differ in vocabulary; the ends of their logs."""
    models = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CONFIGS.iterdir())]
    for n in range(distinct):
        config = models[n % len(models)] | {"vocab_size": 32000 + n}
        (folder / f"a{n}.json").write_text(json.dumps(config))
    rows: list[dict[str, object]] = [
        {
            "run": f"run-{n:05d}",
            "architecture": f"a{n % distinct}.json",
            "sequence_length": (2048, 4096, 8192)[n % 3],
        }
        for n in range(runs)
    ]
    ends = {"last_tokens": 1e9, "last_compute_pflop_s_days": float("nan")}
    return rows, pd.DataFrame({"run": [row["run"] for row in rows]}).assign(**ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    first, *also = CONVENTIONS
    chosen = Compute(first, also, recompute="selective")
    results = []
    for distinct in (60, given.runs):
        with TemporaryDirectory() as folder:
            runs, ends = sheet(Path(folder), given.runs, distinct)
            started, started_cpu = time.perf_counter(), time.process_time()
            table = flops(runs, ends, Path(folder), chosen)
            seconds = time.perf_counter() - started
            cpu_seconds = time.process_time() - started_cpu
        assert len(table) == given.runs * len(CONVENTIONS)
        results.append(
            {
                "runs": given.runs,
                "architectures": distinct,
                "conventions": len(CONVENTIONS),
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu_seconds, 3),
                "budget_seconds": BUDGET_S,
            }
        )
    if given.json:
        print(json.dumps(results, indent=1))
        return
    for result in results:
        print(
            f"{result['runs']:,} runs of {result['architectures']:,} architectures in "
            f"{result['conventions']} conventions: {result['seconds']:.2f} s, "
            f"{result['cpu_seconds']:.2f} s of CPU (budget {result['budget_seconds']:.0f} s)"
        )


if __name__ == "__main__":
    main()
