"""Tells of what a log has lost: few digits, means over windows, points thinned out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SAMPLE = 1000
_FULL = 15
_FEW = 4
_EXACT = 1e15
_POWERS = tuple(float(10**places) for places in range(23))  # all exact
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
    digits = int(np.median(_counted(np.abs(sample))))
    return None if digits >= _FULL or digits == 0 else digits


def _counted(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The digits of the shortest decimal number that gives each positive value.

    It has the fewest places with which the value is the double next to a decimal number, told by a
    quotient as in `_long`. Whole numbers, and what that does not decide, are asked of Python.
    """
    counts, whole = np.zeros(len(values), np.int64), np.rint(values) == values
    left = np.flatnonzero(~whole)
    for power in _POWERS:
        digits = np.rint(values[left] * power)
        found = (digits / power == values[left]) & (digits < _EXACT)
        counts[left[found]] = np.searchsorted(_POWERS, digits[found], "right")
        left = left[~found]
        if not len(left):
            break
    for i in [*np.flatnonzero(whole), *left]:
        text = repr(float(values[i])).split("e")[0]
        counts[i] = len(text.strip("0").replace(".", "").strip("0"))
    return counts


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
