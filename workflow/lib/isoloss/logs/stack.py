"""Tables put under each other without a second copy of them in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass
class _Column:
    """Values that grow in place, and which of them are null; beyond `n` nothing is set yet."""

    values: npt.NDArray[Any]
    null: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    n: int = 0

    def put(self, column: pa.ChunkedArray, start: int) -> None:
        """Set the values from row `start` on; rows between `n` and `start` are null."""
        stop = start + len(column)
        _grow(self.values, stop)
        self.values[start:stop] = column.to_numpy()
        if start > self.n or column.null_count or len(self.null):
            _grow(self.null, stop)
            self.null[self.n : start] = True
            self.null[start:stop] = column.is_null().to_numpy()
        self.n = stop

    def array(self, n: int) -> pa.Array:
        """The first n rows."""
        if self.n < n or len(self.null):
            _grow(self.null, n)
            self.null[self.n : n] = True
        _grow(self.values, n)
        # In place: what was kept ready for more rows is given back.
        self.values.resize(n, refcheck=False)
        self.null.resize(n if len(self.null) else 0, refcheck=False)
        return pa.array(self.values, mask=self.null if len(self.null) else None)


def _grow(array: npt.NDArray[Any], n: int) -> None:
    """Make room for n rows, in place; new rows are zero."""
    if n > len(array):
        array.resize(max(n, len(array) + len(array) // 16), refcheck=False)


def stacked(tables: Iterable[pa.Table]) -> pa.Table:
    """All tables as one; a column that one of them lacks is null there.

    The columns grow in place: Arrow's many small buffers, freed here and there, would stay with its
    allocator and double the memory.
    """
    columns = {"offset": _Column(np.empty(0, np.int64))}
    n = 0
    for table in tables:
        for name, column in zip(table.column_names, table.columns, strict=True):
            if name not in columns:
                columns[name] = _Column(np.empty(0))
            columns[name].put(column, n)
        n += len(table)
    return pa.table({name: column.array(n) for name, column in columns.items()})
