"""Cleaned logs and FLOPs per token -> the (compute, loss) points that enter the fits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from isoloss.points.final import Point, final, last
from isoloss.points.settings import Selection
from isoloss.units import PFLOP_S_DAY, Floats

WHOLE = 0.99  # a run that has this share of its planned tokens has not been cut
AXES = ("tokens", "compute_pflop_s_days")
NEEDED = ("run", "metric", *AXES, "value", "kept")  # columns of logs
Curve = Mapping[str, Floats]  # the axes and the value, by name
MID_SCHEDULE = "mid_schedule: the learning rate was still to fall"


def points(
    logs: Iterable[pd.DataFrame],
    runs: Sequence[Mapping[str, Any]],
    flops: pd.DataFrame,
    quality: pd.DataFrame,
    metrics: Sequence[str],
    settings: Selection,
) -> pd.DataFrame:
    """One row a point, metric and convention: compute (PFLOP/s-days), loss (nats), N and D.

    logs: tables with the columns NEEDED, of whole cleaned logs, of which only kept values are
    looked at, or of their ends (`isoloss.cleaning.thinned.tail`), where all are kept and `select`
    is not `curve`; each run in one of them. runs: rows of the run sheet. flops: the FLOP table.
    quality: the quality table, which says whose runs are used.
    Rows are in the order of `metrics`, conventions and runs. Training compute is FLOPs per token x
    tokens or, where the FLOP table has a `conversion`, that times the logged compute. The end of a
    run is its last value of any metric.

    Points where the learning rate was still to fall are those before the end, and ends of runs cut
    before their planned tokens, unless the schedule is constant. A point that does not enter a fit
    has `used` false and a reason.

    Raises ValueError where of an arm no log can be read, but for those that are left out by name.
    """
    _readable(quality, {run["run"]: run["arm"] for run in runs})
    verdicts = quality.set_index("run")[["used", "reason"]].to_dict("index")
    by_run = {str(run): list(table.itertuples()) for run, table in flops.groupby("run")}
    info = {run["run"]: run for run in runs}
    along = settings.select == "curve"
    shares = np.geomspace(settings.start, 1, settings.per_run) if along else np.ones(1)
    rows = []
    for run, curves in _by_run(logs, info):
        ends = {
            axis: max((np.fmax.reduce(curve[axis]) for curve in curves.values()), default=np.nan)
            for axis in AXES
        }
        verdict, chosen = verdicts[run], dict[tuple[str, str], list[tuple[Point, float]]]()
        for metric, cost in product(metrics, by_run[run]):
            logged = np.isfinite(cost.conversion)
            axis = "compute_pflop_s_days" if logged else "tokens"
            if (metric, axis) not in chosen:
                chosen[metric, axis] = [
                    _point(curves.get(metric), axis, float(share * ends[axis]), settings)
                    for share in shares
                ]
            unit = float(cost.conversion if logged else cost.flop_per_token / PFLOP_S_DAY)
            for share, (point, at) in zip(shares, chosen[metric, axis], strict=True):
                early = _mid_schedule(info[run], float(share), ends["tokens"])
                sound = bool(np.isfinite(point.loss) and np.isfinite(at) and verdict["used"])
                reasons = [MID_SCHEDULE * early, verdict["reason"] or point.reason]
                rows.append(
                    {
                        "run": run,
                        "arm": info[run]["arm"],
                        "model": info[run]["model"],
                        "metric": metric,
                        "convention": cost.convention,
                        "compute_pflop_s_days": at * unit,
                        "loss": point.loss,
                        "loss_se": point.loss_se,
                        "rows": point.rows,
                        "used": sound and (settings.mid_schedule == "use" or not early),
                        "reason": "; ".join(filter(None, reasons)),
                        "parameters": cost.parameters_counted,
                        "tokens": ends["tokens"] * share if logged else at,
                    }
                )
    table = pd.DataFrame(rows)
    orders = {
        "metric": list(metrics),
        "convention": list(flops["convention"].unique()),
        "run": list(info),
    }
    return table.sort_values(
        list(orders), key=lambda column: column.map(orders[column.name].index), kind="stable"
    )


def _by_run(
    logs: Iterable[pd.DataFrame], runs: Iterable[str]
) -> Iterator[tuple[str, dict[str, Curve]]]:
    """Each run with its curves of kept values by metric; those without any are the last."""
    left = dict.fromkeys(runs)
    for table in logs:
        table = table[table["kept"]] if "kept" in table else table
        columns = {name: table[name].to_numpy() for name in (*AXES, "value")}
        found: dict[str, dict[str, Curve]] = {}
        rows_of = table.groupby(["run", "metric"], sort=False, observed=True).indices
        for (run, metric), rows in rows_of.items():
            curve = {name: column[rows] for name, column in columns.items()}
            found.setdefault(str(run), {})[str(metric)] = curve
        yield from ((run, curves) for run, curves in found.items() if run in left)
        left = {run: None for run in left if run not in found}
    yield from ((run, {}) for run in left)


def _mid_schedule(run: Mapping[str, Any], share: float, tokens: float) -> bool:
    """Whether the learning rate was still to fall at a share of the run; unknown schedules do."""
    schedule, planned = run.get("schedule"), run.get("training_tokens")
    if schedule == "constant":
        return False
    cut = bool(schedule and planned and tokens < WHOLE * planned)
    return share < 1 or cut


def _readable(quality: pd.DataFrame, arms: Mapping[str, str]) -> None:
    """Whether every arm has a run that could be read, of those that are not left out by name."""
    wanted = quality[~quality["reason"].str.startswith("excluded: ")]
    for arm, rows in wanted.groupby(wanted["run"].map(arms), sort=False):
        if (rows["error"] != "").all():
            first = rows.iloc[0]
            raise ValueError(
                f"arm {arm}: none of its {len(rows)} logs can be read. Run {first['run']}: "
                f"{first['error']}."
            )


def _point(curve: Curve | None, axis: str, end: float, settings: Selection) -> tuple[Point, float]:
    """The point of one curve at or before `end`, and where it lies on the axis."""
    if curve is None:
        return Point(np.nan, np.nan, 0, 0.0, "no value is kept"), np.nan
    inside = curve[axis] <= end * (1 + 1e-12)  # a share may round down
    if not inside.any():
        return Point(np.nan, np.nan, 0, 0.0, f"the log has no {axis}"), np.nan
    x, loss = curve[axis][inside], curve["value"][inside]
    last_x = float(x.max())
    if settings.select == "last":
        point = last(x, loss)
    else:
        point = final(x, loss, settings.window, end=max(end, last_x))
    return point, end if point.rows > 1 else last_x
