"""Which interval two arms have, by the sizes that they share.

Where every size has both arms their errors are paired and what they share cancels
(`intervals.delta`). Where some sizes lack a partner the interval is a mixture of Student's t over
the correlation of the arms' errors. Its coverage is measured by benchmarks/coverage.py.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc

from isoloss.multiplier.influence import Influence, over, size_means
from isoloss.multiplier.intervals import Interval, delta, mixed, none
from isoloss.multiplier.plausible import listed
from isoloss.multiplier.scatter import delta_t
from isoloss.units import Floats

# atanh of the correlation, each with the same prior weight. With equal designs this prior makes
# sum and difference of the arms independent, so that complete pairs would have delta's interval.
ATANH = 0.35 * np.arange(-10, 21)
# One size in common beyond the law's parameters hardly tells the correlation. With more than one
# size unmatched the error allowed is cut to this share: 0.965 in place of 0.95.
FEW_IN_COMMON = 0.7
# The mixture takes the arms as equally noisy: it is not used where they differ by more than this.
SCATTER_RATIO = 2.0
# Lower weights move no printed digit, and so far off the step may lead where a law has no inverse.
LEAST_WEIGHT = 1e-9
EXACT = 1e-12  # Residuals of points on their law, after rounding.


@dataclass(frozen=True, eq=False)
class PairedInterval:
    """The interval of log M at each of K places, and what it rests on.

    centre: log M, (K); of a mixture the middle of its interval. method: `delta_t` or `mixture_t`.
    pairing: `paired`, `partly paired` or `welch`. unpaired: the sizes of one arm alone. note: what
    a reader has to know of the pairing. growth, widened: as of `scatter.delta_t`. pure_error:
    variance of a run about the mean of its arm and size, on the scale of the residuals, with its
    degrees of freedom; lack_of_fit: how likely such errors alone take the means of sizes as far
    from the laws, by an F test. NaN without repeats.
    """

    centre: Floats
    interval: Interval
    method: str = "delta_t"
    pairing: str = "welch"
    unpaired: tuple[str, ...] = ()
    note: str = ""
    growth: float = np.nan
    widened: npt.NDArray[np.bool_] | bool = False
    pure_error: float = np.nan
    pure_freedom: int = 0
    lack_of_fit: float = np.nan


def paired_interval(
    first: Influence, second: Influence, confidence: float, *, pair: bool = True
) -> PairedInterval:
    """Interval of first - second, paired by label over the sizes that both arms have.

    Points with one label (seeds) are averaged first. Without `pair` the arms are independent.
    """
    (a, squares, repeats), (b, more, further) = size_means(first), size_means(second)
    freedom = repeats + further
    pure = (squares + more) / freedom if freedom else np.nan
    rest = float(np.sum(first.residual**2) + np.sum(second.residual**2)) - squares - more
    beyond = sum(len(each.labels) - each.size for each in (a, b))
    lack = float(fdtrc(beyond, freedom, rest / beyond / pure)) if pure > 0 and beyond else np.nan
    if any(len(each.labels) <= each.size for each in (a, b)):
        reason = "too few sizes for the law, once the runs of a size are averaged"
        found = PairedInterval(a.estimate - b.estimate, none(a.estimate.size, reason))
    elif pair:
        found = _by_sizes(a, b, confidence)
    else:
        found = _whole(a, b, confidence, paired=False)
    return replace(found, pure_error=pure, pure_freedom=freedom, lack_of_fit=lack)


def alone(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of one arm only, each once, in the order of the arms."""
    both = set(first) & set(second)
    return tuple(dict.fromkeys(label for label in first + second if label not in both))


def _whole(a: Influence, b: Influence, confidence: float, *, paired: bool) -> PairedInterval:
    """The interval of arms that are paired throughout, or not at all."""
    interval, growth, widened = delta_t(a, b, confidence, paired=paired)
    pairing = "paired" if paired else "welch"
    centre = a.estimate - b.estimate
    return PairedInterval(centre, interval, pairing=pairing, growth=growth, widened=widened)


def _by_sizes(a: Influence, b: Influence, confidence: float) -> PairedInterval:
    """The interval of arms with one point a label, by how many labels they share."""
    common = tuple(label for label in a.labels if label in b.labels)
    unpaired = alone(a.labels, b.labels)
    if not unpaired:
        return _whole(a, b, confidence, paired=True)
    lacking = f"no partner: {listed(unpaired)}"
    sizes = f"{len(common) or 'no'} size{'s' * (len(common) > 1)} in common"
    beyond = len(common) - max(a.size, b.size)
    if beyond < 1:
        note = f"{lacking}; {sizes}: arms taken as independent"
        return replace(_whole(a, b, confidence, paired=False), unpaired=unpaired, note=note)
    note, level = lacking, confidence
    if beyond == 1 and len(unpaired) > 1:
        level = 1 - FEW_IN_COMMON * (1 - confidence)
        note = f"{lacking}; only {sizes}: interval at {level:g} in place of {confidence:g}"
    of_a, of_b = over(a, common), over(b, common)
    ratio = _scatter_ratio(of_a, of_b)
    mixed = mixture(a, b, level) if ratio <= SCATTER_RATIO else None
    if mixed is not None:
        middle = (mixed.low + mixed.high) / 2
        return PairedInterval(middle, mixed, "mixture_t", "partly paired", unpaired, note)
    why = "the arms differ by nothing but their laws"
    if ratio > SCATTER_RATIO:
        why = f"residuals of one arm are {ratio:.1f} times those of the other"
    centre = of_a.estimate - of_b.estimate
    found = delta(centre, of_a, of_b, confidence, paired=True)
    note = f"{lacking}; {why}: interval of the {sizes}"
    return PairedInterval(centre, found, "delta_t", "partly paired", unpaired, note)


def mixture(a: Influence, b: Influence, confidence: float) -> Interval | None:
    """Interval of a - b from a mixture of Student's t over the correlation of the arms' errors.

    One point a label; errors have one variance, and correlation r where the labels of two points
    are equal. At each r of a grid both arms are fitted by generalised least squares: difference
    m(r), standard error s(r), and weight w(r), the restricted likelihood with the variance
    integrated out (Patterson and Thompson 1971, doi:10.1093/biomet/58.3.545). The interval lies
    between quantiles of sum w(r) T((t - m(r)) / s(r)); its correlation is the weighted mean of r.
    None where the likelihood grows to the end of the grid: what the arms share is all there is.
    """
    pairs = [(i, b.labels.index(label)) for i, label in enumerate(a.labels) if label in b.labels]
    own, other = (np.array(each) for each in zip(*pairs, strict=True))
    k = len(pairs)

    def rotated(of_a: Floats, of_b: Floats) -> Floats:
        """Sums and differences of the k pairs over sqrt 2, then what has no partner."""
        x, y = of_a[own] / np.sqrt(2), of_b[other] / np.sqrt(2)
        return np.concatenate([x + y, x - y, np.delete(of_a, own, 0), np.delete(of_b, other, 0)])

    residual = rotated(a.residual, b.residual)
    design = np.hstack(
        [
            rotated(a.jacobian, np.zeros((len(b.labels), a.size))),
            rotated(np.zeros((len(a.labels), b.size)), b.jacobian),
        ]
    )
    # Rotated errors are independent, with variances 1 + r, 1 - r and 1. From z = atanh r, without
    # cancellation, 1 / (1 -+ r) = (1 + exp(+-2 z)) / 2.
    precision = np.ones((ATANH.size, residual.size))
    precision[:, :k] = (1 + np.exp(-2 * ATANH[:, None])) / 2
    precision[:, k : 2 * k] = (1 + np.exp(2 * ATANH[:, None])) / 2
    information = np.einsum("gn,np,nq->gpq", precision, design, design)
    covariance = np.linalg.inv(information)
    moment = np.einsum("gn,np,n->gp", precision, design, residual)
    shift = np.einsum("gpq,gq->gp", covariance, moment)
    rest = residual - np.einsum("np,gp->gn", design, shift)
    squares = np.einsum("gn,gn->g", precision, rest**2)
    freedom = float(residual.size - design.shape[1])
    if not squares.min() > 0:
        return None
    determinant = np.linalg.slogdet(information)[1]
    likelihood = (np.log(precision).sum(axis=1) - determinant - freedom * np.log(squares)) / 2
    best = int(np.argmax(likelihood))
    if best == ATANH.size - 1:
        return None
    weight = np.exp(likelihood - likelihood[best])
    weight /= weight.sum()
    at = np.einsum("g,gp->p", weight, shift)
    slope = np.hstack([a.curve(at[: a.size])[1], -b.curve(at[a.size :])[1]])
    middle = a.curve(shift[:, : a.size])[0] - b.curve(shift[:, a.size :])[0]
    variance = np.einsum("kp,gpq,kq->gk", slope, covariance, slope) * (squares / freedom)[:, None]
    likely = weight > LEAST_WEIGHT
    low, high = mixed(
        weight[likely], middle[likely], np.sqrt(variance[likely]), freedom, confidence
    )
    correlation = float(np.sum(weight * np.tanh(ATANH)))
    beyond = "at a correlation that the data allow, an arm does not reach the loss"
    return Interval(low, high, np.full(low.shape, freedom), correlation, beyond)


def _scatter_ratio(a: Influence, b: Influence) -> float:
    """Larger over smaller residual standard deviation; below EXACT they do not count."""
    errors = [
        max(np.sqrt(np.sum(each.residual**2) / (len(each.labels) - each.size)), EXACT)
        for each in (a, b)
    ]
    return float(max(errors) / min(errors))
