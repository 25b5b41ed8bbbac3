"""Cleaned logs and FLOPs per token -> the (compute, loss) points that enter the fits."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from isoloss.points import Point, final, last
from isoloss.units import PFLOP_S_DAY


def points(
    cleaned: pd.DataFrame,
    runs: Sequence[Mapping[str, Any]],
    flops: pd.DataFrame,
    quality: pd.DataFrame,
    metrics: Sequence[str],
    *,
    select: str,
    window: float,
) -> pd.DataFrame:
    """One row a run, metric and convention: compute (PFLOP/s-days) and loss (nats) at the end.

    cleaned: from `isoloss.cleaning.clean`; only its kept values are looked at. runs: rows of the
    run sheet. flops: the FLOP table. quality: the quality table, which says whose runs are used.
    Rows are in the order of `metrics`, conventions and runs. Training compute is FLOPs per token x
    tokens or, where the FLOP table has a `conversion`, that times the logged compute. The end of a
    run is its last value of any metric. A point that cannot enter a fit, or whose run is left out,
    has `used` false and a reason.

    Raises ValueError for runs whose logs cannot be read, unless the study leaves them out.
    """
    _readable(quality)
    verdicts = quality.set_index("run")
    kept = cleaned[cleaned["kept"]]
    ends = kept.groupby("run")[["tokens", "compute_pflop_s_days"]].max()
    by_run = {str(run): table for run, table in flops.groupby("run")}
    info = {run["run"]: run for run in runs}
    rows = []
    curves = dict(list(kept.groupby(["run", "metric"], sort=True)))
    for run, metric in product(info, metrics):
        curve = curves.get((run, metric), kept[:0])
        verdict = verdicts.loc[run]
        chosen: dict[str, tuple[Point, float]] = {}
        for cost in by_run[str(run)].itertuples():
            logged = np.isfinite(cost.conversion)
            axis = "compute_pflop_s_days" if logged else "tokens"
            if axis not in chosen:
                chosen[axis] = _point(
                    curve, axis, float(ends[axis].get(run, np.nan)), select, window
                )
            point, end = chosen[axis]
            unit = float(cost.conversion if logged else cost.flop_per_token / PFLOP_S_DAY)
            used = bool(np.isfinite(point.loss) and np.isfinite(end) and verdict["used"])
            rows.append(
                {
                    "run": run,
                    "arm": info[run]["arm"],
                    "model": info[run]["model"],
                    "metric": metric,
                    "convention": cost.convention,
                    "compute_pflop_s_days": end * unit,
                    "loss": point.loss,
                    "loss_se": point.loss_se,
                    "rows": point.rows,
                    "used": used,
                    "reason": verdict["reason"] or point.reason,
                }
            )
    table = pd.DataFrame(rows)
    orders = {
        "metric": list(metrics),
        "convention": list(flops["convention"].unique()),
        "run": list(info),
    }
    return table.sort_values(list(orders), key=lambda column: column.map(orders[column.name].index))


def _readable(quality: pd.DataFrame) -> None:
    """Whether every run that is not left out could be read."""
    wrong = quality[(quality["error"] != "") & ~quality["reason"].str.startswith("excluded: ")]
    if not wrong.empty:
        first = wrong.iloc[0]
        more = f" {len(wrong) - 1} more cannot be read either." if len(wrong) > 1 else ""
        raise ValueError(
            f"run {first['run']}: {first['error']}.{more} Mend the log, or leave the run out in "
            f"the study: `exclude: {{{first['run']}: why}}`."
        )


def _point(
    curve: pd.DataFrame, axis: str, end: float, select: str, window: float
) -> tuple[Point, float]:
    """The point of one curve, and where it lies on the axis."""
    if curve.empty:
        return Point(np.nan, np.nan, 0, 0.0, "no value is kept"), np.nan
    curve = curve[curve[axis].notna()]
    if curve.empty:
        return Point(np.nan, np.nan, 0, 0.0, f"the log has no {axis}"), np.nan
    x, loss = curve[axis].to_numpy(), curve["value"].to_numpy()
    point = last(x, loss) if select == "last" else final(x, loss, window, end=end)
    return point, end if point.rows > 1 else float(x.max())
