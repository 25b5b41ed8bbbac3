"""What is published of a study, drawn over its figures: thin and grey, behind what is ours."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from isoloss.paper import style

GREY = "0.45"
LABEL = "As published"


def published_lines(
    axes: Axes,
    published: Mapping[str, Any],
    metric: str,
    convention: str,
    points: pd.DataFrame,
    plotting: style.Plotting,
    beyond: float,
) -> int:
    """The published lines of a metric over the points of their arms, and a factor beyond.

    Returns how many. published: published.yaml. points: of the metric and the convention.
    """
    seen = set[tuple[str, str, str]]()
    for line in _of(published, "fits", metric, convention):
        key = line["arm"], line["coefficient"], line["exponent"]
        ends = points.loc[points["arm"] == line["arm"], "compute_pflop_s_days"]
        if key in seen or ends.empty:
            continue
        compute = np.geomspace(ends.min() / beyond, ends.max() * beyond, 50)
        axes.plot(
            compute,
            float(line["coefficient"]) * compute ** -float(line["exponent"]),
            "-",
            color=GREY,
            linewidth=plotting["line"]["thin"],
            zorder=1.5,
        )
        seen.add(key)
    return len(seen)


def published_handle(plotting: style.Plotting) -> Line2D:
    """What stands for those lines in a legend."""
    return Line2D([], [], color=GREY, linewidth=plotting["line"]["thin"], label=LABEL)


def published_multiplier(
    published: Mapping[str, Any], row: Mapping[str, Any], convention: str
) -> str:
    """The published multiplier at a row's loss, as a figure says it; empty where there is none."""
    for claim in _of(published, "multipliers", row["metric"], convention):
        same = claim["candidate"] == row["candidate"]
        if same and np.isclose(claim.get("loss", np.nan), row["loss"], rtol=1e-9):
            return f"as published: {claim['multiplier']}$\\times$"
    return ""


def _of(
    published: Mapping[str, Any], section: str, metric: str, convention: str
) -> Iterator[Mapping[str, Any]]:
    for claim in published.get(section, []):
        if claim["metric"] == metric and claim.get("convention", convention) == convention:
            yield claim
