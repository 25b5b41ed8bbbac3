"""Statements about laws of compute: a function a section of published.yaml, claim -> finding."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from isoloss.claims.evidence import Estimate, Evidence, Untestable, Where
from isoloss.claims.judge import Ends, Finding, Outcome, half_unit, less, more, number
from isoloss.multiplier.saving import saving
from isoloss.units import Floats

Claim = Mapping[str, Any]
Judge = Callable[[Claim, Evidence, Where], Finding]
GRID = 11  # computes at which a statement about a range is looked at
CROSSINGS = np.exp(np.linspace(np.log(1e-12), np.log(1e12), 4801))  # where crossings are sought


def multipliers(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """A compute multiplier, at a loss or at a compute of the baseline."""
    found = _multiplier(claim, evidence, where)
    return _beyond(number(claim["multiplier"], found[0], nothing=1.0), found[1])


def savings(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """Compute saved, percent: 100 (1 - 1 / M)."""
    (value, low, high), beyond = _multiplier(claim, evidence, where)
    saved = (100 * saving(value), 100 * saving(low), 100 * saving(high))
    return _beyond(number(claim["saving"], saved, nothing=0.0), beyond)


def losses(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The loss of an arm's law at a compute, nats."""
    compute = float(claim["compute"])
    found = evidence.log_loss(claim["arm"], where, np.array([compute])).map(np.exp)
    judged = number(claim["loss"], _first(found), within=claim.get("within", 0.0))
    return _beyond(judged, outside(evidence, where, compute, compute, claim["arm"]))


def ratios(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The loss of one arm over that of the other, at equal compute."""
    compute = float(claim["compute"])
    names = claim["arm"], claim["than"]
    found = evidence.gap(*names, where, np.array([compute])).map(np.exp)
    judged = number(claim["ratio"], _first(found), nothing=1.0)
    return _beyond(judged, outside(evidence, where, compute, compute, *names))


def orderings(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The law of one arm lies below that of the other, throughout a range of compute."""
    names = claim["arm"], claim["than"]
    low, high = _range(claim, evidence, where)
    found = evidence.gap(*names, where, np.geomspace(low, high, GRID)).map(np.exp)
    worst = int(np.argmax(found.value))
    ours = float(found.value[worst]), float(found.low[worst]), float(found.high.max())
    judged = less(ours, 1.0)
    if (found.low >= 1).any():
        judged = replace(judged, outcome="differs")
    # Noticed: another factor of loss as the least by which the arm is said to be lower.
    return _beyond(
        replace(judged, below=float(found.low.max())), outside(evidence, where, low, high, *names)
    )


def differences(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """Two arms are nowhere as far apart as a bound, nats: their laws, or the losses of a size."""
    names = claim["arm"], claim["than"]
    if claim.get("of") == "sizes":
        return _size_by_size(claim, evidence, where)
    low, high = _range(claim, evidence, where)
    compute = np.geomspace(low, high, GRID)
    gap = evidence.gap(*names, where, compute)
    level = np.exp(evidence.log_loss(claim["than"], where, compute).value)
    ends = level * np.expm1(np.stack([gap.value, gap.low, gap.high]))
    apart = np.where(ends[1] > 0, ends[1], np.where(ends[2] < 0, -ends[2], 0.0)).max()
    ours = (float(np.abs(ends[0]).max()), float(apart), float(np.abs(ends[1:]).max()))
    judged = less(ours, float(claim["below"]))
    return _beyond(judged, outside(evidence, where, low, high, *names))


def _size_by_size(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The largest difference of final losses; its error is that of the two ends of curves."""
    one, two = (
        evidence.of(claim[key], where).groupby("model")[["loss", "loss_se"]].mean()
        for key in ("arm", "than")
    )
    apart = (one["loss"] - two["loss"]).dropna().abs()
    error = np.hypot(one["loss_se"], two["loss_se"]).reindex(apart.index)
    half = ndtri(0.5 + evidence.confidence ** (1 / max(len(apart), 1)) / 2) * error
    if half.isna().any() or apart.empty:
        raise Untestable("the errors of the losses are not known")
    ends = (apart - half).clip(lower=0).max(), (apart + half).max()
    return less((float(apart.max()), float(ends[0]), float(ends[1])), float(claim["below"]))


def slopes(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """How steep one arm's law is less the other's: mean -d log L / d log C over what both cover."""
    ours = _first(_slope(claim, evidence, where))
    if claim["relation"] == "parallel":
        return number("0.0000", ours)
    return more(ours, 0.0) if claim["relation"] == "steeper" else less(ours, 0.0)


def _slope(claim: Claim, evidence: Evidence, where: Where) -> Estimate:
    names = claim["arm"], claim["than"]
    low, high = evidence.measured(where, *names)
    along = np.array([[1.0, -1.0]]) / np.log(high / low)
    return evidence.gap(*names, where, np.array([low, high]), along)


def crossings(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The laws cross at a compute, within a factor of it, or (`none`) nowhere in a range."""
    names = claim["arm"], claim["than"]
    if claim["compute"] == "none":
        low, high = _range(claim, evidence, where)
        gap = evidence.gap(*names, where, np.geomspace(low, high, GRID))
        apart = (gap.low > 0).all() or (gap.high < 0).all()
        crossed = (gap.low > 0).any() and (gap.high < 0).any()
        outcome: Outcome = "consistent" if apart else "differs" if crossed else "not told"
        judged = Finding(outcome, _crossing(evidence, names, where))
        return _beyond(judged, outside(evidence, where, low, high, *names))
    at, factor = float(claim["compute"]), claim.get("factor", 1.0)
    slack = half_unit(claim["compute"]) if factor == 1 else 0.0
    around = (at - slack) / factor, (at + slack) * factor
    ours = _crossing(evidence, names, where)
    gaps = [
        evidence.gap(*names, where, np.geomspace(ends[0], ends[1], GRID), at_once=False)
        for ends in (around, evidence.measured(where, *names))
    ]
    holds = [(gap.low <= 0) & (gap.high >= 0) for gap in gaps]
    # One sign at one end and the other at the other: a crossing that is known well.
    within = bool(np.ptp(np.sign(gaps[0].value)) > 0)
    admitted, anywhere = bool(holds[0].any() or within), bool(holds[1].all())
    outcome = "not told" if admitted and anywhere else "consistent" if admitted else "differs"
    judged = Finding(outcome, ours, ours[1] / factor - slack, ours[2] * factor + slack)
    return _beyond(judged, outside(evidence, where, at, at, *names))


def _crossing(evidence: Evidence, names: tuple[str, str], where: Where) -> Ends:
    """Where two laws cross, and the computes at which the data admit it; 0 and infinity at ends.

    The computes between the lowest and the highest at which the interval of the difference, one
    compute by itself, holds 0 (Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x).
    """
    gap = evidence.gap(*names, where, CROSSINGS, at_once=False)
    turns = np.flatnonzero(np.diff(np.sign(gap.value)) != 0)
    at = np.nan
    if turns.size:
        i = turns[np.argmin(np.abs(np.log(CROSSINGS[turns])))]
        x, d = np.log(CROSSINGS[i : i + 2]), gap.value[i : i + 2]
        at = float(np.exp(x[0] - d[0] * (x[1] - x[0]) / (d[1] - d[0])))
    holds = np.flatnonzero((gap.low <= 0) & (gap.high >= 0))
    if not holds.size:
        return at, at, at
    first, last = holds[0], holds[-1]  # to the next compute outward
    return (
        at,
        0.0 if first == 0 else float(CROSSINGS[first - 1]),
        np.inf if last == CROSSINGS.size - 1 else float(CROSSINGS[last + 1]),
    )


def forms(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """How the losses of an arm bend: their second derivative in log compute, by a parabola.

    falls: the slope of the law is below 0. power_law: of log L, 0. straight_semilog: of L, 0; not
    told, where the data admit the bend of our power law there as well. flattens: of log L, above 0.
    """
    if claim["form"] == "falls":
        low, high = evidence.measured(where, claim["arm"])
        ends = evidence.log_loss(claim["arm"], where, np.array([low, high]))
        row = evidence.row(claim["arm"], where)
        half = stdtrit(row["degrees_of_freedom"], 0.5 + evidence.confidence / 2)
        half = float(half * row["exponent_se"])
        slope = float(np.diff(ends.value)[0] / np.log(high / low))
        return less((slope, slope - half, slope + half), 0.0)
    points = evidence.of(claim["arm"], where)
    x, loss = np.log(points["compute_pflop_s_days"].to_numpy()), points["loss"].to_numpy()
    if np.unique(x).size < 4:
        raise Untestable("four computes or more tell a bend from a line")
    semilog = claim["form"] == "straight_semilog"
    ours = _bend(x, loss if semilog else np.log(loss), evidence.confidence)
    if claim["form"] == "flattens":
        return more(ours, 0.0)
    judged = number("0.0000", ours)
    if semilog:
        row = evidence.row(claim["arm"], where)
        law = evidence.log_loss(claim["arm"], where, np.exp(np.array([x.mean()]))).map(np.exp)
        bend = float(law.value[0]) * float(row["exponent"]) ** 2
        if judged.outcome != "differs" and ours[1] <= bend <= ours[2]:
            note = f"a power law bends by {bend:.2g} there, which the data admit as well"
            judged = replace(judged, outcome="not told", notes=(note,))
    return judged


def _bend(x: Floats, y: Floats, confidence: float) -> Ends:
    """d2y / dx2 by least squares, with its interval."""
    u = x - x.mean()
    design = np.stack([np.ones_like(u), u, u**2 / 2], axis=1)
    inverse = np.linalg.inv(np.einsum("np,nq->pq", design, design))
    phi = np.einsum("pq,nq,n->p", inverse, design, y)
    rest = y - np.einsum("np,p->n", design, phi)
    freedom = len(x) - 3
    spread = np.sqrt(inverse[2, 2] * np.sum(rest**2) / freedom)
    half = float(stdtrit(freedom, 0.5 + confidence / 2) * spread)
    return float(phi[2]), float(phi[2] - half), float(phi[2] + half)


def _multiplier(claim: Claim, evidence: Evidence, where: Where) -> tuple[Ends, str]:
    """M and its interval at a claim's loss, and whether that is extrapolated."""
    names = claim["baseline"], claim["candidate"]
    if "compute" in claim:
        compute = float(claim["compute"])
        loss = float(np.exp(evidence.log_loss(names[0], where, np.array([compute])).value[0]))
        beyond = outside(evidence, where, compute, compute, *names)
    else:
        loss = float(claim["loss"])
        reached = [evidence.of(name, where)["loss"] for name in names]
        low, high = max(a.min() for a in reached), min(a.max() for a in reached)
        beyond = "" if low <= loss <= high else "extrapolated"
    return _first(evidence.log_multiplier(*names, where, loss).map(np.exp)), beyond


def _range(claim: Claim, evidence: Evidence, where: Where) -> tuple[float, float]:
    """The range of compute of a claim; where it names none, what both arms cover."""
    low, high = evidence.measured(where, claim["arm"], claim["than"])
    return float(claim.get("from", low)), float(claim.get("to", high))


def outside(evidence: Evidence, where: Where, low: float, high: float, *names: str) -> str:
    """`extrapolated`, where a range of compute goes beyond what arms cover."""
    least, most = evidence.measured(where, *names)
    inside = least * (1 - 1e-9) <= low and high <= most * (1 + 1e-9)
    return "" if inside else "extrapolated"


def _beyond(judged: Finding, note: str) -> Finding:
    return replace(judged, notes=(*judged.notes, note)) if note else judged


def _first(found: Estimate) -> Ends:
    return float(found.value[0]), float(found.low[0]), float(found.high[0])
