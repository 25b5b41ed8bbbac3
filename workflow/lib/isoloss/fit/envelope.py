"""The envelope of training curves: the lowest loss any run has reached at each compute.

Approach 1 of Hoffmann et al. 2022 (arXiv:2203.15556). It is a bound, not an estimate: the loss at
the optimal size is at most that of the best run there was, and in the middle of a learning-rate
schedule that is meant for more tokens a run is above what it could have reached.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from isoloss.fit.inputs import positive
from isoloss.fit.isoflop import Allocation, allocation
from isoloss.fit.problem import FitError
from isoloss.units import Floats, Values

BOUND = "upper bound of the lowest loss"


def smooth(compute: Values, loss: Values, at: Values, bandwidth: float = 0.05) -> Floats:
    """Smooth a curve by local lines in log C with a Gaussian kernel, evaluated at computes `at`.

    bandwidth: standard deviation of the kernel in log C, 0.05 being 5% of compute. NaN outside
    the rows of the curve.
    """
    c, y = positive(compute=compute, loss=loss)
    (places,) = positive(at=at)
    x, u = np.log(c), np.log(places)
    smoothed = np.full(u.size, np.nan)
    for i in np.flatnonzero((u >= x.min()) & (u <= x.max())):
        away = x - u[i]
        near = np.exp(-0.5 * (away / bandwidth) ** 2)
        s0, s1, s2 = (float(np.sum(near * away**k)) for k in range(3))
        t0, t1 = float(np.sum(near * y)), float(np.sum(near * away * y))
        spread = s0 * s2 - s1 * s1
        if s0 > 0:
            flat = spread <= 1e-12 * s0 * s0 * bandwidth**2  # All weight on one compute.
            smoothed[i] = t0 / s0 if flat else (s2 * t0 - s1 * t1) / spread
    return smoothed


def envelope(
    curves: pd.DataFrame, *, warm_up: float = 0.1, bandwidth: float = 0.05, size: int = 200
) -> pd.DataFrame:
    """Lowest smoothed loss at each of `size` computes, and the run that has it.

    curves: rows run, parameters, compute_pflop_s_days, loss. warm_up: the first share of each
    run's compute to leave out. Columns: compute_pflop_s_days, loss, run, parameters, interior,
    reason, bound. A point is interior where neither the smallest nor the largest model holds it,
    so that the optimum lies between sizes that were trained, and where its run does not end.
    """
    if not 0 <= warm_up < 1:
        raise ValueError(f"warm_up is {warm_up:g}; expected a share of a run, from 0 to below 1")
    models = curves.groupby("run", sort=True)["parameters"].first()
    count = models.nunique()
    if count < 3:
        raise FitError(f"an envelope needs curves of 3 or more sizes; got {count}: no interior")
    kept = {
        str(run): rows[rows["compute_pflop_s_days"] >= warm_up * rows["compute_pflop_s_days"].max()]
        for run, rows in curves.groupby("run", sort=True)
    }
    ends = {run: float(rows["compute_pflop_s_days"].max()) for run, rows in kept.items()}
    start = min(float(rows["compute_pflop_s_days"].min()) for rows in kept.values())
    grid = np.geomspace(start, max(ends.values()), size)
    losses = np.stack(
        [
            smooth(rows["compute_pflop_s_days"], rows["loss"], grid, bandwidth)
            for rows in kept.values()
        ]
    )
    grid, losses = (a[..., np.isfinite(losses).any(axis=0)] for a in (grid, losses))
    best = np.nanargmin(losses, axis=0)
    names = np.array(list(kept))[best]
    parameters = models.loc[names].to_numpy(np.float64)
    step = grid[1] / grid[0]
    reasons = np.select(
        [
            parameters == models.min(),
            parameters == models.max(),
            grid * step > np.array([ends[name] for name in names]),
        ],
        ["held by the smallest model", "held by the largest model", "its run ends here"],
        "",
    )
    return pd.DataFrame(
        {
            "compute_pflop_s_days": grid,
            "loss": losses[best, np.arange(grid.size)],
            "run": names,
            "parameters": parameters,
            "interior": reasons == "",
            "reason": reasons,
            "bound": BOUND,
        }
    )


def envelope_allocation(table: pd.DataFrame) -> Allocation:
    """Fit N* = k C^a over the interior of an envelope.

    Its points are steps of a few runs, not independent: the standard error is NaN.
    """
    inside = table[table["interior"]]
    if inside["parameters"].nunique() < 2:
        raise FitError(
            f"the interior of the envelope has {inside['parameters'].nunique()} sizes; expected 2 "
            "or more between the smallest and the largest"
        )
    found = allocation(inside["compute_pflop_s_days"], inside["parameters"], curve="envelope")
    return replace(found, exponent_se=float("nan"))
