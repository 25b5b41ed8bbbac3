"""Fits and points -> compute multipliers of every candidate, at chosen losses and over a range."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit.along import counted_in, is_surface, law_of, losses, on_axis
from isoloss.multiplier.equal_loss import Arm, arm, multiplier, overlap
from isoloss.units import Floats

FIT = ["metric", "convention", "law", "method"]


def multipliers(
    fits: pd.DataFrame,
    points: pd.DataFrame,
    draws: pd.DataFrame | None = None,
    *,
    baseline: str,
    headline: str,
    at_loss: Sequence[float],
    pair_by: str,
    confidence: float,
    grid: int,
    margin: float,
    interval: str = "auto",
) -> pd.DataFrame:
    """One row a candidate, metric, convention, law, method and loss; see `isoloss.multiplier`.

    draws: of the fits that have been resampled. at_loss: losses in nats to report, the headline
    first; without any, the geometric middle of the losses that both arms reached. `kind` tells
    them (`reported`) from the curve (`grid`): `grid` losses over the range of both arms, extended
    by `margin` of its length in log loss at either end. `headline` marks the first reported loss of
    convention `headline` under the headline law, whose interval is `interval`; other laws have
    `auto`, and surfaces, whose L(C) is that of their compute-optimal line, `percentile`.
    """
    tables = []
    for key, group in fits.groupby(FIT, sort=False):
        names = dict(zip(FIT, key, strict=True))
        first_law = bool(group["headline_law"].iloc[0])
        arms = {
            row["arm"]: _arm(row, points[points["used"]], draws) for row in group.to_dict("records")
        }
        if baseline not in arms:
            raise ValueError(
                f"metric {names['metric']}, convention {names['convention']}: the baseline "
                f"{baseline} has no points to compare {', '.join(arms)} with"
            )
        status = dict(zip(group["arm"], group["status"], strict=True))
        chosen = interval if first_law else "auto"
        for name in arms:
            if name == baseline:
                continue
            pair = arms[baseline], arms[name]
            reported = list(at_loss) or [middle(*pair)]
            for kind, at in (
                ("reported", np.asarray(reported)),
                ("grid", curve(*pair, grid, margin)),
            ):
                table = multiplier(
                    *pair,
                    at,
                    pair_by=pair_by == "model",
                    confidence=confidence,
                    interval="percentile" if is_surface(names["law"]) else chosen,
                )
                first = np.arange(len(at)) == 0
                here = first & (kind == "reported") & (names["convention"] == headline)
                tables.append(
                    table.assign(
                        **names,
                        counted_in=counted_in(names["law"], names["convention"]),
                        candidate=name,
                        baseline=baseline,
                        kind=kind,
                        headline=here & first_law,
                        headline_law=first_law,
                        status=_status({arm: status[arm] for arm in (baseline, name)}),
                    )
                )
    return pd.concat(tables, ignore_index=True)


def _arm(fit: Mapping[str, Any], points: pd.DataFrame, draws: pd.DataFrame | None) -> Arm:
    """An arm with its points, and its draws if it has any.

    Of a surface the points are those of its compute-optimal line at the computes of the runs.
    """
    keys = ["arm", "metric", "convention"]
    mine = points[_same(points, fit, keys)]
    drawn = None if draws is None else draws[_same(draws, fit, [*keys, "law", "method"])]
    if is_surface(fit["law"]):
        mine = on_axis(fit["law"], fit["convention"], mine)
        mine = mine.assign(loss=losses(fit, mine["compute_pflop_s_days"]))
        fit = {**fit, "law": law_of(fit).name}
    if drawn is None or drawn.empty:
        return arm(fit, mine)
    return arm(fit, mine, drawn.rename(columns={"resampling": "kind"}))


def _same(table: pd.DataFrame, row: Mapping[str, Any], names: Sequence[str]) -> pd.Series:
    """Which rows of a table have the same names as a row."""
    return (table[list(names)] == [row[name] for name in names]).all(axis=1)


def _status(of: Mapping[str, str]) -> str:
    """`converged`, or the arms whose law is not, and how."""
    bad = [f"{arm} {status}" for arm, status in of.items() if status != "converged"]
    return "; ".join(bad) or "converged"


def _range(baseline: Arm, candidate: Arm) -> tuple[float, float]:
    """The losses that both arms reached; where there are none, the gap between the two."""
    ends = overlap(baseline, candidate)
    if ends is None:
        low = float(min(baseline.loss.max(), candidate.loss.max()))
        return low, float(max(baseline.loss.min(), candidate.loss.min()))
    return ends


def middle(baseline: Arm, candidate: Arm) -> float:
    """Geometric middle of the range, to three digits after the point: a loss that can be quoted."""
    return round(float(np.sqrt(np.prod(_range(baseline, candidate)))), 3)


def curve(baseline: Arm, candidate: Arm, size: int, margin: float) -> Floats:
    """Losses evenly spaced in log loss over the range and `margin` of its length beyond."""
    low, high = np.log(_range(baseline, candidate))
    beyond = margin * (high - low)
    return np.exp(np.linspace(low - beyond, high + beyond, size))
