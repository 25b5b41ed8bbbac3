"""Records among the free text that training programs print."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoloss.logs import lines
from isoloss.logs.numbers import grouped
from isoloss.logs.records import Bad, Block, Source
from isoloss.logs.stack import stacked

Row = dict[str, float | None]
# Longer lines are no records, and could be slow to search.
_LONGEST = 1 << 16
_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")


@dataclass(frozen=True)
class Broken:
    """A record that is there but cannot be read."""

    reason: str


def _with(table: pa.Table, column: str, has: bool) -> pa.Table:
    """The rows in which a column has a value, or has none."""
    if column not in table.column_names:
        return table.slice(0, 0) if has else table
    valid = table[column].is_valid()
    return table.filter(valid if has else pc.invert(valid)).select(
        [name for name in table.column_names if has or name != column]
    )


Parse = Callable[[bytes], Iterable[tuple[str, Row] | Broken]]


class Found:
    """The records of a file by kind, each kind with its lines; and what could not be read.

    keep: the names of the columns that are kept, `*` for any text in them; None: all.
    always: names that are kept in any case.
    """

    def __init__(self, keep: frozenset[str] | None = None, always: Iterable[str] = ()) -> None:
        self.keep = None if keep is None else keep | {*always}
        self.names: dict[str, bool] = {}
        self.rows: dict[str, tuple[list[int], list[Row]]] = {}
        self.parts: dict[str, list[pa.Table]] = {}
        self.tables: dict[str, list[pa.Table]] = {}
        self.quarantine: list[Bad] = []
        self.notes: list[str] = []

    def keeps(self, name: str) -> bool:
        """Whether a column is kept; the log has it in any case."""
        if name not in self.names:
            self.names[name] = self.keep is None or (
                name in self.keep or any("*" in k and fnmatchcase(name, k) for k in self.keep)
            )
        return self.names[name]

    def add(self, kind: str, offset: int, row: Row) -> None:
        """Take a record."""
        offsets, rows = self.rows.get(kind) or self.rows.setdefault(kind, ([], []))
        offsets.append(offset)
        rows.append(row)

    def flush(self) -> None:
        """Turn the records into columns, which are small."""
        for kind, (offsets, rows) in self.rows.items():
            names = dict.fromkeys(name for row in rows for name in row)
            columns = {name: [row.get(name) for row in rows] for name in names if self.keeps(name)}
            self.add_columns(kind, offsets, columns)
        self.rows.clear()
        for kind, tables in self.parts.items():
            table = pa.concat_tables(tables, promote_options="default")
            self.tables.setdefault(kind, []).append(
                table.sort_by("offset") if len(tables) > 1 else table
            )
        self.parts.clear()

    def add_columns(
        self, kind: str, offsets: Sequence[int], columns: Mapping[str, Sequence[float | None]]
    ) -> None:
        """Take records whose columns are kept."""
        arrays = [pa.array(column, pa.float64()) for column in columns.values()]
        if offsets:
            table = pa.table([pa.array(offsets, pa.int64()), *arrays], ["offset", *columns])
            self.parts.setdefault(kind, []).append(table)

    def source(
        self,
        aggregations: Mapping[str, str] | None = None,
        constants: Mapping[str, float] | None = None,
        aggregates: Mapping[str, str] | None = None,
    ) -> Source:
        """The blocks, one a kind; a kind without an aggregation of its own is `step`.

        aggregates: of a kind the column whose rows alone have the aggregation.
        """
        self.flush()
        blocks = []
        by_place = sorted(self.tables.items(), key=lambda item: item[1][0]["offset"][0].as_py())
        for kind, tables in by_place:
            aggregation = (aggregations or {}).get(kind, "step")
            column = (aggregates or {}).get(kind)
            if column is None:
                blocks.append(Block(stacked(tables), aggregation))
                continue
            for own, name in ((True, aggregation), (False, "step")):
                of_it = [_with(table, column, own) for table in tables]
                if any(len(table) for table in of_it):
                    blocks.append(Block(stacked(of_it), name))
        return Source(
            tuple(blocks),
            tuple(self.quarantine),
            tuple(self.notes),
            tuple(self.names),
            constants or {},
        )


def scan(
    file: BinaryIO,
    parse: Parse,
    found: Found | None = None,
    fast: Callable[[bytes, int], set[int]] | None = None,
) -> Found:
    """Give each line, without colour codes and padding, to `parse`; collect what it finds.

    `parse` gives (kind, row) for each record of a line, and Broken for one that cannot be read.
    An unended last line is left out, with a note, unless a further digit would not change it.
    `fast` is first given blocks of lines; it takes the lines that it can, and says which.
    """
    found = found or Found()
    for block in lines.blocks(file):
        taken: set[int] = set()
        short = np.diff(block.ends, prepend=0).max() <= _LONGEST
        if fast is not None and short and b"\0" not in block.data:
            data = block.data[: block.data.rfind(b"\n") + 1]
            taken = fast(_COLOURS.sub(b"", data) if b"\x1b" in data else data, block.first)
        if block.torn or len(taken) < lines.count(block.data):
            for offset, raw in block:
                if offset not in taken:
                    _scan_line(offset, raw, offset == block.torn, parse, found)
        found.flush()
    return found


def _scan_line(offset: int, raw: bytes, torn: bool, parse: Parse, found: Found) -> None:
    line = plain(raw)
    records = list(parse(line[:_LONGEST]))
    if records and b"\0" in line:
        records = [Broken(lines.NULS)]
    if records and len(line) > _LONGEST:
        records = [Broken(f"a line of {len(line):,} bytes")]
    if torn and not _complete(line, records, parse):
        found.notes.append(lines.torn_note(offset))
        return
    for record in records:
        if isinstance(record, Broken):
            found.quarantine.append(Bad(offset, record.reason, raw[:200]))
        else:
            found.add(record[0], offset, record[1])


def _complete(line: bytes, records: list[tuple[str, Row] | Broken], parse: Parse) -> bool:
    """Whether a line without an end is whole: no number stays the same with a 7 after it."""
    broken = not records or any(isinstance(record, Broken) for record in records)
    return not broken and records == list(parse(line + b"7"))


def plain(line: bytes) -> bytes:
    """A line without colour codes, and without the NULs of a hole in the file before it."""
    return _COLOURS.sub(b"", line).lstrip(b"\0") if b"\x1b" in line or b"\0" in line else line


def value(text: bytes) -> float:
    """A printed number, commas between thousands left out."""
    return grouped(text.decode("ascii", "replace"))


def wall_time(line: bytes) -> float | None:
    """The first time stamp of a line in seconds since 1970, as if it were UTC."""
    match = _TIME.search(line)
    if match is None:
        return None
    day, time, fraction = (part.decode() if part else "" for part in match.groups())
    try:
        moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + float(f"0.{fraction or 0}")
