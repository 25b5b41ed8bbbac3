"""The run sheet, data/<study>/runs.csv: one row a run, checked."""

import csv
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

from isoloss.logs.errors import LogError
from isoloss.logs.paths import Logs, below, cell_parts, matches
from isoloss.study.validation import InputError, did_you_mean, validator

Row = dict[str, Any]
_FREE = {"type", "description"}  # the rules of a column of texts, which any text fits
# Of a sheet, and characters of a cell: paths are no longer. As many rows take about a second.
_MAX_BYTES, _MAX_ROWS, _MAX_CELL = 1 << 26, 20_000, 4000


def read_run_sheet(
    path: Path, schema: Mapping[str, Any], arms: Mapping[str, Any], logs: Logs | None = None
) -> list[Row]:
    """Read and check a run sheet: one mapping a run, numbers as numbers, empty cells left out.

    schema: of a row. arms: those of the study. logs: gets the files of every run. Raises InputError
    for the first mistake.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such run sheet; `runs:` is a CSV, one row a run.")
    numbered = read_rows(path, schema, arms)
    logs = logs or Logs(path.parent)
    for line, row in numbered:
        _there(path, line, row, logs)
    _unique(path, numbered, logs)
    return [row for _, row in numbered]


def read_rows(
    path: Path, schema: Mapping[str, Any], arms: Mapping[str, Any], *, checkpoints: bool = False
) -> list[tuple[int, Row]]:
    """The checked rows of a CSV with a row a run, with their line numbers.

    Blank lines are passed over. Each row fits the schema and has an arm of the study, each arm has
    a row. With `checkpoints` a run may have several rows, of one arm, that differ in tokens or
    compute. Raises InputError for the first mistake.
    """
    numbered = _rows(path, schema)
    validate, required = validator(schema), set(schema["required"])
    # What a schema refuses in a cell of these columns; most of them recur, and are checked once.
    ruled = {name for name, rule in schema["properties"].items() if rule.keys() - _FREE}
    sound: set[tuple[str, Any]] = set()
    for line, row in numbered:
        cells = {(name, row[name]) for name in ruled & row.keys()}
        if not (cells <= sound and required <= row.keys()):
            validate(row, f"{path}, line {line}, run {row.get('run', '?')}")
            sound |= cells
        if row["arm"] not in arms:
            raise InputError(
                f"{path}, line {line}: arm `{row['arm']}` is not an arm of the study."
                f"{did_you_mean(row['arm'], arms)}"
            )
    used = {row["arm"] for _, row in numbered}
    for arm in arms:
        if arm not in used:
            raise InputError(f"{path}: arm `{arm}` has no runs.{did_you_mean(arm, used)}")
    _repeats(path, numbered, checkpoints=checkpoints)
    return numbered


PLACE = ("parameters", "tokens", "training_tokens", "compute_pflop_s_days")


def _repeats(path: Path, numbered: Sequence[tuple[int, Row]], *, checkpoints: bool) -> None:
    """Each run has one row, or checkpoints; each seed of an arm and model one run."""
    runs: dict[str, tuple[int, Row]] = {}
    places: dict[tuple[Any, ...], int] = {}
    seeds: dict[tuple[Any, ...], tuple[int, Row]] = {}
    for line, row in numbered:
        where = f"{path}, line {line}: run `{row['run']}`"
        at = tuple(row.get(name) for name in PLACE)
        first, of_first = runs.setdefault(row["run"], (line, row))
        if first < line and not checkpoints:
            raise InputError(f"{where} stands in line {first} already; each run has one row.")
        if of_first["arm"] != row["arm"]:
            raise InputError(
                f"{where} is of arm `{row['arm']}` here and of arm `{of_first['arm']}` in line "
                f"{first}; a run has one arm."
            )
        before = places.setdefault((row["run"], at), line)
        if before < line:
            raise InputError(
                f"{where} stands in line {before} already, with the same tokens and compute; its "
                "checkpoints differ in them."
            )
        if "seed" in row:
            key = (row["arm"], row["model"], row["seed"], at)
            before, other = seeds.setdefault(key, (line, row))
            if other["run"] != row["run"]:
                raise InputError(
                    f"{where} has the arm, model and seed of run `{other['run']}` in line "
                    f"{before}; remove the copy, or correct `seed`."
                )


def _rows(path: Path, schema: Mapping[str, Any]) -> list[tuple[int, Row]]:
    """The rows with their line numbers, numbers as numbers where the schema wants them."""
    columns = schema["properties"]
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: over {_MAX_BYTES:,} bytes; no table of runs is that long.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [
                (reader.line_num, [cell.strip() for cell in row])
                for row in islice(reader, _MAX_ROWS + 2)
            ]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from error
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if len(lines) > _MAX_ROWS + 1:
        raise InputError(f"{path}: over {_MAX_ROWS:,} rows; split the study.")
    if len(lines) < 2:
        raise InputError(f"{path}: no runs; expected a header and one row a run below it.")
    header = lines[0][1]
    while not header[-1]:
        header.pop()
    if len(set(header) & columns.keys()) < 2:  # whatever it is, its words are nobody's to print
        raise InputError(
            f"{path}: its first line names fewer than two known columns; expected a header "
            f"with {', '.join(schema['required'])}."
        )
    for name in header:
        if name not in columns:
            raise InputError(f"{path}: unknown column `{name}`.{did_you_mean(name, columns)}")
        if header.count(name) > 1:
            raise InputError(f"{path}: column `{name}` stands twice in the header.")
    for name in schema["required"]:
        if name not in header:
            raise InputError(
                f"{path}: column `{name}` is missing. It is: {columns[name]['description']}"
            )
    rows = []
    for number, cells in lines[1:]:
        if any(cells[len(header) :]):
            raise InputError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)}; "
                "quote a cell that holds a comma."
            )
        filled = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
        for name, cell in filled.items():
            if not cell.isprintable() or len(cell) > _MAX_CELL:
                raise InputError(
                    f"{path}, line {number}: column `{name}` holds more than {_MAX_CELL:,} "
                    "characters, a line end or another character that cannot be printed."
                )
        rows.append((number, {name: _value(filled[name], columns[name]) for name in filled}))
    return rows


def _value(text: str, column: Mapping[str, Any]) -> str | float:
    """A finite number where the schema wants one and the text is one; else the text, to be told."""
    if column["type"] == "number":
        try:
            return value if isfinite(value := float(text)) else text
        except ValueError:
            return text
    return text


def _there(path: Path, line: int, row: Row, logs: Logs) -> None:
    """Whether nothing of a run's log is missing, and its architecture is there too."""
    try:
        files = logs.of(row["log"])
        there = "architecture" not in row or (path.parent / row["architecture"]).is_file()
    except OSError as error:
        raise InputError(f"{path}, line {line}: {error.filename}: {error.strerror}.") from error
    except LogError as error:
        for part in cell_parts(row["log"]):
            if not _found(path.parent, part):
                raise _missing(path, line, "log", part) from error
        raise InputError(f"{path}, line {line}: log: {error}") from error
    if not there:
        raise _missing(path, line, "architecture", row["architecture"])
    if not files:
        raise InputError(
            f"{path}, line {line}: log `{row['log']}` holds no file (hidden ones are not read)."
        )
    for file in files:
        if not os.access(file, os.R_OK):
            raise InputError(f"{path}, line {line}: {file}: no permission to read this log.")


def _found(folder: Path, part: str) -> bool:
    try:
        return bool(matches(below(folder, part)))
    except LogError:
        return True  # too much, which is another mistake


def _missing(path: Path, line: int, name: str, part: str) -> InputError:
    """What to say of a file that is not there."""
    target = path.parent / part
    folder = target.parent
    siblings = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(target.name, siblings, n=1)
    hint = f" Did you mean `{Path(part).with_name(near[0]).as_posix()}`?" if near else ""
    return InputError(
        f"{path}, line {line}: {name} `{part}` does not exist; paths are relative to "
        f"{path.parent.as_posix()}/.{hint}"
    )


def _unique(path: Path, rows: Sequence[tuple[int, Row]], logs: Logs) -> None:
    """No log in two runs but in a store that holds several."""
    real = cache(os.path.realpath)  # of folders, which many logs share

    def true(file: Path) -> str:
        name = os.fspath(file)
        folder, last = os.path.split(name)
        return real(name) if os.path.islink(name) else os.path.join(real(folder or "."), last)

    lines: dict[str, int] = {}
    for line, row in rows:
        for name, file in {true(file): file for file in logs.of(row["log"])}.items():
            if name in lines and not _store(file):
                raise InputError(
                    f"{path}, line {line}: log `{row['log']}` is that of line {lines[name]} "
                    f"already ({file}); each run has a log of its own."
                )
            lines[name] = line


def _store(file: Path) -> bool:
    """Whether a file may hold several runs, of which a reader picks the one of the run's name."""
    from isoloss.logs.reading import detect  # heavy, and hardly ever needed
    from isoloss.logs.registry import BY_NAME

    try:
        return BY_NAME[detect(file)].read_all is not None
    except ValueError:
        return True  # part of a store that has no meaning by itself; reading tells
