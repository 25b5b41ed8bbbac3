"""What of a run later stages read instead of its long table: curves to draw, and its end."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curves import curves, labels, position
from isoloss.cleaning.settings import LONGEST
from isoloss.units import Floats

WHOLE = 512  # values up to which a curve is kept as it is
PLACES = WHOLE // 2 - 1
BLOCK = 1 << 20  # values at a time, to bound the memory
LEAST = 2  # rows of a curve at its end, if it has them
AXES = ("tokens", "compute_pflop_s_days")
Rows = NDArray[np.intp]


def drawn(cleaned: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cleaned run that a picture of it needs, in their order.

    A curve of 512 values or fewer whole; of a longer one, of all values with the same reasons: the
    first, the last, and the lowest and the highest in each of 255 places, evenly spaced in the
    logarithm of the position. So spikes stay, and so does what is kept beside them.
    """
    value, place = cleaned["value"].to_numpy(), position(cleaned)
    reasons = labels(cleaned["reasons"]).codes
    shown = [
        rows.start + _extremes(place[rows], value[rows], reasons[rows])
        for _, rows in curves(cleaned)
    ]
    return cleaned.take(np.concatenate(shown or [np.empty(0, np.intp)]))


def _extremes(place: Floats, value: Floats, reasons: NDArray[np.integer]) -> Rows:
    """The rows of a curve that are drawn. All of shape (n,), sorted by place."""
    if len(value) <= WHOLE:
        return np.arange(len(value))
    low, high = np.searchsorted(place, 0.0, "right"), np.searchsorted(place, np.inf) - 1
    edges = np.geomspace(place[low], place[high], PLACES + 1)[1:-1] if low <= high else place[:0]
    starts = np.unique([0, *np.searchsorted(place, edges)])
    starts = starts[starts < len(value)]
    # Whole places, as many as a block holds, at a time.
    block = np.flatnonzero(np.diff(starts // BLOCK, prepend=-1))
    shown = []
    for first, end in pairwise([*block, len(starts)]):
        stop = starts[end] if end < len(starts) else len(value)
        rows = slice(starts[first], stop)
        mine = _of_places(starts[first:end] - rows.start, value[rows], reasons[rows])
        shown.append(rows.start + mine)
    return np.concatenate(shown)


def _of_places(starts: Rows, value: Floats, reasons: NDArray[np.integer]) -> Rows:
    """Of values with the same reasons the first, the last, and the extremes of each place."""
    shown = []
    which = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(value))))
    for reason in np.unique(reasons):
        mine = np.flatnonzero(reasons == reason)
        y = np.where(np.isfinite(value[mine]), value[mine], 0.0)
        _, begins, inverse = np.unique(which[mine], return_index=True, return_inverse=True)
        shown.append(mine[[0, -1]])
        for extreme in (np.minimum, np.maximum):
            hits = np.flatnonzero(y == extreme.reduceat(y, begins)[inverse])
            shown.append(mine[hits[np.unique(inverse[hits], return_index=True)[1]]])
    return np.unique(np.concatenate(shown))


def tail(cleaned: pd.DataFrame) -> pd.DataFrame:
    """The kept rows of a run that its final points need, in their order: those in its last tenth.

    Along tokens or along logged compute; the run ends with its last kept value of any metric. Of
    each curve two rows at least, if it has them, for a point says where its curve ends.
    """
    kept, chosen = cleaned["kept"].to_numpy(), np.zeros(len(cleaned), bool)
    for axis in AXES:
        along = cleaned[axis].to_numpy(np.float64)
        if np.isnan(along).all():
            continue
        end = np.fmax.reduce(along, where=kept, initial=np.nan)
        inside = kept & (along >= (1 - LONGEST) * end)
        for _, rows in curves(cleaned):
            if np.count_nonzero(inside[rows]) < LEAST:
                known = rows.start + np.flatnonzero(kept[rows] & ~np.isnan(along[rows]))
                inside[known[np.argsort(along[known], kind="stable")[-LEAST:]]] = True
        chosen |= inside
    return cleaned.take(np.flatnonzero(chosen))
