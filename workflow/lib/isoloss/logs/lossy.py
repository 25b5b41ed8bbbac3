"""Tells of what a log has lost: few digits, means over windows, points thinned out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SAMPLE = 1000
_FULL = 15
_FEW = 4
# The numbers of points that web pages and loggers thin a history to.
_ROUND = (500, 1_000, 10_000)


def digits_of(values: npt.NDArray[np.float64]) -> int | None:
    """The significant digits with which values were printed; None for full precision.

    Median over a sample of the digits of the shortest decimal number that gives the same double
    (David Gay's, as Python's repr); trailing zeros cannot be seen, the median passes over them.
    """
    finite = values[np.isfinite(values) & (values != 0)]
    if len(finite) == 0:
        return None
    sample = finite[:: max(1, len(finite) // _SAMPLE)]
    if 2 * np.count_nonzero(_long(sample)) > len(sample):
        return None
    # 17 digits of a float32 stand for its 9; they are all there is, hence full precision.
    counts = [
        len(f"{v!r}".lower().split("e")[0].strip("-0").replace(".", "").strip("0"))
        for v in sample.tolist()
    ]
    digits = int(np.median(counts))
    return None if digits >= _FULL or digits == 0 else digits


def _long(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which values surely have `_FULL` digits: no decimal number with as many is the value.

    Powers of ten up to 22 are exact, so that a quotient is the double next to a decimal number.
    """
    power = _FULL - 1 - np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** np.clip(power, 0, 22)
    nearest = np.rint(values * scale) / scale
    return np.asarray((power >= 0) & (power <= 22) & (nearest != values))


def losses(metric: str, count: int, digits: int | None, aggregations: Sequence[str]) -> list[str]:
    """Notes on what a metric has lost, told by its points, its digits and its means."""
    notes = []
    if count in _ROUND:
        notes.append(f"{metric} has exactly {count:,} points: probably a thinned export")
    if digits is not None and digits <= _FEW:
        notes.append(f"{metric} is printed with {digits} significant digits")
    for mean in aggregations:
        if mean.startswith("window_mean"):
            notes.append(f"{metric} is a mean over steps ({mean}): a NaN in between may be hidden")
        elif mean == "sampled":
            notes.append(f"{metric} is a sampled history: points between are left out")
    return notes
