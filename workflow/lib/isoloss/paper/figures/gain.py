"""The compute multiplier against the baseline's compute, to an extrapolated budget."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.paper import style
from isoloss.paper.figures import canvas

MOST_PANELS = 12  # curves; of more comparisons there is a row each
ROW, COLUMNS = 0.12, 4  # inches a row of the forest; its panels side by side


def draw(gain: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """Of the headline's convention: a panel a comparison, or rows of many in a forest plot.

    Dark: the interval of the multiplier; light: where another pair of runs would lie. Full lines
    and dots: what both arms reached; dashed and hollow: extrapolated.
    """
    gain = gain[gain["convention"] == words["conventions"][0]]
    pairs = list(gain.groupby(["candidate", "metric"], sort=False))
    if len(pairs) > MOST_PANELS:
        return _forest(gain, words, plotting)
    figure, panels = canvas.panels(plotting, len(pairs), share_y=True)
    several = gain["candidate"].nunique() > 1
    colors = style.arm_colors(plotting, words["arms"])
    for ((candidate, metric), table), axes in zip(pairs, panels, strict=True):
        _curve(axes, table, colors[str(candidate)])
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
        if len(pairs) > 1:
            name = f"{words['arms'][candidate]}, " if several else ""
            axes.set_title(f"{name}{words['metrics'][metric]}")
    low, high = _limits(gain)
    for axes in panels:
        axes.set_ylim(low, high)
        canvas.log_axis(axes, "x")
        canvas.log_axis(axes, "y")
    size = plotting["font"]["size"]
    baseline = words["arms"][gain["baseline"].iloc[0]]
    who = "candidate" if several else words["arms"][gain["candidate"].iloc[0]]
    label = canvas.compute_label(gain["counted_in"].iloc[0])
    figure.supxlabel(f"{label} of {baseline}", fontsize=size)
    figure.supylabel(f"Compute multiplier of {who} over {baseline}", fontsize=size)
    handles, labels = panels[0].get_legend_handles_labels()
    columns = 2 if len(pairs) == 1 else len(labels)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=1)
    return figure


def _curve(axes: Axes, table: pd.DataFrame, color: str) -> None:
    x = table["compute_pflop_s_days"]
    percent = f"{100 * table['confidence'].iloc[0]:g}%"
    for ends, alpha, label in (
        (("predicted_low", "predicted_high"), 0.13, f"another pair of runs, {percent}"),
        (("ci_low", "ci_high"), 0.3, f"the multiplier, {percent}"),
    ):
        low, high = (table[end] for end in ends)
        axes.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0, label=label)
    seen = table["multiplier"].where(~table["extrapolated"])
    axes.plot(x, table["multiplier"], "--", color=color, linewidth=0.8, label="extrapolated")
    axes.plot(x, seen, "-", color=color, label="reached by both arms")
    axes.set_xlim(x.min(), x.max())


def _limits(gain: pd.DataFrame) -> tuple[float, float]:
    """Of the axis of multipliers: all of them, and most of what surrounds them."""
    low = np.nanquantile(gain["predicted_low"].fillna(gain["ci_low"]), 0.02)
    high = np.nanquantile(gain["predicted_high"].fillna(gain["ci_high"]), 0.98)
    m = gain["multiplier"]
    least, most = max(low, 0.3 * m.min()), min(high, 3 * m.max())
    return 0.98 * min(least, m.min(), 0.99), 1.02 * max(most, m.max(), 1.01)


def _forest(gain: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate, a row a metric: at the largest compute of both, and at the budget."""
    candidates = [arm for arm in words["arms"] if arm in set(gain["candidate"])]
    metrics = [name for name in words["metrics"] if name in set(gain["metric"])]
    columns = min(len(candidates), COLUMNS)
    rows = math.ceil(len(candidates) / columns)
    height = rows * (ROW * len(metrics) + 0.35) + 0.7
    width = plotting["width"]["page"]
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    colors = style.arm_colors(plotting, words["arms"])
    for candidate, axes in zip(candidates, grid, strict=False):
        mine = gain[gain["candidate"] == candidate]
        of_metric = mine.groupby("metric", sort=False)
        seen = mine[~mine["extrapolated"]].groupby("metric", sort=False)
        _rows(axes, of_metric.tail(1), metrics, 0.18, colors[candidate])
        _rows(axes, seen.tail(1), metrics, -0.18, colors[candidate])
        axes.axvline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        axes.set_yticks(range(len(metrics)), [words["metrics"][name] for name in metrics])
        axes.set_ylim(len(metrics) - 0.5, -0.5)
        axes.set_xlim(*_limits(_ends(gain)))
        axes.grid(axis="x")
        if len(candidates) > 1:
            axes.set_title(words["arms"][candidate])
        canvas.log_axis(axes, "x")
    for unused in grid[len(candidates) :]:
        unused.remove()
    size = plotting["font"]["size"]
    budget = gain["compute_pflop_s_days"].max()
    baseline = words["arms"][gain["baseline"].iloc[0]]
    convention = style.convention_label(gain["counted_in"].iloc[0])
    figure.supxlabel(f"Compute multiplier over {baseline}", fontsize=size)
    figure.suptitle(
        "Filled: at the largest compute that both arms reached. Hollow: extrapolated to "
        f"{budget:.3g} PFLOP/s-days ({convention}).\nThick: the multiplier; thin: another pair of "
        "runs.",
        fontsize=size,
    )
    return figure


def _ends(gain: pd.DataFrame) -> pd.DataFrame:
    """The rows that a forest shows."""
    of = ["candidate", "metric"]
    seen = gain[~gain["extrapolated"]].groupby(of, sort=False).tail(1)
    return pd.concat([seen, gain.groupby(of, sort=False).tail(1)])


def _rows(axes: Axes, rows: pd.DataFrame, metrics: Sequence[str], shift: float, color: str) -> None:
    """A line a metric; hollow where it is shifted down."""
    place = rows["metric"].map({name: i for i, name in enumerate(metrics)}) + shift
    axes.hlines(place, rows["predicted_low"], rows["predicted_high"], color=color, lw=0.4)
    axes.hlines(place, rows["ci_low"], rows["ci_high"], color=color, lw=1.1)
    face = "white" if shift > 0 else color
    axes.plot(rows["multiplier"], place, "o", color=color, mfc=face, markersize=2.5, mew=0.6)
