"""What a token's training FLOPs are spent on: a stacked bar an arm and size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.paper import style
from isoloss.paper.figures import canvas

GIGA = 1e9
SIX_N = ("6n_non_embedding", "6n_with_head", "6n_total")  # one component: nothing to break down
SEEN = 0.005  # the share of a bar from which on a component is named in the legend
GROUP = 0.84  # width of a size's bars; sizes are 1 apart
LABELS = {
    "parameters": "6N",
    "embedding": "embedding",
    "projections": "projections",
    "feed_forward": "feed-forward",
    "head": "LM head",
    "router": "router",
    "multi_token_prediction": "multi-token prediction",
    "multi_token_prediction_head": "its LM head",
    "short_convolution": "short convolution",
    "state": "recurrent state",
    "scores": "attention scores",
    "softmax": "softmax",
}


def draw(breakdown: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """Bars of the arms side by side, sizes from the cheapest to the dearest.

    Of the study's conventions, the first that has components is taken, else matmul_causal.
    """
    convention = chosen(words["conventions"])
    table = breakdown[breakdown["convention"] == convention]
    table = table.drop_duplicates(["arm", "model", "component"])  # of runs that differ in a seed
    cost = table.pivot(index=["model", "arm"], columns="component", values="flop_per_token")
    cost = cost.fillna(0.0) / GIGA
    models = cost.sum(axis=1).groupby("model").min().sort_values(kind="stable").index
    arms = words["arms"]
    figure, (axes,) = canvas.panels(plotting, 1, wide=True)
    width = GROUP / len(arms)
    ticks = {}
    for i, model in enumerate(models):
        for j, (arm, label) in enumerate(arms.items()):
            if (model, arm) in cost.index:
                at = i + (j - (len(arms) - 1) / 2) * width
                _bar(axes, cost.loc[(model, arm)], at, 0.9 * width, plotting)
                ticks[at] = label
    axes.set_xticks(list(ticks), list(ticks.values()), rotation=90, fontsize="small")
    axes.tick_params(axis="x", length=0)
    sizes = axes.secondary_xaxis("top")
    sizes.set_xticks(range(len(models)), models)
    sizes.tick_params(length=0)
    for side in (*axes.spines.values(), *sizes.spines.values()):
        side.set_visible(side in (axes.spines["left"], axes.spines["bottom"]))
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.margins(y=0.03)
    axes.set_ylabel(f"Training GFLOP per token\n({style.convention_label(convention)})")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    figure.legend(*_legend(axes, cost, plotting), loc="outside right center")
    return figure


def chosen(conventions: list[str]) -> str:
    """The first convention that has components, else matmul_causal."""
    return next((name for name in conventions if name not in (*SIX_N, "logged")), "matmul_causal")


def _bar(axes: Axes, cost: pd.Series, at: float, width: float, plotting: style.Plotting) -> None:
    below = 0.0
    for component, color in plotting["component_colors"].items():
        height = float(cost.get(component, 0.0))
        if height:
            axes.bar(at, height, width, below, color=color, edgecolor="white", linewidth=0.2)
        below += height


def _legend(
    axes: Axes, cost: pd.DataFrame, plotting: style.Plotting
) -> tuple[list[Any], list[str]]:
    """Components that can be seen in a bar, from the top down."""
    share = cost.div(cost.sum(axis=1), axis=0).max()
    seen = [name for name in plotting["component_colors"] if share.get(name, 0.0) >= SEEN]
    colors = [plotting["component_colors"][name] for name in seen]
    handles = [axes.bar(np.nan, np.nan, color=color) for color in colors]
    return handles[::-1], [LABELS[name] for name in seen][::-1]
