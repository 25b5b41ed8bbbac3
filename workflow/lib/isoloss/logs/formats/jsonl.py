"""JSON lines: one object a line, flat, nested (names joined by dots) or one metric a line."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from isoloss.logs import lines
from isoloss.logs.formats import arrow_json
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.numbers import Kinds, is_axis, is_null, number, settled
from isoloss.logs.records import Bad, Block, Format, Source
from isoloss.logs.stack import stacked

_NAMES, _VALUES = ("metric", "name", "key", "tag"), ("value", "val")
_SAMPLE = 1000
_HEAD = 1 << 20
_CELLS = 1 << 22  # of a table that Arrow makes, whatever the lines hold
# Quoted words that stand for numbers, which Arrow would take for texts.
_NAN = re.compile(rb':\s*"[+-]?nan"(?=\s*[,}])', re.IGNORECASE)
_NONE = re.compile(rb':\s*"(?:null|none)"(?=\s*[,}])', re.IGNORECASE)
_NULL = b"null"
_DECODER = json.JSONDecoder()


def flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """The leaves of an object, the names of nested ones joined by dots."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def cell(value: Any) -> float | None:
    """A leaf as a number; None for what is no number in any log: truth values and lists."""
    if value is None:
        return math.nan
    if isinstance(value, (bool, list)):
        return None
    return number(value) if isinstance(value, str) else float(value)


def measured(leaves: Mapping[str, Any]) -> Iterable[str]:
    """The names of the leaves that hold numbers."""
    return (
        name
        for name, value in leaves.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    )


def objects(line: bytes) -> list[dict[str, Any]]:
    """The objects of a line: one, or several if lines were glued; padding of NULs is left out."""
    text = line.strip(b"\0 \t\r").decode()
    found, at = [], 0
    while at < len(text):
        record, at = _DECODER.raw_decode(text, at)
        if not isinstance(record, dict):
            raise ValueError("not an object")
        found.append(record)
        while at < len(text) and text[at] in " \t":
            at += 1
    return found


@dataclass(frozen=True)
class _Start:
    """What the start of a file says of the whole of it.

    names: that it logs. kinds: of the columns that do not hold numbers. long: the keys of name and
    value if every object holds one metric by name. known: the types that Arrow finds. data, table:
    lines that have these types, and what Arrow reads in them.
    """

    names: dict[str, None]
    kinds: Kinds
    long: tuple[str, str] | None = None
    known: pa.Schema | None = None
    data: bytes = b""
    table: pa.Table | None = None

    @classmethod
    def of(cls, head: bytes) -> "_Start":
        """From the first bytes of a file."""
        known = arrow_json.types(head)
        try:
            quick = None if known is None else cls._quick(head, known)
        except ValueError:  # UnicodeDecodeError, too
            quick = None
        return quick or cls._thorough(head, known)

    @classmethod
    def _quick(cls, head: bytes, known: pa.Schema) -> "_Start | None":
        """By Arrow, where each line is an object of the same kinds of value; what it says of the
        first lines is what `_thorough` says."""
        if len(head) == _HEAD:
            head = b"".join(head[: head.rfind(b"\n") + 1].splitlines(keepends=True)[:_SAMPLE])
        if head.count(b"\n") * len(known) > _CELLS or not arrow_json.whole(lines.Lines(1, head)):
            return None
        table = arrow_json.parsed(head, explicit_schema=known, unexpected_field_behavior="error")
        if table is None:
            return None
        pairs = zip(table.column_names, table.columns, strict=True)
        leaves = [leaf for name, column in pairs for leaf in arrow_json.leaves(column, name)]
        columns = dict(leaves)
        named = any(name in columns and pa.types.is_string(columns[name].type) for name in _NAMES)
        if len(columns) < len(leaves) or (named and not columns.keys().isdisjoint(_VALUES)):
            return None
        texts = {
            name: map(str, column.slice(0, _SAMPLE).drop_null().to_pylist())
            for name, column in leaves
            if pa.types.is_string(column.type) or pa.types.is_boolean(column.type)
        }
        return cls(dict.fromkeys(columns), Kinds.of(texts), None, known, head, table)

    @classmethod
    def _thorough(cls, head: bytes, known: pa.Schema | None) -> "_Start":
        """Line by line."""
        sample = records(head)
        texts: dict[str, list[str]] = {}
        for record in sample:
            for name, value in flat(record):
                if isinstance(value, (str, int, float)):
                    texts.setdefault(name, []).append(str(value))
        names = dict.fromkeys(name for record in sample for name, _ in flat(record))
        return cls(names, Kinds.of(texts), _long(sample), known)


class _Reader:
    def __init__(self, keep: frozenset[str] | None, start: _Start) -> None:
        self.long, self.kinds = start.long, start.kinds
        self.keep = None if keep is None else keep - self.kinds.texts
        self.schema = None if self.keep is None else arrow_json.schema(self.keep)
        if self.schema is not None and self.long is not None:
            for name, kind in zip(self.long, (pa.string(), pa.float64()), strict=True):
                at = self.schema.get_field_index(name)
                field = pa.field(name, kind)
                self.schema = self.schema.append(field) if at < 0 else self.schema.set(at, field)
        self.known = start.known
        self.start: _Start | None = start
        self.quarantine: list[Bad] = []
        self.notes: list[str] = []
        self.seen = start.names

    def fast(self, block: lines.Lines) -> pa.Table | None:
        """The block by Arrow if its lines are one whole object each, else None."""
        if self.keep is None or b"\0" in block.data or not arrow_json.whole(block):
            return None
        try:
            return self._fast(block)
        except UnicodeDecodeError:
            # Arrow looks into names when they are asked for, not before.
            return None

    def _fast(self, block: lines.Lines) -> pa.Table | None:
        data = block.data
        table = self._arrow(data)
        if table is None:
            data = _NONE.sub(b": null", _NAN.sub(b": NaN", data))
            table = self._arrow(data)
        if table is None or len(table) != len(block.ends):
            return None
        if _NULL in data and self._may_be_nan(table):
            return None
        table = self._doubles(table)
        if table is None:
            return None
        if self.long:
            table = self._pivot(table)
        return table.add_column(0, "offset", lines.offsets(block.first, len(table)))

    def _may_be_nan(self, table: pa.Table) -> bool:
        """Whether a null could stand for NaN: it is in a row of which no other number is known.

        For Arrow a null is the same as no key. So it is for us, where the row measured another.
        """
        wanted = [n for n in table.column_names if self.keep and n in self.keep and not is_axis(n)]
        if not any(table[name].null_count for name in wanted):
            return False
        other = np.zeros(len(table), bool)
        for name, column in zip(table.column_names, table.columns, strict=True):
            if (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)) and (
                not is_axis(name)
            ):
                other |= column.is_valid().to_numpy()
        return not bool(other.all())

    def _arrow(self, data: bytes) -> pa.Table | None:
        """The columns, those that are wanted at least; None if they are not all numbers.

        Arrow is told which names there are: it makes a column of each, and of a new name a line the
        table would grow with the square of the lines.
        """
        n, table = data.count(b"\n") + 1, None
        if self.start is not None and self.start.data == data:  # read already
            table, self.start = self.start.table, None
        elif self.known is not None and n * len(self.known) <= _CELLS:
            table = arrow_json.parsed(
                data, explicit_schema=self.known, unexpected_field_behavior="error"
            )
        if table is None:
            table = arrow_json.parsed(
                data, explicit_schema=self.schema, unexpected_field_behavior="ignore"
            )
            if table is not None:
                # There are other names, or other kinds of value: that will go on.
                self.known = None
        if table is None and n * data.count(b":") <= _CELLS:
            table = arrow_json.parsed(data)
        flat = None if table is None else arrow_json.flatten(table)
        return None if flat is None or self._doubles(flat) is None else flat

    def _doubles(self, table: pa.Table) -> pa.Table | None:
        assert self.keep is not None
        columns = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            kind = column.type
            if self.long and name == self.long[0]:
                if not pa.types.is_string(kind):
                    return None
                columns[name] = column
            elif name in self.keep or (self.long and name == self.long[1]):
                if not (
                    pa.types.is_floating(kind)
                    or pa.types.is_integer(kind)
                    or pa.types.is_null(kind)
                ):
                    return None
                columns[name] = column.cast(pa.float64(), safe=False)
        # A table without columns would not know its length.
        return pa.table(columns) if columns else None

    def _pivot(self, table: pa.Table) -> pa.Table:
        """One metric a line: a column for each metric's name."""
        assert self.long is not None
        names, values = (table[name].combine_chunks() for name in self.long)
        wide = table.drop_columns(list(self.long))
        for name in pc.unique(names).to_pylist():
            if name is not None:
                self.seen[name] = None
                if self.keep is None or name in self.keep:
                    column = pc.if_else(pc.equal(names, name), values, None)
                    at = wide.schema.get_field_index(name)
                    wide = (
                        wide.append_column(name, column)
                        if at < 0
                        else wide.set_column(at, name, pc.coalesce(column, wide[name]))
                    )
        return wide

    def slow(self, block: lines.Lines) -> pa.Table:
        """The block line by line; what cannot be read goes to the quarantine."""
        offsets: list[int] = []
        rows: list[dict[str, float]] = []
        for number_, line in block:
            try:
                found = [self._row(record) for record in objects(lines.short(line))]
            except (ValueError, RecursionError, OverflowError) as error:
                if number_ == block.torn:
                    self.notes.append(lines.torn_note(number_))
                else:
                    self.quarantine.append(Bad(number_, reason(error), line[:200]))
                continue
            rows += found
            offsets += [number_] * len(found)
        return lines.table(offsets, rows)

    def _row(self, record: Mapping[str, Any]) -> dict[str, float]:
        leaves = dict(flat(record))
        if self.long and isinstance(leaves.get(self.long[0]), str) and self.long[1] in leaves:
            leaves[leaves.pop(self.long[0])] = leaves.pop(self.long[1])
        row: dict[str, float] = {}
        nulls = []
        for name, value in leaves.items():
            self.seen[name] = None
            if self.keep is not None and name not in self.keep:
                continue
            if is_null(value):
                nulls.append(name)
                continue
            try:
                text = isinstance(value, str)
                as_number = self.kinds.read(name, value) if text else cell(value)
            except ValueError:
                if self.keep is None:
                    continue
                raise ValueError(f"{name} is no number: {value!r:.60}") from None
            if as_number is not None:
                row[name] = as_number
        return settled(row, nulls, measured(leaves)) if nulls else row


def reason(error: Exception) -> str:
    """Why a line of JSON cannot be read, in a few words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at character {error.pos}"
    return str(error)


def records(head: bytes) -> list[dict[str, Any]]:
    """The objects in the whole lines at the head of a file, the broken ones left out."""
    found: list[dict[str, Any]] = []
    for line in head.split(b"\n")[:_SAMPLE]:
        try:
            found += objects(lines.short(line))
        except (ValueError, RecursionError):
            continue
    return found


def _long(sample: Iterable[Mapping[str, Any]]) -> tuple[str, str] | None:
    """The keys of name and value if every object holds one metric by name."""
    pairs = {
        (name, value)
        for record in sample
        for name in _NAMES
        for value in _VALUES
        if isinstance(record.get(name), str) and value in record
    }
    return min(pairs) if len(pairs) == 1 else None


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    start = file.tell()
    head = file.read(_HEAD)
    file.seek(start)
    reader = _Reader(keep, _Start.of(head))
    notes = reader.kinds.notes(keep) if keep is not None else []
    table = stacked(lines.tables(file, reader.fast, reader.slow))
    return Source(
        (Block(table),),
        tuple(reader.quarantine),
        (*notes, *reader.notes),
        tuple(reader.seen),
    )


def read(file: BinaryIO) -> Source:
    """Every number of a JSON lines log."""
    return _read(file, None)


def read_columns(file: BinaryIO, keep: frozenset[str]) -> Source:
    """The numbers of the given names, whole blocks at a time."""
    return _read(file, keep)


def sniff(head: bytes) -> bool:
    """Most of the first lines are JSON objects."""
    body = [line for line in head.split(b"\n", 50)[:50] if line.strip(b"\0 \t\r")]
    whole = body[:-1] if len(body) > 1 and len(head) >= 1 << 16 else body
    good = sum(line.lstrip(b"\0 \t").startswith(b"{") and bool(records(line)) for line in whole)
    return good > len(whole) / 2


FORMATS: tuple[Format, ...] = (
    Format("jsonl", sniff, read, PLAIN, read_columns=read_columns, generic=True),
)
