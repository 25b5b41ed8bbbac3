"""Where a log goes back: a resume, or single rows in disorder."""

import numpy as np
import numpy.typing as npt

_SEVERAL = 3


def resumes(
    place: npt.NDArray[np.float64], metric: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], int]:
    """Which rows start a new segment, and how many rows are only out of order.

    place: the step of each row (or tokens, where no step is logged), in the order of the file;
        NaN where unknown.
    metric: which metric each row holds, as a number.

    A row whose step is below the largest step before it in its segment goes back. Let the stretch
    be the rows from there until the largest step is regained. The stretch is a **resume**, and
    starts a segment, if in it a metric is logged again at a step where this segment has it already,
    or if it has at least three different steps. Else it is **disorder** (a row that is late, as of
    an evaluation that ran beside the training, or a plotting program's path simplification): its
    rows stay in the segment and are counted.

    Returns the rows (indices) that start a segment, and the number of rows in disorder.
    """
    known = None
    if np.isnan(place).any():
        known = np.flatnonzero(~np.isnan(place))
        place, metric = place[known], metric[known]
    starts: list[int] = []
    disorder = begin = at = 0
    drops = np.flatnonzero(place[1:] < place[:-1]) + 1
    before = _previous(place, metric) if len(drops) else place
    while at < len(drops):
        drop = int(drops[at])
        peak, row, steps, resume = place[drop - 1], drop, set[float](), False
        while row < len(place) and place[row] < peak and not resume:
            steps.add(float(place[row]))
            resume = begin <= before[row] < drop or len(steps) >= _SEVERAL
            row += 1
        if resume:
            starts.append(drop if known is None else int(known[drop]))
            begin, at = drop, at + 1
        else:
            disorder += row - drop
            at = int(np.searchsorted(drops, row))
    return np.array(starts, np.int64), disorder


def _previous(
    place: npt.NDArray[np.float64], metric: npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """For each row the last row before it with the same step and metric, -1 if there is none."""
    order = np.lexsort((metric, place))
    same = (np.diff(place[order]) == 0) & (np.diff(metric[order]) == 0)
    before = np.full(len(place), -1)
    before[order[1:][same]] = order[:-1][same]
    return before
