"""Residuals of the laws against compute, each point with and without itself in the fit."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.fit.along import is_surface
from isoloss.paper import style
from isoloss.paper.figures import canvas


def draw(residuals: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a metric, of the headline law and convention: residuals in % of the loss.

    Against compute; of a surface, whose points share their computes, against parameters. A filled
    dot is the residual, the open one above or below it the residual against the law fitted without
    that point: far apart, the point pulls the law to itself.
    """
    headline = words["conventions"][0]
    colors = style.arm_colors(plotting, words["arms"])
    here = residuals[residuals["headline_law"] & (residuals["convention"] == headline)]
    surface = here["law"].map(is_surface).any()
    axis = "parameters" if surface else "compute_pflop_s_days"
    figure, panels = canvas.panels(plotting, len(words["metrics"]), share_x=True, share_y=True)
    for (metric, label), axes in zip(words["metrics"].items(), panels, strict=True):
        axes.axhline(0, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        for arm in words["arms"]:
            mine = here[(here["metric"] == metric) & (here["arm"] == arm)]
            _points(axes, mine, axis, colors[arm], plotting)
        if len(panels) > 1:
            axes.set_title(label)
    for axes in panels:
        axes.set_xscale("log") if surface else canvas.log_axis(axes, "x")
        axes.grid(which="major")
    size = plotting["font"]["size"]
    name = "Parameters" if surface else canvas.compute_label(headline)
    figure.supxlabel(name, fontsize=size)
    name = f"{label} above the law" if len(panels) == 1 else "Loss above the law"
    figure.supylabel(f"{name} (%)", fontsize=size)
    handles = [
        Line2D([], [], marker="o", color=colors[arm], linestyle="none", markersize=4, label=label)
        for arm, label in words["arms"].items()
    ]
    open_dot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"}
    name = "law fitted without the point"
    handles.append(Line2D([], [], **open_dot, color="0.3", markersize=4, label=name))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1)
    return figure


def _points(
    axes: Axes, points: pd.DataFrame, axis: str, color: str, plotting: style.Plotting
) -> None:
    at = points[axis]
    inside, without = (100 * points[name] for name in ("log_residual", "log_residual_without"))
    axes.vlines(at, inside, without, color=color, linewidth=plotting["line"]["thin"])
    axes.plot(at, inside, "o", color=color, markersize=4, markeredgewidth=0, zorder=3)
    axes.plot(at, without, "o", color=color, markersize=4, markerfacecolor="white", zorder=2)
