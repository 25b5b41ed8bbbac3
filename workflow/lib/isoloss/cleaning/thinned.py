"""What of a run later stages read instead of its long table: curves to draw, and its end."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curves import curves, position
from isoloss.cleaning.settings import LONGEST
from isoloss.units import Floats

WHOLE = 512  # values up to which a curve is kept as it is
PLACES = WHOLE // 2 - 1
AXES = ("tokens", "compute_pflop_s_days")
Rows = NDArray[np.intp]


def drawn(cleaned: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cleaned run that a picture of it needs, in their order.

    A curve of 512 values or fewer whole; of a longer one, of all values with the same reasons: the
    first, the last, and the lowest and the highest in each of 255 places, evenly spaced in the
    logarithm of the position. So spikes stay, and so does what is kept beside them.
    """
    value, place = cleaned["value"].to_numpy(), position(cleaned)
    reasons = pd.Categorical(cleaned["reasons"].array).codes
    shown = [
        rows.start + _extremes(place[rows], value[rows], reasons[rows])
        for _, rows in curves(cleaned)
    ]
    return cleaned.take(np.concatenate(shown or [np.empty(0, np.intp)]))


def _extremes(place: Floats, value: Floats, reasons: NDArray[np.integer]) -> Rows:
    if len(value) <= WHOLE:
        return np.arange(len(value))
    known = place[np.isfinite(place) & (place > 0)]
    edges = np.geomspace(known[0], known[-1], PLACES + 1)[1:-1] if len(known) else known
    shown = []
    for reason in np.unique(reasons):
        mine = np.flatnonzero(reasons == reason)
        y = np.where(np.isfinite(value[mine]), value[mine], 0.0)
        starts = np.unique([0, *np.searchsorted(place[mine], edges)])
        starts = starts[starts < len(mine)]
        which = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(mine))))
        shown.append(mine[[0, -1]])
        for extreme in (np.minimum, np.maximum):
            hits = np.flatnonzero(y == extreme.reduceat(y, starts)[which])
            shown.append(mine[hits[np.unique(which[hits], return_index=True)[1]]])
    return np.unique(np.concatenate(shown))


def tail(cleaned: pd.DataFrame) -> pd.DataFrame:
    """The kept rows of a run that its final points need, in their order: those in its last tenth.

    Along tokens or along logged compute; the run ends with its last kept value of any metric. Of
    each curve two rows at least, if it has them, for a point says where its curve ends.
    """
    kept = cleaned["kept"].to_numpy()
    axes = [np.where(kept, cleaned[axis].to_numpy(), np.nan) for axis in AXES]
    chosen = np.zeros(len(cleaned), bool)
    for along in axes:
        chosen |= along >= (1 - LONGEST) * np.fmax.reduce(along, initial=np.nan)
        for _, rows in curves(cleaned):
            known = rows.start + np.flatnonzero(~np.isnan(along[rows]))
            chosen[known[np.argsort(along[known], kind="stable")[-2:]]] = True
    return cleaned.take(np.flatnonzero(chosen))
