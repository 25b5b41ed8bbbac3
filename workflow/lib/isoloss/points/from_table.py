"""A table of final points -> the points table, with no logs to read."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from isoloss.points.axes import axes_of


def tabled_points(
    rows: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, str | None],
    conventions: Sequence[str],
    exclude: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """One row a run, metric and convention, as `isoloss.stages.points.points` makes from logs.

    rows: of the study's table of points. metrics: the column of each metric, where it is not the
    metric's name; its standard errors are in `<column>_se`, if anywhere. exclude: run -> why it is
    left out.
    """
    points = []
    for metric, named in metrics.items():
        column = named or metric
        for convention in conventions:
            for row in rows:
                compute, parameters, tokens = axes_of(row, convention)
                why = " ".join(exclude.get(row["run"], "").split())
                points.append(
                    {
                        "run": row["run"],
                        "arm": row["arm"],
                        "model": row["model"],
                        "metric": metric,
                        "convention": convention,
                        "compute_pflop_s_days": compute,
                        "loss": row[column],
                        "loss_se": row.get(f"{column}_se", float("nan")),
                        "rows": 1,
                        "used": row["run"] not in exclude,
                        "reason": f"excluded: {why}" if why else "",
                        "parameters": parameters,
                        "tokens": tokens,
                    }
                )
    return pd.DataFrame(points)
