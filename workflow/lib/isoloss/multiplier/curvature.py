"""How far a multiplier hangs on the power law: the same by a quadratic in log-log, and what bends.

With few sizes no test finds a floor of 1.3 to 1.7 nats, and a power law's interval then covers 5 to
50% at the ends of the range, while in its middle it holds whatever the law. So towards the
ends, or where the points bend, the interval is the hull of both. Coverage:
benchmarks/coverage_law.py.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from isoloss.fit.estimators import ESTIMATORS
from isoloss.multiplier.equal_loss import Arm, Arms, overlap, sharing
from isoloss.multiplier.influence import Influence
from isoloss.multiplier.intervals import jackknife
from isoloss.multiplier.mixture import paired_interval
from isoloss.multiplier.settings import HULL, LAW, MIDDLE
from isoloss.units import Floats

BENT = 0.90  # confidence at which points bend
POLYNOMIALS = {
    "curvature": ("curvature", "curvature_low", "curvature_high"),
    "quadratic": ("quadratic_multiplier", "quadratic_ci_low", "quadratic_ci_high"),
    "trend": ("trend", "trend_low", "trend_high"),
    "trend_quadratic": ("trend_quadratic", "trend_quadratic_low", "trend_quadratic_high"),
}


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Log loss of one arm as a polynomial in log C about its mean, by least squares.

    labels: points with one label share their errors.
    """

    arm: Arm
    degree: int
    labels: tuple[str, ...]

    @cached_property
    def centre(self) -> float:
        """Mean log C of the points."""
        return float(np.log(self.arm.compute).mean())

    @cached_property
    def root(self) -> Floats:
        """Square roots of the weights of log losses, (n)."""
        on_logs = ESTIMATORS[self.arm.method].log
        return np.sqrt(self.arm.weights) * (1.0 if on_logs else self.arm.loss)

    @cached_property
    def design(self) -> Floats:
        """Powers of log C, weighted, (n, degree + 1)."""
        x = np.log(self.arm.compute) - self.centre
        return np.vander(x, self.degree + 1, increasing=True) * self.root[:, None]

    @cached_property
    def coefficients(self) -> Floats:
        """From the constant up, (degree + 1)."""
        return np.asarray(np.linalg.pinv(self.design) @ (self.root * np.log(self.arm.loss)))

    def influence(self, curve: Callable[[Floats], tuple[Floats, Floats]]) -> Influence:
        """What the residuals do to a curve of the coefficients: (..., K), gradients (..., K, P)."""
        projection = np.linalg.pinv(self.design)
        estimate, slope = curve(self.coefficients)
        return Influence(
            residual=self.root * np.log(self.arm.loss) - self.design @ self.coefficients,
            weights=slope @ projection,
            hat=self.design @ projection,
            size=self.degree + 1,
            labels=self.labels,
            jacobian=self.design,
            estimate=estimate,
            curve=lambda shift: curve(self.coefficients + shift),
            place=np.log(self.arm.compute),
        )

    def log_compute(self, losses: Floats) -> Influence:
        """log C(L) of a quadratic, where it falls; NaN where it does not reach a loss."""

        def curve(c: Floats) -> tuple[Floats, Floats]:
            above, steep = _falling(c, losses)
            x = 2 * above / (steep - c[..., 1, None])
            slope = np.stack([np.ones_like(x), x, x**2], axis=-1) / steep[..., None]
            return x + self.centre, slope

        return self.influence(curve)

    def log_slope(self, losses: Floats) -> Influence:
        """log of -d log L / d log C at losses."""

        def line(c: Floats) -> tuple[Floats, Floats]:
            steep = np.where(c[..., 1, None] < 0, -c[..., 1, None], np.nan) + 0 * losses
            zero = np.zeros_like(steep)
            return np.log(steep), np.stack([zero, -1 / steep], axis=-1)

        def bent(c: Floats) -> tuple[Floats, Floats]:
            above, steep = _falling(c, losses)
            first, second = (c[..., i, None] + 0 * losses for i in (1, 2))
            slope = np.stack([-2 * second, first, -2 * above], axis=-1) / steep[..., None] ** 2
            return np.log(steep), slope

        return self.influence(line if self.degree == 1 else bent)

    def bend(self, sign: float) -> Influence:
        """sign x the coefficient of the square."""

        def curve(c: Floats) -> tuple[Floats, Floats]:
            slope = np.zeros((*c.shape[:-1], 1, 3))
            slope[..., 2] = sign
            return sign * c[..., 2:], slope

        return self.influence(curve)


def _falling(c: Floats, losses: Floats) -> tuple[Floats, Floats]:
    """Constant less log L, and -d log L / d log C where a quadratic falls through L."""
    above = c[..., 0, None] - np.log(losses)
    square = c[..., 1, None] ** 2 - 4 * c[..., 2, None] * above
    return above, np.sqrt(np.where(square > 0, square, np.nan))


def law_in_doubt(table: pd.DataFrame, arms: Arms, *, pair_by: bool) -> pd.DataFrame:
    """Rows of `equal_loss.multiplier`, and what they are if the power law does not hold.

    New columns: those of `checked`. Where they say `hull`, `interval` is HULL.
    """
    found = checked(
        arms,
        table["loss"].to_numpy(np.float64),
        table[["ci_low", "ci_high"]].to_numpy(np.float64).T,
        float(table["confidence"].iloc[0]),
        pair_by=pair_by,
    )
    interval = np.where(found.pop("hull"), HULL, table["interval"])
    kept = table.drop(columns=["ci_low", "ci_high", "interval"])
    return pd.concat(
        [kept, pd.DataFrame(found | {"interval": interval}, index=table.index)], axis=1
    )


def checked(
    arms: Arms, losses: Floats, ends: Floats, confidence: float, *, pair_by: bool
) -> dict[str, Floats]:
    """What a multiplier by the power law is at losses (K) if the law does not hold, by name.

    ends: of its interval by the law, (2, K), returned as `law_ci_low` and `law_ci_high`. `place`:
    0 and 1 are the ends of the losses that both arms reached, in log loss. POLYNOMIALS: the mean
    over the arms of the coefficient of (log C)^2 in log loss, with ends at confidence BENT; the
    multiplier by quadratics in log-log, n - 3 degrees of freedom; the factor by which the
    multiplier changes per tenfold compute of the baseline, by the law and by the quadratics.
    `hull`: outside the MIDDLE of the range, or where the ends of the curvature exclude 0; there
    `ci_low` and `ci_high` are those of the hull of law and quadratic. Laws but LAW, and arms of
    three sizes, have NaN.
    """
    reached = overlap(*arms)
    place = np.full(losses.shape, np.nan)
    if reached is not None and reached[0] < reached[1]:
        place = np.log(losses / reached[0]) / np.log(reached[1] / reached[0])
    found = _by_polynomials(arms, losses, confidence, pair_by=pair_by)
    bends = (found["curvature_low"] > 0) | (found["curvature_high"] < 0)
    towards_ends = ~((MIDDLE[0] <= place) & (place <= MIDDLE[1]))
    bounds = np.array([found["quadratic_ci_low"], found["quadratic_ci_high"]])
    hull = (bends | towards_ends) & np.isfinite(bounds).all(axis=0) & np.isfinite(ends).all(axis=0)
    return found | {
        "place": place,
        "law_ci_low": ends[0],
        "law_ci_high": ends[1],
        "ci_low": np.where(hull, np.fmin(ends[0], bounds[0]), ends[0]),
        "ci_high": np.where(hull, np.fmax(ends[1], bounds[1]), ends[1]),
        "hull": hull,
    }


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # where they do not fall
def _by_polynomials(
    arms: Arms, losses: Floats, confidence: float, *, pair_by: bool
) -> dict[str, Floats]:
    """The numbers of POLYNOMIALS."""
    if any(a.law.name != LAW for a in arms):
        return dict.fromkeys(itertools.chain(*POLYNOMIALS.values()), np.full(losses.shape, np.nan))
    labels, clustered, paired = sharing(arms, pair_by=pair_by)
    lines, bent = (
        [Polynomial(a, degree, of) for a, of in zip(arms, labels, strict=True)] for degree in (1, 2)
    )

    def between(first: Influence, second: Influence, *, level: float = confidence) -> Floats:
        """The difference and its ends, (3, K)."""
        if clustered:
            centre = first.estimate - second.estimate
            found = jackknife(centre, first, second, level, paired=paired)
            return np.array([centre, found.low, found.high])
        whole = paired_interval(first, second, level, pair=pair_by)
        return np.array([whole.centre, whole.interval.low, whole.interval.high])

    def trend(of: list[Polynomial]) -> Floats:
        # d log M / d log C is 1 less the ratio of the slopes.
        centre, low, high = between(of[0].log_slope(losses), of[1].log_slope(losses))
        return np.asarray(10 ** (1 - np.exp([centre, high, low])))

    found = {
        "curvature": between(bent[0].bend(0.5), bent[1].bend(-0.5), level=BENT),
        "quadratic": np.exp(between(bent[0].log_compute(losses), bent[1].log_compute(losses))),
        "trend": trend(lines),
        "trend_quadratic": trend(bent),
    }
    return {
        column: np.broadcast_to(values, losses.shape)
        for name, columns in POLYNOMIALS.items()
        for column, values in zip(columns, found[name], strict=True)
    }
