"""Records among the free text that training programs print."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from isoloss.logs import lines
from isoloss.logs.numbers import grouped
from isoloss.logs.records import Bad, Block, Source

Row = dict[str, float | None]
# A number as C and Python print it, with or without commas between thousands.
NUMBER = (
    rb"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|nan|NaN|NAN|inf|Inf|INF)"
)
# Longer lines are no records, and could be slow to search.
_LONGEST = 1 << 16
_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")


@dataclass(frozen=True)
class Broken:
    """A record that is there but cannot be read."""

    reason: str


@dataclass
class Found:
    """The records of a file by kind, each kind with its lines; and what could not be read."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    offsets: dict[str, list[int]] = field(default_factory=dict)
    quarantine: list[Bad] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def source(
        self,
        aggregations: dict[str, str] | None = None,
        constants: dict[str, float] | None = None,
    ) -> Source:
        """The blocks, one a kind; a kind without an aggregation of its own is `step`."""
        blocks = tuple(
            Block(lines.table(self.offsets[kind], rows), (aggregations or {}).get(kind, "step"))
            for kind, rows in self.rows.items()
        )
        return Source(blocks, tuple(self.quarantine), tuple(self.notes), constants=constants or {})


Parse = Callable[[bytes], Iterable[tuple[str, Row] | Broken]]


def scan(file: BinaryIO, parse: Parse) -> Found:
    """Give each line, without colour codes and padding, to `parse`; collect what it finds.

    `parse` gives (kind, row) for each record of a line, and Broken for one that cannot be read.
    An unended last line is left out, with a note, unless a further digit would not change it.
    """
    found = Found()
    for block in lines.blocks(file):
        for offset, raw in block:
            line = plain(raw)
            records = list(parse(line[:_LONGEST]))
            if records and len(line) > _LONGEST:
                records = [Broken(f"a line of {len(line):,} bytes")]
            if offset == block.torn and not _complete(line, records, parse):
                found.notes.append(lines.torn_note(offset))
                continue
            for record in records:
                if isinstance(record, Broken):
                    found.quarantine.append(Bad(offset, record.reason, raw[:200]))
                else:
                    kind, row = record
                    found.rows.setdefault(kind, []).append(row)
                    found.offsets.setdefault(kind, []).append(offset)
    return found


def _complete(line: bytes, records: list[tuple[str, Row] | Broken], parse: Parse) -> bool:
    """Whether a line without an end is whole: no number stays the same with a 7 after it."""
    broken = not records or any(isinstance(record, Broken) for record in records)
    return not broken and records == list(parse(line + b"7"))


def plain(line: bytes) -> bytes:
    """A line without colour codes and without padding of NULs."""
    return _COLOURS.sub(b"", line).strip(b"\0") if b"\x1b" in line or b"\0" in line else line


@dataclass(frozen=True)
class Shape:
    """One kind of record in a line.

    pattern: matches the whole record; its named groups are the columns.
    start: what each record starts with, so that a broken or glued one is noticed.
    hint: what else betrays a record whose start is broken.
    """

    kind: str
    pattern: re.Pattern[bytes]
    start: re.Pattern[bytes]
    hint: re.Pattern[bytes] | None = None

    def __call__(self, line: bytes) -> Iterator[tuple[str, Row] | Broken]:
        """The records of a line."""
        starts = len(self.start.findall(line))
        if starts == 0 and (self.hint is None or not self.hint.search(line)):
            return
        matches = list(self.pattern.finditer(line))
        for match in matches:
            yield (
                self.kind,
                {name: value(text) for name, text in match.groupdict().items() if text is not None},
            )
        if len(matches) < max(starts, 1):
            yield Broken(f"not a whole {self.kind} record")


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


def constant(head: bytes, pattern: bytes) -> float | None:
    """A number that a log prints once, near its start."""
    match = re.search(pattern, head)
    return value(match[1]) if match else None


def peek(file: BinaryIO, size: int = 1 << 20) -> bytes:
    """The start of a file, which stays where it was."""
    at = file.tell()
    start = file.read(size)
    file.seek(at)
    return start
