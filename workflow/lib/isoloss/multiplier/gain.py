"""Laws and points -> the multiplier against the baseline's compute, and where the arms break even.

At compute C the baseline's law has loss L, where arms are compared as at any other loss
(`equal_loss`). Beyond the largest compute of the baseline this rests on the laws alone. Another
pair of runs at C would show log M with their own errors on top, k (e_1 - e_2), k = -d log C / d log
L of the candidate: that is the band of prediction.

A break-even is a compute where the laws cross. Its interval is where the interval of the multiplier
holds 1 (Fieller 1954): it covers as that one does. Coverage: benchmarks/gain.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from isoloss.fit.along import counted_in
from isoloss.multiplier.equal_loss import Arm, influence, multiplier
from isoloss.multiplier.influence import products, size_means
from isoloss.multiplier.multiplier import POINTS, arms_of
from isoloss.multiplier.settings import Comparison
from isoloss.units import Floats

NUMBER = 121  # computes, evenly spaced in log


def gains(
    fits: pd.DataFrame,
    points: pd.DataFrame,
    draws: pd.DataFrame | None = None,
    surface: pd.DataFrame | None = None,
    *,
    baseline: str,
    settings: Comparison,
) -> dict[str, pd.DataFrame]:
    """Tables `gain`, a row a comparison and compute, and `break_even`, a row a crossing or none.

    Of the headline law, under every convention. From the smallest compute of the baseline to
    `settings.extrapolate` times its largest.
    """
    chosen = fits[fits["headline_law"]]
    by_points = dict(list(points[points["used"]].groupby(POINTS, sort=False)))
    made = arms_of(by_points, draws, surface)
    curves, crossings = [], []
    for (metric, convention), group in chosen.groupby(["metric", "convention"], sort=False):
        rows = {row["arm"]: row for row in group.to_dict("records")}
        arms = {name: made(row) for name, row in rows.items()}
        for name, candidate in arms.items():
            if name == baseline:
                continue
            of = {
                "candidate": name,
                "baseline": baseline,
                "metric": metric,
                "convention": convention,
                "counted_in": counted_in(rows[name]["law"], str(convention)),
            }
            table = curve((arms[baseline], candidate), settings)
            curves.append(table.assign(**of))
            crossings += [of | found for found in break_even(table)]
    return {"gain": pd.concat(curves, ignore_index=True), "break_even": pd.DataFrame(crossings)}


def curve(pair: tuple[Arm, Arm], settings: Comparison) -> pd.DataFrame:
    """The multiplier at computes of the baseline, with its interval and band of prediction.

    Computes that the candidate cannot match, at a loss below its floor, are left out.
    """
    baseline, candidate = pair
    ends = baseline.compute.min(), baseline.compute.max() * settings.extrapolate
    compute = np.geomspace(*ends, NUMBER)
    losses = baseline.law.along_compute.value(compute, **baseline.along)
    paired = settings.pair_by == "model"
    made = multiplier(
        baseline,
        candidate,
        losses,
        pair_by=paired,
        confidence=settings.confidence,
        interval=settings.interval,
    )
    centre, low, high = (np.log(made[name]) for name in ("multiplier", "ci_low", "ci_high"))
    level = 0.5 + settings.confidence / 2
    freedom = made["degrees_of_freedom"].to_numpy()
    error = stdtrit(freedom, level) * new_pair(pair, losses, paired=paired)
    table = pd.DataFrame(
        {
            "compute_pflop_s_days": compute,
            "loss": losses,
            **{name: made[name] for name in ("multiplier", "saving", "ci_low", "ci_high")},
            "predicted_low": np.exp(centre - np.hypot(centre - low, error)),
            "predicted_high": np.exp(centre + np.hypot(high - centre, error)),
            "confidence": settings.confidence,
            "interval": made["interval"],
            "extrapolated": made["extrapolated"] | (compute > baseline.compute.max()),
        }
    )
    return table[table["multiplier"].notna()]


def new_pair(pair: tuple[Arm, Arm], losses: Floats, *, paired: bool) -> Floats:
    """Standard deviation of log M that another pair of runs adds by its own errors, (K).

    By the residuals of least squares of both arms, of the means of a size; NaN where there are too
    few.
    """
    arms = [a.by_least_squares for a in pair]
    found = [influence(a, losses, a.model if paired else a.run) for a in arms]
    if found[0] is None or found[1] is None:
        return np.full(losses.shape, np.nan)
    one, two = (size_means(each)[0] for each in found if each is not None)
    freedom = [len(each.labels) - each.size for each in (one, two)]
    if min(freedom) < 1:
        return np.full(losses.shape, np.nan)
    same = paired and set(one.labels) == set(two.labels)
    squares, more, cross = products(one, two, paired=same)
    variance = squares / freedom[0] + more / freedom[1] - 2 * cross / min(freedom)
    candidate = pair[1]
    step = 1e-5
    ends = [
        candidate.law.log_inverse(losses * np.exp(by), *candidate.parameters)
        for by in (-step, step)
    ]
    # Residuals of method least_squares are losses, not their logarithms.
    scale = 1.0 if "log" in arms[1].method else 1 / losses
    return np.asarray(
        np.abs(ends[1] - ends[0]) / (2 * step) * scale * np.sqrt(max(float(variance), 0.0))
    )


def break_even(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each compute where the multiplier passes 1, with its interval, or one row that says none.

    An end of the interval that lies beyond the computes looked at is NaN, and `note` says so.
    """
    x, m = np.log(table["compute_pflop_s_days"].to_numpy()), np.log(table["multiplier"].to_numpy())
    low, high = np.log(table["ci_low"].to_numpy()), np.log(table["ci_high"].to_numpy())
    first, last = (table["compute_pflop_s_days"].iloc[i] for i in (0, -1))
    looked = {"from_pflop_s_days": first, "to_pflop_s_days": last}
    open_ = (low <= 0) & (high >= 0)
    nan = {f"{name}_pflop_s_days": np.nan for name in ("break_even", "ci_low", "ci_high")}
    crossed = np.flatnonzero((m[:-1] < 0) != (m[1:] < 0))
    if not crossed.size:
        note = "none in range"
        if open_.any():
            where = np.exp(x[open_])
            note += f"; the interval of M holds 1 from {where[0]:.3g} to {where[-1]:.3g}"
        yield looked | nan | {"note": note, "extrapolated": False}
        return
    for at in crossed.tolist():
        place = x[at] - m[at] * (x[at + 1] - x[at]) / (m[at + 1] - m[at])
        inside = low_end, high_end = _around(x, low, high, at)
        beyond = [
            words
            for words, end in zip(("below the range", "beyond the range"), inside, strict=True)
            if np.isnan(end)
        ]
        yield looked | {
            "break_even_pflop_s_days": float(np.exp(place)),
            "ci_low_pflop_s_days": float(np.exp(low_end)),
            "ci_high_pflop_s_days": float(np.exp(high_end)),
            "note": f"interval open {' and '.join(beyond)}" if beyond else "",
            "extrapolated": bool(table["extrapolated"].iloc[at]),
        }


def _around(x: Floats, low: Floats, high: Floats, at: int) -> tuple[float, float]:
    """Where the interval stops to hold 0 on either side of a crossing; NaN where it never does."""
    ends = []
    for places in (range(at, -1, -1), range(at + 1, x.size)):
        found = np.nan
        for i in places:
            if low[i] > 0 or high[i] < 0:
                before = i + 1 if places.step < 0 else i - 1
                edge = low if low[i] > 0 else high
                share = edge[i] / (edge[i] - edge[before]) if edge[i] != edge[before] else 0.5
                found = x[i] + min(max(share, 0.0), 1.0) * (x[before] - x[i])
                break
        ends.append(float(found))
    return ends[0], ends[1]
