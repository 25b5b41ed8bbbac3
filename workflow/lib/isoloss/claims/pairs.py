"""A published line L = coefficient * C^-exponent, judged as a pair and against the other arms'.

The method is told in docs/claims.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import fdtrc, fdtri, stdtrit

from isoloss.claims.evidence import Evidence, Untestable, Where
from isoloss.claims.judge import Finding, Outcome, half_unit
from isoloss.fit.covariance import leverages
from isoloss.fit.fitted import Fit
from isoloss.units import Floats

Claim = Mapping[str, Any]
# How much likelier the data must make a line than the other arm's in its place: "fairly strong
# evidence" of Royall 2000, doi:10.1080/01621459.2000.10474264.
ODDS = 8.0
SQUARES = 2.0  # times our sum of squares: what another estimator may leave of the same points
EXACT = 1e-24  # variance of points on their law, after rounding


OUTSIDE = {False: "our joint region", True: "what another fit to these points could give"}


@dataclass(frozen=True, eq=False)
class Region:
    """An estimate of (log coefficient, exponent), its covariance and their freedom.

    points: how many it comes from. moved: how far leaving out any one of them takes it, F.
    """

    centre: Floats
    covariance: Floats
    freedom: float
    points: int
    moved: float = 0.0

    def distance(self, pair: Floats, half: Floats) -> float:
        """F statistic of the nearest pair that rounds to this one (half: half units)."""
        inverse = np.linalg.inv(self.covariance + EXACT * np.eye(2))
        return _nearest(np.asarray(inverse), pair - self.centre, half) / 2

    def p(self, distance: float) -> float:
        """How likely sampling alone takes an estimate as far."""
        return float(fdtrc(2, self.freedom, distance))

    def log_likelihood(self, distance: float) -> float:
        """Relative to that of the estimate, with normal errors of unknown variance."""
        return -self.points / 2 * float(np.log1p(2 * distance / self.freedom))

    def reach(self, confidence: float, *, same_data: bool) -> float:
        """How far a pair may lie from it, F.

        same_data: the pair was fitted to these points, so that no sampling is between it and ours,
        only another choice of points or estimator: it lies no farther than leaving out any one
        point takes ours, or leaves at most SQUARES times our sum of squares.
        """
        if same_data:
            return max(self.moved, (SQUARES - 1) * self.freedom / 2)
        return float(fdtri(2, self.freedom, confidence))

    def ends(self, pair: Floats, which: int, reach: float) -> tuple[float, float]:
        """Where one of the pair is out of reach, the other as claimed; NaN where it is anyway."""
        inverse = np.linalg.inv(self.covariance + EXACT * np.eye(2))
        other = (pair - self.centre)[1 - which]
        a, b = inverse[which, which], inverse[0, 1] * other
        c = inverse[1 - which, 1 - which] * other**2
        root = b**2 - a * (c - 2 * reach)
        half = np.sqrt(root) / a if root >= 0 else np.nan
        middle = self.centre[which] - b / a
        return float(middle - half), float(middle + half)


def _nearest(inverse: Floats, off: Floats, half: Floats) -> float:
    """Least d' A d over the rectangle of half widths `half` about `off`."""
    low, high = off - half, off + half
    if (low <= 0).all() and (high >= 0).all():
        return 0.0
    best = np.inf
    for fixed in (0, 1):
        free = 1 - fixed
        for at in (low[fixed], high[fixed]):
            ideal = -inverse[0, 1] * at / inverse[free, free]
            d = np.empty(2)
            d[fixed], d[free] = at, np.clip(ideal, low[free], high[free])
            best = min(best, float(np.einsum("i,ij,j->", d, inverse, d)))
    return best


def pair(claim: Claim) -> tuple[Floats, Floats]:
    """(log coefficient, exponent) as printed, and half units of their last digits."""
    a, b = claim["coefficient"], claim["exponent"]
    return (
        np.array([np.log(float(a)), float(b)]),
        np.array([half_unit(a) / float(a), half_unit(b)]),
    )


def judge(
    claim: Claim,
    claims: Sequence[Claim],
    evidence: Evidence,
    where: Where,
    accuracy: float = 0.0,
    *,
    same_data: bool = False,
) -> tuple[Finding, Finding]:
    """What becomes of coefficient and exponent, which have one outcome.

    claims: all published lines. accuracy: relative accuracy to which the points' losses are known.
    same_data: see `Region.reach`.
    """
    own = region(claim["arm"], evidence, where)
    printed, half = pair(claim)
    distance = own.distance(printed, half)
    reach = own.reach(evidence.confidence, same_data=same_data)
    outcome: Outcome
    note = ""
    if _same_line(own, printed, half, evidence.measured(where, claim["arm"]), accuracy):
        outcome = "reproduced"
    elif distance > reach:
        outcome, note = "differs", f"the pair lies outside {OUTSIDE[same_data]}"
    else:
        outcome, note = _against_others(claim, claims, evidence, where, own, distance)
    t = _spread(own, evidence.confidence)
    found = []
    for i, name in enumerate(("coefficient", "exponent")):
        ours = own.centre[i] + np.array([0.0, -t[i], t[i]])
        low, high = own.ends(printed, i, reach)
        ends = np.array([low - half[i], high + half[i]])
        if name == "coefficient":
            ours, ends = np.exp(ours), np.exp(ends)
        notes = (note,) if note else ()
        found.append(Finding(outcome, (ours[0], ours[1], ours[2]), ends[0], ends[1], notes))
    return found[0], found[1]


def _spread(own: Region, confidence: float) -> Floats:
    return np.asarray(stdtrit(own.freedom, 0.5 + confidence / 2) * np.sqrt(np.diag(own.covariance)))


def _same_line(
    own: Region, printed: Floats, half: Floats, measured: tuple[float, float], accuracy: float
) -> bool:
    """Whether the line is ours over the measured compute, as far as its digits and ours go."""
    x = np.log(np.array(measured))
    off = (printed - own.centre) @ np.array([np.ones(2), -x])
    rounding = half @ np.array([np.ones(2), np.abs(x)])
    return bool((np.abs(off) <= (rounding + accuracy) * (1 + 1e-9)).all())


def _against_others(
    claim: Claim,
    claims: Sequence[Claim],
    evidence: Evidence,
    where: Where,
    own: Region,
    distance: float,
) -> tuple[Outcome, str]:
    """Whether the data tell the line from those of the other arms."""
    arms = list(dict.fromkeys(evidence.fits["arm"]))
    together = max(1, len({(c["metric"], c.get("convention")) for c in claims}) * (len(arms) - 1))
    level = 1 - evidence.confidence ** (1 / together)
    outcome: Outcome = "consistent"
    said = ""
    for other in arms:
        if other == claim["arm"]:
            continue
        same = [
            c
            for c in claims
            if c["arm"] == other
            and c["metric"] == claim["metric"]
            and c.get("convention") == claim.get("convention")
        ]
        same.sort(key=lambda c: c["place"] != claim["place"])
        if same:
            contrast = difference(claim["arm"], other, evidence, where)
            (mine, half), (theirs, their_half) = pair(claim), pair(same[0])
            as_said = contrast.distance(mine - theirs, half + their_half)
            swapped = contrast.distance(theirs - mine, half + their_half)
            if contrast.p(as_said) < level:
                return "differs", f"the data have another difference from the line of {other}"
            log_odds = contrast.log_likelihood(as_said) - contrast.log_likelihood(swapped)
        else:
            law = region(other, evidence, where)
            beside = law.distance(*pair(claim))
            log_odds = own.log_likelihood(distance) - law.log_likelihood(beside)
        if log_odds <= -np.log(ODDS):
            return "differs", f"the data prefer it for {other}"
        if log_odds < np.log(ODDS):
            outcome, said = "not told", f"exchanged with the line of {other} it fits about as well"
    return outcome, said


def region(name: str, evidence: Evidence, where: Where) -> Region:
    """Our estimate of an arm's pair."""
    mine = evidence.arm(name, where)
    if mine.law.name != "power":
        raise Untestable(f"the study's law is {mine.law.name}, which has no such pair")
    fit = mine.fit
    centre = np.asarray(fit.solution.phi, dtype=np.float64)
    return Region(centre, fit.covariance, float(fit.degrees_of_freedom), fit.clusters, _moved(fit))


def _moved(fit: Fit) -> float:
    """The largest distance of Cook 1977 (doi:10.1080/00401706.1977.10489493); 0 where runs have
    several points.
    """
    near = fit.solution.near
    leverage = leverages(near)
    rest = np.sum(near.residual**2) / (near.residual.size - fit.free)
    if fit.clustered or rest == 0:
        return 0.0
    left = np.maximum(1 - leverage, 1e-12)
    return float(np.max(near.residual**2 * leverage / (fit.free * rest * left**2)))


def difference(first: str, second: str, evidence: Evidence, where: Where) -> Region:
    """The estimate of the pair of the first arm minus that of the second."""
    # The gap at 1 PFLOP/s-day, and what it loses in a factor e of compute.
    compute = np.exp(np.array([0.0, -1.0]))
    along = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, 1.0]])
    centre, variance, freedom, points = evidence.spread(first, second, where, compute, along)
    shared = (variance[2] - variance[0] - variance[1]) / 2
    covariance = np.array([[variance[0], shared], [shared, variance[1]]])
    return Region(centre[:2], covariance, freedom, points)
