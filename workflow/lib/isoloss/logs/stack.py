"""Tables put under each other without a second copy of them in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass
class _Dense:
    """Values that grow in place; no row is null."""

    values: npt.NDArray[Any]
    n: int = 0

    def put(self, values: npt.NDArray[Any]) -> None:
        """Add rows below."""
        stop = self.n + len(values)
        if stop > len(self.values):
            # Not `resize`, which would fill the room with zeros, and so take its memory at once.
            grown = np.empty(max(stop, 2 * len(self.values)), self.values.dtype)
            grown[: self.n] = self.values[: self.n]
            self.values = grown
        self.values[self.n : stop] = values
        self.n = stop

    def array(self) -> pa.Array:
        """The column; what was kept ready for more rows is given back."""
        self.values.resize(self.n, refcheck=False)
        return pa.array(self.values)


@dataclass
class _Sparse:
    """The values of the rows that are not null."""

    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    values: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def put(self, column: pa.ChunkedArray, start: int) -> None:
        """Add what a column has, of which `start` is the first row."""
        there = np.flatnonzero(column.is_valid().to_numpy())
        if len(there):
            self.rows.append(there + start)
            self.values.append(column.to_numpy()[there])

    def array(self, n: int) -> pa.Array:
        """The column of n rows; run-end encoded if that is smaller."""
        rows = np.concatenate([np.empty(0, np.int64), *self.rows])
        values = np.concatenate([np.empty(0), *self.values])
        if 4 * len(rows) > n or n > np.iinfo(np.int32).max:
            dense, null = np.zeros(n), np.ones(n, bool)
            dense[rows], null[rows] = values, False
            return pa.array(dense, mask=null)
        # Two runs a value: the nulls before it, and itself; then the nulls at the end.
        ends = np.append(np.column_stack((rows, rows + 1)).ravel(), n)
        pairs = np.append(np.column_stack((np.zeros(len(rows)), values)).ravel(), 0)
        null = np.arange(len(pairs)) % 2 == 0
        kept = np.diff(ends, prepend=0) > 0
        runs = pa.array(pairs[kept], mask=null[kept])
        return pa.RunEndEncodedArray.from_arrays(pa.array(ends[kept], pa.int32()), runs)


def stacked(tables: Iterable[pa.Table]) -> pa.Table:
    """All tables as one; a column that one of them lacks is null there.

    The columns grow in place: Arrow's many small buffers, freed here and there, would stay with its
    allocator and double the memory. A column with few values is run-end encoded.
    """
    tables = iter(tables)
    start = list(islice(tables, 2))
    if len(start) == 1:
        return start[0].combine_chunks()
    dense: dict[str, _Dense] = {"offset": _Dense(np.empty(0, np.int64))}
    sparse: dict[str, _Sparse] = {}
    n = 0
    for table in chain(start, tables):
        columns = dict(zip(table.column_names, table.columns, strict=True))
        for name in list(dense):
            if name not in columns or columns[name].null_count:
                # Not in every row after all.
                values = dense.pop(name).array().to_numpy()
                sparse[name] = _Sparse([np.arange(n)], [values]) if n else _Sparse()
        for name, column in columns.items():
            if name in sparse:
                sparse[name].put(column, n)
            elif name in dense or (n == 0 and not column.null_count):
                if name not in dense:
                    dense[name] = _Dense(np.empty(0))
                dense[name].put(column.to_numpy())
            else:
                sparse[name] = _Sparse()
                sparse[name].put(column, n)
        n += len(table)
    arrays = {name: column.array() for name, column in dense.items()}
    arrays |= {name: column.array(n) for name, column in sparse.items()}
    return pa.table(arrays)
