"""Cost per token of candidates over the baseline against sequence length, by convention."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from isoloss.flops.overtaking import LONGEST, SHORTEST, cheaper_from
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

BANDS = 3  # as many conventions are drawn with a band
LENGTHS = [SHORTEST * 4**i for i in range(6)]


def draw(overtaking: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate: a line a convention for the largest size, a band for all sizes.

    Of more than three conventions no bands are drawn, which would hide each other.
    Below 1 the candidate costs less; the dotted upright line is the study's sequence length.
    """
    candidates, names = _shown(overtaking, words)
    looks = style.convention_styles(plotting, names)
    made = sheet(plotting, len(candidates), share="xy")
    for candidate, axes in zip(candidates, made.panels, strict=True):
        mine = overtaking[overtaking["candidate"] == candidate]
        for convention, look in reversed(looks.items()):  # the headline on top
            table = mine[mine["convention"] == convention]
            _line(axes, table, look, band=len(looks) <= BANDS)
        for length in mine.loc[mine["of_study"], "sequence_length"].unique():
            axes.axvline(length, color="0.4", linestyle=":", zorder=1)
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
        if len(candidates) > 1:
            made.title(axes, words["arms"][candidate])
        axes.grid(which="major")
    made.axis("y", log=True)
    labels = {name: style.convention_label(name) for name in names}
    if len(candidates) == 1:
        labels = {name: f"{labels[name]}: {_where(_largest(mine, name))}" for name in names}
    handles = [line_handle({**looks[name], "marker": ""}, labels[name]) for name in names]
    lengths = _lengths_of(overtaking)
    if lengths:
        handles.append(Line2D([], [], color="0.4", linestyle=":", label=f"trained at {lengths}"))
    for axes in made.panels:
        _lengths(axes, sparse=len(candidates) > 2)
    who = "candidate" if len(candidates) > 1 else words["arms"][candidates[0]]
    baseline = words["arms"][overtaking["baseline"].iloc[0]]
    return arrange(
        made,
        x=f"Sequence length (tokens){captions.LOG}",
        y=f"FLOPs per token, {who} over {baseline}{captions.LOG}",
        handles=handles,
        note=_n(overtaking),
    )


def caption(overtaking: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    candidates, names = _shown(overtaking, words)
    where = []
    for candidate in candidates:
        mine = overtaking[overtaking["candidate"] == candidate]
        found = (f"{style.convention_label(name)} {_where(_largest(mine, name))}" for name in names)
        where.append(f"{words['arms'][candidate]}: {', '.join(found)}.")
    baseline = words["arms"][overtaking["baseline"].iloc[0]]
    many = len(names) > BANDS
    lengths = _lengths_of(overtaking)
    return captions.caption(
        words,
        f"Training FLOPs per token of the candidate over those of {baseline}, by convention, had "
        "the same models been trained at other sequence lengths. Lines: the largest size"
        + ("; the other sizes are left out." if many else "; bands: all sizes."),
        "Below 1 the candidate costs less.",
        *where,
        f"Upright: the study's own length ({lengths})." if lengths else "",
        f"{_n(overtaking)}. Counted from the architectures: there are no intervals.",
        captions.log_scale("both axes"),
    )


def _shown(overtaking: pd.DataFrame, words: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The candidates and the conventions that are drawn."""
    candidates = [arm for arm in words["arms"] if arm in set(overtaking["candidate"])]
    return candidates, [name for name in words["conventions"] if name != "logged"]


def _n(overtaking: pd.DataFrame) -> str:
    sizes = overtaking.groupby("candidate")["model"].nunique()
    return f"n = {captions.between(sizes)} sizes of each arm"


def _lengths_of(overtaking: pd.DataFrame) -> str:
    found = sorted(overtaking.loc[overtaking["of_study"], "sequence_length"].unique())
    return ", ".join(map(_tokens, found))


def _largest(table: pd.DataFrame, convention: str) -> pd.DataFrame:
    """The rows of the largest size under a convention, by length."""
    table = table[table["convention"] == convention]
    largest = table.groupby("model")["baseline_flop_per_token"].min().idxmax()
    return table[table["model"] == largest].sort_values("sequence_length")


def _line(axes: Axes, table: pd.DataFrame, look: Mapping[str, Any], *, band: bool) -> None:
    line = _largest(table, table["convention"].iloc[0])
    color, dash = look["color"], look["linestyle"]
    axes.plot(line["sequence_length"], line["cost_ratio"], color=color, linestyle=dash)
    if band:
        ends = table.groupby("sequence_length")["cost_ratio"].agg(["min", "max"])
        axes.fill_between(
            ends.index, ends["min"], ends["max"], color=color, alpha=0.15, linewidth=0
        )


def _where(line: pd.DataFrame) -> str:
    """Where the candidate costs less, in words."""
    lengths, ratios = line["sequence_length"], line["cost_ratio"]
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


def _lengths(axes: Axes, *, sparse: bool) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(SHORTEST, LONGEST)
    axes.xaxis.set_major_locator(FixedLocator(LENGTHS[:: 2 if sparse else 1]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_tokens))
