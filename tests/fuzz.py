"""Fuzzing: mutated logs and studies, each of which must give a result or one clear error.

`make fuzz`, `make fuzz INPUTS=2000 SEED=3 TARGETS="wandb study"`; or
`python tests/fuzz.py [--inputs N] [--seed S] [--folder F] [targets ...]`.
An input is a folder of files, made from the fixtures of the tests by a few mutations, or from an
earlier input with a new outcome. A log is given to its format's reader alone, in memory; those
with a new outcome and one in sixteen others are read as the pipeline reads them, from files. It is
a finding if it ends in anything but the readers' and the loader's own errors, in more than one
line, in more than 2 seconds of processor time or in 512 MB; or if a value comes out that no fixture
holds, where the format has checksums. Findings are kept in `.fuzz`;
`python tests/fuzz.py TARGET --again FOLDER` tries one again.
"""

import argparse
import bz2
import gzip
import lzma
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from io import BytesIO
from itertools import product
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from isoloss.logs import LogError, read
from isoloss.logs.columns import Wanted
from isoloss.logs.formats.tfrecord import masked_crc
from isoloss.logs.records import Format, Source
from isoloss.logs.registry import BY_NAME
from isoloss.paper.figures import formulas
from isoloss.study import study
from isoloss.study.validation import InputError, read_yaml
from log_lines import SHAPES

ROOT = Path(__file__).resolve().parents[1]
Files = dict[str, bytes]
SECONDS, MEMORY, LONGEST = 2, 512 << 20, 2000
WHOLE = 16  # one in so many inputs is read from files, whatever its reader said
LARGE = 1 << 15  # an input from which no others are made, unless the fixtures are larger
DATA, FINDINGS = ROOT / "tests/data", ROOT / ".fuzz"
# Threads of libraries set aside addresses that they never use.
SINGLE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
NEXT = b"\xf7next"  # between records that are not sealed yet


@dataclass(frozen=True)
class Target:
    """What is fuzzed. attempt: reads the folder and gives words for what came out; raises
    AssertionError for what must not. glance: the same in memory, by a part of the way. seal: from
    mutated to readable files."""

    seeds: list[Files]
    attempt: Callable[[Path], Iterable[str]]
    glance: Callable[[Files], Iterable[str]] | None = None
    seal: Callable[[bytes], bytes] = bytes
    name: str = ""  # of the only file that is mutated


# --- mutations

NUMBERS = rb"""
0|-0|-1|1|2|3.5|1e999|-1e999|1e-999|nan|NaN|inf|-Infinity|None|null|true|1_000|1,5|1,000|1e400|1.5K
0x10|9223372036854775807|9223372036854775808|-9223372036854775809|18446744073709551616|1e308|00012
2147483648|4294967296|.5|5.|+1|1e|--1|\xd9\xa1\xd9\xa2|1e22
"""
WORDS = rb"""
step|loss|tokens|run|arm|model|log|parameters|eval_loss|_step|value|metric|epoch|iteration|,|"|'|{|}|../|/
[|]|:|;|\t| |- |\n|\r|\r\n|\n\n|\0|\xff|\xfe\xff|\xef\xbb\xbf|\xe2\x80\xa8|\x85|\x1b[|\x1b[0m|\\|\\n
\\u0000|\\ud800|&a |*a|*b|<<: |? |!!|!!python/name:os.system |%|@|`|#|~|>-|$|$x$|\\frac|$\\frac{
/dev/zero|PAR1|\x1f\x8b|\x28\xb5\x2f\xfd|BZh9|SQLite format 3|:W&B|{"a": 1}|[[|]]|= |=|0b1|_
"""


def words(text: bytes) -> list[bytes]:
    """The words between bars and line ends, their escapes undone."""
    parts = text.strip().replace(b"\n", b"|").split(b"|")
    return [part.decode("unicode_escape").encode("latin-1") for part in parts]


TOKENS = [*words(NUMBERS), *words(WORDS), b"|"]
NUMBER = re.compile(rb"[-+]?[0-9.]+(?:e[-+]?\d+)?")


class Mutator:
    """Makes inputs out of those of a corpus."""

    def __init__(self, corpus: list[Files], seed: str, only: str) -> None:
        self.corpus, self.only, self.draw = corpus, only, random.Random(seed)

    def input(self) -> Files:
        """The next input."""
        files = dict(self.draw.choice(self.corpus))
        for _ in range(self.draw.choice([1, 1, 2, 3, 8])):
            name = self.draw.choice([n for n in files if self.only in n] or list(files))
            if self.draw.random() < 0.02 and len(files) > 1:
                self.files(files, name)
            else:
                files[name] = self.bytes(files[name])
        return files

    def files(self, files: Files, name: str) -> None:
        """Remove a file, empty it, or put its content into another."""
        match self.draw.randrange(3):
            case 0:
                del files[name]
            case 1:
                files[name] = b""
            case _:
                files[self.draw.choice(list(files))] = files[name]

    def stretch(self, data: bytes) -> slice:
        """A stretch of the data, mostly a short one."""
        at = self.draw.randrange(len(data) + 1)
        return slice(at, at + int(self.draw.paretovariate(0.6)))

    def bytes(self, data: bytes) -> bytes:
        """The data with one change."""
        draw, out, here = self.draw, bytearray(data), self.stretch(data)
        match draw.randrange(10):
            case 0 if data:
                out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
            case 1 if data:
                out[draw.randrange(len(out))] = draw.randrange(256)
            case 2:
                del out[here]
            case 3:
                out[here.start : here.start] = data[self.stretch(data)]
            case 4:
                out[here] = draw.choice(TOKENS)
            case 5:
                out[here.start : here.start] = draw.choice(TOKENS)
            case 6 if number := NUMBER.search(data, here.start):
                out[number.start() : number.end()] = draw.choice(words(NUMBERS))
            case 7:
                del out[here.start :]
            case 8:
                other = draw.choice(list(draw.choice(self.corpus).values()))
                out[here] = other[self.stretch(other)]
            case _:
                lines = data.split(b"\n")
                i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
                match draw.randrange(4):
                    case 0:
                        del lines[i]
                    case 1:
                        lines.insert(i, lines[j])
                    case 2:
                        lines[i], lines[j] = lines[j], lines[i]
                    case _:
                        lines[i] = draw.choice(TOKENS) * draw.choice([2, 60, 5000])
                out = bytearray(b"\n".join(lines))
        return bytes(out[: 1 << 20])


# --- logs

Known = Callable[[], set[float]]


def logs(
    seeds: list[Files], format: str, seal: Callable[[bytes], bytes] = bytes, known: Known = set
) -> Target:
    """Logs of a format. known: every value that may come out; none for any."""

    def whole(folder: Path) -> Iterator[str]:
        inside = list(folder.iterdir())
        path = inside[0] if len(inside) == 1 and inside[0].is_file() else folder
        try:
            log = read(path, format=format, tokens_per_step=2.0, max_bad_fraction=1)
        except LogError as error:
            yield said(error)
            return
        table = log.table
        assert table["offset"].ge(0).all(), "an offset below zero"
        assert table["segment"].is_monotonic_increasing, "segments out of order"
        unchanged(table["value"].tolist(), log.notes, known())
        yield f"{len(table) > 0} {sorted(table['metric'].unique())}"[:60]
        yield from (outline(note) for note in log.notes)
        yield from (outline(reason) for reason in log.quarantine["reason"])

    def glance(files: Files) -> Iterator[str]:
        for kind in [BY_NAME[format]] if format in BY_NAME else sniffed(files):
            yield kind.name
            try:
                sources = sources_of(kind, files)
            except LogError as error:
                yield said(error)
                continue
            for source in sources.values():
                yield from described(source, known())

    return Target(seeds, whole, glance, seal)


def unchanged(values: Iterable[float], notes: Iterable[str], known: set[float]) -> None:
    """Whether all values are known; what has been cut off before its checksum cannot be told."""
    if known and not any("too early" in note for note in notes):
        new = {value for value in values if value == value} - known
        assert not new, f"changed values: {sorted(new)[:3]}"


def sniffed(files: Files) -> list[Format]:
    """The formats that recognise one of the files."""
    return [kind for kind in BY_NAME.values() if any(map(kind.sniff, files.values()))]


def sources_of(kind: Format, files: Files) -> Mapping[str, Source]:
    """The files as the reader of their format reads them."""
    if kind.read_all:
        return kind.read_all({path: partial(BytesIO, data) for path, data in files.items()}, None)
    if kind.read_columns:
        keep = Wanted().names(kind.preset)
        return {
            path: kind.read_columns(BytesIO(data), keep) for path, data in sorted(files.items())
        }
    return {path: kind.read(BytesIO(data)) for path, data in sorted(files.items())}


def described(source: Source, known: set[float]) -> Iterator[str]:
    """What a reader made of a file."""
    for block in source.blocks:
        offsets = block.table["offset"].to_numpy()
        assert (offsets >= 0).all(), "an offset below zero"
        columns = [name for name in block.table.column_names if name != "offset"]
        yield f"{len(offsets) > 0} {len(columns)} {block.aggregation}"[:60]
        for name in columns if known else ():
            unchanged(block.table[name].drop_null().to_pylist(), source.notes, known)
    yield from (outline(note) for note in source.notes)
    yield from (outline(bad.reason) for bad in source.quarantine)


def said(error: ValueError) -> str:
    """The outline of a clear error."""
    text = str(error)
    assert text.strip(), "an error without words"
    assert "\n" not in text and len(text) < LONGEST, f"not one short line: {text[:300]!r}"  # noqa: PT018
    return outline(text)


def outline(text: str) -> str:
    """A message without what differs from input to input."""
    return re.sub(r"'.*?'|`.*?`|\(.*?\)|\d[\d,.]*|\S*/\S*", "#", text)[:100]


def short(data: bytes, head: int = 9, tail: int = 5) -> bytes:
    """The first and the last lines of a text."""
    lines = data.splitlines(keepends=True)
    return data if len(lines) <= head + tail else b"".join(lines[:head] + lines[-tail:])


def folder(path: Path, shorten: bool = False) -> Files:
    """The files of a folder."""
    files = {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return {name: short(data) if shorten else data for name, data in sorted(files.items())}


LOGS = DATA / "logs"
FOLDERS = {  # of fixtures, by format
    "csv": "csv",
    "jsonl": "jsonl",
    "lightning": "lightning_csv",
    "litgpt-csv": "litgpt_csv",
    "levanter": "levanter_json",
    "nanogpt": "nanogpt",
    "megatron": "megatron",
    "torchtitan": "torchtitan",
    "litgpt": "litgpt_console",
    "olmo": "olmo",
    "composer": "composer_filelogger",
}


def plain() -> Iterator[tuple[str, Target]]:
    """Formats of text."""
    for name in {*FOLDERS, *(shape.split()[0] for shape in SHAPES)}:
        seeds = []
        if name in FOLDERS:
            for run in sorted((LOGS / FOLDERS[name]).iterdir()):
                seeds.append(folder(run, shorten=True))
        for shape in (value for key, value in SHAPES.items() if key.split()[0] == name):
            text = shape.text(range(10, 22), diverges=20).removeprefix(shape.header)
            seeds.append({"log": (shape.header[-2000:] + text).encode()})
        yield name, logs(seeds, name)
    for name, file in (("llmc", "stdout_0.txt"), ("llmc-main", "log124M/main.log")):
        data = [short((LOGS / "llmc" / run / file).read_bytes()) for run in RUNS]
        yield name, logs([{"log": text} for text in data], name)
    states = [(LOGS / "hf_trainer" / run / "trainer_state.json").read_bytes() for run in RUNS]
    states = [text[:1500] + text[-1500:] for text in states] + [text[:3000] for text in states]
    yield "huggingface", logs([{"log": text} for text in states], "huggingface")
    chart = b'"Step","a - train/loss","a - train/loss__MIN","a - train/loss__MAX"\n'
    chart += b"".join(b'"%d","%.3f","2.0","3.0"\n' % (i, 2 + 1 / i) for i in range(1, 30))
    yield "wandb-chart", logs([{"log": chart}], "wandb-chart")
    everything = [{"log": data} for _, target in plain_seeds() for data in target]
    yield "auto", logs(everything, "auto")


def plain_seeds() -> Iterator[tuple[str, list[bytes]]]:
    """A short text of each format with fixtures, by format."""
    for name, where in FOLDERS.items():
        yield name, [data for run in RUNS for data in folder(LOGS / where / run, True).values()]


RUNS = ("s1-resumed", "s2-diverged")


def parquet() -> Target:
    seeds = []
    for codec in ("none", "snappy", "zstd"):
        columns = {"step": range(1, 41), "loss": [9 / i for i in range(1, 41)], "note": ["x"] * 40}
        file = BytesIO()
        pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), file, compression=codec)
        seeds.append({"log": file.getvalue()})
    return logs(seeds, "parquet")


COMPRESSED = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
ROWS = [f"{i},{9 / i!r}\n".encode() for i in range(1, 200)]  # of tests/data/compressed.csv.zst


def compressed() -> Iterator[tuple[str, Target]]:
    """Compressed text, one stream or two, whose checksums leave no value changed."""
    head, half = b"step,loss\n", len(ROWS) // 2
    first, second = head + b"".join(ROWS[:half]), b"".join(ROWS[half:])
    kinds = {
        name: [pack(first + second), pack(first) + pack(second)]
        for name, pack in COMPRESSED.items()
    }
    kinds["zstd"] = [(DATA / "compressed.csv.zst").read_bytes()]  # zstd --check
    known = {9 / i for i in range(1, 200)}
    for name, texts in kinds.items():
        target = logs([{"log": text} for text in texts], "csv", known=lambda: known)
        yield name, replace(target, glance=None)


# --- binary logs


def tensorboard_seeds() -> list[Files]:
    found = [folder(run) for run in sorted((LOGS / "tensorboard").iterdir())]
    return [{name: data[:3000] for name, data in files.items()} for files in found]


def wandb_seeds() -> list[Files]:
    found = [folder(run) for run in sorted((LOGS / "wandb").iterdir())]
    return [{name: data[:5000] for name, data in files.items()} for files in found]


def known_of(format: str, seeds: list[Files]) -> Known:
    """Every value that the fixtures hold, read once."""

    @cache
    def known() -> set[float]:
        every = [data for files in seeds for data in files.values()]
        blocks = [block for data in every for block in BY_NAME[format].read(BytesIO(data)).blocks]
        return {x for block in blocks for column in block.table.columns for x in column.to_pylist()}

    return known


def tfrecord(contents: bytes) -> bytes:
    """Records with their checksums."""
    out = b""
    for content in contents.split(NEXT):
        length = struct.pack("<Q", len(content))
        out += length + struct.pack("<I", masked_crc(length))
        out += content + struct.pack("<I", masked_crc(content))
    return out


def tfrecords(data: bytes) -> bytes:
    """The contents of whole records."""
    found, at = [], 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        found.append(data[at + 12 : at + 12 + length])
        at += 16 + length
    return NEXT.join(found[:-1])


def leveldb(contents: bytes) -> bytes:
    """W&B's header and chunks with their checksums."""
    out = b":W&B\xe1\xbe\x00"
    for content in contents.split(NEXT):
        kind, rest = 1, content
        while rest or kind == 1:
            room = 32768 - len(out) % 32768 - 7
            if room < 0:
                out += bytes(room + 7)
                continue
            part, rest = rest[:room], rest[room:]
            now = (1 if kind == 1 else 4) if not rest else (2 if kind == 1 else 3)
            tail = bytes([now]) + part
            out += struct.pack("<IH", zlib.crc32(tail), len(part)) + tail
            kind = 3
    return out


def chunks(data: bytes) -> bytes:
    """The contents of whole chunks of a first block."""
    found, at = [], 7
    while at + 7 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 6], "little")
        found.append(data[at + 7 : at + 7 + length])
        at += 7 + length
    return NEXT.join(found[:-1])


def binary() -> Iterator[tuple[str, Target]]:
    """Formats of bytes: as they are, and with checksums made right again behind each mutation."""
    for name, seeds, opened, seal in (
        ("tensorboard", tensorboard_seeds(), tfrecords, tfrecord),
        ("wandb", wandb_seeds(), chunks, leveldb),
    ):
        yield name, logs(seeds, name, known=known_of(name, seeds))
        bare = [{path: opened(data) for path, data in files.items()} for files in seeds]
        yield f"{name}-sealed", logs(bare, name, seal)
    yield "parquet", parquet()
    mlruns = LOGS / "mlflow/mlruns"
    yield "mlflow_file", logs([folder(mlruns, shorten=True)], "mlflow_file")
    yield "mlflow_sqlite", logs([{"mlflow.db": small_database()}], "mlflow_sqlite")


def small_database() -> bytes:
    """MLflow's database with a few rows of each run, and without what is not read."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "mlflow.db")
        path.write_bytes(gzip.decompress((LOGS / "mlflow/mlflow.db.gz").read_bytes()))
        database = sqlite3.connect(path, isolation_level=None)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table not in ("runs", "metrics"):
                database.execute(f'DROP TABLE "{table}"')
        database.execute("DELETE FROM metrics WHERE step > 200")
        database.execute("VACUUM")
        database.close()
        return path.read_bytes()


# --- studies

SCHEMAS = ROOT / "workflow/schemas"
FIGURES = {
    **{"scaling": ["points", "fit"], "curves": ["clean"], "surface": ["surface"]},
    **{"residuals": ["residuals"], "holdout": ["holdout"]},
}
TABLES = {"fits": ["fit"], "multipliers": ["multiplier"], "runs": ["quality"]}
STUDY = b"""\
title: New against old
runs: runs.csv
published: published.yaml
arms:
  base: {label: Old, role: baseline}
  new: {label: "New $x^2$"}
metrics:
  loss: {label: Loss}
compute: {headline: 6n_non_embedding, also: [chinchilla]}
log: {tokens: tokens}
clean: {warm_up_steps: 10, spike_mads: 8}
quality: {truncated_fraction: 0.02}
fit: {law: power, also: [{law: power_floor}]}
multiplier: {at_loss: [2.1]}
exclude: {b4: it is broken}
figures: [scaling, curves]
"""
PUBLISHED = b"""\
source: A paper
fits:
  - {place: Table 1, arm: base, metric: loss, coefficient: "2.5", exponent: "0.05"}
multipliers:
  - {place: Figure 1, candidate: new, metric: loss, loss: 2.1, multiplier: "1.2"}
compute:
  - {place: Table 2, run: b1, compute_pflop_s_days: "0.1"}
"""


def study_seeds() -> list[Files]:
    """A study with logs, and one with a table of points."""
    sheet = b"run,arm,model,log,parameters,architecture,sequence_length,training_tokens\n"
    logs = {}
    for arm, size in product(("base", "new"), range(1, 6)):
        run = f"{arm[0]}{size}"
        sheet += f"{run},{arm},{size}M,{run}.csv,{size}000000,a.json,4096,1e9\n".encode()
        logs[f"{run}.csv"] = b"step,tokens,loss\n1,10,4.5\n"
    architecture = (DATA / "flops/configs/gpt2.json").read_bytes()
    own = {"s.yaml": STUDY, "runs.csv": sheet, "published.yaml": PUBLISHED, "a.json": architecture}
    finals = folder(DATA / "finals")
    table = {
        "s.yaml": finals["config/studies/finals.yaml"].replace(b"data/finals/", b""),
        "points.csv": finals["data/finals/points.csv"],
    }
    return [own | logs, table]


@cache
def config() -> dict[str, Any]:
    return read_yaml(ROOT / "config/config.yaml") | {"studies": ["s"]}


def loading(folder: Path) -> Iterator[str]:
    """Load the study in a folder."""
    os.chdir(folder)
    try:
        chosen = study.load(config(), Path(), SCHEMAS, FIGURES, TABLES)["s"]
        yield f"loaded {len(chosen.runs)}"
    except InputError as error:
        yield said(error)
    finally:
        os.chdir(ROOT)


@lru_cache(64)
def parsed(path: Path, content: bytes) -> dict[str, Any]:
    return read_yaml(path)


# Of most inputs only one file differs from others; reading the rest takes longer than all else.
study.read_yaml = lambda path: parsed(path, path.read_bytes() if path.is_file() else b"")
formulas.broken = lru_cache(64)(formulas.broken)


def studies() -> Iterator[tuple[str, Target]]:
    """The study's YAML, and its run sheet or table of points."""
    for name, file in (("study", ".yaml"), ("run-sheet", "s.csv")):
        yield name, Target(study_seeds(), loading, name=file)


def targets() -> dict[str, Target]:
    """Everything that is fuzzed, by name."""
    return dict(sorted([*plain(), *binary(), *compressed(), *studies()]))


# --- running


class TooLong(BaseException):
    """More than SECONDS of processor time."""


def write(home: Path, files: Files) -> None:
    """Write the files of an input into an empty folder."""
    for name, data in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)


@dataclass(frozen=True)
class Finding:
    """An input that must not end as it does."""

    files: Files
    said: str


def outcome(target: Target, files: Files, home: Path | None) -> tuple[frozenset[str], str]:
    """The outcome of one input, and what is wrong with it; without a home by a glance."""

    def stop(*_: object) -> None:
        raise TooLong(f"more than {SECONDS} s")

    sealed = {name: target.seal(data) for name, data in files.items()}
    with tempfile.TemporaryDirectory(dir=home) if home else nullcontext("") as place:
        if home:
            write(Path(place), sealed)
        before = signal.signal(signal.SIGPROF, stop)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            attempt = target.attempt(Path(place)) if home else target.glance(sealed)
            return frozenset(attempt), ""
        except (Exception, TooLong) as error:
            frames = [
                f for f in traceback.extract_tb(error.__traceback__) if "/isoloss/" in f.filename
            ]
            at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            return frozenset(), f"{type(error).__name__} at {at}: {str(error)[:200]}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)


def fuzz(target: Target, inputs: int, seed: str, home: Path) -> tuple[list[Finding], int]:
    """Try so many inputs; what was found, one of a kind, and how many outcomes there were."""
    corpus = list(target.seeds)
    largest = max(LARGE, *(sum(map(len, files.values())) for files in corpus))
    mutator = Mutator(corpus, seed, target.name)
    outcomes: set[frozenset[str]] = set()
    found: dict[str, Finding] = {}

    def is_new(files: Files, place: Path | None) -> bool:
        """Whether an input ends well, and as none before."""
        came, wrong = outcome(target, files, place)
        if wrong:
            found.setdefault(outline(wrong), Finding(files, wrong))
            return False
        before = len(outcomes)
        outcomes.add(came)
        return len(outcomes) > before

    for number in range(inputs):
        files = target.seeds[number] if number < len(target.seeds) else mutator.input()
        new = target.glance is not None and is_new(files, None)
        if target.glance is None or new or number % WHOLE == 0:
            new |= is_new(files, home)
        if new and len(corpus) < 2000 and sum(map(len, files.values())) <= largest:
            corpus.append(files)
    return list(found.values()), len(outcomes)


def alone(name: str, inputs: int, seed: int, home: Path) -> int:
    """Fuzz a target in this process, with little memory; whether something was found."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY,) * 2)
    warnings.simplefilter("ignore")
    found, outcomes = fuzz(targets()[name], inputs, f"{seed} {name}", home)
    for i, finding in enumerate(found):
        write(FINDINGS / f"{name}-{seed}-{i}", finding.files)
        print(f"{name}-{seed}-{i}: {finding.said}", flush=True)
    print(f"{name}: {inputs:,} inputs, {outcomes} outcomes, {len(found)} findings", flush=True)
    return bool(found)


def apart(name: str, options: Sequence[str]) -> bool:
    """Fuzz a target in another process; what kills that is a finding, too."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as home:
        command = [sys.executable, __file__, name, "--home", home, *options]
        ended = subprocess.run(command, env=os.environ | SINGLE, check=False).returncode
        if ended in (0, 1):
            return bool(ended)
        for left in Path(home).iterdir():
            shutil.copytree(left, FINDINGS / f"{name}-killed", dirs_exist_ok=True)
        print(f"{name}-killed: the process ended with {ended}", flush=True)
        return True


def main() -> int:
    """Fuzz the targets named, as many at a time as there are cores, each in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="target")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="a folder in .fuzz: what comes of that input?")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    known = targets()
    if unknown := [name for name in chosen.targets if name not in known]:
        parser.error(f"no target {unknown[0]}; there are {', '.join(known)}")
    if chosen.again:
        with tempfile.TemporaryDirectory() as home:
            print(*outcome(known[chosen.targets[0]], folder(chosen.again), Path(home)))
        return 0
    if chosen.home:
        return alone(chosen.targets[0], chosen.inputs, chosen.seed, chosen.home)
    options = [f"--inputs={chosen.inputs}", f"--seed={chosen.seed}"]
    with ThreadPool(os.cpu_count()) as pool:
        return any(pool.map(lambda name: apart(name, options), chosen.targets or known, 1))


if __name__ == "__main__":
    sys.exit(main())
