"""The whole pipeline on studies of many runs, beside one plain script that reads the same logs.

    python benchmarks/scale.py [--runs 100 1000 10000] [--cores 2]
    python benchmarks/scale.py --huge 50_000_000                     (one run of so many rows)
    python benchmarks/scale.py --only-generate FOLDER --runs 1000    (a study to try things on)

A study has R runs of 2,000 rows: a third each CSV, JSON lines and TensorBoard; a hundredth each are
cut, spiked and diverged. Measured in a temporary copy of the files that git tracks: everything from
nothing; nothing to do; after one log has changed; after one colour has. Processor seconds (user and
system, of all processes) count, and their ratio to those of `plain/fit.py`, run beside each case,
since a busy machine slows both; memory is the largest sum over all processes at one time, with what
they share counted once.

The growth exponent is that of the cold ratio over R, plus one: the script's work grows with R.
"""

import argparse
import csv
import math
import os
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from logs_binary import framed, held, varint
from pipeline import copy

ROWS = 2_000
SIZES = 50  # models an arm, at most; more runs repeat them, as with other seeds
FORMS = ("csv", "jsonl", "tensorboard")
TABLE = Path(__file__).parent / "results" / "scale.csv"
PLAIN = Path(__file__).parent / "plain" / "fit.py"
STUDY = """\
title: Many runs
runs: data/scale/runs.csv
arms:
  base: {label: Baseline, role: baseline}
  new: {label: Candidate}
metrics:
  loss: {label: Loss}
compute: {headline: 6n_non_embedding}
figures: [curves, scaling, multiplier]
"""


@dataclass(frozen=True)
class Run:
    """A run to be made up. fate: whole, cut, spiked or diverged."""

    number: int
    rows: int
    form: str
    fate: str
    parameters: int

    @property
    def arm(self) -> str:
        return ("base", "new")[self.number % 2]

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.number // 2:05}"

    @property
    def tokens_per_step(self) -> int:
        return max(1, round(20 * self.parameters / self.rows / 10))  # a row is ten steps

    @property
    def log(self) -> str:
        return f"logs/{self.name}" + ("" if self.form == "tensorboard" else f".{self.form}")


def generate(folder: Path, runs: int, rows: int = ROWS, seed: int = 0, huge: int = 0) -> None:
    """Write study `scale` into a folder: config/studies/scale.yaml and data/scale.

    The candidate has a multiplier of 1.25. huge: the rows of the first run, where it is longer.
    """
    random = np.random.default_rng(seed)
    count = round(runs / 100) or 1
    fates = ["cut"] * count + ["spiked"] * count + ["diverged"] * count
    fates = random.permutation(fates + ["whole"] * max(0, runs - len(fates)))[:runs].tolist()
    sizes = max(2, min(SIZES, runs // 2))
    data = folder / "data/scale"
    (data / "logs").mkdir(parents=True)
    config = folder / "config/studies"
    config.mkdir(parents=True, exist_ok=True)
    (config / "scale.yaml").write_text(STUDY, encoding="utf-8")
    with (data / "runs.csv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file, lineterminator="\n")
        columns = ["run", "arm", "model", "log", "parameters", "tokens_per_step", "training_tokens"]
        sheet.writerow(columns)
        for number in range(runs):
            parameters = round(1e7 * 1000 ** (number // 2 % sizes / (sizes - 1)))
            long = huge and number == 0
            run = Run(
                number,
                rows=huge if long else rows,
                form="csv" if long else FORMS[number // 2 % 3],
                fate="whole" if long else fates[number],
                parameters=parameters,
            )
            planned = 10 * run.rows * run.tokens_per_step
            model = f"{parameters / 1e6:.0f}M"
            sheet.writerow(
                [run.name, run.arm, model, run.log, parameters, run.tokens_per_step, planned]
            )
            write(data / run.log, run, seed)


def write(path: Path, run: Run, seed: int) -> None:
    """The log of a run; a long one in pieces."""
    random = np.random.default_rng([seed, run.number])
    form = {"csv": csv_rows, "jsonl": json_rows, "tensorboard": events}[run.form]
    if run.form == "tensorboard":
        path.mkdir()
        path /= f"events.out.tfevents.{1_760_000_000 + run.number}.host"
    factor = math.exp(random.normal(0, 0.003))  # between seeds
    end = int(run.rows * random.uniform(0.5, 0.9)) if run.fate == "cut" else run.rows
    with path.open("wb") as file:
        if run.form == "csv":
            file.write(b"step,loss\n")
        if run.form == "tensorboard":
            file.write(framed(b"\x09" + struct.pack("<d", 1.76e9) + held(3, b"brain.Event:2")))
        for start in range(0, end, 1_000_000):
            rows = np.arange(start + 1, min(start + 1_000_000, end) + 1)
            losses = factor * curve(run, rows) * np.exp(random.normal(0, 0.005, len(rows)))
            if run.fate == "spiked":
                losses[random.integers(len(rows) // 4, len(rows), 3)] *= 1.8
            if run.fate == "diverged":
                bad = rows > 0.6 * run.rows
                losses[bad] = np.where(rows[bad] > 0.8 * run.rows, np.nan, 10.5)
            file.write(form(10 * rows, losses))


def curve(run: Run, rows: np.ndarray) -> np.ndarray:
    """The loss without its noise: above the law's by what is left of the run to do."""
    tokens = 10.0 * run.tokens_per_step * run.rows
    compute = 6 * run.parameters * tokens / 86400e15 * (1.25 if run.arm == "new" else 1)
    return 2.6 * compute**-0.05 * (1 + 0.12 * ((rows / run.rows) ** -0.3 - 1))


def csv_rows(steps: np.ndarray, losses: np.ndarray) -> bytes:
    pairs = zip(steps.tolist(), losses.tolist(), strict=True)
    return "".join([f"{step},{loss:.5f}\n" for step, loss in pairs]).encode()


def json_rows(steps: np.ndarray, losses: np.ndarray) -> bytes:
    pairs = zip(steps.tolist(), losses.tolist(), strict=True)
    lines = [f'{{"step": {step}, "loss": {loss:.5f}}}\n' for step, loss in pairs]
    return "".join(lines).replace("nan", "NaN").encode()


def events(steps: np.ndarray, losses: np.ndarray) -> bytes:
    """As SummaryWriter.add_scalar writes them."""
    head = b"\x09" + struct.pack("<d", 1.76e9) + b"\x10"
    tag = held(1, b"train/loss") + b"\x15"
    values = [struct.pack("<f", loss) for loss in losses.tolist()]
    pairs = zip(steps.tolist(), values, strict=True)
    records = (head + varint(step) + held(5, held(1, tag + value)) for step, value in pairs)
    return b"".join(map(framed, records))


@dataclass(frozen=True)
class Cost:
    """What a command took: processor and wall seconds, and the most memory at a time, in MB."""

    cpu: float
    wall: float
    memory: float


def cost(command: list[str], folder: Path) -> Cost:
    """Run a command to its end; its output is shown only where it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        with sampled(process.pid) as peak:
            status = process.wait()
        said.seek(0)
        if status:
            sys.exit(f"{' '.join(command)} ended with status {status}:\n{said.read()[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - start, peak[0] / 1e6)


@contextmanager
def sampled(pid: int) -> Iterator[list[int]]:
    """The largest sum of memory of a process and all below it, ten times a second; bytes.

    Of what several processes share each counts its part (PSS, of Linux).
    """
    peak, ended = [0], threading.Event()

    def look() -> None:
        root = psutil.Process(pid)
        while not ended.wait(0.1):
            total = 0
            try:
                for process in [root, *root.children(recursive=True)]:
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue  # one has just ended
            peak[0] = max(peak[0], total)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def change_a_log(folder: Path) -> None:
    """Another loss in the last row of the first CSV that has a number there."""
    for path in sorted((folder / "data/scale/logs").glob("*.csv"), reverse=True):
        lines = path.read_text(encoding="utf-8").splitlines()
        step, loss = lines[-1].split(",")
        if loss != "nan":
            lines[-1] = f"{step},{float(loss) * 1.01:.5f}"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            return


def change_a_colour(folder: Path) -> None:
    path = folder / "config/plotting.yaml"
    text = path.read_text(encoding="utf-8")
    assert "#D55E00" in text
    path.write_text(text.replace("#D55E00", "#D55E01", 1), encoding="utf-8")


CASES = {
    "cold": lambda folder: None,
    "nothing to do": lambda folder: None,
    "one log changed": change_a_log,
    "one colour changed": change_a_colour,
}


def measured(runs: int, rows: int, cores: int, seed: int, huge: int = 0) -> list[dict]:
    """A row a case, in order; of a huge run the first alone."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        generate(folder, runs, rows, seed, huge)
        command = [
            os.fspath(Path(sys.executable).with_name("snakemake")),
            *("--workflow-profile", "workflow/profiles/default", "--quiet", "all"),
            *("--cores", str(cores), "--config", "studies=[scale]"),
        ]
        for case, change in CASES.items():
            change(folder)
            ours = cost(command, folder)
            script = cost([sys.executable, os.fspath(PLAIN), name], folder)
            row = {
                "runs": runs,
                "rows": huge or rows,
                "cores": cores,
                "case": case,
                "cpu_s": round(ours.cpu, 2),
                "script_cpu_s": round(script.cpu, 2),
                "ratio": round(ours.cpu / script.cpu, 2),
                "wall_s": round(ours.wall, 1),
                "peak_mb": round(ours.memory),
                "script_peak_mb": round(script.memory),
            }
            found.append(row)
            show(row.values())
            if huge:
                break
    return found


def show(cells) -> None:
    print("  ".join(f"{cell!s:>{18 if i == 3 else 8}}" for i, cell in enumerate(cells)), flush=True)


def growth(table: list[dict]) -> float:
    """The exponent with which the cold ratio grows over runs, plus one."""
    cold = [row for row in table if row["case"] == "cold"]
    x, y = (np.log([row[key] for row in cold]) for key in ("runs", "ratio"))
    return 1 + float(np.polyfit(x, y, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--huge", type=int, default=0, metavar="ROWS", help="one run of so many")
    parser.add_argument("--only-generate", type=Path, metavar="FOLDER")
    parser.add_argument("--table", type=Path, default=TABLE, help="default: %(default)s")
    options = parser.parse_args()
    if options.only_generate:
        generate(options.only_generate, options.runs[0], options.rows, options.seed, options.huge)
        return
    head = ["runs", "rows", "cores", "case", "cpu s", "script s", "ratio", "wall s", "MB", "script"]
    show(head)
    if options.huge:
        measured(12, options.rows, options.cores, options.seed, options.huge)
        return
    table = []
    for runs in options.runs:
        table += measured(runs, options.rows, options.cores, options.seed)
    with options.table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    if len(options.runs) > 1:
        print(f"growth exponent: {growth(table):.2f}")


if __name__ == "__main__":
    main()
