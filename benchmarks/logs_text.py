"""How fast logs of text are read, as ratios on the same file in one run: plain logs to pyarrow and
pandas, what programs print to a Python loop over its lines with one compiled expression.

    python benchmarks/logs_text.py [megabytes] [--memory megabytes] [--printed]

Each file is made anew: a run of several metrics in JSON lines and in CSV, the same with one broken
line in every 10,000, and the output of nanoGPT and of Megatron-LM. Times are medians, the readers
taking turns, each time in a new process; the memory is the largest resident size of a process that
reads one JSON lines file. What is printed goes to benchmarks/results/logs_printed.csv; --printed
measures that alone.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.json
from isoloss.logs import read

RESULTS = Path(__file__).parent / "results/logs_printed.csv"
COLUMNS = ("step", "tokens", "train/loss", "lr", "grad_norm", "timestamp")


def rows(first: int, n: int) -> list[tuple[object, ...]]:
    step = np.arange(first, first + n)
    random = np.random.default_rng(first)
    loss = np.float32(2 + 9 * step**-0.1 + 0.01 * random.standard_normal(n)).astype(float)
    norm = np.float32(random.lognormal(0, 0.3, n)).astype(float)
    rate = 3e-4 * np.minimum(1, step / 1000)
    columns = (step, step * 262_144, loss, rate, norm, 1.76e9 + 0.9 * step)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def write(path: Path, megabytes: int, kind: str, broken: bool) -> None:
    """A log of the given size; each block of rows is made once, and its steps go on."""
    size, step = 0, 1
    with path.open("w") as file:
        if kind == "csv":
            file.write(",".join(COLUMNS) + "\n")
        while size < megabytes << 20:
            lines = []
            for row in rows(step, 10_000):
                if kind == "csv":
                    lines.append(",".join(map(repr, row)))
                else:
                    cells = (
                        f'"{name}": {value!r}' for name, value in zip(COLUMNS, row, strict=True)
                    )
                    lines.append("{" + ", ".join(cells) + "}")
            if broken:
                lines[5000] = lines[5000][:40]
            step += len(lines)
            size += file.write("\n".join(lines) + "\n")


def nanogpt(step: int, loss: float) -> str:
    evaluation = f"step {step}: train loss {loss:.4f}, val loss {loss + 0.1:.4f}\n"
    return (
        evaluation if step % 1000 == 0 else ""
    ) + f"iter {step}: loss {loss:.4f}, time 916.34ms, mfu 41.{step % 100:02d}%"


def megatron(step: int, loss: float) -> str:
    clock = f"{8 + step // 3600 % 12:02d}:{step // 60 % 60:02d}:{step % 60:02d}.639256"
    return (
        f" [2025-10-09 {clock}] iteration {step:8d}/ 9000000 | consumed samples: {step * 128:12d} |"
        f" elapsed time per iteration (ms): {900 + loss:.1f} | throughput per GPU (TFLOP/s/GPU):"
        f" 412.3 | learning rate: 3.000000E-06 | global batch size:   128 | lm loss: {loss:.6E} |"
        " loss scale: 1.0 | grad norm: 0.430 | number of skipped iterations:   0 |"
        " number of nan iterations:   0 |"
    )


PRINTED = {
    "nanogpt": (nanogpt, rb"iter (\d+): loss ([\d.]+), time"),
    "megatron": (megatron, rb" \[[^\]]*\] iteration +(\d+)/.* lm loss: (\S+) \|"),
}


def write_printed(path: Path, megabytes: int, kind: str) -> None:
    """The output of a program, of the given size."""
    size, step, line = 0, 1, PRINTED[kind][0]
    with path.open("w") as file:
        while size < megabytes << 20:
            block = [line(row[0], row[2]) for row in rows(step, 10_000)]
            step += len(block)
            size += file.write("\n".join(block) + "\n")


def with_loop(path: Path) -> list[tuple[int, float]]:
    match = re.compile(PRINTED[path.stem][1]).match
    with path.open("rb") as file:
        return [(int(found[1]), float(found[2])) for line in file if (found := match(line))]


def seconds(path: Path, readers: Sequence[str], repeats: int) -> dict[str, float]:
    """Median time of each reader, each time in a process of its own, as a log is read."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(repeats):
        for name in readers:
            command = [sys.executable, __file__, "--reader", name, "--read", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times[name].append(float(done.stdout))
    return {name: median(values) for name, values in times.items()}


def with_pandas(path: Path) -> pd.DataFrame:
    return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)


def with_arrow(path: Path) -> object:
    return (pyarrow.json.read_json if path.suffix == ".jsonl" else pyarrow.csv.read_csv)(path)


READERS: dict[str, Callable[[Path], object]] = {
    "isoloss": read,
    "pyarrow": with_arrow,
    "pandas": with_pandas,
    "loop": with_loop,
}


def once(reader: str, path: Path) -> None:
    start = time.perf_counter()
    kept = READERS[reader](path)
    print(time.perf_counter() - start)
    del kept  # not before the time is taken


def speed(folder: Path, megabytes: int, repeats: int) -> None:
    for kind in ("jsonl", "csv"):
        clean, damaged = folder / f"clean.{kind}", folder / f"damaged.{kind}"
        write(clean, megabytes, kind, broken=False)
        write(damaged, megabytes, kind, broken=True)
        times = seconds(clean, ("isoloss", "pyarrow"), repeats)
        times |= seconds(clean, ("pandas",), 1)
        times |= {"damaged": seconds(damaged, ("isoloss",), 1)["isoloss"]}
        print(
            f"{kind:6} {megabytes} MB: isoloss {times['isoloss']:.2f} s, "
            f"{times['isoloss'] / times['pyarrow']:.2f} x pyarrow's {times['pyarrow']:.2f} s; "
            f"pandas {times['pandas'] / times['isoloss']:.1f} x as long as isoloss; "
            f"one line in 10,000 broken: {times['damaged']:.2f} s"
        )
        clean.unlink()
        damaged.unlink()


def speed_printed(folder: Path, megabytes: int, repeats: int) -> None:
    measured = []
    for kind in PRINTED:
        path = folder / f"{kind}.log"
        write_printed(path, megabytes, kind)
        times = seconds(path, ("isoloss", "loop"), repeats)
        print(
            f"{kind:8} {megabytes} MB: isoloss {times['isoloss']:.2f} s, "
            f"{times['isoloss'] / times['loop']:.2f} x a loop's {times['loop']:.2f} s"
        )
        measured.append({"kind": kind, "megabytes": megabytes, **times})
        path.unlink()
    table = pd.DataFrame(measured).rename(columns={"isoloss": "isoloss_s", "loop": "loop_s"})
    table["ratio"] = table["isoloss_s"] / table["loop_s"]
    table.round(2).to_csv(RESULTS, index=False)


def memory(folder: Path, megabytes: int) -> None:
    path = folder / "large.jsonl"
    write(path, megabytes, "jsonl", broken=False)
    subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)
    path.unlink()


def measure(path: Path) -> None:
    start = time.perf_counter()
    table = read(path).table
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"jsonl  {path.stat().st_size / 1e6:,.0f} MB, {len(table):,} values: "
        f"{time.perf_counter() - start:.1f} s, largest resident size {peak:.2f} GB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", type=int, nargs="?", default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, metavar="megabytes")
    parser.add_argument("--printed", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reader:
        once(given.reader, given.read)
    elif given.read:
        measure(given.read)
    else:
        with tempfile.TemporaryDirectory() as name:
            if not given.printed:
                speed(Path(name), given.megabytes, given.repeats)
            speed_printed(Path(name), given.megabytes, given.repeats)
            if given.memory:
                memory(Path(name), given.memory)
