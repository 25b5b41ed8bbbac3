"""What is wrong with a curve: rules on the values of one metric of one run, in order of step."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.units import Floats

Flags = NDArray[np.bool_]

MAD_TO_SD = 1.4826  # of a normal distribution
NEAR_SDS = 3.0  # a value within so many standard deviations of the best level is as good as it
SHORTEST = 5  # values: fewer are no level
NEIGHBOURS = 10  # stretches at either side that a stretch of equal values is compared with
BLOCK = 1 << 14  # values that are dealt with at a time, to bound the memory


def spikes(values: Floats, window: int, mads: float) -> Flags:
    """Where a curve jumps up: value - level > mads * 1.4826 * MAD, the MAD over a moving window.

    values: shape (n,), n >= window. The level is the window's median, or the lowest value so far
    where that is higher: the steep fall of a young run lies above the median, but is no jump. The
    first and the last half window are judged by the first and the last full window. A window
    without any spread (MAD 0) flags nothing.
    """
    flags = np.zeros(len(values), dtype=bool)
    lowest = values[0]
    for rows, piece, nearest in _blocks(values, window):
        y = values[rows]
        before = np.minimum.accumulate(np.concatenate([[lowest], y]))
        lowest = before[-1]
        level = _medians(piece, window)
        rise = y - np.maximum(level[nearest], before[:-1])
        may = np.flatnonzero(rise > mads * MAD_TO_SD * _least_mad(piece, window)[nearest])
        if len(may):
            here = nearest[may]
            windows = np.lib.stride_tricks.sliding_window_view(piece, window)[here]
            limit = mads * MAD_TO_SD * np.median(np.abs(windows - level[here, None]), axis=1)
            flags[rows][may] = (limit > 0) & (rise[may] > limit)
    return flags


def _blocks(values: Floats, window: int) -> Iterator[tuple[slice, Floats, NDArray[np.intp]]]:
    """Some rows at a time, the values in their windows, and which of these windows is each row's.

    A row's window is the one around it; of the first and the last rows the first and the last.
    """
    last = len(values) - window
    for start in range(0, len(values), BLOCK):
        rows = slice(start, min(start + BLOCK, len(values)))
        nearest = np.clip(np.arange(rows.start, rows.stop) - window // 2, 0, last)
        first = int(nearest[0])
        yield rows, values[first : int(nearest[-1]) + window], nearest - first


@lru_cache(maxsize=1)  # two rules ask for the same medians, one after the other
def _remembered(values: bytes, window: int) -> Floats:
    found = pd.Series(np.frombuffer(values)).rolling(window).median().to_numpy()
    return np.asarray(found[window - 1 :])


def _medians(values: Floats, window: int) -> Floats:
    """The medians of all windows of so many of the finite values: shape (n - window + 1,)."""
    return _remembered(values.tobytes(), window)


def _least_mad(values: Floats, window: int) -> Floats:
    """What the MAD of each window is not below, at far less cost than the MADs themselves.

    Half of a window lies within one MAD of its median. A window has `whole` parts of `size` values
    in it, and so one of them has `some` values that are no further apart than two MADs.
    """
    size = max(1, window // 4)
    whole = (window - size + 1) // size
    some = -(-(window // 2 - (window - whole * size)) // whole)
    n = len(values) // size
    parts = np.sort(values[: n * size].reshape(n, size), axis=1)
    spread = (parts[:, some - 1 :] - parts[:, : size - some + 1]).min(axis=1)
    first = -(-np.arange(len(values) - window + 1) // size)
    least = np.lib.stride_tricks.sliding_window_view(spread, whole).min(axis=1)
    return np.asarray(least[first] / 2 * (1 - 1e-9))


def diverged(values: Floats, window: int, mads: float, rise: float) -> int | None:
    """The index from which a run has diverged, None if it has not.

    values: shape (n,), NaN and infinities included. A run has diverged if its last value is not
    finite, or if its loss rose and stayed up: let `level` be the moving median over `window`
    values (half the run at most), `best` the lowest level, sd = 1.4826 * median |value - level|.
    Its last values (5 at least) are those since a value lay within 3 sd of the best level; if the
    median of them (of the last `window`) is above best + mads * sd and above (1 + rise) * best, or
    if they end in values that are not finite, the run has diverged where they begin; else with the
    first value from which none is finite. mads = 0: only values that are not finite count.
    """
    finite = np.isfinite(values)
    y = values if finite.all() else values[finite]
    if not len(y):  # never finite: it is no loss that a run could lose
        return None
    after = len(values) - int(np.argmax(finite[::-1]))
    lost = after < len(values)
    if mads and len(y) >= 2 * SHORTEST:
        size = min(window, len(y) // 2)
        best, away = np.inf, np.full(len(y), np.nan)
        for rows, piece, nearest in _blocks(y, size):
            level = _medians(piece, size)
            best = min(best, float(level.min()))
            away[rows] = np.abs(y[rows] - level[nearest])
        sd = MAD_TO_SD * float(np.median(away, overwrite_input=True))
        onset = len(y) - int(np.argmax((y <= best + NEAR_SDS * sd)[::-1]))
        tail = y[onset:][-size:]
        up = float(np.median(tail)) - best if len(tail) >= SHORTEST else 0.0
        if (lost and up) or up > max(mads * sd, rise * abs(best)):
            return int(np.flatnonzero(finite)[onset])
    return after if lost else None


def constant(values: Floats, least: int) -> Flags:
    """Where a curve repeats one value: stretches of `least` or more exactly equal values.

    values: shape (n,). A log that prints few digits repeats values by rights: a stretch must also
    be `least` times as long as the median of the 10 stretches of equal values at either side. The
    first value of a stretch is not flagged: it is new.
    """
    flags = np.zeros(len(values), dtype=bool)
    if bytes([1]) * (least - 1) not in (values[1:] == values[:-1]).tobytes():
        return flags
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    lengths = np.diff(np.append(starts, len(values)))
    for i in np.flatnonzero(lengths >= least):
        near = np.concatenate(
            [lengths[max(0, i - NEIGHBOURS) : i], lengths[i + 1 : i + 1 + NEIGHBOURS]]
        )
        if lengths[i] >= least * (np.median(near) if len(near) else 1):
            flags[starts[i] + 1 : starts[i] + lengths[i]] = True
    return flags


def out_of_order(values: Floats) -> Flags:
    """Where values fall that may only rise: the fewest that must go for the rest to rise.

    values: shape (n,), finite. All but a longest non-decreasing subsequence (patience sorting,
    Fredman 1975, O(n log n)).
    """
    flags = np.zeros(len(values), dtype=bool)
    if bool(np.all(values[1:] >= values[:-1])):
        return flags
    ends: list[float] = []  # the lowest last value of a subsequence, by its length
    last: list[int] = []  # where that value is
    before = np.empty(len(values), np.intp)
    for i, value in enumerate(values.tolist()):
        length = bisect_right(ends, value)
        before[i] = last[length - 1] if length else -1
        ends[length : length + 1] = [value]
        last[length : length + 1] = [i]
    flags[:] = True
    row = last[-1]
    while row >= 0:
        flags[row] = False
        row = int(before[row])
    return flags
