"""Cost per token of candidates over the baseline against sequence length, by convention."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from isoloss.flops.overtaking import LONGEST, SHORTEST, cheaper_from
from isoloss.paper import style
from isoloss.paper.figures import canvas

INSIDE = 3  # as many conventions have room for their names inside a panel
LENGTHS = [SHORTEST * 4**i for i in range(6)]


def draw(overtaking: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate: a line a convention for the largest size, a band for all sizes.

    Of more than three conventions no bands are drawn, which would hide each other.
    Below 1 the candidate costs less; the dotted upright line is the study's sequence length.
    """
    candidates = [arm for arm in words["arms"] if arm in set(overtaking["candidate"])]
    figure, panels = canvas.panels(plotting, len(candidates), share_y=True)
    names = [name for name in words["conventions"] if name != "logged"]
    styles = style.convention_styles(plotting, names)
    for candidate, axes in zip(candidates, panels, strict=True):
        mine = overtaking[overtaking["candidate"] == candidate]
        for convention, look in reversed(styles.items()):  # the headline on top
            table = mine[mine["convention"] == convention]
            _line(axes, table, convention, look, band=len(styles) <= INSIDE)
        for length in mine.loc[mine["of_study"], "sequence_length"].unique():
            axes.axvline(
                length, color="0.4", linestyle=":", zorder=1, label=f"trained at {_tokens(length)}"
            )
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
        if len(candidates) > 1:
            axes.set_title(words["arms"][candidate])
        _legend(axes, len(styles), inside=len(candidates) == 1 and len(styles) <= INSIDE)
    figure.set_figheight(figure.get_figheight() + _room(panels, plotting))
    for axes in panels:
        _lengths(axes)
        canvas.log_axis(axes, "y")
        axes.grid(which="major")
    size = plotting["font"]["size"]
    who = "candidate" if len(candidates) > 1 else words["arms"][candidates[0]]
    baseline = words["arms"][overtaking["baseline"].iloc[0]]
    figure.supxlabel("Sequence length (tokens)", fontsize=size)
    figure.supylabel(f"FLOPs per token, {who} over {baseline}", fontsize=size)
    return figure


def _line(
    axes: Axes, table: pd.DataFrame, convention: str, look: Mapping[str, Any], *, band: bool
) -> None:
    largest = table.groupby("model")["baseline_flop_per_token"].min().idxmax()
    line = table[table["model"] == largest].sort_values("sequence_length")
    x, y = line["sequence_length"], line["cost_ratio"]
    name = f"{style.convention_label(convention)}: {_where(x, y)}"
    axes.plot(x, y, look["linestyle"], color=look["color"], label=name)
    if band:
        ends = table.groupby("sequence_length")["cost_ratio"].agg(["min", "max"])
        axes.fill_between(
            ends.index, ends["min"], ends["max"], color=look["color"], alpha=0.15, linewidth=0
        )


def _legend(axes: Axes, lines: int, *, inside: bool) -> None:
    """Names, the headline first and the upright lines last; below the panel if they are many."""
    handles, labels = axes.get_legend_handles_labels()
    order = [*reversed(range(lines)), *range(lines, len(labels))]
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12)}
    if inside:
        place = {"loc": "best", "frameon": True, "framealpha": 1, "edgecolor": "none"}
    axes.legend([handles[i] for i in order], [labels[i] for i in order], **place)


def _room(panels: list[Axes], plotting: style.Plotting) -> float:
    """Inches that the legends below the panels take."""
    legends = [axes.get_legend() for axes in panels]
    entries = max(len(legend.get_texts()) for legend in legends if legend)
    if len(panels) == 1 and entries <= INSIDE + 1:
        return 0.0
    rows = len({round(axes.get_position().y0, 6) for axes in panels})
    return float(rows * entries * 1.5 * plotting["font"]["small"] / 72)


def _where(lengths: pd.Series, ratios: pd.Series) -> str:
    """Where the candidate costs less, in words."""
    if np.allclose(ratios, 1, atol=1e-9):
        return "equal"
    start = cheaper_from(lengths, ratios)
    if np.isnan(start):
        return "never less"
    return "always less" if start <= lengths.min() else f"less from {_tokens(start)}"


def _tokens(length: float, _: int | None = None) -> str:
    """1,830 tokens as 1.8K, 2^20 as 1M."""
    for unit, size in (("M", 2**20), ("K", 2**10)):
        if length >= size:
            return (
                f"{length / size:.2g}{unit}" if length < 10 * size else f"{length / size:.0f}{unit}"
            )
    return f"{length:.0f}"


def _lengths(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(SHORTEST, LONGEST)
    axes.xaxis.set_major_locator(FixedLocator(LENGTHS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_tokens))
