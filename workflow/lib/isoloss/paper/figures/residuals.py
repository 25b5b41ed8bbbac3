"""Residuals of the laws against compute, each point with and without itself in the fit."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.fit.along import is_surface
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

WITHOUT: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "white", "markersize": 4}


def draw(residuals: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a metric, of the headline law and convention: residuals in % of the loss.

    Against compute; of a surface, whose points share their computes, against parameters. A filled
    sign is the residual, the open one above or below it the residual against the law fitted without
    that point: far apart, the point pulls the law to itself.
    """
    looks = style.arm_styles(plotting, words["arms"])
    here = shown(residuals, words)
    surface = bool(here["law"].map(is_surface).any())
    axis = "parameters" if surface else "compute_pflop_s_days"
    made = sheet(plotting, len(words["metrics"]), share="xy")
    for (metric, label), axes in zip(words["metrics"].items(), made.panels, strict=True):
        axes.axhline(0, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        for arm, look in looks.items():
            mine = here[(here["metric"] == metric) & (here["arm"] == arm)]
            _points(axes, mine, axis, look, plotting)
        if len(made.panels) > 1:
            made.title(axes, label)
        axes.grid(which="major")
    made.axis("x", log=True)
    made.axis("y", log=False)
    headline = words["conventions"][0]
    labels = captions.with_counts(here, words)
    handles = [
        line_handle({**look, "linestyle": "none"}, labels[arm]) for arm, look in looks.items()
    ]
    handles.append(
        Line2D([], [], marker="o", color="0.3", label="law fitted without the point", **WITHOUT)
    )
    single = next(iter(words["metrics"].values()))
    return arrange(
        made,
        x=f"Parameters{captions.LOG}" if surface else captions.compute_axis(headline),
        y=f"{single if len(made.panels) == 1 else 'Loss'} above the law (%)",
        handles=handles,
    )


def shown(residuals: pd.DataFrame, words: Mapping[str, Any]) -> pd.DataFrame:
    """Those of the headline law and convention."""
    return residuals[
        residuals["headline_law"] & (residuals["convention"] == words["conventions"][0])
    ]


def caption(residuals: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    here = shown(residuals, words)
    return captions.caption(
        words,
        "Residuals of the headline law in percent of the loss. Filled: the law fitted to all "
        "points. Open: the same point against the law fitted without it; where the two are far "
        "apart, the point pulls the law to itself. A bend over all points says that the law is "
        "wrong. No intervals are drawn.",
        captions.points_each(here, words),
        captions.compute(words["conventions"][0]),
        captions.log_scale("the level axis"),
    )


def _points(
    axes: Axes, points: pd.DataFrame, axis: str, look: Mapping[str, Any], plotting: style.Plotting
) -> None:
    at, color = points[axis], look["color"]
    inside, without = (100 * points[name] for name in ("log_residual", "log_residual_without"))
    axes.vlines(at, inside, without, color=color, linewidth=plotting["line"]["thin"])
    sign: dict[str, Any] = {"marker": look["marker"], "color": color}
    axes.plot(at, without, **sign, **WITHOUT, zorder=2)
    axes.plot(at, inside, **sign, linestyle="none", markersize=4, markeredgewidth=0, zorder=3)
