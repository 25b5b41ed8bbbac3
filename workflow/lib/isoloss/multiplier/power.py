"""How many sizes and seeds tell a multiplier from 1, and how wide its interval will be.

Two arms have power laws of exponents b, fitted to runs of the same n sizes. A run lies off its law
by an error of standard deviation s in log loss, with correlation r between the arms of one size.
log C(L) moves with the errors of an arm by the weights
    h_i = (1/n + (x_i - X) (m - X) / sum_j (x_j - X)^2) / b,   x = log C, X their mean,
m = log C at the loss. They differ between the arms, the more the further M is from 1, so that even
a shared error does not quite cancel. log M is a difference of two of those, and its interval is
Student's t with n - 2 degrees of freedom where arms are paired, else by Welch (`intervals`).

The variance that a study estimates is chi-squared; over its quantiles are taken the middle of the
widths, and the share of studies whose interval excludes 1. Checked by benchmarks/plan.py.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from isoloss.multiplier.intervals import ONE_DEGREE, satterthwaite
from isoloss.units import Floats

# Standard deviation of the final loss over seeds, nats: the median of 56 groups of runs (767 logs,
# 0.0009 to 0.0041) in the records of KellerJordan/modded-nanogpt (MIT), 124M models.
SEED_NOISE = 0.0014
NODES = 128  # quantiles of chi-squared at which an estimated variance is looked at
# `scatter.delta_t` widens some intervals for scatter that may change with size: by how much the
# middle one, by n - 2. Measured by benchmarks/plan.py (--widening).
WIDER = {1: 1.0, 2: 1.09, 4: 1.09, 6: 1.07, 8: 1.055, 10: 1.04, 14: 1.02, 22: 1.01}
MOST_SIZES, MOST_SEEDS = 64, 64  # that are looked for


@dataclass(frozen=True)
class Errors:
    """What runs do about their laws.

    scatter: standard deviation of a run's error in log loss, of baseline and candidate.
    correlation: of both at one size. seed_noise: the part of the scatter that another seed changes,
    in log loss; each arm's own, hence no more than the correlation leaves. exponent: b of each arm.

    Raises ValueError where one of them cannot be.
    """

    scatter: tuple[float, float]
    correlation: float
    seed_noise: float
    exponent: tuple[float, float]

    def __post_init__(self) -> None:
        for name, value in (
            ("scatter", min(self.scatter)),
            ("scatter", max(self.scatter)),
            ("exponent", min(self.exponent)),
            ("exponent", max(self.exponent)),
        ):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value:g}; expected a number above 0")
        if not -1 < self.correlation < 1:
            raise ValueError(f"correlation is {self.correlation:g}; expected above -1 and below 1")
        if not (np.isfinite(self.seed_noise) and self.seed_noise >= 0):
            raise ValueError(f"seed noise is {self.seed_noise:g}; expected 0 or more")

    def of_means(self, seeds: int) -> Floats:
        """Covariance (2, 2) of the arms' errors at a size, each the mean of so many seeds."""
        one, two = np.square(self.scatter)
        shared = self.correlation * float(np.prod(self.scatter))
        of_one = np.array([[one, shared], [shared, two]])
        own = min(self.seed_noise**2, float(np.linalg.eigvalsh(of_one)[0]))
        return of_one - np.eye(2) * own * (1 - 1 / seeds)


@dataclass(frozen=True)
class Design:
    """Runs of both arms at the same sizes.

    computes: of the sizes, of the baseline, (n), in any unit. seeds: runs of each size and arm. at:
    compute of the baseline at the loss of comparison; None: the middle of the losses that both
    arms reach. paired: whether the interval takes the arms as paired by size. candidate: computes
    of the candidate, (n); None: the same.

    Raises ValueError with fewer than 3 different computes, and without a seed.
    """

    computes: tuple[float, ...]
    seeds: int = 1
    at: float | None = None
    paired: bool = True
    candidate: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        different = len(set(self.computes))
        if different < 3 or not (min(self.computes) > 0 and max(self.computes) < np.inf):
            raise ValueError(
                f"{different} different computes; a power law with an interval takes 3 or more, "
                "all above 0"
            )
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}; expected 1 or more")

    def weights(self, exponent: tuple[float, float], multiplier: float) -> tuple[Floats, Floats]:
        """How log C at the loss moves with the errors of the sizes, (n) of each arm."""
        arms = np.log([self.computes, self.candidate or self.computes])
        log_m = float(np.log(multiplier))
        if self.at is None:
            both = (
                max(arms[0].min(), arms[1].min() + log_m),
                min(arms[0].max(), arms[1].max() + log_m),
            )
            at = float(np.mean(both))
        else:
            at = float(np.log(self.at))
        found = []
        for x, b, m in zip(arms, exponent, (at, at - log_m), strict=True):
            away = x - x.mean()
            found.append(np.asarray((1 / x.size + away * (m - x.mean()) / np.sum(away**2)) / b))
        return found[0], found[1]


@dataclass(frozen=True)
class Plan:
    """What a design tells of a true multiplier.

    ratio: the interval reaches from M / ratio to M x ratio, in the middle of such studies. power:
    the share of them whose interval excludes 1. power_plain: the same of intervals that take one
    scatter for all sizes (`intervals.delta`).
    """

    multiplier: float
    ratio: float
    power: float
    power_plain: float


def ladder(sizes: int, span: float) -> tuple[float, ...]:
    """Computes evenly spaced in log over a factor `span`, from 1."""
    return tuple(np.geomspace(1.0, span, sizes).tolist())


def plan(design: Design, errors: Errors, multiplier: float, confidence: float = 0.95) -> Plan:
    """What a design tells of a true multiplier."""
    weights = design.weights(errors.exponent, multiplier)
    products = np.array([[np.sum(h * g) for g in weights] for h in weights])
    spread = products * errors.of_means(design.seeds)
    error = np.sqrt(_difference(spread))
    freedom = len(design.computes) - 2
    plain = _half_widths(spread, freedom, confidence, paired=design.paired)
    half = plain * np.interp(freedom, list(WIDER), list(WIDER.values()))
    effect = float(np.log(multiplier))
    told, plainly = (
        float((ndtr((effect - each) / error) + ndtr((-effect - each) / error)).mean())
        for each in (half, plain)
    )
    return Plan(multiplier, float(np.exp(np.median(half))), told, plainly)


def _difference(spread: Floats) -> float:
    """Variance of a difference, by the covariance of its two."""
    return max(float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]), 0.0)


def _half_widths(spread: Floats, freedom: int, confidence: float, *, paired: bool) -> Floats:
    """Half widths of the plain interval of log M, each as likely as any other.

    spread: covariance of the arms' log C, (2, 2). freedom: of each arm's scatter.
    """
    middles = (np.arange(NODES) + 0.5) / NODES
    estimated = chdtri(freedom, middles) / freedom  # over the true variance
    if paired:
        variance: Floats = _difference(spread) * estimated
        degrees = np.full(NODES, float(freedom) if freedom > 1 else ONE_DEGREE)
    else:
        one, two = (np.ravel(each) for each in np.meshgrid(estimated, estimated))
        both = (spread[0, 0] * one, freedom), (spread[1, 1] * two, freedom)
        variance, degrees = satterthwaite(*both)
    return np.asarray(stdtrit(degrees, 0.5 + confidence / 2) * np.sqrt(variance))


def needed(
    multiplier: float,
    errors: Errors,
    span: float,
    power: float,
    confidence: float = 0.95,
    *,
    seeds: int = 1,
    paired: bool = True,
) -> int | None:
    """The fewest sizes over a factor `span` that tell a multiplier from 1 with such power.

    None where MOST_SIZES do not.
    """  # fmt: skip
    for sizes in range(3, MOST_SIZES + 1):
        design = Design(ladder(sizes, span), seeds, None, paired)
        if plan(design, errors, multiplier, confidence).power >= power:
            return sizes
    return None
