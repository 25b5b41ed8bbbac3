"""Iso-FLOP curves with their minima, and the growth of the best size with compute."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.fit.isoflop import ORDERS
from isoloss.paper import style
from isoloss.paper.figures import canvas

BEYOND = 1.5  # how far the growth of the best size is drawn past the budgets, as a factor
ROOM = 0.25  # to the right of the curves for their budgets, as a share of the axis
ROUNDED = 1e-9
COLORS = colormaps["viridis"]


def draw(
    points: pd.DataFrame,
    isoflop: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """Of each metric a panel an arm, loss against parameters, and one of all arms' best sizes.

    A curve a budget, its minimum a star; budgets without a minimum have none. The last panel has
    the best sizes against compute, with the power laws through them.
    """
    headline = words["conventions"][0]
    points = points[points["used"] & (points["convention"] == headline)]
    isoflop = isoflop[isoflop["convention"] == headline]
    isoflop = isoflop[isoflop["method"] == isoflop["method"].iloc[0]]
    arms = [arm for arm in words["arms"] if arm in set(isoflop["arm"])]
    figure, panels = canvas.panels(plotting, len(words["metrics"]) * (len(arms) + 1))
    free = iter(panels)
    for metric, label in words["metrics"].items():
        losses = points.loc[points["metric"] == metric, "loss"]
        margin = 0.05 * (losses.max() - losses.min())
        for arm in arms:
            axes = next(free)
            _curves(axes, *(_of(table, metric, arm) for table in (points, isoflop)))
            name = words["arms"][arm]
            axes.set_title(name if len(words["metrics"]) == 1 else f"{name}, {label}")
            axes.set_ylabel(f"{label} (nats)")
            axes.set_ylim(losses.min() - margin, losses.max() + margin)
        _growth(next(free), isoflop[isoflop["metric"] == metric], arms, words, plotting)
    return figure


def _of(table: pd.DataFrame, metric: str, arm: str) -> pd.DataFrame:
    return table[(table["metric"] == metric) & (table["arm"] == arm)]


def _curves(axes: Axes, points: pd.DataFrame, found: pd.DataFrame) -> None:
    """Loss against parameters, a curve and a colour a budget; hollow: outside its window."""
    rows = found.sort_values("compute_pflop_s_days").to_dict("records")
    for number, row in enumerate(rows):
        mine = points[_between(points, row, "compute_pflop_s_days", "lowest", "highest")]
        near = _between(mine, row, "parameters", "smallest", "largest")
        color = COLORS(0.9 * number / max(len(rows) - 1, 1))
        for some, fill in ((mine[near], color), (mine[~near], "white")):
            (dots,) = axes.plot(some["parameters"], some["loss"], "o", color=color, markersize=2.5)
            dots.set(markerfacecolor=fill, markeredgewidth=0.5)
        if mine.loc[near, "parameters"].nunique() > ORDERS[row["method"]]:
            log_n = np.log(mine.loc[near, "parameters"])
            losses = mine.loc[near, "loss"]
            curve = np.polynomial.Polynomial.fit(log_n, losses, ORDERS[row["method"]])
            at = np.linspace(log_n.min(), log_n.max(), 60)
            axes.plot(np.exp(at), curve(at), color=color, linewidth=0.8)
        elif number > 0:
            continue  # no curve to name
        axes.plot(row["optimal_parameters"], row["optimal_loss"], "*", color=color, markersize=6)
        end = mine.loc[mine["parameters"].idxmax()]
        axes.annotate(
            f"{row['compute_pflop_s_days']:.2g}" + (" PFLOP/s-days" if number == 0 else ""),
            xy=(end["parameters"], end["loss"]),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize="small",
        )
    axes.set_xscale("log")
    axes.set_xlabel("Parameters")
    low, high = points["parameters"].min(), points["parameters"].max()
    axes.set_xlim(low / BEYOND, high * (high / low) ** ROOM)


def _between(
    points: pd.DataFrame, row: Mapping[str, Any], axis: str, low: str, high: str
) -> "pd.Series[bool]":
    """Which points lie between two columns of a budget's row, which a table has rounded."""
    lowest, highest = row[f"{low}_{axis}"], row[f"{high}_{axis}"]
    return points[axis].between(lowest * (1 - ROUNDED), highest * (1 + ROUNDED))


def _growth(
    axes: Axes,
    found: pd.DataFrame,
    arms: list[str],
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> None:
    """The best size of every budget with its standard error, and the power law of each arm."""
    colors = style.arm_colors(plotting, words["arms"])
    markers = style.arm_markers(plotting, words["arms"])
    for arm in arms:
        mine = found[found["arm"] == arm].dropna(subset="optimal_parameters")
        compute, best = mine["compute_pflop_s_days"], mine["optimal_parameters"]
        row = mine.iloc[0]
        at = np.geomspace(compute.min() / BEYOND, compute.max() * BEYOND, 20)
        axes.plot(
            at,
            row["parameters_coefficient"] * at ** row["parameters_exponent"],
            "--",
            color=colors[arm],
            label=rf"{words['arms'][arm]}: $N \propto C^{{{row['parameters_exponent']:.3f}}}$",
        )
        error = np.nan_to_num(1.96 * mine["log_parameters_se"].to_numpy())
        bars = best.to_numpy() * np.abs(np.exp(np.stack([-error, error])) - 1)
        axes.errorbar(compute, best, yerr=bars, fmt=markers[arm], color=colors[arm], markersize=5)
    canvas.log_axis(axes, "x")
    axes.set_yscale("log")
    axes.set_title("Size of lowest loss")
    axes.set_xlabel("Compute (PFLOP/s-days)")
    axes.set_ylabel("Parameters")
    axes.legend(loc="upper left")
