"""The compute multiplier of every metric side by side, with intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from isoloss.paper import captions, style
from isoloss.paper.figures import forest
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

SHORT, FEW = 8, 3  # letters of metrics and number of conventions that fit on a level axis


def draw(multiplier: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """The first reported multiplier of each metric, a marker a convention.

    From left to right for one candidate and metrics of short names, such as positions; else a row
    a metric and a panel a candidate.
    """
    first = forest.reported(multiplier)
    short = max(map(len, words["metrics"].values())) <= SHORT
    if not (short and first["candidate"].nunique() == 1 and len(words["conventions"]) <= FEW):
        return forest.draw(first, words, plotting)
    styles = style.convention_styles(plotting, words["conventions"])
    made = sheet(plotting, 1, wide=len(words["metrics"]) > 4)
    (axes,) = made.panels
    order = {metric: i for i, metric in enumerate(words["metrics"])}
    for i, (convention, look) in enumerate(styles.items()):
        table = first[first["convention"] == convention]
        m = table["multiplier"].to_numpy()
        axes.errorbar(
            table["metric"].map(order) + 0.22 * (i - (len(styles) - 1) / 2),
            m,
            yerr=np.nan_to_num(np.abs(table[["ci_low", "ci_high"]].to_numpy().T - m)),
            fmt=look["marker"],
            markersize=4,
            color=look["color"],
        )
    axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
    axes.grid(axis="y")
    axes.set_xlim(-0.5, len(order) - 0.5)
    axes.set_xticks(range(len(order)), words["metrics"].values(), rotation=45, ha="right")
    axes.tick_params(axis="x", length=0)
    for label in axes.get_xticklabels():
        label.set_rotation_mode("anchor")
    made.axis("y", log=True)
    who = words["arms"][first["candidate"].iloc[0]]
    baseline = words["arms"][first["baseline"].iloc[0]]
    handles = [
        line_handle({**look, "linestyle": "-"}, style.convention_label(name))
        for name, look in styles.items()
    ]
    y = f"Compute multiplier of {who} over {baseline}{captions.LOG}"
    return arrange(made, y=y, handles=handles, note=forest.note(first))


def caption(multiplier: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    return forest.caption(multiplier, words)
