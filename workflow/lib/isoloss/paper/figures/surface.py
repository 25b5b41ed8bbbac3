"""The loss surface over parameters and tokens, with its points and its compute-optimal line."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from isoloss.fit.laws.chinchilla import optimal_allocation, value
from isoloss.paper import style
from isoloss.paper.figures import canvas
from isoloss.units import Floats

SHAPE = ["floor", "a", "alpha", "b", "beta"]
BEYOND = 1.6  # how far the surface is drawn past its points, as a factor
LINES = 9  # iso-loss lines, about
COLORS = "viridis"


def draw(
    points: pd.DataFrame,
    surface: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """A panel an arm and metric, of the headline convention and the first surface fitted.

    Lines of equal loss, at the ticks of the colour bar; the points in the colour of their loss; and
    the sizes and tokens of lowest loss at each compute, over the compute of the points.
    """
    headline, metrics = words["conventions"][0], words["metrics"]
    points = points[points["used"] & (points["convention"] == headline)]
    surface = surface[surface["convention"] == headline].drop_duplicates(["arm", "metric"])
    figure, panels = canvas.panels(plotting, len(surface), share_x=True, share_y=True)
    lowest, highest = points["loss"].min(), points["loss"].max()
    norm, levels = LogNorm(lowest, highest), np.geomspace(lowest, highest, LINES)
    spans = {name: _span(points[name]) for name in ("parameters", "tokens")}
    for row, axes in zip(surface.to_dict("records"), panels, strict=True):
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
        label = words["arms"][row["arm"]]
        axes.set_title(label if len(metrics) == 1 else f"{label}, {metrics[row['metric']]}")
        axes.set(xlim=spans["parameters"], ylim=spans["tokens"], xscale="log", yscale="log")
    size = plotting["font"]["size"]
    figure.supxlabel("Parameters", fontsize=size)
    figure.supylabel("Tokens", fontsize=size)
    bar = figure.colorbar(ScalarMappable(norm, COLORS), ax=panels, pad=0.01, aspect=30)
    bar.set_label("Loss (nats)")
    bar.set_ticks(levels.tolist(), labels=[f"{level:.2f}" for level in levels])
    bar.ax.minorticks_off()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center")
    return figure


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
    axes.plot(*best, "--", color="black", zorder=2, label="lowest loss at each compute")
