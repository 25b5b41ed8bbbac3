"""A block of one metric: what formats give that log each metric by itself."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoloss.logs.records import Block

COLUMNS = ("offset", "step", "wall_time")


def metric_block(
    name: str,
    offset: NDArray[np.float64],
    step: NDArray[np.float64],
    wall_time: NDArray[np.float64],
    value: NDArray[np.float64],
    *,
    digits: int | None = None,
) -> Block:
    """Columns offset, step, wall_time (s) and `name`; all (n,).

    A metric that is itself called like one of the first three becomes "<name> (logged)".
    """
    column = f"{name} (logged)" if name in COLUMNS else name
    arrays = [offset.astype(np.int64), step, wall_time, value]
    # From contiguous copies, and NaN stays NaN: null would mean that nothing was logged.
    table = pa.table([pa.array(np.ascontiguousarray(a)) for a in arrays], [*COLUMNS, column])
    return Block(table, digits={} if digits is None else {column: digits})
