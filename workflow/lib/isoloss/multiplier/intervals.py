"""Intervals of the difference of two estimates that are linear in the residuals of their fits."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, stdtr, stdtrit

from isoloss.multiplier.influence import Influence, partners, products
from isoloss.units import Floats

# With n - p = 1 residuals cannot tell how correlated two arms are, and Student's t with 1 degree of
# freedom covers up to 99.6% at nominal 95%; with so many it stays within 93 and 99%, whatever the
# correlation and the tails (measured by benchmarks/coverage.py).
ONE_DEGREE = 1.2
STEPS = 60  # of Newton's method or, where that goes astray, of bisection


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
    """Interval of a difference of independent estimates, each a variance and its freedom."""
    return student(centre, *satterthwaite(first, second), confidence, np.nan)


def satterthwaite(
    first: tuple[Floats, float], second: tuple[Floats, float]
) -> tuple[Floats, Floats]:
    """Variance and degrees of freedom of a difference of independent estimates.

    Welch 1947 (doi:10.1093/biomet/34.1-2.28).
    """
    (v, n), (w, m) = first, second
    total, spread = v + w, v**2 / n + w**2 / m
    exact = spread == 0  # Points on their laws: any degrees of freedom give a width of zero.
    return total, np.where(exact, min(n, m), total**2 / np.where(exact, 1, spread))


def delta(
    centre: Floats, first: Influence, second: Influence, confidence: float, *, paired: bool
) -> Interval:
    """Interval of first - second by the delta method, one point a label; see `spread`."""
    if not (first.single and second.single):
        return none(centre.size, "points share their errors: use interval jackknife_t")
    variance, freedom, correlation = spread(first, second, paired=paired)
    return student(centre, variance, freedom, confidence, float(correlation))


def spread(first: Influence, second: Influence, *, paired: bool) -> tuple[Floats, Floats, Floats]:
    """Variance of first - second, its degrees of freedom, and the correlation of the residuals.

    One point a label. Paired by label: S = r r' / (n - p), variance h^2 S_11 + g^2 S_22
    - 2 h.g S_12 with n - p degrees of freedom (ONE_DEGREE for one); otherwise variances add up.
    """
    *squares, cross = products(first, second, paired=paired)
    v, w = (
        np.sum(a.weights**2, axis=-1) * s[..., None]
        for a, s in zip((first, second), squares, strict=True)
    )
    norm = np.sqrt(squares[0] * squares[1])
    correlation = np.where(norm > 0, cross, np.nan) / np.where(norm > 0, norm, 1)
    if not paired:
        n, m = (a.residual.shape[-1] - a.size for a in (first, second))
        return (*satterthwaite((v / n, n), (w / m, m)), np.full_like(norm, np.nan))
    left = first.residual.shape[-1] - max(first.size, second.size)
    freedom = np.full(v.shape, float(left) if left > 1 else ONE_DEGREE)
    shared = np.sum(first.weights * second.weights[..., partners(first, second)], axis=-1)
    return (v + w - 2 * shared * cross[..., None]) / left, freedom, correlation


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


def mixed(
    weight: Floats, middle: Floats, error: Floats, freedom: Floats | float, confidence: float
) -> tuple[Floats, Floats]:
    """Bounds of a mixture of G Student's t at K places, by Newton's method within a bracket.

    weight: (G), of any sum. middle, error: (G, K); freedom broadcasts to it. A quantile lies
    between those of the parts.
    """
    tail = np.array([[(1 - confidence) / 2], [(1 + confidence) / 2]])
    weight = weight / weight.sum()
    parts = middle + stdtrit(freedom, tail[..., None]) * error  # (2, G, K)
    low, high = parts.min(axis=1), parts.max(axis=1)
    enough = 1e-9 * error.min(axis=0)  # the next step is of the order of its square
    peak = np.exp(gammaln((freedom + 1) / 2) - gammaln(freedom / 2)) / np.sqrt(np.pi * freedom)
    found, step = np.einsum("g,qgk->qk", weight, parts), high - low
    for _ in range(STEPS):
        t = (found[:, None] - middle) / error
        off = np.einsum("g,qgk->qk", weight, stdtr(freedom, t)) - tail
        density = peak * (1 + t**2 / freedom) ** (-(freedom + 1) / 2) / error
        low, high = np.where(off < 0, found, low), np.where(off < 0, high, found)
        newton = found - off / np.einsum("g,qgk->qk", weight, density)
        good = (low <= newton) & (newton <= high)
        good &= np.abs(newton - found) <= np.maximum(step / 2, enough)
        last, found = found, np.where(good, newton, (low + high) / 2)
        step = np.abs(found - last)
        if not (step > enough).any():  # nor where it is nan
            break
    return found[0], found[1]


def percentile(draws: Floats, confidence: float) -> Interval:
    """Quantiles over draws (R, K), outward to the next draw; NaN draws are left out."""
    tail = (1 - confidence) / 2
    low = np.nanquantile(draws, tail, axis=0, method="lower")
    high = np.nanquantile(draws, 1 - tail, axis=0, method="higher")
    return Interval(low, high, np.full(draws.shape[1], np.nan))
