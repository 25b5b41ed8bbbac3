"""Multipliers without a law: between measured losses, or between the lowest of iso-FLOP curves.

log C is interpolated in log L by a monotone cubic (Fritsch and Carlson 1980, doi:10.1137/0717021),
between losses that fall with compute, and nowhere else. Coverage: benchmarks/coverage.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from isoloss.fit.isoflop import ORDERS, budgets, fit_isoflop
from isoloss.fit.problem import FitError
from isoloss.fit.request import ISOFLOP
from isoloss.fit.settings import Fitting
from isoloss.multiplier.equal_loss import outside, table_of
from isoloss.multiplier.influence import Influence
from isoloss.multiplier.intervals import Interval, delta, none, welch
from isoloss.multiplier.mixture import PairedInterval
from isoloss.units import PFLOP_S_DAY, Floats

MEASURED, INTERPOLATION = "measured", "interpolation"  # law and method of points as they are
PARABOLA = next(iter(ORDERS))  # the curve of iso-FLOP points where a study names none
ENDS = ("multiplier", "ci_low", "ci_high")
STEP = 1e-4  # by which a loss is moved for a derivative, as a share of the smallest distance


@dataclass(frozen=True, eq=False)
class Rungs:
    """Losses of one arm that are climbed down with compute, by falling loss, (n) each.

    compute: PFLOP/s-days. loss: nats. labels: what pairs arms; empty where nothing does. error:
    standard deviation of log loss, known to `freedom` degrees. residual: of log loss about a line
    in log C, where arms may be paired. kind: what a rung is, in words. runs: behind
    them. reason: why they carry no interpolation; empty where they do.
    """

    compute: Floats
    loss: Floats
    labels: tuple[str, ...]
    error: Floats
    freedom: int
    residual: Floats
    kind: str
    runs: int
    reason: str = ""

    @property
    def reached(self) -> Floats:
        """The losses, as an `equal_loss.Arm` has them."""
        return self.loss

    def log_compute(self, losses: Floats) -> Floats:
        """log C at losses, (K); NaN outside the rungs."""
        if self.reason:
            return np.full(losses.shape, np.nan)
        return self._between(np.log(self.loss), np.log(losses))

    def loss_at(self, compute: Floats) -> Floats:
        """Losses at computes, (K): where `log_compute` is theirs; NaN outside the rungs."""
        if self.reason:
            return np.full(compute.shape, np.nan)
        curve = PchipInterpolator(np.log(self.loss[::-1]), np.log(self.compute[::-1]))
        found = [curve.solve(at, extrapolate=False) for at in np.log(compute)]
        ends = {self.compute[0]: self.loss[0], self.compute[-1]: self.loss[-1]}
        return np.array(
            [
                ends.get(at, np.exp(roots[0]) if roots.size else np.nan)
                for at, roots in zip(compute, found, strict=True)
            ]
        )

    def slopes(self, losses: Floats) -> Floats:
        """d log C(L) / d log loss of each rung, (K, n), by central differences."""
        x, at = np.log(self.loss), np.log(losses)
        step = STEP * np.abs(np.diff(x)).min()
        moved = [(step * np.eye(x.size))[i] for i in range(x.size)]
        ends = [(self._between(x + by, at), self._between(x - by, at)) for by in moved]
        return np.stack([(up - down) / (2 * step) for up, down in ends], axis=-1)

    def _between(self, x: Floats, at: Floats) -> Floats:
        """log C at log losses for rungs at x; at the very ends as far as a step goes."""
        inside = (at >= np.log(self.loss[-1])) & (at <= np.log(self.loss[0]))
        found = PchipInterpolator(x[::-1], np.log(self.compute[::-1]))(at)
        return np.where(inside, found, np.nan)


def rungs(points: pd.DataFrame, settings: Fitting) -> tuple[str, str, Rungs]:
    """Law, method and rungs of one arm: minima of its iso-FLOP curves, or else its points."""
    named = [request.method for request in settings.requests if request.law == ISOFLOP]
    curve = (named or [PARABOLA])[0]
    found = budgets_of(points, curve, settings)
    if found is None:
        return MEASURED, INTERPOLATION, measured(points)
    return ISOFLOP, str(found["curve"].iloc[0]), lowest(found)


def measured(points: pd.DataFrame) -> Rungs:
    """Rungs of points as they are, one a model: the geometric mean of its runs.

    points: columns compute_pflop_s_days, loss, model and run. The error of log loss is taken to be
    the scatter about a line in log C, n - 2 degrees of freedom: a curve makes it larger than it is.
    """
    logs = np.log(points[["compute_pflop_s_days", "loss"]])
    mean = logs.groupby(points["model"].astype(str)).mean()
    mean = mean.sort_values("compute_pflop_s_days", kind="stable")
    x, y = (mean[name].to_numpy(np.float64) for name in mean)
    reason = _not_falling(np.exp(y), tuple(mean.index), "model")
    if points["run"].duplicated().any():
        reason = "runs have several points each, which share their errors"
    residual = y - np.polyval(np.polyfit(x, y, 1), x) if x.size > 1 and not reason else y * np.nan
    freedom = x.size - 2
    scatter = float(np.sqrt(np.sum(residual**2) / freedom)) if freedom > 0 else np.nan
    return Rungs(
        compute=np.exp(x),
        loss=np.exp(y),
        labels=tuple(mean.index),
        error=np.full(x.size, scatter),
        freedom=freedom,
        residual=residual,
        kind="measured losses",
        runs=points["run"].nunique(),
        reason=reason,
    )


def lowest(budgets: pd.DataFrame) -> Rungs:
    """Rungs of the minima of iso-FLOP curves, one a budget.

    budgets: rows of the isoflop table of one arm. The scatter of losses about the curves, relative,
    is taken to be that of all budgets together.
    """
    found = budgets[budgets["optimal_loss"].notna()].sort_values("compute_pflop_s_days")
    loss = found["optimal_loss"].to_numpy(np.float64)
    freedom = int(found["degrees_of_freedom"].sum())
    squares = float(np.sum(found["n_points"] * (found["rms_residual"] / loss) ** 2))
    scatter = np.sqrt(squares / freedom) if freedom else np.nan
    names = tuple(map("{:.3g} PFLOP/s-days".format, found["compute_pflop_s_days"]))
    return Rungs(
        compute=found["compute_pflop_s_days"].to_numpy(np.float64),
        loss=loss,
        labels=(),
        error=scatter * found["optimal_loss_unit"].to_numpy(np.float64),
        freedom=freedom,
        residual=np.full(loss.size, np.nan),
        kind="lowest losses of iso-FLOP curves",
        runs=int(found["n_points"].sum()),
        reason=_not_falling(loss, names, "the budget of"),
    )


def budgets_of(points: pd.DataFrame, curve: str, settings: Fitting) -> pd.DataFrame | None:
    """The iso-FLOP curves of points of one arm (`isoflop.fit_isoflop`); None where they are none.

    settings: which points make up a budget and its curve.
    """
    n, compute = points.get("parameters"), points["compute_pflop_s_days"]
    if n is None or not (n > 0).all():
        return None
    labels = budgets(compute, settings.budget_tolerance)
    try:
        return fit_isoflop(compute, n, points["loss"], labels, curve, window=settings.window)[0]
    except FitError:
        return None


def in_6nd(budgets: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Budgets of one arm at the 6 N D of their best size, as a law of N and D counts them.

    points: theirs, whose 6 N D over compute is taken as a parabola in log N.
    """
    n = points["parameters"].to_numpy(np.float64)
    product = 6.0 * n * points["tokens"] / PFLOP_S_DAY  # beyond 2^63
    ratio = np.log(product / points["compute_pflop_s_days"])
    centre = np.log(n).mean()
    curve = np.polyfit(np.log(n) - centre, ratio, 2)
    best = np.polyval(curve, np.log(budgets["optimal_parameters"]) - centre)
    return budgets.assign(compute_pflop_s_days=budgets["compute_pflop_s_days"] * np.exp(best))


def disagree(law: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Whether two rows of the multiplier table at one loss differ beyond the noise of both.

    Beyond the root of the sum of the squared half widths of log M: the errors of estimates from the
    same runs have a part in common, so that they differ less by chance.
    """
    rows = [{name: float(row[name]) for name in ENDS} for row in (law, measured)]
    if not all(value > 0 and np.isfinite(value) for row in rows for value in row.values()):
        return ""
    (m, low, high), (k, bottom, top) = (np.log(list(row.values())) for row in rows)
    noise = np.hypot((high - low) / 2, (top - bottom) / 2)
    if abs(m - k) <= noise:
        return ""
    return (
        f"law and measurement disagree: {np.exp(m):.3g} by {law['law']}, {np.exp(k):.3g} by the "
        "lowest losses of iso-FLOP curves; there is no single number: choose a law that the points "
        "follow, or none (`fit: {law: isoflop}`)"
    )


def _not_falling(loss: Floats, names: Sequence[str], kind: str) -> str:
    """Which of two losses, by compute, is not below the one before; "" where all fall."""
    if loss.size < 2:
        return f"{loss.size or 'no'} loss{'es' * (not loss.size)} to interpolate between"
    up = np.flatnonzero(np.diff(loss) >= 0)
    if not up.size:
        return ""
    low, high = names[up[0]], names[up[0] + 1]
    return f"{kind} {high} has more compute and no lower loss than {low}"


def direct(
    baseline: Rungs, candidate: Rungs, losses: Floats, *, pair: bool = True, confidence: float
) -> pd.DataFrame:
    """Compute multiplier at each loss between the rungs of two arms, one row a loss.

    Columns as of `equal_loss.multiplier`. The interval of log M is that of the delta method with
    Student's t: rungs move by their errors. Arms with the same labels are paired (with `pair`);
    others are independent, after Welch.
    """
    arms = baseline, candidate
    log_c = [a.log_compute(losses) for a in arms]
    centre = log_c[0] - log_c[1]
    paired = pair and bool(baseline.labels) and set(baseline.labels) == set(candidate.labels)
    found = PairedInterval(
        centre, _interval(arms, losses, centre, confidence, paired=paired), pairing="welch"
    )
    if paired:
        found = PairedInterval(centre, found.interval, pairing="paired")
    reasons = [_reason(arms, log_c, i, found.interval) for i in range(losses.size)]
    beyond = outside(baseline, candidate, losses)
    table = table_of(losses, log_c[1], found, confidence, beyond)
    points, runs = (min(each) for each in zip(*((a.loss.size, a.runs) for a in arms), strict=True))
    return table.assign(n_points=points, n_runs=runs, reason=reasons)


def _interval(
    arms: tuple[Rungs, Rungs], losses: Floats, centre: Floats, confidence: float, *, paired: bool
) -> Interval:
    if any(a.reason for a in arms):
        return none(losses.size, "")
    if min(a.freedom for a in arms) < 1:
        return none(losses.size, "too few points to tell their error")
    if paired:
        first, second = (_influence(a, losses) for a in arms)
        return delta(centre, first, second, confidence, paired=True)
    one, two = (
        (np.sum((a.slopes(losses) * a.error) ** 2, axis=-1), float(a.freedom)) for a in arms
    )
    return welch(centre, one, two, confidence)


def _influence(a: Rungs, losses: Floats) -> Influence:
    """How log C(L) moves with the residuals of the line about which the errors are told."""
    x = np.log(a.compute)
    design = np.column_stack([np.ones_like(x), x])
    return Influence(
        residual=a.residual,
        weights=a.slopes(losses),
        hat=design @ np.linalg.pinv(design),
        size=2,
        labels=a.labels,
        jacobian=design,
        estimate=a.log_compute(losses),
        curve=lambda shift: (a.log_compute(losses), np.zeros((losses.size, 2))),
        place=x,
    )


def _reason(arms: tuple[Rungs, Rungs], log_c: Sequence[Floats], at: int, interval: Interval) -> str:
    """Why there is no number at one loss, or no interval."""
    parts = []
    for name, a, reached in zip(("baseline", "candidate"), arms, log_c, strict=True):
        if a.reason:
            parts.append(f"{name}: {a.reason}")
        elif np.isnan(reached[at]):
            ends = f"{a.loss.min():.4g} to {a.loss.max():.4g}"
            parts.append(f"the loss lies outside the {a.kind} of the {name}, {ends}")
    return "; ".join(parts) or (interval.reason if np.isnan(interval.low[at]) else "")
