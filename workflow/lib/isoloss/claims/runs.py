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
FEWEST = 3  # curves that have a spread: two may be the arms of one size


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
    converges: the highest over the lowest loss, of curves that pass both computes, is less at one
    than at the other. A curve with fewer than two values in a part is not told. law: between
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
        ends = [float(claim[end]) for end in ("from", "to")]
        both = [curve for curve in every if all(_passes(curve, end) for end in ends)]
        if len(both) < FEWEST:  # of others at either end the spread is another for that alone
            raise Untestable(f"fewer than {FEWEST} curves pass both places")
        spreads = [float(np.exp(np.ptp(np.log(_at(both, end))))) for end in ends]
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
        raise Untestable("no curve is logged closely enough there")
    note = f"{sum(told)} of {len(told)}" + f", {len(do) - len(told)} not told" * (told != do)
    return Finding(exact(all(told), 0).outcome, (float(sum(told)),) * 3, notes=(note,))


def _of(evidence: Evidence, arm: str, where: Where) -> list[Curve]:
    """The curves of an arm's runs that are used."""
    if evidence.curves is None:
        raise Untestable("the study starts from a table of points; there are no curves")
    table = evidence.curves
    runs = set(evidence.of(arm, where)["run"])
    mine = table[(table["metric"] == where.metric) & (table["convention"] == where.convention)]
    positive = (mine["compute"] > 0) & (mine["value"] > 0)
    mine = mine[mine["run"].isin(runs) & positive].sort_values("compute")
    found = [
        (np.log(one["compute"].to_numpy()), one["value"].to_numpy())
        for _, one in mine.groupby("run", observed=True, sort=True)
        if len(one) > 2 * PARTS
    ]
    if not found:
        raise Untestable(f"the logs of {arm} have no curves in {where.metric}")
    return found


def _passes(curve: Curve, compute: float) -> bool:
    return bool(curve[0][0] <= np.log(compute) <= curve[0][-1])


def _at(found: list[Curve], compute: float) -> Floats:
    """The losses of the curves that pass a compute there, straight between logged values."""
    values = [
        float(np.interp(np.log(compute), *curve)) for curve in found if _passes(curve, compute)
    ]
    if not values:
        raise Untestable(f"no curve passes {compute:g} PFLOP/s-days")
    return np.array(values)


def _slopes(log_c: Floats, loss: Floats, parts: int) -> list[float] | None:
    """d log L / d log C of straight lines through parts of a curve, evenly spaced in log C.

    None where a part has no line, as the first of a curve that is logged evenly in tokens.
    """
    edges = np.linspace(log_c[0], log_c[-1], parts + 1)
    place = np.clip(np.searchsorted(edges, log_c, side="right") - 1, 0, parts - 1)
    inside = [place == i for i in range(parts)]
    if min(np.unique(log_c[here]).size for here in inside) < 2:
        return None
    return [float(np.polyfit(log_c[here], np.log(loss[here]), 1)[0]) for here in inside]


def _falls(log_c: Floats, loss: Floats) -> bool | None:
    slopes = _slopes(log_c, loss, PARTS)
    return None if slopes is None else max(slopes) < 0


def _flattens(log_c: Floats, loss: Floats) -> bool | None:
    slopes = _slopes(log_c, loss, 2)
    return None if slopes is None else slopes[0] < slopes[1] < 0


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
