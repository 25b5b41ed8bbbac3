"""The loss surface over parameters and tokens, with its points and its compute-optimal line."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.fit.laws.chinchilla import optimal_allocation, value
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import sheet
from isoloss.units import Floats

SHAPE = ["floor", "a", "alpha", "b", "beta"]
BEYOND = 1.6  # how far the surface is drawn past its points, as a factor
LINES = 8  # iso-loss lines
COLORS = "viridis"
PANELS = 20  # at most


def draw(
    points: pd.DataFrame,
    surface: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """A panel an arm and metric, of the headline convention and the first surface fitted.

    Lines of equal loss; the points in the colour of their loss; and the sizes and tokens of lowest
    loss at each compute, over the compute of the points. Of more than PANELS the first metrics.
    """
    metrics = words["metrics"]
    points, surface, kept = _shown(points, surface, words)
    made = sheet(plotting, len(surface), share="xy")
    lowest, highest = points["loss"].min(), points["loss"].max()
    norm, levels = LogNorm(lowest, highest), np.geomspace(lowest, highest, LINES)
    spans = {name: _span(points[name]) for name in ("parameters", "tokens")}
    for row, axes in zip(surface.to_dict("records"), made.panels, strict=True):
        mine = points[(points["arm"] == row["arm"]) & (points["metric"] == row["metric"])]
        _lines(axes, [row[name] for name in SHAPE], mine, spans, levels, norm)
        axes.scatter(
            mine["parameters"],
            mine["tokens"],
            c=mine["loss"],
            cmap=COLORS,
            norm=norm,
            s=14,
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
        )
        label = f"{words['arms'][row['arm']]} (n = {len(mine):,})"
        made.title(axes, label if len(metrics) == 1 else f"{label}, {metrics[row['metric']]}")
        axes.set(xlim=spans["parameters"], ylim=spans["tokens"])
    made.axis("x", log=True)
    made.axis("y", log=True)
    color = colormaps[COLORS]
    unit = captions.loss(words, kept).rpartition(" (")[2].rstrip(")")
    handles = [
        Line2D([], [], color=color(norm(level)), label=f"{level:.2f}" + f" {unit}" * (i == 0))
        for i, level in enumerate(levels)
    ]
    name = "lowest loss at each compute"
    handles.append(Line2D([], [], linestyle="--", color="black", label=name))
    return arrange(made, x=f"Parameters{captions.LOG}", y=f"Tokens{captions.LOG}", handles=handles)


def caption(points: pd.DataFrame, surface: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    here, _, kept = _shown(points, surface, words)
    out = len(words["metrics"]) - len(kept)
    return captions.caption(
        words,
        "The fitted surface L = E + A / N^alpha + B / D^beta: lines of equal loss, the points in "
        "the colour of their loss, and (dashed) the parameters and tokens of lowest loss at each "
        "compute. No intervals are drawn.",
        captions.points_each(here, words),
        f"The last {out} of {len(words['metrics'])} metrics are left out." if out else "",
        captions.left_out(points[points["convention"] == words["conventions"][0]]),
        captions.log_scale("both axes"),
    )


def _shown(
    points: pd.DataFrame, surface: pd.DataFrame, words: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Points and surfaces that are drawn, and the metrics that there is room for."""
    headline = words["conventions"][0]
    surface = surface[surface["convention"] == headline].drop_duplicates(["arm", "metric"])
    metrics = list(words["metrics"])[: max(1, PANELS // surface["arm"].nunique())]
    points = points[points["used"] & (points["convention"] == headline)]
    return (
        points[points["metric"].isin(metrics)],
        surface[surface["metric"].isin(metrics)],
        metrics,
    )


def _span(values: pd.Series) -> tuple[float, float]:
    return values.min() / BEYOND, values.max() * BEYOND


def _lines(
    axes: Axes,
    shape: list[float],
    points: pd.DataFrame,
    spans: Mapping[str, tuple[float, float]],
    levels: Floats,
    norm: LogNorm,
) -> None:
    """Lines of equal loss, and the compute-optimal line."""
    n, d = (np.geomspace(*span, 80) for span in spans.values())
    loss = value(n[None, :], d[:, None], *shape)
    axes.contour(n, d, loss, levels, cmap=COLORS, norm=norm, linewidths=0.8, zorder=1)
    compute = points["compute_pflop_s_days"]
    best = optimal_allocation(np.geomspace(compute.min(), compute.max(), 50), *shape[1:])
    axes.plot(*best, "--", color="black", zorder=2)
