"""What the points say: laws of arms, functions of them and of two arms, each with its interval."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtri, stdtrit

from isoloss.multiplier.equal_loss import Arm, Arms, arm, influence_on, log_interval, shifted
from isoloss.multiplier.influence import Influence, over, size_means
from isoloss.multiplier.intervals import jackknife, spread
from isoloss.multiplier.mixture import alone, paired_interval
from isoloss.units import Floats


class Untestable(ValueError):
    """Why the data of the study cannot be held against a claim."""


class Where(NamedTuple):
    """What a law was fitted to: metric and convention."""

    metric: str
    convention: str


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values at K places with the ends of their intervals, (K) each."""

    value: Floats
    low: Floats
    high: Floats

    def map(self, of: Callable[[Floats], Floats]) -> "Estimate":
        """An increasing function of it."""
        return Estimate(of(self.value), of(self.low), of(self.high))


@dataclass(frozen=True, eq=False)
class Evidence:
    """The fit and points tables of a study, and how intervals are made of them.

    surface: the rows of laws of N and D. pair_by_model: whether runs of one model share their
    errors. curves: of the runs, as `runs.on_compute` has them; None where there are no logs.
    """

    fits: pd.DataFrame
    points: pd.DataFrame
    surface: pd.DataFrame
    isoflop: pd.DataFrame
    confidence: float
    pair_by_model: bool
    curves: pd.DataFrame | None = None

    def of(self, name: str, where: Where) -> pd.DataFrame:
        """The points of an arm that are used."""
        points = self.points
        mine = (points["metric"] == where.metric) & (points["convention"] == where.convention)
        found = points[mine & (points["arm"] == name) & points["used"].astype(bool)]
        if found.empty:
            raise Untestable(f"no points of {name} in {where.metric}, {where.convention}")
        return found

    def row(self, name: str, where: Where, law: str = "") -> dict[str, Any]:
        """The row of the fit table of an arm: of the headline law, or of the one named."""
        fits = self.fits
        mine = (fits["metric"] == where.metric) & (fits["convention"] == where.convention)
        mine &= fits["arm"] == name
        mine &= (fits["law"] == law) if law else fits["headline_law"].astype(bool)
        if not mine.any():
            raise Untestable(f"the study fits no {f'{law} ' * bool(law)}law of {name} there")
        return {str(key): value for key, value in fits[mine].iloc[0].items()}

    def arm(self, name: str, where: Where) -> Arm:
        """The headline law of an arm with its points, by least squares."""
        row = self.row(name, where)
        points = self.of(name, where)
        if len(points) != int(row["n_points"]):
            raise Untestable(f"the law of {name} was not fitted to its points alone")
        found = arm(row, points) if row["law"] in LINES else None
        if found is None:
            raise Untestable(f"{row['law']} is no law of compute")
        return found.by_least_squares

    def measured(self, where: Where, *names: str) -> tuple[float, float]:
        """The compute that all these arms cover, PFLOP/s-days."""
        computes = [self.of(name, where)["compute_pflop_s_days"] for name in names]
        return max(c.min() for c in computes), min(c.max() for c in computes)

    def log_loss(self, name: str, where: Where, compute: Floats) -> Estimate:
        """log L of an arm's law at computes (K)."""
        mine = self.arm(name, where)
        moved = _log_loss(mine, compute, mine.run)
        covariance = mine.fit.covariance
        slopes = moved.curve(np.zeros(moved.size))[1]
        free = mine.fit.solution.near.free
        inner = covariance[np.ix_(free, free)]
        spread = np.sqrt(np.einsum("kp,pq,kq->k", slopes, inner, slopes))
        half = stdtrit(mine.fit.degrees_of_freedom, 0.5 + self.confidence / 2) * spread
        return Estimate(moved.estimate, moved.estimate - half, moved.estimate + half)

    def gap(
        self,
        first: str,
        second: str,
        where: Where,
        compute: Floats,
        along: Floats | None = None,
        *,
        at_once: bool = True,
    ) -> Estimate:
        """log L of the first arm minus that of the second at computes (K).

        at_once: over several computes the intervals hold for all of the line (Working and
        Hotelling 1929, doi:10.1080/01621459.1929.10502572); otherwise one by one. along: instead
        of each value, these combinations (M, K) of them, one by one.
        """
        arms = self.arm(first, where), self.arm(second, where)
        named = [a.model if self.pair_by_model else a.run for a in arms]
        single = all(len(set(a.run)) == len(a.run) for a in arms)
        one, two = (
            combined(_log_loss(a, compute, by), along) for a, by in zip(arms, named, strict=True)
        )
        if single:
            found = paired_interval(one, two, self.confidence, pair=self.pair_by_model)
            centre, ends = found.centre, found.interval
        else:
            centre = one.estimate - two.estimate
            paired = self.pair_by_model and set(one.labels) == set(two.labels)
            ends = jackknife(centre, one, two, self.confidence, paired=paired)
        low, high = ends.low, ends.high
        if at_once and along is None and compute.size > 1:
            t = stdtrit(ends.freedom, 0.5 + self.confidence / 2)
            wider = np.sqrt(2 * fdtri(2, ends.freedom, self.confidence)) / t
            low, high = centre + (low - centre) * wider, centre + (high - centre) * wider
        return Estimate(centre, low, high)

    def spread(
        self, first: str, second: str, where: Where, compute: Floats, along: Floats
    ) -> tuple[Floats, Floats, float, int]:
        """Combinations (M, K) of `gap`, their variances (M), the freedom of these, and sizes.

        Over the sizes that both arms have; as independent arms, where these are too few.
        """
        arms = self.arm(first, where), self.arm(second, where)
        named = [a.model if self.pair_by_model else a.run for a in arms]
        if any(len(set(a.run)) < len(a.run) for a in arms):
            raise Untestable("points share their errors")
        one, two = (
            size_means(combined(_log_loss(a, compute, by), along))[0]
            for a, by in zip(arms, named, strict=True)
        )
        common = tuple(label for label in one.labels if label in two.labels)
        paired = len(common) > max(one.size, two.size) and self.pair_by_model
        if paired and alone(one.labels, two.labels):
            one, two = over(one, common), over(two, common)
        variance, freedom, _ = spread(one, two, paired=paired)
        return one.estimate - two.estimate, variance, float(freedom.min()), len(one.labels)

    def log_multiplier(self, baseline: str, candidate: str, where: Where, loss: float) -> Estimate:
        """log M at a loss."""
        arms: Arms = (self.arm(baseline, where), self.arm(candidate, where))
        log_c, found = log_interval(
            arms, np.array([loss]), pair_by=self.pair_by_model, confidence=self.confidence
        )
        return Estimate(log_c[0] - log_c[1], found.interval.low, found.interval.high)


LINES = ("power", "power_floor", "broken")


def combined(moved: Influence, along: Floats | None) -> Influence:
    """The same of combinations (M, K) of the estimates."""
    if along is None:
        return moved

    def curve(shift: Floats) -> tuple[Floats, Floats]:
        estimate, slope = moved.curve(shift)
        return np.einsum("mk,...k->...m", along, estimate), np.einsum(
            "mk,...kp->...mp", along, slope
        )

    return replace(
        moved, estimate=along @ moved.estimate, weights=along @ moved.weights, curve=curve
    )


def _log_loss(a: Arm, compute: Floats, labels: tuple[str, ...]) -> Influence:
    """Influence of the residuals on log L at computes (K)."""
    free = a.fit.solution.near.free

    def curve(shift: Floats) -> tuple[Floats, Floats]:
        parameters = shifted(a, shift)
        loss = a.law.value(compute, *parameters)
        slope = a.law.gradient(compute, *parameters)[..., free] / loss[..., None]
        return np.log(loss), slope

    estimate, slope = curve(np.zeros(int(free.sum())))
    gradient = np.zeros((compute.size, free.size))
    gradient[:, free] = slope
    found = influence_on(a, labels, estimate, gradient, curve)
    if found is None:
        raise Untestable("the points do not tell the parameters of the law")
    return found
