"""Statements about points and fitted parameters: a function a section of published.yaml."""

from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from isoloss.claims.evidence import Evidence, Untestable, Where
from isoloss.claims.judge import Finding, exact, less, more, number

Claim = Mapping[str, Any]
AXES = {"loss": "loss", "compute": "compute_pflop_s_days"}
ALLOCATIONS = {"parameters": "parameters_exponent", "tokens": "tokens_exponent"}
NAMES = {"E": "floor", "A": "a", "B": "b", "alpha": "alpha", "beta": "beta"}


def counts(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """How many points an arm has."""
    found = len(evidence.of(claim["arm"], where))
    return exact(found == int(claim["points"]), found, found, found)


def ranges(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """All points, of one arm or of all, lie within a range of loss (nats) or compute."""
    arms = [claim["arm"]] if "arm" in claim else list(dict.fromkeys(evidence.fits["arm"]))
    values = pd.concat([evidence.of(name, where)[AXES[claim["of"]]] for name in arms])
    low, high = float(claim["low"]), float(claim["high"])
    least, most = float(values.min()), float(values.max())
    found = exact(low <= least and most <= high, float(((values < low) | (values > high)).sum()))
    return Finding(
        found.outcome, (float(values.median()), least, most), notes=(_outside(values, low, high),)
    )


def _outside(values: "pd.Series[float]", low: float, high: float) -> str:
    count = int(((values < low) | (values > high)).sum())
    return f"{count} of {len(values)} points lie outside" if count else "no point lies outside"


def sizes(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """In how many sizes the loss of one arm is above (below) that of the other."""
    one, two = (_by_size(evidence, claim[key], where) for key in ("arm", "than"))
    gap = (np.log(one) - np.log(two)).dropna()
    if gap.empty:
        raise Untestable("no size has both arms")
    count = int((gap > 0).sum() if claim["relation"] == "higher" else (gap < 0).sum())
    asked = len(gap) if claim["sizes"] == "all" else int(claim["sizes"])
    note = f"{count} of {len(gap)}"
    return Finding(exact(count == asked, count).outcome, (count,) * 3, count, count, (note,))


def _by_size(evidence: Evidence, name: str, where: Where) -> "pd.Series[float]":
    """The mean loss of each size of an arm."""
    return evidence.of(name, where).groupby("model")["loss"].mean()


def trends(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """How the gap of two arms, log L / L, grows from one metric to the next, in the study's order.

    The mean over sizes of each one's slope, with Student's t over sizes: their scatter is what
    the metrics of a size share.
    """
    ordered = list(dict.fromkeys(evidence.fits["metric"]))
    metrics = claim.get("metrics", ordered)
    if len(metrics) < 3:
        raise Untestable("a trend takes three metrics or more")
    by_metric = {}
    for metric in metrics:
        here = where._replace(metric=metric)
        pair = [_by_size(evidence, claim[key], here) for key in ("arm", "than")]
        by_metric[metric] = np.log(pair[0]) - np.log(pair[1])
    table = pd.DataFrame(by_metric).dropna()
    if len(table) < 2:
        raise Untestable("a trend takes two sizes or more that have every metric")
    place = np.arange(len(metrics), dtype=np.float64)
    place -= place.mean()
    slopes = table.to_numpy() @ place / (place @ place)
    n = len(slopes)
    half = float(stdtrit(n - 1, 0.5 + evidence.confidence / 2) * slopes.std(ddof=1) / np.sqrt(n))
    ours = float(slopes.mean()), float(slopes.mean()) - half, float(slopes.mean()) + half
    return more(ours, 0.0) if claim["relation"] == "grows" else less(ours, 0.0)


def floors(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The irreducible loss of an arm (nats), or that it is below that of another arm."""
    names = [claim[key] for key in ("arm", "than") if key in claim]
    rows = [evidence.row(name, where, "power_floor") for name in names]
    floors = np.array([float(row["floor"]) for row in rows])
    errors = np.array([float(row["floor_se"]) for row in rows])
    freedom = min(int(row["degrees_of_freedom"]) for row in rows)
    t = stdtrit(freedom, 0.5 + evidence.confidence / 2)
    told = all(row["status"] == "converged" for row in rows)
    if "floor" in claim:
        value, half = float(floors[0]), float(t * errors[0])
        judged = number(claim["floor"], (value, value - half, value + half))
    else:
        # Errors of the arms as those of independent runs: shared ones only make it narrower.
        value, half = float(floors[0] - floors[1]), float(t * np.sqrt(np.sum(errors**2)))
        judged = less((value, value - half, value + half), 0.0)
    if told:
        return judged
    note = "the points do not tell a floor"
    return Finding("not told", judged.ours, -inf, inf, (note,))


def surfaces(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """A parameter of L = E + A / N^alpha + B / D^beta."""
    row = _row(evidence.surface, claim, where)
    if row is None:
        raise Untestable("the study fits no law of parameters and tokens")
    name = NAMES[claim["parameter"]]
    return number(claim["value"], _student(row, name, f"{name}_se", row["n_points"] - 5, evidence))


def allocations(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """The exponent of the best parameters or tokens in compute."""
    row = _row(evidence.isoflop, claim, where)
    if row is not None and np.isfinite(row[ALLOCATIONS[claim["of"]]]):
        name = ALLOCATIONS[claim["of"]]
        return number(
            claim["exponent"], _student(row, name, "exponent_se", row["n_budgets"] - 2, evidence)
        )
    row = _row(evidence.surface, claim, where)
    if row is None:
        raise Untestable("the study compares no sizes at equal compute")
    name = "optimal_exponent"
    value, low, high = _student(row, name, f"{name}_se", row["n_points"] - 5, evidence)
    if claim["of"] == "tokens":
        value, low, high = 1 - value, 1 - high, 1 - low
    return number(claim["exponent"], (value, low, high))


def _row(table: pd.DataFrame, claim: Claim, where: Where) -> dict[str, Any] | None:
    if table.empty:
        return None
    mine = (table["arm"] == claim["arm"]) & (table["metric"] == where.metric)
    found = table[mine & (table["convention"] == where.convention)]
    return None if found.empty else {str(k): v for k, v in found.iloc[0].items()}


def _student(
    row: Mapping[str, Any], name: str, error: str, freedom: float, evidence: Evidence
) -> tuple[float, float, float]:
    if not np.isfinite(row[error]) or freedom < 1:
        raise Untestable("there is no standard error")
    half = float(stdtrit(freedom, 0.5 + evidence.confidence / 2) * row[error])
    value = float(row[name])
    return value, value - half, value + half
