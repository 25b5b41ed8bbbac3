"""What many small logs cost to read and clean: processor time a log, beside a plain reader.

    python benchmarks/logs_many.py [logs] [--rows 2000] [--long rows]

Logs of CSV, JSON lines and TensorBoard, a run each, made anew. The plain readers are
`pandas.read_csv`, `pandas.read_json` and a loop over the records of an event file; they look for
no format, keep no line numbers and check nothing. With --long, one CSV of so many rows is read and
cleaned in a process of its own, whose largest resident size is printed.
"""

import argparse
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.cleaning.clean import clean
from isoloss.cleaning.settings import Cleaning
from isoloss.logs import read
from logs_binary import framed, held, varint

USUAL = Cleaning(
    **{"warm_up_steps": 0, "warm_up_tokens": 0, "spike_window": 51, "spike_mads": 10},
    **{"divergence_mads": 10, "divergence_rise": 0.05, "constant_rows": 20},
)
BATCH = 262_144


def losses(first: int, n: int, seed: int) -> Iterator[tuple[int, float]]:
    step = np.arange(first, first + n)
    noise = 0.02 * np.random.default_rng(seed + first).standard_normal(n)
    loss = np.float32(1.7 + 5 * (step + 5.0) ** -0.3 + noise).astype(float)
    return zip(step.tolist(), loss.tolist(), strict=True)


def csv(path: Path, n: int, seed: int) -> None:
    with path.open("w") as file:
        file.write("step,tokens,loss\n")
        for first in range(1, n + 1, 500_000):
            rows = losses(first, min(500_000, n + 1 - first), seed)
            file.writelines(f"{step},{step * BATCH},{loss!r}\n" for step, loss in rows)


def jsonl(path: Path, n: int, seed: int) -> None:
    with path.open("w") as file:
        for step, loss in losses(1, n, seed):
            file.write(json.dumps({"step": step, "tokens": step * BATCH, "loss": loss}) + "\n")


def events(path: Path, n: int, seed: int) -> None:
    with path.open("wb") as file:
        file.write(framed(b"\x09" + struct.pack("<d", 1.7e9) + held(3, b"brain.Event:2")))
        for step, loss in losses(1, n, seed):
            value = held(1, held(1, b"loss") + b"\x15" + struct.pack("<f", loss))
            when = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + varint(step)
            file.write(framed(when + held(5, value)))


def loop(path: Path) -> list[tuple[float, float]]:
    """Wall time and loss of each event, its last four bytes."""
    data, at, rows = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        start, at = at + 12, at + length + 16
        time_, loss = struct.unpack_from("<d", data, start + 1), data[at - 8 : at - 4]
        rows.append((*time_, *struct.unpack("<f", loss)))
    return rows


KINDS: dict[str, tuple[Callable[[Path, int, int], None], Callable[[Path], object]]] = {
    "csv": (csv, pd.read_csv),
    "jsonl": (jsonl, lambda path: pd.read_json(path, lines=True)),
    "tensorboard": (events, loop),
}


@contextmanager
def timed(times: dict[str, float], what: str) -> Iterator[None]:
    begin = time.process_time()
    yield
    times[what] = times.get(what, 0.0) + time.process_time() - begin


def many(folder: Path, logs: int, rows: int) -> None:
    for kind, (write, plain) in KINDS.items():
        paths = [folder / f"{i}.{kind}" for i in range(logs + 1)]
        times: dict[str, float] = {}
        for i, path in enumerate(paths):
            write(path, rows, i)
            if i == 1:  # what only the first log pays is not counted
                times.clear()
            with timed(times, "plain"):
                plain(path)
            with timed(times, "read"):
                table = read(path, run=path.stem, tokens_per_step=BATCH).table
            with timed(times, "clean"):
                clean(table, USUAL)
            path.unlink()
        ms = {what: 1e3 * seconds / logs for what, seconds in times.items()}
        reading, both = ms["read"] / ms["plain"], (ms["read"] + ms["clean"]) / ms["plain"]
        print(
            f"{kind:11} {logs} logs of {rows:,} rows, ms a log: read {ms['read']:.2f}, clean "
            f"{ms['clean']:.2f}; plain {ms['plain']:.2f}: reading {reading:.1f} x, both "
            f"{both:.1f} x a plain reader"
        )


def long(path: Path) -> None:
    """Read and clean one log; its largest memory after each."""
    begin = time.process_time()
    table = read(path, run="long").table
    told("read", len(table), begin)
    told("cleaned", len(clean(table, USUAL)), begin)


def told(what: str, rows: int, begin: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    seconds = time.process_time() - begin
    print(f"{what}: {rows:,} rows, {seconds:.0f} s, largest resident size so far {peak:.2f} GB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=int, nargs="?", default=100)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--long", type=int, default=0, metavar="rows")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        long(given.read)
    else:
        with tempfile.TemporaryDirectory() as name:
            many(Path(name), given.logs, given.rows)
            if given.long:
                path = Path(name, "long.csv")
                csv(path, given.long, 0)
                subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)
