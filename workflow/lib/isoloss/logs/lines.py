"""Blocks of whole lines out of a text log, with exact line numbers."""

import codecs
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from isoloss.logs.records import LogError, whole_name

NULS = "NUL bytes inside the line: it is damaged, and so is what is before and behind them"
_NEWLINE = ord("\n")
# Blocks of this size stay in the cache of a core.
_BLOCK = 1 << 20
_SMALL = 1 << 16
_AHEAD = 4
TIME = pa.timestamp("us")
# A line longer than this is no log line; reading on would only fill the memory.
MAX_LINE = 1 << 26
_MAX_RECORD = 1 << 20


@dataclass(frozen=True)
class Lines:
    """Whole lines: the 1-based number of the first, their bytes, and where each line ends."""

    first: int
    data: bytes

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """The places of the line ends; the unended last line of a file ends behind the data."""
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        return ends if self.data.endswith(b"\n") else np.append(ends, len(self.data))

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
        return head, Lines(self.first + len(head.ends), self.data[cut:])


def count(data: bytes) -> int:
    """The line ends in the data; unlike `bytes.count` it lets other threads run."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == _NEWLINE))


def blocks(file: BinaryIO, size: int = _BLOCK) -> Iterator[Lines]:
    """The file in blocks of whole lines of about `size` bytes, without a byte order mark."""
    first = 1
    data = file.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    while chunk := file.read(size):
        data += chunk
        if not data.endswith(b"\n"):
            rest = file.readline(MAX_LINE)
            if len(rest) == MAX_LINE:
                first += data.count(b"\n")
                raise LogError(
                    f"line {first} is over {MAX_LINE >> 20} MiB long: not a log of lines"
                )
            data += rest
        yield Lines(first, data)
        first += count(data)
        data = b""
    if data:
        yield Lines(first, data)


def offsets(first: int, n: int) -> pa.Array:
    """The numbers of n lines."""
    return pa.array(np.arange(first, first + n, dtype=np.int64))


def table(offsets: Sequence[int], rows: Sequence[Mapping[str, float | None]]) -> pa.Table:
    """Rows as columns of doubles; what a row does not have is null."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pa.array([row.get(name) for row in rows], pa.float64()) for name in names}
    columns = {whole_name(name): column for name, column in columns.items()}
    return pa.table({"offset": pa.array(offsets, pa.int64()), **columns})


def seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times of Arrow in seconds since 1970."""
    return pc.divide(column.cast(TIME).cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)


def short(line: bytes) -> bytes:
    """The line, unless it is longer than any record."""
    if len(line) > _MAX_RECORD:
        raise ValueError(f"a line of {len(line):,} bytes")
    return line


def torn_note(number: int) -> str:
    """What to say of the half-written last line of a run that died."""
    return f"line {number}, the last, is torn and left out"


def tables(
    file: BinaryIO,
    fast: Callable[[Lines], pa.Table | None],
    slow: Callable[[Lines], pa.Table],
    state: Callable[[], object] = lambda: None,
) -> Iterator[pa.Table]:
    """The tables of a file: `fast` for whole blocks, `slow` only for the small part it refuses.

    Blocks are read ahead in other threads; `state` is what `slow` may change and `fast` depends
    on: a block that was read ahead in another state is read again.
    """
    rest = blocks(file)
    start = list(islice(rest, 2))
    if len(start) < 2:  # a small file, for which threads are not worth their while
        for block in start:
            yield from _refined(block, fast(block), fast, slow)
        return
    ahead: deque[tuple[Lines, object, Future[pa.Table | None]]] = deque()

    def first() -> Iterator[pa.Table]:
        block, then, future = ahead.popleft()
        table = future.result()
        yield from _refined(block, table if then == state() else fast(block), fast, slow)

    with ThreadPoolExecutor(_AHEAD) as pool:
        for block in chain(start, rest):
            ahead.append((block, state(), pool.submit(fast, block)))
            if len(ahead) > _AHEAD:
                yield from first()
        while ahead:
            yield from first()


def _refined(
    block: Lines,
    table: pa.Table | None,
    fast: Callable[[Lines], pa.Table | None],
    slow: Callable[[Lines], pa.Table],
) -> Iterator[pa.Table]:
    """The table of a block, or of ever smaller parts of it."""
    if table is not None:
        yield table
    elif halves := block.halves():
        for half in halves:
            yield from _refined(half, fast(half), fast, slow)
    else:
        yield slow(block)
