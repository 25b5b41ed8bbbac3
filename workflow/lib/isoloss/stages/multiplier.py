"""Fits and points -> compute multipliers of every candidate, at chosen losses and over a range."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isoloss.laws import Floats
from isoloss.multiplier import Arm, arm, multiplier, overlap

KEYS = ["metric", "convention"]


def multipliers(
    fits: pd.DataFrame,
    points: pd.DataFrame,
    *,
    baseline: str,
    headline: str,
    at_loss: Sequence[float],
    pair_by: str,
    confidence: float,
    grid: int,
    margin: float,
) -> pd.DataFrame:
    """One row a candidate, metric, convention and loss; see `isoloss.multiplier.multiplier`.

    at_loss: losses in nats to report, the headline first; without any, the geometric middle of
    the losses that both arms reached. `kind` tells them (`reported`) from the curve (`grid`):
    `grid` losses over the range of both arms, extended by `margin` of its length in log loss at
    either end. `headline` marks the first reported loss of convention `headline`.
    """
    tables = []
    for (metric, convention), group in fits.groupby(KEYS, sort=False):
        here = points[
            points["used"] & (points["metric"] == metric) & (points["convention"] == convention)
        ]
        arms = {
            row["arm"]: arm(row, here[here["arm"] == row["arm"]])
            for row in group.to_dict("records")
        }
        for name in arms:
            if name == baseline:
                continue
            pair = arms[baseline], arms[name]
            reported = list(at_loss) or [middle(*pair)]
            for kind, losses in (
                ("reported", np.asarray(reported)),
                ("grid", curve(*pair, grid, margin)),
            ):
                table = multiplier(*pair, losses, pair_by=pair_by == "model", confidence=confidence)
                first = np.arange(len(losses)) == 0
                tables.append(
                    table.assign(
                        candidate=name,
                        baseline=baseline,
                        metric=metric,
                        convention=convention,
                        law=group["law"].iloc[0],
                        kind=kind,
                        headline=first & (kind == "reported") & (convention == headline),
                    )
                )
    return pd.concat(tables, ignore_index=True)


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
