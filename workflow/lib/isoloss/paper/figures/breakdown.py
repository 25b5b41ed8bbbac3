"""What a token's training FLOPs are spent on: a stacked bar an arm and size."""

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import sheet

GIGA = 1e9
SIX_N = ("6n_non_embedding", "6n_with_head", "6n_total")  # one component: nothing to break down
SEEN = 0.005  # the share of a bar from which on a component is named in the legend
ROW, BETWEEN = 9.5, 0.7  # points: of a bar; and between sizes, in bars
LETTERS = 48  # in a line of an arm's label
# Of components whose colours are as dark as that of a neighbour.
HATCHES = {"projections": "////", "scores": "....", "softmax": "xxxx", "state": "...."}
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
    """A bar an arm, sizes from the cheapest to the dearest from the top.

    Of the study's conventions, the first that has components is taken, else matmul_causal.
    """
    cost = _cost(breakdown, words)
    models = cost.sum(axis=1).groupby("model").min().sort_values(kind="stable").index
    made = sheet(plotting, 1, wide=True)
    (axes,) = made.panels
    ticks, place = {}, 0.0
    for model in models:
        first = True
        for arm, label in words["arms"].items():
            if (model, arm) not in cost.index:
                continue
            _bar(axes, cost.loc[(model, arm)], place, plotting)
            label = "\n".join(textwrap.wrap(label, LETTERS)) or label
            ticks[place] = f"{model}   {label}" if first else label
            place, first = place + 1, False
        place += BETWEEN
    lines = max(text.count("\n") + 1 for text in ticks.values())
    made.tall = (place - BETWEEN) * max(ROW, 9.0 * lines)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_ylim(place - BETWEEN - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlim(0, 1.02 * cost.sum(axis=1).max())
    made.axis("x", log=False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    convention = style.convention_label(chosen(words["conventions"]))
    return arrange(
        made,
        x=f"Training GFLOP per token ({convention})",
        handles=_legend(cost, plotting),
        note=f"n = {len(models):,} sizes",
    )


def caption(breakdown: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    cost = _cost(breakdown, words)
    return captions.caption(
        words,
        "What the training FLOPs of a token are spent on, at the run's sequence length: forward "
        "and backward pass, by component. Convention: "
        f"{style.convention_label(chosen(words['conventions']))}, the first of the study's that "
        "tells components apart. The LM head is missing where the vocabulary is not known; "
        f"components below {100 * SEEN:g}% of every bar are left out of the legend.",
        f"n = {cost.index.get_level_values('model').nunique()} sizes. Counted from the "
        "architectures: there are no intervals.",
    )


def _cost(breakdown: pd.DataFrame, words: Mapping[str, Any]) -> pd.DataFrame:
    """GFLOP per token, a row a model and arm, a column a component."""
    table = breakdown[breakdown["convention"] == chosen(words["conventions"])]
    table = table.drop_duplicates(["arm", "model", "component"])  # of runs that differ in a seed
    cost = table.pivot(index=["model", "arm"], columns="component", values="flop_per_token")
    return cost.fillna(0.0) / GIGA


def chosen(conventions: list[str]) -> str:
    """The first convention that has components, else matmul_causal."""
    return next((name for name in conventions if name not in (*SIX_N, "logged")), "matmul_causal")


def _bar(axes: Axes, cost: pd.Series, at: float, plotting: style.Plotting) -> None:
    before = 0.0
    for component, color in plotting["component_colors"].items():
        width = float(cost.get(component, 0.0))
        if width:
            look: dict[str, Any] = {
                "edgecolor": "white",
                "linewidth": 0.4,
                "hatch": HATCHES.get(component),
            }
            axes.barh(at, width, 0.82, before, color=color, **look)
        before += width


def _legend(cost: pd.DataFrame, plotting: style.Plotting) -> list[Patch]:
    """Components that can be seen in a bar, in their order."""
    share = cost.div(cost.sum(axis=1), axis=0).max()
    return [
        Patch(facecolor=color, edgecolor="white", hatch=HATCHES.get(name), label=LABELS[name])
        for name, color in plotting["component_colors"].items()
        if share.get(name, 0.0) >= SEEN
    ]
