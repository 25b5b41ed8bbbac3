"""Blocks of whole lines out of a text log, with exact line numbers."""

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from isoloss.logs.records import LogError

_BLOCK = 1 << 23
_SMALL = 1 << 16
# A line longer than this is no log line; reading on would only fill the memory.
MAX_LINE = 1 << 26


@dataclass(frozen=True)
class Lines:
    """Whole lines: the 1-based number of the first, and their bytes."""

    first: int
    data: bytes

    @property
    def count(self) -> int:
        """How many lines, the unended last line of a file included."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    @property
    def torn(self) -> int | None:
        """The number of the last line if it has no end: it may be half written."""
        return None if self.data.endswith(b"\n") else self.first + self.data.count(b"\n")

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Line numbers and lines without their ends."""
        lines = self.data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, self.first):
            yield number, line.removesuffix(b"\r")

    def halves(self) -> "tuple[Lines, Lines] | None":
        """Two smaller blocks, or None if this one is small enough to be read line by line."""
        cut = self.data.rfind(b"\n", 0, len(self.data) // 2) + 1
        if len(self.data) <= _SMALL or not cut:
            return None
        head = Lines(self.first, self.data[:cut])
        return head, Lines(self.first + head.count, self.data[cut:])


def blocks(file: BinaryIO, size: int = _BLOCK) -> Iterator[Lines]:
    """The file in blocks of whole lines of about `size` bytes, without a byte order mark."""
    first = 1
    start = file.read(len(codecs.BOM_UTF8))
    rest = b"" if start == codecs.BOM_UTF8 else start
    while chunk := file.read(size):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = Lines(first, rest + chunk[:cut])
            yield block
            first += block.count
            rest = chunk[cut:]
        else:
            rest += chunk
        if len(rest) > MAX_LINE:
            raise LogError(f"line {first} is longer than {MAX_LINE >> 20} MiB: not a log of lines")
    if rest:
        yield Lines(first, rest)


def table(offsets: Sequence[int], rows: Sequence[Mapping[str, float | None]]) -> pa.Table:
    """Rows as columns of doubles; what a row does not have is null."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pa.array([row.get(name) for row in rows], pa.float64()) for name in names}
    return pa.table({"offset": pa.array(offsets, pa.int64()), **columns})


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables under each other; a column that one of them lacks is null there."""
    return pa.concat_tables([table([], []), *tables], promote_options="default")


def torn_note(number: int) -> str:
    """What to say of the half-written last line of a run that died."""
    return f"line {number}, the last, is torn and left out"


def parse(
    block: Lines, fast: Callable[[Lines], pa.Table | None], slow: Callable[[Lines], pa.Table]
) -> Iterator[pa.Table]:
    """Tables of a block: `fast` for whole blocks, `slow` only for the small part it refuses."""
    table = fast(block)
    if table is not None:
        yield table
    elif halves := block.halves():
        for half in halves:
            yield from parse(half, fast, slow)
    else:
        yield slow(block)
