"""MLflow's SQLite database, read without mlflow and without trusting its schema.

Source: mlflow/store/tracking/dbmodels/models.py: tables `runs` and `metrics`, where NaN is 0 with
`is_nan` set, and infinity the largest float.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf, nan
from pathlib import Path
from textwrap import shorten
from typing import BinaryIO

from isoloss.logs.metric import Rows, metric_block
from isoloss.logs.quarantine import Quarantine
from isoloss.logs.records import LogError, Open, Source
from isoloss.logs.runs import choose_run

LARGEST = 1.7976931348623157e308
MAX_METRICS = 10_000
MAX_VALUE = 1 << 20  # Bytes of a text or of a row.
_MAGIC = b"SQLite format 3\x00"
_STEPS = 10_000  # Instructions of SQLite's machine between two looks at how many there have been.
_PRAGMAS = (
    "trusted_schema = OFF",
    "ignore_check_constraints = ON",
    "cell_size_check = ON",
    "mmap_size = 0",
)
_JOURNALS = ("-wal", "-journal")


def infinite(value: float) -> float:
    """`value`, or the infinity that the largest float stands for."""
    return value if abs(value) < LARGEST or value != value else inf if value > 0 else -inf


def sniff_database(head: bytes) -> bool:
    """Begins like an SQLite database."""
    return head.startswith(_MAGIC)


def read_database(stream: BinaryIO) -> Source:
    """Read the only run of a database."""
    return _read(stream, None)


def read_databases(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """Read one run, by its id or name, out of the database among `files`."""
    found = []
    for path, opened in sorted(files.items()):
        with opened() as stream:
            if sniff_database(stream.read(len(_MAGIC))):
                found.append(path)
    if len(found) != 1:
        listed = ", ".join(found[:20]) or "none"
        raise LogError(f"expected one SQLite database, found {listed}; give its path as `log:`")
    path = found[0]
    for journal in (path + ending for ending in _JOURNALS):
        if journal in files:
            with files[journal]() as stream:
                _settled(stream.read(1) == b"", journal)
    with files[path]() as stream:
        return {path: _read(stream, run)}


def _settled(empty: bool, journal: str) -> None:
    if not empty:
        raise LogError(
            f"{journal} beside the database: it is being written, or its writer crashed; make a "
            "settled copy with `sqlite3 mlflow.db '.backup copy.db'`"
        )


def _read(stream: BinaryIO, run: str | None) -> Source:
    if isinstance(name := getattr(stream, "name", None), str):
        for journal in (Path(name + ending) for ending in _JOURNALS):
            _settled(not (journal.is_file() and journal.stat().st_size), journal.name)
    try:
        with _opened(stream) as database:
            return _metrics(database, _chosen(database, run))
    except (sqlite3.Error, UnicodeError) as error:  # Messages quote the damage as text.
        words = shorten(str(error), 300, placeholder=" ...")
        raise LogError(
            f"the MLflow database cannot be read: {words}; if it is damaged, save what can be with "
            "`sqlite3 mlflow.db .recover`"
        ) from error


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[sqlite3.Connection]:
    """A copy of the database, so that nothing changes under the reader; it can only be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        stream.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        size = path.stat().st_size
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            database.set_progress_handler(_allowance(10 * size + 10_000_000), _STEPS)
            for pragma in _PRAGMAS:
                database.execute(f"PRAGMA {pragma}")
            _check(database)
            database.set_authorizer(_authorize)
            yield database
        finally:
            database.close()


def _allowance(instructions: int) -> Callable[[], bool]:
    """A handler that stops a query after so many instructions: rows cost a few dozen each."""
    left = instructions

    def stop() -> bool:
        nonlocal left
        left -= _STEPS
        return left < 0

    return stop


def _authorize(action: int, *_: str | None) -> int:
    """Allow SELECT from tables and nothing else: no functions, no writing, no other files."""
    allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _check(database: sqlite3.Connection) -> None:
    """Raise LogError unless the tables are MLflow's, and agree with their indexes (so bit flips in
    either do not go unseen)."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
    tables = {name for (name,) in database.execute(query)}
    if not {"runs", "metrics"} <= tables:
        raise LogError("an SQLite database without MLflow's tables `runs` and `metrics`")
    for table in ("runs", "metrics"):
        if any(hidden for *_, hidden in database.execute(f"PRAGMA table_xinfo({table})")):
            raise LogError(f"the table `{table}` computes columns: this is not MLflow's database")
        (verdict,) = database.execute(f"PRAGMA integrity_check({table})").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"table {table}: {verdict}")


def _chosen(database: sqlite3.Connection, run: str | None) -> str:
    query = "SELECT run_uuid, name, lifecycle_stage FROM runs"
    names = {
        str(key): str(name or "")
        for key, name, stage in database.execute(query)
        if stage != "deleted"
    }
    return choose_run(names, run, "the database")


def _metrics(database: sqlite3.Connection, run: str) -> Source:
    """The metrics of a run, in the order in which they were logged; `offset` is the rowid."""
    bad = Quarantine()
    metrics: dict[str, Rows] = {}
    columns = "rowid, key, step, timestamp, value, is_nan"
    query = f"SELECT {columns} FROM metrics WHERE run_uuid = ? ORDER BY rowid"
    for rowid, key, step, time, value, is_nan in database.execute(query, (run,)):
        number = nan if is_nan or value is None else value
        if not all(isinstance(field, (int, float)) for field in (step, time, number)):
            shown = f"{key!r}: step {step!r}, timestamp {time!r}, value {value!r}"
            bad.add(rowid, f"row {rowid} of `metrics` does not hold numbers", shown.encode())
            continue
        if key not in metrics and len(metrics) >= MAX_METRICS:
            raise LogError(f"more than {MAX_METRICS:,} metrics in one run")
        metrics.setdefault(str(key), Rows()).add(rowid, step, time / 1000, infinite(number))
    blocks = tuple(metric_block(key, rows.table()) for key, rows in metrics.items())
    return Source(blocks, tuple(bad.records))
