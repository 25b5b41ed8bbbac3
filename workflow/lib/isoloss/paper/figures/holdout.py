"""How well laws fitted to the smaller sizes predict the largest."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

# How the signs of the first law, the second, ... are filled.
FILLS = ("full", "none", "left", "right", "bottom", "top")


def draw(holdout: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a metric, of the headline convention: error in % of the loss against the reach.

    Each point is a size that the law was fitted without, predicted from the smaller ones; the
    reach is its compute over the largest fitted. Colours and signs are arms, fills laws.
    """
    here = holdout[holdout["convention"] == words["conventions"][0]]
    looks = style.arm_styles(plotting, words["arms"])
    laws = _laws(here)
    made = sheet(plotting, len(words["metrics"]), share="xy")
    for (metric, label), axes in zip(words["metrics"].items(), made.panels, strict=True):
        axes.axhline(0, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        rows = here[here["metric"] == metric]
        for number, (law, method) in enumerate(laws):
            mine = rows[(rows["law"] == law) & (rows["method"] == method)]
            for arm, look in looks.items():
                points = mine[mine["arm"] == arm]
                sign = {"marker": look["marker"], "color": look["color"], "linestyle": "none"}
                axes.plot(points["reach"], 100 * points["log_error"], **sign, **_fill(number))
        if len(made.panels) > 1:
            made.title(axes, label)
        axes.grid(which="major")
    made.axis("x", log=True)
    made.axis("y", log=False)
    handles = [
        line_handle({**look, "linestyle": "none"}, words["arms"][arm])
        for arm, look in looks.items()
    ]
    for number, (law, method) in enumerate(laws):
        name = law if method == laws[0][1] else f"{law}, {method}"
        sign = {"marker": "o", "color": "0.3", "linestyle": "none"}
        label = f"law {name}".replace("_", " ")
        handles.append(Line2D([], [], label=label, **sign, **_fill(number)))
    return arrange(
        made,
        x=f"Compute over the largest fitted{captions.LOG}",
        y="Measured loss above the prediction (%)",
        handles=handles,
        note=_n(here),
    )


def caption(holdout: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    here = holdout[holdout["convention"] == words["conventions"][0]]
    return captions.caption(
        words,
        "Extrapolation check: the largest budgets as predicted by laws that were fitted to the "
        "smaller ones, against how far beyond those they lie. Above zero the measured loss is "
        "higher than predicted. Signs tell the arms apart, their fills the laws. No intervals are "
        "drawn.",
        f"{_n(here)}.",
        captions.compute(words["conventions"][0]),
        captions.log_scale("the level axis"),
    )


def _n(here: pd.DataFrame) -> str:
    sizes = here.groupby(["arm", "metric", "law", "method"]).size()
    return f"n = {captions.between(sizes)} predicted sizes of each arm and law"


def _laws(here: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(here["law"], here["method"], strict=True)))


def _fill(number: int) -> dict[str, Any]:
    return {
        "fillstyle": FILLS[number % len(FILLS)],
        "markerfacecoloralt": "white",
        "markersize": 4.5,
        "markeredgewidth": 0.7,
    }
