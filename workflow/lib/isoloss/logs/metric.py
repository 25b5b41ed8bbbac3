"""Metrics that are logged one by one: each becomes a block of its own."""

from array import array

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoloss.logs.records import Block

COLUMNS = ("offset", "step", "wall_time")


class Rows:
    """Rows of offset, step, wall time (s) and value, collected one by one."""

    def __init__(self) -> None:
        self.numbers = array("d")

    def add(self, offset: float, step: float, wall_time: float, value: float) -> None:
        """Add a row; integers above 2**53 are rounded."""
        self.numbers.extend((offset, step, wall_time, value))

    def table(self) -> NDArray[np.float64]:
        """(n, 4), a row a row."""
        return np.frombuffer(self.numbers, np.float64).reshape(-1, 4)


def metric_block(name: str, table: NDArray[np.float64], digits: int | None = None) -> Block:
    """Columns offset, step, wall_time (s) and `name`, from the (n, 4) rows of a metric.

    A metric that is itself called like one of the first three becomes "<name> (logged)".
    """
    column = f"{name} (logged)" if name in COLUMNS else name
    offset, *columns = table.T
    # NaN stays NaN: null would mean that nothing was logged.
    arrays = [pa.array(np.ascontiguousarray(values)) for values in columns]
    return Block(
        pa.table([pa.array(offset.astype(np.int64)), *arrays], [*COLUMNS, column]),
        digits={} if digits is None else {column: digits},
    )
