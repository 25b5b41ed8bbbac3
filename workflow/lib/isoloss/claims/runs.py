"""Statements about the curves of single runs, which are counted: section `curves`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isoloss.claims.evidence import Evidence, Untestable, Where
from isoloss.claims.judge import Finding, exact
from isoloss.units import PFLOP_S_DAY, Floats

Claim = Mapping[str, Any]
Curve = tuple[Floats, Floats]  # log C and loss, by rising C
NEEDED = ["run", "metric", "tokens", "compute_pflop_s_days", "value", "kept"]
PARTS = 4  # of a curve, evenly spaced in log C, each of which falls if the curve does


def on_compute(logs: Sequence[pd.DataFrame], flops: pd.DataFrame | None) -> pd.DataFrame | None:
    """Kept values (columns run, metric, value) with their `compute`, PFLOP/s-days, by convention.

    None where there are no logs. logs: columns NEEDED, part by part. flops: the flops table.
    """
    columns = ["run", "convention", "flop_per_token", "conversion"]
    if not logs or flops is None:
        return None
    kept = pd.concat([log[log["kept"]] for log in logs], ignore_index=True)
    kept = kept.astype({"run": str, "metric": str})
    table = kept.merge(flops[columns], on="run")
    counted = table["tokens"] * table["flop_per_token"] / PFLOP_S_DAY
    converted = table["compute_pflop_s_days"] * table["conversion"]
    table = table.assign(compute=converted.fillna(counted))
    return table[["run", "metric", "convention", "compute", "value"]]


def curves(claim: Claim, evidence: Evidence, where: Where) -> Finding:
    """What the curves of all runs, or of those of one arm, do; counted is how many do not.

    loss: those that pass a compute lie between two losses there. falls: each quarter of a curve
    falls, by its straight line. flattens: the first half is steeper than the second, on log axes.
    converges: the highest over the lowest loss is less at one compute than at another. law: between
    two computes a curve is within a share of its arm's law. number: how many there are.
    """
    arms = [claim["arm"]] if "arm" in claim else list(dict.fromkeys(evidence.fits["arm"]))
    found = {name: _of(evidence, name, where) for name in arms}
    every = [curve for each in found.values() for curve in each]
    if claim["of"] == "number":
        holds = float(claim["low"]) <= len(every) <= float(claim["high"])
        return exact(holds, len(every), len(every), len(every))
    if claim["of"] == "loss":
        values = _at(every, float(claim["compute"]))
        low, high = float(claim["low"]), float(claim["high"])
        outside = int(((values < low) | (values > high)).sum())
        ours = float(np.median(values)), float(values.min()), float(values.max())
        note = f"{outside} of {len(values)} curves lie outside"
        return Finding(exact(not outside, 0).outcome, ours, notes=(note,))
    if claim["of"] == "converges":
        first, last = (np.log(_at(every, float(claim[end]))) for end in ("from", "to"))
        if min(first.size, last.size) < 2:
            raise Untestable("fewer than two curves pass there")
        spreads = float(np.exp(np.ptp(first))), float(np.exp(np.ptp(last)))
        note = f"highest over lowest {spreads[0]:.3g} there and {spreads[1]:.3g} here"
        return Finding(exact(spreads[1] < spreads[0], 0).outcome, (spreads[1],) * 3, notes=(note,))
    if claim["of"] == "law":
        do = [
            _near_law(claim, evidence, where, arm, c) for arm, all_ in found.items() for c in all_
        ]
    else:
        do = [{"falls": _falls, "flattens": _flattens}[claim["of"]](*curve) for curve in every]
    told = [each for each in do if each is not None]
    if not told:
        raise Untestable("no curve passes there")
    note = f"{sum(told)} of {len(told)}"
    return Finding(exact(all(told), 0).outcome, (float(sum(told)),) * 3, notes=(note,))


def _of(evidence: Evidence, arm: str, where: Where) -> list[Curve]:
    """The curves of an arm's runs that are used."""
    if evidence.curves is None:
        raise Untestable("the study starts from a table of points; there are no curves")
    table = evidence.curves
    runs = set(evidence.of(arm, where)["run"])
    mine = table[(table["metric"] == where.metric) & (table["convention"] == where.convention)]
    mine = mine[mine["run"].isin(runs) & (mine["compute"] > 0)].sort_values("compute")
    found = [
        (np.log(one["compute"].to_numpy()), one["value"].to_numpy())
        for _, one in mine.groupby("run", observed=True, sort=True)
        if len(one) > 2 * PARTS
    ]
    if not found:
        raise Untestable(f"the logs of {arm} have no curves in {where.metric}")
    return found


def _at(found: list[Curve], compute: float) -> Floats:
    """The losses of the curves that pass a compute there, straight between logged values."""
    x = np.log(compute)
    values = [
        float(np.interp(x, log_c, loss)) for log_c, loss in found if log_c[0] <= x <= log_c[-1]
    ]
    if not values:
        raise Untestable(f"no curve passes {compute:g} PFLOP/s-days")
    return np.array(values)


def _slopes(log_c: Floats, loss: Floats, parts: int) -> list[float]:
    """d log L / d log C of straight lines through parts of a curve, evenly spaced in log C."""
    edges = np.linspace(log_c[0], log_c[-1], parts + 1)
    place = np.clip(np.searchsorted(edges, log_c, side="right") - 1, 0, parts - 1)
    inside = [place == i for i in range(parts)]
    return [
        float(np.polyfit(log_c[here], np.log(loss[here]), 1)[0])
        for here in inside
        if np.unique(log_c[here]).size > 1
    ]


def _falls(log_c: Floats, loss: Floats) -> bool:
    return max(_slopes(log_c, loss, PARTS)) < 0


def _flattens(log_c: Floats, loss: Floats) -> bool:
    first, last = _slopes(log_c, loss, 2)
    return first < last < 0


def _near_law(
    claim: Claim, evidence: Evidence, where: Where, arm: str, curve: Curve
) -> bool | None:
    """Whether a curve is near its arm's law in a range; None where it does not pass there."""
    log_c, loss = curve
    here = (log_c >= np.log(float(claim["from"]))) & (log_c <= np.log(float(claim["to"])))
    if not here.any():
        return None
    law = evidence.log_loss(arm, where, np.exp(log_c[here])).value
    return bool((np.abs(np.log(loss[here]) - law) <= np.log1p(float(claim["within"]))).all())
