"""Records among the free text that training programs print, by the line patterns of a format."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from itertools import compress, pairwise
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from isoloss.logs import lines, patterns
from isoloss.logs.numbers import grouped
from isoloss.logs.patterns import Console, Line, Unprinted
from isoloss.logs.records import Bad, Block, Format, Source
from isoloss.logs.stack import stacked

Row = dict[str, float | None]
NUMBER = patterns.NUMBER.encode()
# Longer lines are no records, and could be slow to search.
_LONGEST = 1 << 16
_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
# What launchers put before each line: torchrun, torchrun --tee, srun --label.
_RANK = rb"[ \t]*(?:\[(?:default|rank) ?\d+\]: ?|\d+: )"
_RANKS = re.compile(rb"^" + _RANK, re.MULTILINE)
_LAYOUTS = 1000


@dataclass(frozen=True)
class Broken:
    """A record that is there but cannot be read."""

    reason: str


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
    ) -> Source:
        """The blocks, one a kind; a kind without an aggregation of its own is `step`."""
        self.flush()
        blocks = tuple(
            Block(stacked(tables), (aggregations or {}).get(kind, "step"))
            for kind, tables in self.tables.items()
        )
        return Source(
            blocks, tuple(self.quarantine), tuple(self.notes), tuple(self.names), constants or {}
        )


_Texts = tuple[bytes, ...]
_Conversion = tuple[int, str, Callable[[bytes], float | None]]
# Line numbers, and columns of as many cells.
_Columns = tuple[list[int], dict[str, list[float | None]]]


@dataclass(frozen=True)
class _Layout:
    """Which fields of a record are read, and which count what is unusual."""

    conversions: list[_Conversion]
    counts: list[int]


def _columns(lines: list[int], rows: list[_Texts], conversions: list[_Conversion]) -> _Columns:
    """The numbers in the rows, without those with a text that is none; an empty text is null."""
    try:
        return lines, {
            name: [convert(row[at]) if row[at] else None for row in rows]
            for at, name, convert in conversions
        }
    except ValueError:
        is_good = [_converts(row, conversions) for row in rows]
        return _columns(list(compress(lines, is_good)), list(compress(rows, is_good)), conversions)


def _converts(row: _Texts, conversions: list[_Conversion]) -> bool:
    try:
        for at, _, convert in conversions:
            if row[at]:
                convert(row[at])
    except ValueError:
        return False
    return True


class _Kind:
    """One kind of record, its expressions compiled.

    whole: matches a line that is one record and holds nothing else; None if there is none. It need
    not match every such line: it only spares the search for records in most of them.
    """

    def __init__(self, console: Console, line: Line) -> None:
        self.console, self.line, self.name = console, line, line.kind
        self.record, self.start = re.compile(line.record.encode()), re.compile(line.start.encode())
        self.hint = re.compile(line.hint.encode()) if line.hint else None
        self.numbers = re.compile(line.numbers) if line.numbers else None
        after = line.fields.after if line.fields else None
        self.after = None if after is None else re.compile(after.encode())
        self.pair = line.fields.pair if line.fields else None
        self.whole: str | None = None
        if line.fields and not line.last:
            self.whole = rf"{line.before}{line.record}({line.fields.body})[ \t]*"
        elif line.after is not None:
            self.whole = line.before + line.record + line.after
        # The names of the groups of `whole`; what is not named is the body of fields.
        whole = re.compile(self.whole or "")
        self.n_groups = whole.groups
        # What to do with each text of a whole line: (position, column, conversion).
        self.groups: list[_Conversion] = [
            (at - 1, self.column(group), self._conversion(group))
            for group, at in whole.groupindex.items()
        ]
        # The group that every whole line fills.
        own = [whole.groupindex.get(group, 0) - 1 for group in self.record.groupindex]
        self.mark = self.n_groups - 1 if line.fields else min(own, default=0)
        self.layouts: dict[tuple[bytes, ...], _Layout | None] = {}

    def _conversion(self, group: str) -> Callable[[bytes], float | None]:
        if group == "time":
            return wall_time
        shift = self.line.shift.get(group)
        return float if shift is None else lambda text: float(text) + shift

    def column(self, group: str) -> str:
        """The column of a group."""
        return self.line.names.get(group, group)

    def fast(self, lines: list[int], rows: list[_Texts], found: Found) -> Iterator["_Columns"]:
        """The columns of whole lines by the texts of their groups, those that need no closer look.

        lines: the numbers of the lines, in ascending order.
        """
        if self.pair is None:
            yield _columns(lines, rows, [g for g in self.groups if found.keeps(g[1])])
            return
        by_layout: dict[tuple[bytes, ...], tuple[list[int], list[_Texts]]] = {}
        find, body, rule = self.pair.findall, self.n_groups - 1, self.line.unprinted
        for line, texts in zip(lines, rows, strict=True):
            names, values = zip(*find(texts[body]), strict=True)
            there = by_layout.get(names) or by_layout.setdefault(names, ([], []))
            there[0].append(line)
            there[1].append(texts[:body] + values)
        for names, (lines_, rows_) in by_layout.items():
            if names not in self.layouts:
                self.layouts = self.layouts if len(self.layouts) < _LAYOUTS else {}
                self.layouts[names] = self._layout(names, found)
            if (layout := self.layouts[names]) is not None:
                if rule:
                    usual = [all(row[at] == b"0" for at in layout.counts) for row in rows_]
                    lines_, rows_ = list(compress(lines_, usual)), list(compress(rows_, usual))
                yield _columns(lines_, rows_, layout.conversions)

    def _layout(self, names: Sequence[bytes], found: Found) -> "_Layout | None":
        """What to do with fields of these names; None if they need a closer look."""
        try:
            texts = [name.decode() for name in names]
            self._check(dict.fromkeys(texts), found)
        except ValueError:
            return None
        rule, body = self.line.unprinted, self.n_groups - 1
        if rule and rule.loss not in texts:
            return None
        is_plain = not self.console.suffixes
        conversions = [group for group in self.groups if found.keeps(group[1])]
        for at, name in enumerate(texts, body):
            if found.keeps(name) or self._must(name):
                plain = is_plain and name not in self.console.units
                conversions.append((at, name, float if plain else partial(self.number, name)))
        counts = (rule.skipped, rule.nan) if rule else ()
        return _Layout(conversions, [body + texts.index(n) for n in counts if n in texts])

    def _must(self, name: str) -> bool:
        """Whether the record is broken if this field is no number."""
        required = name.startswith(tuple(self.line.required))
        return required or bool(self.numbers and self.numbers.search(name))

    def __call__(self, line: bytes, found: Found) -> Iterator[Row | Broken]:
        """The records of a line."""
        starts = [match.start() for match in self.start.finditer(line)]
        if not starts and not (self.hint and self.hint.search(line)):
            return
        if self.line.fields:
            yield from self._fielded(line, starts[-1:] if self.line.last else starts, found)
            return
        matches = list(self.record.finditer(line))
        time = {"time": wall_time(line)} if self.console.time else {}
        for match in matches:
            yield {**self._groups(match), **time}
        if len(matches) < max(len(starts), 1):
            yield Broken(f"not a whole {self.name} record")

    def _groups(self, match: re.Match[bytes]) -> Row:
        return {
            self.column(group): value(text) + self.line.shift.get(group, 0)
            for group, text in match.groupdict().items()
            if text is not None
        }

    def _fielded(self, line: bytes, starts: list[int], found: Found) -> Iterator[Row | Broken]:
        if not starts:
            yield Broken(f"a {self.name} record whose start is broken")
            return
        time = {"time": wall_time(line[: starts[0]])} if self.console.time else {}
        for start, end in pairwise([*starts, len(line)]):
            try:
                yield {**self._fields(line[start:end], found), **time}
            except ValueError as error:
                yield Broken(str(error))

    def _fields(self, text: bytes, found: Found) -> Row:
        """The row of one record; ValueError if it is damaged."""
        head = self.record.match(text)
        if head is None:
            raise ValueError(f"not a whole {self.name} record")
        row = self._groups(head)
        for part in self._parts(text[head.end() :]):
            match = self.pair.fullmatch(part) if self.pair else None
            if match is None:
                raise ValueError(f"no field: {part[:40]!r}")
            name = match[1].decode("utf-8", "replace")
            try:
                row[name] = self.number(name, match[2])
            except ValueError:
                if self.numbers and self.numbers.search(name):
                    raise ValueError(f"{name} is no number: {match[2][:40]!r}") from None
        self._check(row, found)
        if self.line.unprinted:
            _unprinted(row, self.line.unprinted)
        return row

    def _parts(self, body: bytes) -> list[bytes]:
        """The texts of the fields."""
        assert self.line.fields
        end, between = self.line.fields.end.encode(), self.line.fields.between.encode()
        rest, split = b"", between.strip() or between
        if end and end != split:
            body, closed, rest = body.partition(end)
            if not closed:
                raise ValueError(f"a {self.name} record that is cut off")
        parts = body.split(split)
        if end == split:
            rest = parts.pop()
        if self.after and not self.after.fullmatch(rest):
            # What stands before the next record that is glued to this one is no field.
            raise ValueError(f"a {self.name} record that is cut off")
        return parts if between.strip() else [part for part in parts if part.strip()]

    def _check(self, row: Row, found: Found) -> None:
        """ValueError if fields are missing; where a loss is missing, damage may be the reason."""
        rule = self.line.unprinted
        if rule and rule.loss not in row:
            unknown = set(row) - set(found.names) - set(self.record.groupindex)
            if found.names and unknown:
                raise ValueError(f"no {rule.loss}, but unknown fields: {sorted(unknown)}")
        for name in self.line.required:
            if not any(there.startswith(name) for there in row):
                raise ValueError(f"a {self.name} record without {name}")
        for name in row:
            found.keeps(name)

    def number(self, name: str, text: bytes) -> float:
        """The value of a field, in the units that the format names."""
        if units := self.console.units.get(name):
            digits = text.rstrip(b"abcdefghijklmnopqrstuvwxyz")
            unit = text[len(digits) :].decode()
            if text.startswith(b"nan"):
                digits, unit = text[:3], text[3:].decode()
            if unit not in units:
                raise ValueError(f"{name} in {unit!r}")
            return value(digits) * units[unit]
        if self.console.suffixes and (factor := self.console.suffixes.get(chr(text[-1]))):
            return value(text[:-1]) * factor
        return value(text)


def _unprinted(row: Row, rule: Unprinted) -> None:
    """Put NaN for a loss that is left out, unless the update was skipped."""
    skipped = (row.get(rule.skipped) or 0) > 0
    if rule.loss not in row:
        if not skipped or (row.get(rule.nan) or 0) > 0:
            row[rule.loss] = float("nan")
    elif row[rule.loss] == 0 and skipped:
        del row[rule.loss]


class _Reader:
    """Reads one file of a format."""

    def __init__(self, console: Console, keep: frozenset[str] | None) -> None:
        self.kinds = [_Kind(console, line) for line in console.lines]
        always = {kind.column(group) for kind in self.kinds for group in kind.record.groupindex}
        self.found = Found(keep, always | {*console.counts})
        self.state: Row = {}
        # The kinds that have whole lines, and where their groups start.
        self.places: list[tuple[_Kind, int]] = []
        whole, at = [], 0
        for kind in self.kinds:
            if kind.whole is not None and not any(line.state for line in console.lines):
                self.places.append((kind, at))
                at += kind.n_groups
                whole.append(re.sub(r"\(\?P<\w+>", "(", kind.whole) + r"\r?")
        # Every line matches; the empty group makes findall give tuples.
        text = rf"(?:(?:{_RANK.decode()})?(?:{'|'.join(whole)})|[^\n]*)\n()"
        self.whole = re.compile(text.encode())

    def parse(self, line: bytes) -> Iterator[tuple[str, Row] | Broken]:
        """The records of any line."""
        line = _RANKS.sub(b"", line, count=1)
        for kind in self.kinds:
            for row in kind(line, self.found):
                if isinstance(row, Broken):
                    yield row
                elif kind.line.state:
                    self.state.update(row)
                else:
                    yield kind.name, {**self.state, **row}

    def fast(self, data: bytes, first: int) -> set[int]:
        """Take the whole lines of the data, the number of the first given; which they were."""
        whole = self.whole.findall(data)
        if len(whole) < lines.count(data):
            # An expression went over the end of a damaged line.
            return set()
        taken: set[int] = set()
        for kind, at in self.places:
            numbers = [n for n, texts in enumerate(whole, first) if texts[at + kind.mark]]
            if len(numbers) == len(whole) and len(self.places) == 1:
                rows = whole
            else:
                end = at + kind.n_groups
                rows = [whole[n - first][at:end] for n in numbers]
            for there, columns in kind.fast(numbers, rows, self.found) if numbers else ():
                self.found.add_columns(kind.name, there, columns)
                taken.update(there)
        return taken


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
        if fast is not None:
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
    """A line without colour codes and without padding of NULs."""
    return _COLOURS.sub(b"", line).strip(b"\0") if b"\x1b" in line or b"\0" in line else line


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


def _constant(head: bytes, pattern: str) -> float | None:
    """A number that a log prints once, near its start."""
    match = re.search(pattern.encode(), head)
    return value(match[1]) if match else None


def _peek(file: BinaryIO, size: int = 1 << 20) -> bytes:
    """The start of a file, which stays where it was."""
    at = file.tell()
    start = file.read(size)
    file.seek(at)
    return start


def _read(
    file: BinaryIO, keep: frozenset[str] | None, console: Console, parse: Parse | None
) -> Source:
    head = _peek(file)
    constants = {name: _constant(head, text) for name, text in console.constants.items()}
    reader = _Reader(console, keep)
    if parse is None:
        found = scan(file, reader.parse, reader.found, reader.fast if reader.places else None)
    else:
        found = scan(file, parse, reader.found)
    aggregations = {line.kind: _aggregation(line, found, head) for line in console.lines}
    for name, what in console.counts.items():
        columns = [table[name] for table in _tables(found) if name in table.column_names]
        if count := sum(np.nansum(column.to_numpy()) for column in columns):
            found.notes.append(f"the log counts {count:g} {what}")
    if found.tables:
        found.notes += console.notes
    known = {name: number for name, number in constants.items() if number is not None}
    return found.source(aggregations, known)


def _tables(found: Found) -> Iterator[pa.Table]:
    for tables in found.tables.values():
        yield from tables


def _aggregation(line: Line, found: Found, head: bytes) -> str:
    """The aggregation of a kind; of means over windows the usual distance of two records."""
    if line.window is None:
        return line.aggregation
    window = _constant(head, line.window)
    if window is None:
        tables = found.tables.get(line.kind, [])
        group = next(iter(re.compile(line.record).groupindex))
        steps = [
            step for table in tables for step in table[line.names.get(group, group)].to_numpy()
        ]
        gaps = Counter(np.diff(steps)[np.diff(steps) > 0].tolist())
        window = gaps.most_common(1)[0][0] if gaps else 1
    return f"window_mean({window:g})" if window > 1 else "step"


def _sniff(head: bytes, console: Console) -> bool:
    head = _RANKS.sub(b"", plain(head))
    return bool(re.search(console.recognise.encode(), head, re.MULTILINE)) and not (
        console.unless and re.search(console.unless.encode(), head, re.MULTILINE)
    )


def described(console: Console, parse: Parse | None = None) -> Format:
    """The format that a table describes; `parse` finds its records where expressions cannot."""
    return Format(
        console.name,
        partial(_sniff, console=console),
        partial(_read, keep=None, console=console, parse=parse),
        console.preset,
        read_columns=partial(_read, console=console, parse=parse),
    )
