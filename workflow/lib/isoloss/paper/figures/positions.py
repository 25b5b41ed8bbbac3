"""The compute multiplier of every metric side by side, with intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from isoloss.paper import style
from isoloss.paper.figures import canvas


def draw(multiplier: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate: the first reported multiplier of each metric, a marker a convention."""
    reported = multiplier[(multiplier["kind"] == "reported") & multiplier["headline_law"]]
    first = reported.drop_duplicates(["candidate", "metric", "convention"])
    styles = style.convention_styles(plotting, words["conventions"])
    candidates = list(first["candidate"].unique())
    figure, panels = canvas.panels(plotting, len(candidates), wide=True)
    order = {metric: i for i, metric in enumerate(words["metrics"])}
    for candidate, axes in zip(candidates, panels, strict=True):
        for i, (convention, look) in enumerate(styles.items()):
            table = first[(first["candidate"] == candidate) & (first["convention"] == convention)]
            at = table["metric"].map(order) + 0.22 * (i - (len(styles) - 1) / 2)
            axes.errorbar(
                at,
                table["multiplier"],
                yerr=np.abs(
                    table[["ci_low", "ci_high"]].to_numpy().T - table["multiplier"].to_numpy()
                ),
                fmt=look["marker"],
                markersize=4,
                color=look["color"],
                label=style.convention_label(convention),
            )
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        canvas.log_axis(axes, "y")
        axes.grid(axis="y")
        axes.set_xticks(range(len(order)), words["metrics"].values(), rotation=45, ha="right")
        baseline = words["arms"][first["baseline"].iloc[0]]
        axes.set_ylabel(f"Compute multiplier of {words['arms'][candidate]}\nover {baseline}")
        axes.legend(loc="best")
    return figure
