"""Which (compute, loss) point of a run enters a fit: the loss at the end of the run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloss.units import Floats

# Effective rows. Fewer do not tell their autocorrelation: the error of 30 rows at 0.97 would cover
# 60%, and of 8 rows at 0.5 83% (benchmarks/coverage_final.py).
ENOUGH = 30


@dataclass(frozen=True)
class Point:
    """The loss of a run at its end.

    loss: nats; NaN when the log says nothing about the end. loss_se: its standard error, NaN
    when there is none. rows: how many logged rows it comes from. effective_rows: how many
    independent ones they are worth. reason: what the reader should know; empty when nothing.
    """

    loss: float
    loss_se: float
    rows: int
    effective_rows: float
    reason: str


def final(
    compute: npt.ArrayLike,
    loss: npt.ArrayLike,
    window: float,
    *,
    end: float | None = None,
) -> Point:
    """Loss at the end of a run, by a straight line in log C over its last part.

    compute, loss: the logged rows of one run and metric, in any order; compute in any unit.
    window: the rows with compute >= (1 - window) end enter.
    end: compute at the end of the run, over all its metrics (default: the last given).

    The line is fitted by least squares and evaluated at the end. Its standard error treats the
    residuals, in order of compute, as AR(1): with weights w of the estimate (the sum of w y),
    variance = sigma^2 sum_ij w_i w_j rho^|i-j|. rho is the lag-1 autocorrelation corrected for
    its bias after removing a line (Marriott and Pope 1954, to order 1/n: (r + 2/n) / (1 - 4/n)),
    taken within 0 to 0.99, and sigma^2 is unbiased given rho.
    effective_rows = n (1 - rho) / (1 + rho); with fewer than ENOUGH there is no standard error.

    Fewer than 3 rows in the window carry no line with an error: the last row is taken, without a
    standard error. No row in the window: NaN, for the log does not reach the end. The window is
    never widened: a wider one reaches back into a higher learning rate. `reason` says all this.
    """
    c, y = _rows(compute, loss)
    if not 0 < window < 1:
        raise ValueError(
            f"window is {window:g}; expected a fraction of the run, above 0 and below 1"
        )
    stop = float(c[-1]) if end is None else float(end)
    if not np.isfinite(stop) or stop < c[-1]:
        raise ValueError(f"end is {stop:g}; expected at least the last compute, {c[-1]:g}")
    inside = c >= (1 - window) * stop
    n = int(np.count_nonzero(inside))
    if n == 0:
        share = c[-1] / stop
        reason = f"no row in the last {window:g} of the run: the last is at {share:.4g} of it"
        return Point(np.nan, np.nan, 0, 0.0, reason)
    x, y = np.log(c[inside] / stop), y[inside]
    if n < 3 or x[0] == x[-1]:
        reason = "" if c.size == 1 else f"last row: {n} in the last {window:g} of the run"
        return Point(float(y[-1]), np.nan, 1, 1.0, reason)
    mean = x.mean()
    norm = np.sqrt(np.sum((x - mean) ** 2))
    basis = np.stack([np.full(n, n**-0.5), (x - mean) / norm])  # Orthonormal.
    coordinates = np.sum(basis * y, axis=1)
    weights = basis[0] * n**-0.5 - basis[1] * mean / norm
    residual = y - np.sum(basis * coordinates[:, None], axis=0)
    rss = float(np.sum(residual * residual))
    if n < 8 or rss == 0:
        reason = f"no standard error: {n} rows in the last {window:g} of the run, 8 needed"
        return Point(float(np.sum(weights * y)), np.nan, n, np.nan, reason if n < 8 else "")
    r = float(np.sum(residual[1:] * residual[:-1])) / rss
    rho = min(max((r + 2 / n) / (1 - 4 / n), 0.0), 0.99)
    freedom = n - sum(_correlated_square(q, rho) for q in basis)
    se = np.sqrt(rss / freedom * _correlated_square(weights, rho))
    effective = n * (1 - rho) / (1 + rho)
    reason = ""
    if effective < ENOUGH:
        se, reason = np.nan, f"no standard error: too few effective rows, {effective:.1f} of {n}"
    return Point(float(np.sum(weights * y)), float(se), n, effective, reason)


def last(compute: npt.ArrayLike, loss: npt.ArrayLike) -> Point:
    """Loss in the row of the largest compute, as logged, without a standard error."""
    _, y = _rows(compute, loss)
    return Point(float(y[-1]), np.nan, 1, 1.0, "")


def _rows(compute: npt.ArrayLike, loss: npt.ArrayLike) -> tuple[Floats, Floats]:
    c, y = np.asarray(compute, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    if c.ndim != 1 or c.shape != y.shape or c.size == 0:
        raise ValueError(f"compute has shape {c.shape}, loss {y.shape}; expected rows of both")
    for name, array, good in (
        ("compute", c, np.isfinite(c) & (c > 0)),
        ("loss", y, np.isfinite(y)),
    ):
        bad = np.flatnonzero(~good)
        if bad.size:
            raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]:g}; expected a finite number")
    order = np.argsort(c, kind="stable")
    return c[order], y[order]


def _correlated_square(weights: Floats, rho: float) -> float:
    """sum_ij w_i w_j rho^|i-j|."""
    total = float(np.sum(weights * weights))
    lags = 0 if rho == 0 else min(weights.size - 1, int(np.log(1e-12) / np.log(rho)))
    for lag in range(1, lags + 1):
        total += 2 * rho**lag * float(np.sum(weights[lag:] * weights[:-lag]))
    return total
