"""The delta method's interval, allowing for scatter that grows (or falls) with size.

With few sizes no test tells whether it does. So the interval is joined with a mixture over how fast
it may grow, where that widens it. Seeds that are fewer at larger sizes make the scatter of their
means grow, and need nothing else. Coverage: benchmarks/coverage.py.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from isoloss.multiplier.influence import Influence, products, refitted
from isoloss.multiplier.intervals import Interval, delta, mixed, spread
from isoloss.units import Floats

# Log of the scatter at the largest size over that at the smallest, normal beforehand.
GROWTH = 0.2 * np.arange(-11, 12)
# Narrower hulls leave the plain interval, in whose width the scatter is known to 30% at best.
WIDER = 1.05
# Laws of more are not linear enough for the step from one tilt to another.
PARAMETERS = 2


def delta_t(
    a: Influence, b: Influence, confidence: float, *, paired: bool
) -> tuple[Interval, float, npt.NDArray[np.bool_]]:
    """Interval of a - b, the growth of the scatter, and where the interval allows for it, (K).

    One point a label. Errors have standard deviations proportional to exp(u p), p from -1/2 to 1/2
    by log C. At each u of a grid both arms are fitted by weighted least squares, with difference
    m(u), standard error s(u) by the delta method, and weight: prior times restricted likelihood
    with the covariance of the arms integrated out. Where the hull of `delta` and of the mixture of
    Student's t is WIDER than `delta`, it is the interval. The growth is exp of the mean of u; NaN
    for laws of more than PARAMETERS, where one degree of freedom is left, or residuals tell
    nothing.
    """
    centre = a.estimate - b.estimate
    plain = delta(centre, a, b, confidence, paired=paired)
    never = np.zeros(centre.shape, dtype=bool)
    linear = max(a.size, b.size) <= PARAMETERS
    few = min(len(each.labels) - each.size for each in (a, b)) < 2
    if few or not (linear and a.single and b.single):
        return plain, np.nan, never
    places = np.concatenate([a.place, b.place])
    low, length = places.min(), np.ptp(places)
    if not length > 0:
        return plain, np.nan, never
    logs = [np.outer(GROWTH, (each.place - low) / length - 0.5) for each in (a, b)]
    arms = [
        refitted(each, np.exp(-log)[..., None] * np.eye(log.shape[-1]), each.labels)
        for each, log in zip((a, b), logs, strict=True)
    ]
    likelihood = _restricted(arms, logs, paired=paired) - GROWTH**2 / 2
    if not np.isfinite(likelihood).all():
        return plain, np.nan, never
    variance, freedom, _ = spread(arms[0], arms[1], paired=paired)
    middle, error = arms[0].estimate - arms[1].estimate, np.sqrt(np.maximum(variance, 0))
    weight = np.exp(likelihood - likelihood.max())
    ends = mixed(weight, middle, error, freedom, confidence)
    low, high = np.minimum(plain.low, ends[0]), np.maximum(plain.high, ends[1])
    widened = high - low > WIDER * (plain.high - plain.low)
    interval = replace(
        plain, low=np.where(widened, low, plain.low), high=np.where(widened, high, plain.high)
    )
    return interval, float(np.exp(np.sum(weight * GROWTH) / weight.sum())), widened


def _restricted(arms: list[Influence], logs: list[Floats], *, paired: bool) -> Floats:
    """Log of the restricted likelihood, (G), of arms that were divided by exp(logs), (G, n) each.

    Patterson and Thompson 1971 (doi:10.1093/biomet/58.3.545); -inf where residuals tell nothing.
    """
    one, other, cross = products(arms[0], arms[1], paired=paired)
    left = [a.residual.shape[-1] - a.size for a in arms]
    total = -np.sum(np.concatenate(logs, axis=-1), axis=-1)
    for a in arms:
        information = np.einsum("gnp,gnq->gpq", a.jacobian, a.jacobian)
        total -= np.linalg.slogdet(information)[1] / 2
    with np.errstate(divide="ignore"):
        if paired:
            scatter = min(left) * np.log(np.maximum(one * other - cross**2, 0.0))
        else:
            scatter = left[0] * np.log(one) + left[1] * np.log(other)
    return np.asarray(total - scatter / 2)
