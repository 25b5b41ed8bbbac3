"""Iso-FLOP curves with their minima, and the growth of the best size with compute."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.fit.isoflop import ORDERS
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

BEYOND = 1.5  # how far the growth of the best size is drawn past the budgets, as a factor
ROUNDED = 1e-9
COLORS = colormaps["viridis"]
PANELS = 20  # at most
COLUMNS = 4  # at most
NAMED = 8  # budgets in the legend


def draw(
    points: pd.DataFrame,
    isoflop: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """Of each metric a panel an arm, loss against parameters, and one of all arms' best sizes.

    A curve a budget, its minimum a star; budgets without a minimum have none. The last panel has
    the best sizes against compute, with the power laws through them. Of more than PANELS the first
    metrics.
    """
    points, isoflop, arms, metrics = _shown(points, isoflop, words)
    count = len(arms) + 1
    columns = count if count <= COLUMNS else next((n for n in (4, 3) if count % n == 0), COLUMNS)
    made = sheet(plotting, len(metrics) * count, columns=columns)
    free = iter(made.panels)
    budgets = isoflop["compute_pflop_s_days"]
    norm = LogNorm(budgets.min(), budgets.max() * (1 + ROUNDED))
    counts = captions.with_counts(points, words)
    for metric in metrics:
        label = words["metrics"][metric]
        losses = points.loc[points["metric"] == metric, "loss"]
        margin = 0.05 * (losses.max() - losses.min())
        for arm in arms:
            axes = next(free)
            _curves(axes, _of(points, metric, arm), _of(isoflop, metric, arm), norm)
            name = counts[arm]
            made.title(axes, name if len(words["metrics"]) == 1 else f"{name}, {label}")
            axes.set_xlabel(f"Parameters{captions.LOG}")
            axes.set_ylabel(
                captions.loss(words) if len(metrics) > 1 else captions.loss(words, [metric])
            )
            axes.set_ylim(losses.min() - margin, losses.max() + margin)
            made.axis("x", log=True, of=[axes])
            made.axis("y", log=False, of=[axes])
        axes = next(free)
        _growth(axes, isoflop[isoflop["metric"] == metric], arms, words, plotting)
        made.title(axes, "Size of lowest loss")
        made.axis("x", log=True, of=[axes])
        made.axis("y", log=True, of=[axes])
    return arrange(made, handles=_handles(isoflop, arms, metrics, norm, words, plotting))


def caption(points: pd.DataFrame, isoflop: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    here, found, _, metrics = _shown(points, isoflop, words)
    out = len(words["metrics"]) - len(metrics)
    nothing = int(found["optimal_parameters"].isna().sum())
    return captions.caption(
        words,
        "Final losses against parameters at each compute budget, with the fitted curves and their "
        "minima (stars; hollow points lie outside the window of their fit); last, the sizes of "
        "lowest loss against compute with the power laws through them (bars: 95%, 1.96 standard "
        "errors).",
        captions.points_each(here, words),
        captions.compute(words["conventions"][0]),
        f"Budgets without a minimum: {nothing} of {len(found)}." if nothing else "",
        f"The last {out} of {len(words['metrics'])} metrics are left out." if out else "",
        captions.left_out(points[points["convention"] == words["conventions"][0]]),
        captions.log_scale("parameters", "compute"),
    )


def _shown(
    points: pd.DataFrame, isoflop: pd.DataFrame, words: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str], list[str]]:
    """Points, budgets, arms and metrics that are drawn."""
    headline = words["conventions"][0]
    isoflop = isoflop[isoflop["convention"] == headline]
    isoflop = isoflop[isoflop["method"] == isoflop["method"].iloc[0]]
    arms = [arm for arm in words["arms"] if arm in set(isoflop["arm"])]
    metrics = list(words["metrics"])[: max(1, PANELS // (len(arms) + 1))]
    points = points[points["used"] & (points["convention"] == headline)]
    return (
        points[points["metric"].isin(metrics)],
        isoflop[isoflop["metric"].isin(metrics)],
        arms,
        metrics,
    )


def _handles(
    isoflop: pd.DataFrame,
    arms: list[str],
    metrics: list[str],
    norm: LogNorm,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> list[Line2D]:
    """The budgets, some of many, and the arms, of one metric with the growth of their best size."""
    rounded = isoflop["compute_pflop_s_days"].map("{:.2g}".format).astype(float)
    budgets = np.unique(rounded)
    some = np.unique(np.linspace(0, len(budgets) - 1, min(NAMED, len(budgets))).round().astype(int))
    handles = [
        Line2D([], [], color=_color(norm, c), marker="o", markersize=3, label=f"{c:.2g}")
        for c in budgets[some]
    ]
    handles[0].set_label(f"{handles[0].get_label()} PFLOP/s-days")
    for arm, look in style.arm_styles(plotting, words["arms"]).items():
        row = isoflop[(isoflop["arm"] == arm) & (isoflop["metric"] == metrics[0])].head(1)
        if arm in arms:
            label = words["arms"][arm]
            if len(metrics) == 1 and len(row):
                label += rf": $N \propto C^{{{row['parameters_exponent'].iloc[0]:.3f}}}$"
            handles.append(line_handle(look, label))
    return handles


def _color(norm: LogNorm, compute: float) -> Any:
    return COLORS(0.9 * float(norm(compute)))


def _of(table: pd.DataFrame, metric: str, arm: str) -> pd.DataFrame:
    return table[(table["metric"] == metric) & (table["arm"] == arm)]


def _curves(axes: Axes, points: pd.DataFrame, found: pd.DataFrame, norm: LogNorm) -> None:
    """Loss against parameters, a curve and a colour a budget; hollow: outside its window."""
    rows = found.sort_values("compute_pflop_s_days").to_dict("records")
    for row in rows:
        mine = points[_between(points, row, "compute_pflop_s_days", "lowest", "highest")]
        near = _between(mine, row, "parameters", "smallest", "largest")
        color = _color(norm, row["compute_pflop_s_days"])
        for some, fill in ((mine[near], color), (mine[~near], "white")):
            (dots,) = axes.plot(some["parameters"], some["loss"], "o", color=color, markersize=2.5)
            dots.set(markerfacecolor=fill, markeredgewidth=0.5)
        if mine.loc[near, "parameters"].nunique() > ORDERS[row["method"]]:
            log_n = np.log(mine.loc[near, "parameters"])
            losses = mine.loc[near, "loss"]
            curve = np.polynomial.Polynomial.fit(log_n, losses, ORDERS[row["method"]])
            at = np.linspace(log_n.min(), log_n.max(), 60)
            axes.plot(np.exp(at), curve(at), color=color, linewidth=0.8)
        axes.plot(row["optimal_parameters"], row["optimal_loss"], "*", color=color, markersize=6)


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
    for arm, look in style.arm_styles(plotting, words["arms"]).items():
        mine = found[found["arm"] == arm].dropna(subset="optimal_parameters")
        if mine.empty:
            continue
        compute, best = mine["compute_pflop_s_days"], mine["optimal_parameters"]
        row = mine.iloc[0]
        at = np.geomspace(compute.min() / BEYOND, compute.max() * BEYOND, 20)
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        axes.plot(at, row["parameters_coefficient"] * at ** row["parameters_exponent"], **line)
        error = np.nan_to_num(1.96 * mine["log_parameters_se"].to_numpy())
        bars = best.to_numpy() * np.abs(np.exp(np.stack([-error, error])) - 1)
        sign = {"fmt": look["marker"], "color": look["color"], "markersize": 4}
        axes.errorbar(compute, best, yerr=bars, **sign)
    axes.set_xlabel(f"Compute (PFLOP/s-days){captions.LOG}")
    axes.set_ylabel(f"Parameters{captions.LOG}")
