"""Intervals of the difference of two estimates that are linear in the residuals of their fits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from isoloss.units import Floats

# With n - p = 1 residuals cannot tell how correlated two arms are, and Student's t with 1 degree of
# freedom covers up to 99.6% at nominal 95%; with so many it stays within 93 and 99%, whatever the
# correlation and the tails (measured by benchmarks/coverage.py).
ONE_DEGREE = 1.2


@dataclass(frozen=True, eq=False)
class Influence:
    """What the residuals of one fit do to its estimates.

    residual: r, (n). weights: an estimate at each of K places moves by weights r, (K, n).
    hat: the hat matrix, (n, n). size: number of parameters p. labels: points with one label share
    their errors, (n). jacobian: of the fitted values, (n, p). estimate: the estimates, (K). curve:
    the estimates, (..., K), and their gradients, (..., K, p), at parameters moved by (..., p).
    """

    residual: Floats
    weights: Floats
    hat: Floats
    size: int
    labels: tuple[str, ...]
    jacobian: Floats
    estimate: Floats
    curve: Callable[[Floats], tuple[Floats, Floats]]

    @property
    def single(self) -> bool:
        """Whether every label has one point."""
        return len(set(self.labels)) == len(self.labels)


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds at each of K places with what they rest on; NaN where there is none, and a reason."""

    low: Floats
    high: Floats
    freedom: Floats
    correlation: float = np.nan
    reason: str = ""


def none(places: int, reason: str) -> Interval:
    """An interval that does not exist."""
    nan = np.full(places, np.nan)
    return Interval(nan, nan, nan, reason=reason)


def student(
    centre: Floats, variance: Floats, freedom: Floats, confidence: float, correlation: float
) -> Interval:
    """centre -+ t sqrt(variance), t the quantile of Student's distribution."""
    half = stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(np.maximum(variance, 0))
    return Interval(centre - half, centre + half, freedom, correlation)


def welch(
    centre: Floats,
    first: tuple[Floats, float],
    second: tuple[Floats, float],
    confidence: float,
) -> Interval:
    """Interval of a difference of independent estimates, each a variance and its freedom.

    Degrees of freedom by Welch 1947 (doi:10.1093/biomet/34.1-2.28) and Satterthwaite.
    """
    (v, n), (w, m) = first, second
    total, spread = v + w, v**2 / n + w**2 / m
    exact = spread == 0  # Points on their laws: any degrees of freedom give a width of zero.
    freedom = np.where(exact, min(n, m), total**2 / np.where(exact, 1, spread))
    return student(centre, total, freedom, confidence, np.nan)


def delta(
    centre: Floats, first: Influence, second: Influence, confidence: float, *, paired: bool
) -> Interval:
    """Interval of first - second by the delta method, one point a label.

    Paired by label: S = r r' / (n - p), variance h^2 S_11 + g^2 S_22 - 2 h.g S_12 with n - p
    degrees of freedom (ONE_DEGREE for one); otherwise the variances add up.
    """
    if not (first.single and second.single):
        return none(centre.size, "points share their errors: use interval jackknife_t")
    squares = [float(np.sum(a.residual**2)) for a in (first, second)]
    v, w = (np.sum(a.weights**2, axis=1) * s for a, s in zip((first, second), squares, strict=True))
    if not paired:
        n, m = (a.residual.size - a.size for a in (first, second))
        return welch(centre, (v / n, n), (w / m, m), confidence)
    where = {label: i for i, label in enumerate(second.labels)}
    order = [where[label] for label in first.labels]
    cross = float(np.sum(first.residual * second.residual[order]))
    left = first.residual.size - max(first.size, second.size)
    freedom = float(left) if left > 1 else ONE_DEGREE
    shared = np.sum(first.weights * second.weights[:, order], axis=1) * cross
    norm = np.sqrt(squares[0] * squares[1])
    correlation = float(cross / norm) if norm > 0 else np.nan
    variance = (v + w - 2 * shared) / left
    return student(centre, variance, np.full(centre.shape, freedom), confidence, correlation)


def jackknife(
    centre: Floats, first: Influence, second: Influence, confidence: float, *, paired: bool
) -> Interval:
    """Interval of first - second from leaving out each label, G - 1 degrees of freedom.

    Leaving out the points g moves an estimate by -h_g (I - H_gg)^-1 r_g (exact for a linear law);
    the variance is the sum of squares (HC3 of MacKinnon and White 1985,
    doi:10.1016/0304-4076(85)90158-7; the factor (G - 1) / G of the jackknife proper would cover too
    little with few labels). Paired: a label leaves both at once.
    """
    moved = [_moved(a) for a in (first, second)]
    groups = [m.shape[1] for m in moved]
    if any(g <= a.size for g, a in zip(groups, (first, second), strict=True)):
        return none(centre.size, f"{min(groups)} groups are too few to leave one out")
    if not paired:
        v, w = (np.sum(m**2, axis=1) for m in moved)
        return welch(centre, (v, groups[0] - 1), (w, groups[1] - 1), confidence)
    variance = np.sum((moved[0] - moved[1]) ** 2, axis=1)
    norm = np.sqrt(np.sum(moved[0] ** 2) * np.sum(moved[1] ** 2))
    correlation = float(np.sum(moved[0] * moved[1]) / norm) if norm > 0 else np.nan
    freedom = np.full(centre.shape, groups[0] - 1.0)
    return student(centre, variance, freedom, confidence, correlation)


def _moved(a: Influence) -> Floats:
    """What each label, in order, contributes to the estimates: (K, G)."""
    names, where = np.unique(a.labels, return_inverse=True)
    if a.single:
        rest = np.maximum(1 - np.einsum("nn->n", a.hat), 1e-12)
        return np.asarray((a.weights * (a.residual / rest))[:, np.argsort(where)])
    shifts = []
    for label in range(names.size):
        own = where == label
        rest = np.linalg.pinv(np.eye(int(own.sum())) - a.hat[np.ix_(own, own)], hermitian=True)
        shifts.append(np.einsum("kn,nm,m->k", a.weights[:, own], rest, a.residual[own]))
    return np.stack(shifts, axis=1)


def percentile(draws: Floats, confidence: float) -> Interval:
    """Quantiles over draws (R, K), outward to the next draw; NaN draws are left out."""
    tail = (1 - confidence) / 2
    low = np.nanquantile(draws, tail, axis=0, method="lower")
    high = np.nanquantile(draws, 1 - tail, axis=0, method="higher")
    return Interval(low, high, np.full(draws.shape[1], np.nan))
