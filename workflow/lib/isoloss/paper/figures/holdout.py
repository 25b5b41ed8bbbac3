"""How well laws fitted to the smaller sizes predict the largest."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.paper import style
from isoloss.paper.figures import canvas

SWATCH: dict[str, Any] = {"linewidth": 4, "solid_capstyle": "butt"}  # a colour, and no line


def draw(holdout: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a metric, of the headline convention: error in % of the loss against the reach.

    Each point is a size that the law was fitted without, predicted from the smaller ones; the
    reach is its compute over the largest fitted. Colours are arms, markers laws.
    """
    headline = words["conventions"][0]
    here = holdout[holdout["convention"] == headline]
    colors = style.arm_colors(plotting, words["arms"])
    laws = list(dict.fromkeys(zip(here["law"], here["method"], strict=True)))
    figure, panels = canvas.panels(plotting, len(words["metrics"]), share_x=True, share_y=True)
    for (metric, label), axes in zip(words["metrics"].items(), panels, strict=True):
        axes.axhline(0, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        for (law, method), look in zip(laws, _looks(plotting), strict=False):
            for arm in words["arms"]:
                mine = here[
                    (here[["metric", "arm", "law", "method"]] == [metric, arm, law, method]).all(
                        axis=1
                    )
                ]
                axes.plot(mine["reach"], 100 * mine["log_error"], color=colors[arm], **look)
        if len(panels) > 1:
            axes.set_title(label)
    for axes in panels:
        canvas.log_axis(axes, "x")
        axes.grid(which="major")
    size = plotting["font"]["size"]
    figure.supxlabel("Compute over the largest fitted", fontsize=size)
    figure.supylabel("Measured loss above the prediction (%)", fontsize=size)
    handles = [
        Line2D([], [], color=colors[arm], label=name, **SWATCH)
        for arm, name in words["arms"].items()
    ]
    for (law, method), look in zip(laws, _looks(plotting), strict=False):
        name = law if method == laws[0][1] else f"{law}, {method}"
        handles.append(Line2D([], [], color="0.3", label=name.replace("_", " "), **look))
    long = sum(len(str(handle.get_label())) + 6 for handle in handles) > 60 * len(panels)
    columns = 2 if long and len(panels) < 3 else len(handles)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1)
    return figure


def _looks(plotting: style.Plotting) -> list[dict[str, Any]]:
    """How the points of each law look: filled, then open, by the markers of the conventions."""
    fills: list[dict[str, Any]] = [{}, {"markerfacecolor": "none"}]
    return [
        {"marker": marker, "linestyle": "none", "markersize": 4, **fill}
        for marker in plotting["convention_markers"]
        for fill in fills
    ]
