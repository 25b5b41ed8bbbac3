"""Reads what training programs print by the line patterns of a format."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from isoloss.logs import lines
from isoloss.logs.expressions import words
from isoloss.logs.kinds import Kind
from isoloss.logs.patterns import Console, Line
from isoloss.logs.printed import Broken, Found, Parse, Row, plain, scan, value
from isoloss.logs.records import Format, Source

# What launchers put before each line: torchrun, torchrun --tee, srun --label.
_RANK = rb"[ \t]*(?:\[(?:default|rank) ?\d+\]: ?|\d+: )"
_RANKS = re.compile(rb"^" + _RANK, re.MULTILINE)


class _Reader:
    """Reads one file of a format."""

    def __init__(self, console: Console, keep: frozenset[str] | None) -> None:
        self.kinds = [Kind(console, line) for line in console.lines]
        for kind in self.kinds:
            kind.others = [other for other in self.kinds if other is not kind]
        always = {kind.column(group) for kind in self.kinds for group in kind.record.groupindex}
        self.found = Found(keep, always | {*console.counts})
        self.state: Row = {}
        # The kinds that have whole lines, and where their groups start.
        self.places: list[tuple[Kind, int]] = []
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


class _Ended:
    """A file in which carriage returns, by which bars are overprinted, end lines too."""

    _ENDS = bytes.maketrans(b"\r", b"\n")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._file.read(size).translate(self._ENDS)

    def readline(self, size: int = -1) -> bytes:
        """The bytes to the end of a line of the file, with all that is overprinted in it."""
        return self._file.readline(size).translate(self._ENDS)


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
    if console.returns:
        file = cast(BinaryIO, _Ended(file))
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
    aggregates = {line.kind: line.aggregates for line in console.lines if line.aggregates}
    return found.source(aggregations, known, aggregates)


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


def _sniff(head: bytes, console: Console, certain: tuple[bytes, ...]) -> bool:
    head = plain(head)
    if certain and not any(word in head for word in certain):
        return False
    head = _RANKS.sub(b"", head.replace(b"\r", b"\n") if console.returns else head)
    return bool(re.search(console.recognise.encode(), head, re.MULTILINE)) and not (
        console.unless and re.search(console.unless.encode(), head, re.MULTILINE)
    )


def described(console: Console, parse: Parse | None = None) -> Format:
    """The format that a table describes; `parse` finds its records where expressions cannot."""
    return Format(
        console.name,
        partial(
            _sniff,
            console=console,
            certain=tuple(word.encode() for word in words(console.recognise)),
        ),
        partial(_read, keep=None, console=console, parse=parse),
        console.preset,
        read_columns=partial(_read, console=console, parse=parse),
        generic=console.generic,
    )
