"""Units of the tables' columns, and the types of their numbers."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Values = npt.ArrayLike  # numbers as callers have them

PFLOP_S_DAY = 1e15 * 86_400  # FLOPs
