"""The compute multiplier against loss, by convention."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.paper import style
from isoloss.paper.figures import canvas


def draw(multiplier: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate and metric, of the headline law: a line and a band a convention.

    Lines are full where both arms reached the loss (shaded grey) and thin and faint beyond; dots
    with error bars are the reported losses.
    """
    multiplier = multiplier[multiplier["headline_law"]]
    pairs = list(multiplier.groupby(["candidate", "metric"], sort=False))
    figure, panels = canvas.panels(plotting, len(pairs), share_y=True)
    styles = style.convention_styles(plotting, words["conventions"])
    several = multiplier["candidate"].nunique() > 1
    for ((candidate, metric), table), axes in zip(pairs, panels, strict=True):
        for convention, look in reversed(styles.items()):  # the headline on top
            _convention(axes, table[table["convention"] == convention], convention, look)
        seen = table[(table["kind"] == "grid") & ~table["extrapolated"]]["loss"]
        if len(seen):
            axes.axvspan(seen.min(), seen.max(), color="0.92", zorder=0, linewidth=0)
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
        canvas.log_axis(axes, "y")
        name = f"{words['arms'][candidate]}, " if several else ""
        if len(pairs) > 1:
            axes.set_title(f"{name}{words['metrics'][metric]}")
    baseline = words["arms"][multiplier["baseline"].iloc[0]]
    who = "candidate" if several else words["arms"][multiplier["candidate"].iloc[0]]
    size = plotting["font"]["size"]
    figure.supxlabel("Loss (nats)", fontsize=size)
    figure.supylabel(f"Compute multiplier of {who} over {baseline}", fontsize=size)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles[::-1], labels[::-1], loc="outside upper center", ncols=len(labels), columnspacing=1
    )
    return figure


def _convention(axes: Axes, table: pd.DataFrame, name: str, look: Mapping[str, Any]) -> None:
    grid = table[table["kind"] == "grid"].sort_values("loss")
    seen = grid[~grid["extrapolated"]]
    color, dash = look["color"], look["linestyle"]
    axes.plot(grid["loss"], grid["multiplier"], dash, color=color, linewidth=0.6, alpha=0.5)
    axes.plot(
        seen["loss"], seen["multiplier"], dash, color=color, label=style.convention_label(name)
    )
    axes.fill_between(
        grid["loss"], grid["ci_low"], grid["ci_high"], color=color, alpha=0.15, linewidth=0
    )
    reported = table[table["kind"] == "reported"]
    axes.errorbar(
        reported["loss"],
        reported["multiplier"],
        yerr=[
            reported["multiplier"] - reported["ci_low"],
            reported["ci_high"] - reported["multiplier"],
        ],
        fmt=look["marker"],
        markersize=3,
        color=color,
        linewidth=0.8,
    )
