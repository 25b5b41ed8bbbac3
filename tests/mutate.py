"""Mutation testing: break the library in one small place and see whether its tests notice.

`make mutate`, `make mutate SAMPLE=40 SEED=1`, `make mutate PACKAGES="laws points"`; or
`python tests/mutate.py [--sample N] [--seed S] [packages ...]`.
A mutant that no test notices survives: a test is missing, or the change makes no difference.
"""

import argparse
import ast
import copy
import importlib
import multiprocessing.connection
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow/lib"
TESTS = {  # the files of tests/unit that belong to a package, the quick and telling ones first
    "cleaning": "cleaning quality curve_rules shard cli",
    "claims": "claims_runs claims_oracles stages_claims claims_swapped",
    "fit": "laws newton surface isoflop envelope joint fitting diagnostics bootstrap",
    "flops": "flops_golden flops_conventions flops_conversion flops_pairs flops_parameters "
    "flops_transformers flops_training_programs flops_published flops_papers consistency "
    "flops_stage flops_families cli",
    "laws": "laws",
    "multiplier": "verdict mistakes_gate multiplier mixture choices power gain",
    "points": "points points_table stages_points",
}
PARTS = {  # a part of a package, by its files; the package keeps all the rest
    "laws": "fit/laws/*.py fit/law.py fit/registry.py fit/fitted.py fit/along.py",
}
# Numbers of others, written by a program; a digest tells whether they are as it wrote them.
WRITTEN = ("flops/families/defaults.py",)
# (file, line of code, change): why no test could notice it.
EQUIVALENT = {
    **{
        (file, line, change): "without a bias a product has the weights and the FLOPs of its turn"
        for file, line, change in (
            (
                "flops/attention.py",
                "Linear(hidden, heads),",
                "Linear(hidden, heads) -> Linear(heads, hidden)",
            ),
            (
                "flops/recurrent.py",
                "*(Linear(hidden, heads),) * 2,  # beta, decay",
                "Linear(hidden, heads) -> Linear(heads, hidden)",
            ),
        )
    },
    (
        "flops/architecture.py",
        "router_vectors: int = 0",
        "0 -> 1",
    ): "not counted where there is no router, and given where there is one",
    **{
        (
            "flops/counting.py",
            "_MAX_BYTES = 1 << 22",
            change,
        ): "a bound far above any architecture"
        for change in ("1 -> 2", "22 -> 23")
    },
    (
        "flops/families/table.py",
        '"exaone4": Family(qk_norm="head", bias_keys=(), '
        'kinds=every(4, key="sliding_window_pattern")),',
        "4 -> 5",
    ): "its config class has a default of its own",
    (
        "points/final.py",
        "lags = 0 if rho == 0 else min(weights.size - 1, int(np.log(1e-12) / np.log(rho)))",
        "weights.size - 1 -> weights.size + 1",
    ): "sums over lags beyond the last are empty",
    (
        "points/points.py",
        'return Point(np.nan, np.nan, 0, 0.0, "no value is kept"), np.nan',
        "0.0 -> 1.0",
    ): "effective rows are not written to the table",
    (
        "points/points.py",
        'return Point(np.nan, np.nan, 0, 0.0, f"the log has no {axis}"), np.nan',
        "0.0 -> 1.0",
    ): "effective rows are not written to the table",
    (
        "claims/statements.py",
        "apart = (gap.low > 0).all() or (gap.high < 0).all()",
        "gap.high < 0 -> gap.high <= 0",
    ): "no interval ends exactly at 0",
    (
        "claims/pairs.py",
        "return bool((np.abs(off) <= (rounding + accuracy) * (1 + 1e-9)).all())",
        "1 + 1e-09 -> 1 - 1e-09",
    ): "no estimate lies exactly on the limit",
    (
        "claims/claims.py",
        "if abs(float(printed) - float(drawn)) <= rounding * (1 + 1e-9):",
        "abs(float(printed) - float(drawn)) <= rounding * (1 + 1e-09) -> "
        "abs(float(printed) - float(drawn)) < rounding * (1 + 1e-09)",
    ): "no decimal fraction lies exactly on the limit",
    (
        "cleaning/curve_rules.py",
        "BLOCK = 1 << 14  # values that are dealt with at a time, to bound the memory",
        "1 -> 2",
    ): "memory alone",
    (
        "cleaning/curve_rules.py",
        "BLOCK = 1 << 14  # values that are dealt with at a time, to bound the memory",
        "14 -> 15",
    ): "memory alone",
    (
        "cleaning/curve_rules.py",
        "may = np.flatnonzero(rise > mads * MAD_TO_SD * _least_mad(piece, window)[nearest])",
        "rise > mads * MAD_TO_SD * _least_mad(piece, window)[nearest] -> "
        "rise >= mads * MAD_TO_SD * _least_mad(piece, window)[nearest]",
    ): "what may be a spike is judged by its own window next: time alone",
    **{
        (
            "cleaning/curve_rules.py",
            "may = np.flatnonzero(rise > mads * MAD_TO_SD * _least_mad(piece, window)[nearest])",
            change,
        ): "a lower bound: more windows are looked at, time alone"
        for change in (
            "mads * MAD_TO_SD -> mads / MAD_TO_SD",
            "mads * MAD_TO_SD -> mads",
        )
    },
    (
        "cleaning/curve_rules.py",
        "size = max(1, window // 4)",
        "1 -> 2",
    ): "windows of fewer than 8 values have no bound but 0 either way",
    **{
        (
            "cleaning/curve_rules.py",
            "if mads and len(y) >= 2 * SHORTEST:",
            change,
        ): "half of fewer than 10 values is fewer than 5: no level"
        for change in (
            "2 * SHORTEST -> 2",
            "2 * SHORTEST -> SHORTEST",
            "2 -> 1",
        )
    },
    (
        "cleaning/curve_rules.py",
        "if bytes([1]) * (least - 1) not in (values[1:] == values[:-1]).tobytes():",
        "bytes([1]) * (least - 1) -> bytes([1])",
    ): "a quick way out, taken less often: time alone",
    (
        "cleaning/curve_rules.py",
        "if bool(np.all(values[1:] >= values[:-1])):",
        "values[1:] >= values[:-1] -> values[1:] > values[:-1]",
    ): "a quick way out, taken less often: time alone",
    (
        "cleaning/clean.py",
        "return bool(np.all(rises & (metric[1:] >= metric[:-1])))",
        "metric[1:] >= metric[:-1] -> metric[1:] > metric[:-1]",
    ): "what is in order is sorted to the same order: time alone",
    (
        "cleaning/clean.py",
        "start = np.full(len(segments) + 1, np.nan)  # the lowest place of each, and of none",
        "1 -> 2",
    ): "of one more segment no place is known",
    (
        "cleaning/clean.py",
        "back = (place[rows] >= later[which]) & ~duplicate[rows]",
        "place[rows] >= later[which] -> place[rows] > later[which]",
    ): "an equal place in a later segment makes a duplicate",
    **{
        (
            "cleaning/thinned.py",
            "BLOCK = 1 << 20  # values at a time, to bound the memory",
            change,
        ): "memory alone"
        for change in (
            "1 -> 2",
            "20 -> 21",
        )
    },
    (
        "cleaning/thinned.py",
        "block = np.flatnonzero(np.diff(starts // BLOCK, prepend=-1))",
        "-1 -> 1",
    ): "the first place starts at 0, in block 0: neither -1 nor 1",
    (
        "cleaning/thinned.py",
        "block = np.flatnonzero(np.diff(starts // BLOCK, prepend=-1))",
        "1 -> 2",
    ): "the first place starts at 0, in block 0: neither -1 nor -2",
    (
        "cleaning/thinned.py",
        "y = np.where(np.isfinite(value[mine]), value[mine], 0.0)",
        "0.0 -> 1.0",
    ): "of values with the same reasons all are finite or none is",
    (
        "cleaning/thinned.py",
        "edges = np.geomspace(place[low], place[high], PLACES + 1)[1:-1] "
        "if low <= high else place[:0]",
        "low <= high -> low < high",
    ): "a single value above 0 is the last of its curve, and drawn",
    (
        "cleaning/thinned.py",
        "edges = np.geomspace(place[low], place[high], PLACES + 1)[1:-1] "
        "if low <= high else place[:0]",
        "0 -> 1",
    ): "at the first place the first place begins anyhow",
    (
        "cleaning/thinned.py",
        "if np.count_nonzero(inside[rows]) < LEAST:",
        "np.count_nonzero(inside[rows]) < LEAST -> np.count_nonzero(inside[rows]) <= LEAST",
    ): "two that are inside are the last two",
    **{
        (
            "cleaning/winnowing.py",
            "BLOCK = 1 << 18  # windows at a time, to bound the memory",
            change,
        ): "memory alone"
        for change in (
            "1 -> 2",
            "18 -> 19",
        )
    },
    (
        "cleaning/winnowing.py",
        "SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits in disorder",
        "11400714819323198485 -> 11400714819323198486",
    ): "another hash, of equal windows equal as well",
    (
        "cleaning/winnowing.py",
        "NONE = np.uint64(2**64 - 1)",
        "1 -> 2",
    ): "one mark is as good as the other",
    (
        "cleaning/winnowing.py",
        "_winnowed(value[start : start + BLOCK + SHORTEST - 1], seed)",
        "start + BLOCK + SHORTEST - 1 -> start + BLOCK + SHORTEST + 1",
    ): "the next block leaves the same hashes",
    (
        "cleaning/winnowing.py",
        "for start in range(0, len(value) - SHORTEST + 1, BLOCK)",
        "1 -> 2",
    ): "19 values leave no hash",
    **{
        (
            "cleaning/winnowing.py",
            "bits = (bits ^ (bits >> np.uint64(29)) ^ seed) * SPREAD",
            change,
        ): "another hash, of equal windows equal as well"
        for change in (
            "(bits ^ bits >> np.uint64(29) ^ seed) * SPREAD -> bits ^ bits >> np.uint64(29) ^ seed",
            "29 -> 30",
        )
    },
    (
        "cleaning/winnowing.py",
        "mixed = mixed * SPREAD + bits[i : i + count]",
        "mixed * SPREAD + bits[i:i + count] -> mixed * SPREAD - bits[i:i + count]",
    ): "another hash, of equal windows equal as well",
    (
        "cleaning/winnowing.py",
        "mixed ^= mixed >> np.uint64(32)",
        "32 -> 33",
    ): "another hash, of equal windows equal as well",
    (
        "cleaning/run_rules.py",
        "if count < 1:",
        "1 -> 2",
    ): "a single window has no other to be equal to",
    (
        "flops/keys.py",
        "if len(present) > 1 and len({repr(self.config[name]) for name in present}) > 1:",
        "len(present) > 1 -> len(present) >= 1",
    ): "one name has one value",
    (
        "flops/overtaking.py",
        "SHORTEST, LONGEST = 1024, 2**20  # tokens",
        "1024 -> 1025",
    ): "lengths are rounded to 128",
    (
        "flops/architecture.py",
        "predictors: int = 0",
        "0 -> 1",
    ): "whoever reads a config says how many",
    (
        "fit/fitted.py",
        "if not near.condition < ILL_CONDITIONED:",
        "near.condition < ILL_CONDITIONED -> near.condition <= ILL_CONDITIONED",
    ): "no condition is exactly the limit",
    (
        "fit/law.py",
        "return np.where(logs, np.exp(np.where(logs, theta, 0.0)), theta)",
        "0.0 -> 1.0",
    ): "not chosen by the outer where",
    (
        "fit/law.py",
        "return np.where(logs, np.log(np.where(logs, given, 1.0)), given)",
        "1.0 -> 2.0",
    ): "not chosen by the outer where",
    (
        "fit/laws/power_floor.py",
        "log_above = np.log(np.where(reached, above, 1.0))",
        "1.0 -> 2.0",
    ): "not reached is NaN in the end",
    (
        "fit/laws/power_floor.py",
        "log_c = (np.log(coefficient) - log_above) / np.where(reached, b, 1.0)",
        "1.0 -> 2.0",
    ): "not reached is NaN in the end",
    (
        "fit/laws/power.py",
        "return power_floor.gradient(compute, coefficient, exponent, 0.0)[..., :2]",
        "0.0 -> 1.0",
    ): "derivatives do not depend on the floor",
    (
        "fit/laws/chinchilla.py",
        "columns = [np.ones_like(u + v), u, -u * np.log(n), v, -v * np.log(d)]",
        "u + v -> u - v",
    ): "the shape alone",
    (
        "fit/laws/chinchilla.py",
        "points, sizes, counts = len(axes[0]), *(np.unique(axis).size for axis in axes)",
        "0 -> 1",
    ): "both axes have every point",
    (
        "fit/laws/broken.py",
        "log_c = -aim / before",
        "-aim / before -> -aim * before",
    ): "one step from anywhere leads to the side from which the iteration converges",
    (
        "fit/laws/broken.py",
        "log_c = -aim / before",
        "-aim -> aim",
    ): "one step from anywhere leads to the side from which the iteration converges",
    (
        "fit/laws/broken.py",
        "for _ in range(100):",
        "100 -> 101",
    ): "far fewer steps are taken",
    **{
        (
            "fit/laws/broken.py",
            "if np.all(np.abs(step) <= 1e-15 * (1 + np.abs(log_c))):",
            change,
        ): "the tolerance is of the size of rounding: steps on the spot, more or fewer"
        for change in (
            "np.abs(step) <= 1e-15 * (1 + np.abs(log_c)) -> "
            "np.abs(step) < 1e-15 * (1 + np.abs(log_c))",
            "1e-15 * (1 + np.abs(log_c)) -> 1e-15 / (1 + np.abs(log_c))",
            "1e-15 * (1 + np.abs(log_c)) -> 1e-15",
            "1 + np.abs(log_c) -> 1 - np.abs(log_c)",
            "1 -> 2",
        )
    },
    **{
        (
            "fit/laws/broken.py",
            "breaks, widths = np.linspace(*inside, 16), np.geomspace(*SHARPNESS, 8)",
            change,
        ): "a grid of starts, of no certain size"
        for change in ("16 -> 17", "8 -> 9")
    },
}
# What the tests need besides the library: imported once, not again by each mutant.
IMPORTED = ("hypothesis", "jsonschema", "matplotlib.pyplot", "pandas", "pyarrow.parquet", "pytest")
IMPORTED += ("scipy.optimize", "scipy.stats", "yaml")
# Seconds of the processor for a mutant: one that runs on and on counts as killed, one that waits
# for a busy machine does not. What hangs without computing is ended after ten times as long.
TIMEOUT = 120
AT_ONCE = 2
SLOW = 0.2  # seconds
SWAPS: dict[type[ast.AST], ast.AST] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.And: ast.Or(),
    ast.Or: ast.And(),
}
EXTREMES = {"min": "max", "minimum": "maximum", "nanmin": "nanmax", "argmin": "argmax"}
EXTREMES |= {value: key for key, value in EXTREMES.items()}
# Messages and types: nothing is computed there. Decorators only say what a class is.
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params"}
SKIPPED_NODES = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Mutation:
    """Replace the bytes `start` to `end` of a file by `after`."""

    path: Path
    line: int
    text: str  # the line
    start: int
    end: int
    before: str
    after: str

    @property
    def change(self) -> str:
        return f"{self.before} -> {self.after}"

    @property
    def key(self) -> tuple[str, str, str]:
        """The mutation as EQUIVALENT names it, whatever the numbers of lines."""
        return self.path.relative_to(LIBRARY / "isoloss").as_posix(), self.text, self.change

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + f"({self.after})".encode() + source[self.end :]


def changed(node: ast.AST, **fields: object) -> ast.AST:
    """A copy of a node with some fields replaced."""
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What an expression is replaced by, one change at a time."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in SWAPS:
                yield changed(node, op=SWAPS[type(op)])
            if isinstance(op, ast.Mult):
                yield from (left, right)
        case ast.Compare(ops=[op, *others]) if type(op) in SWAPS:
            yield changed(node, ops=[SWAPS[type(op)], *others])
        case ast.BoolOp(op=op):
            yield changed(node, op=SWAPS[type(op)])
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=value) if type(value) in (int, float):
            yield changed(node, value=value + 1)
            if value in (0.5, 2):
                yield changed(node, value=1)
        case ast.Call(func=func, args=args):
            match func:
                case ast.Name(id=name) if name in EXTREMES:
                    yield changed(node, func=changed(func, id=EXTREMES[name]))
                case ast.Attribute(attr=name) if name in EXTREMES:
                    yield changed(node, func=changed(func, attr=EXTREMES[name]))
            match args:
                case [ast.Name(id=a) as first, ast.Name(id=b) as second, *rest] if a != b:
                    if not (isinstance(func, ast.Name) and func.id in ("isinstance", *EXTREMES)):
                        yield changed(node, args=[second, first, *rest])


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a tree that compute something, in the order of the source."""
    if isinstance(node, SKIPPED_NODES):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name not in SKIPPED_FIELDS:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from expressions(child)


def mutations(path: Path) -> list[Mutation]:
    """Every mutation of a file."""
    source = path.read_bytes()
    lines = [line.strip() for line in source.decode().split("\n")]
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    found = []
    for node in expressions(ast.parse(source)):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        before = ast.unparse(node)
        for after in map(ast.unparse, variants(node)):
            found.append(
                Mutation(path, node.lineno, lines[node.lineno - 1], start, end, before, after)
            )
    return found


def sources(name: str) -> list[Path]:
    """The files of a package without those of its parts, or the files of a part."""
    home = LIBRARY / "isoloss"
    parts = {
        part: {path for pattern in patterns.split() for path in home.glob(pattern)}
        for part, patterns in PARTS.items()
    }
    written = {home / path for path in WRITTEN}
    rest = set((home / name).rglob("*.py")).difference(written, *parts.values())
    return sorted(parts.get(name) or rest)


class SlowLast:
    """Most mutants fall to a quick test: the slow ones of the library as it is are run last."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes  # the names of the slow tests, a line each

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.duration > SLOW:
            with self.notes.open("a") as notes:
                print(report.nodeid, file=notes)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        slow = set(self.notes.read_text().splitlines())
        items.sort(key=lambda item: item.nodeid in slow)


def run_tests(library: Path, files: Sequence[Path], notes: Path) -> None:
    """In a process of its own: run tests against a library; the exit code says how it ended."""
    os.setsid()  # a group, so that what hangs is ended with all that it started
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
    os.environ["PYTHONPATH"] = str(library)
    # What one mutant taught hypothesis is not passed on to the next.
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(library.parent / "hypothesis")
    sys.path.insert(0, str(library))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    import hypothesis
    import pytest

    # That a test fails is enough: hypothesis need not look for the simplest example.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", phases=phases)
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    imported = "ignore::pytest.PytestAssertRewriteWarning"  # hypothesis is there before pytest
    arguments = [*options, "-W", imported, *map(str, files)]
    code = pytest.main(arguments, plugins=[SlowLast(notes)])
    os._exit(int(code))


def survivors(
    mutants: Iterable[tuple[Mutation | None, Sequence[Path]]],
    library: Path = LIBRARY,
    notes: Path = Path(os.devnull),
) -> Iterator[Mutation | None]:
    """The mutants that pass their tests, as they are found; None is the library as it is."""
    fork = multiprocessing.get_context("fork")
    waiting = list(mutants)[::-1]
    running: list[tuple[multiprocessing.process.BaseProcess, float, Path, Mutation | None]] = []
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                mutation, files = waiting.pop()
                folder = Path(tempfile.mkdtemp(prefix="mutant-"))
                hidden = shutil.ignore_patterns("__pycache__")
                shutil.copytree(library, folder / "lib", ignore=hidden)
                if mutation:
                    mutant = folder / "lib" / mutation.path.relative_to(library)
                    mutant.write_bytes(mutation.apply(mutation.path.read_bytes()))
                process = fork.Process(target=run_tests, args=(folder / "lib", files, notes))
                process.start()
                running.append((process, time.monotonic() + 10 * TIMEOUT, folder, mutation))
            multiprocessing.connection.wait([each[0].sentinel for each in running], timeout=0.2)
            for entry in list(running):
                process, deadline, folder, mutation = entry
                if process.is_alive() and time.monotonic() < deadline:
                    continue
                with suppress(ProcessLookupError):  # all of it has ended
                    os.killpg(process.pid or 0, signal.SIGKILL)
                process.join()
                running.remove(entry)
                shutil.rmtree(folder)
                if process.exitcode == 0:
                    yield mutation
    finally:  # nothing runs on, or lies about, after an interrupt
        for process, _, folder, _ in running:
            os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()
            shutil.rmtree(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the mutants of some packages, print who survives and the score of each package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", nargs="*", help=f"of {', '.join(TESTS)}; none: all")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random; none: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    packages = options.packages or list(TESTS)
    if unknown := set(packages) - set(TESTS):
        parser.error(f"no package {', '.join(sorted(unknown))}; there are {', '.join(TESTS)}")

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in IMPORTED:
        importlib.import_module(name)
    files = {
        name: [ROOT / f"tests/unit/test_{each}.py" for each in TESTS[name].split()]
        for name in packages
    }
    chosen = [
        (name, mutation)
        for name in packages
        for path in sources(name)
        for mutation in dict.fromkeys(mutations(path))  # in x * x either factor
        if mutation.key not in EQUIVALENT
    ]
    if options.sample is not None:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    total = Counter(name for name, _ in chosen)
    package_of = {mutation: name for name, mutation in chosen}
    alive: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile(prefix="slow-") as file:
        notes = Path(file.name)
        whole = survivors(((None, files[name]) for name in sorted(total)), notes=notes)
        if len(list(whole)) < len(total):
            sys.exit("The tests fail, or take too long, before anything is changed: mend them.")
        mutants = ((mutation, files[name]) for name, mutation in chosen)
        for survivor in survivors(mutants, notes=notes):
            assert survivor is not None
            alive[package_of[survivor]] += 1
            where = f"{survivor.path.relative_to(ROOT)}:{survivor.line}"
            print(f"{where}: {survivor.change}", flush=True)
    print(f"\n{'package':12}{'mutants':>8}{'killed':>8}{'score':>8}")
    lines = [(name, total[name], alive[name]) for name in packages if total[name]]
    for name, count, left in [*lines, ("all", total.total(), alive.total())]:
        print(f"{name:12}{count:8}{count - left:8}{1 - left / count:8.0%}")


if __name__ == "__main__":
    main()
