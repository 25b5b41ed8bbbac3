"""The compute multiplier against loss, by convention."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.paper import captions, style
from isoloss.paper.figures import forest
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet

TOGETHER = 4  # conventions in one panel; of more, each has its own
PANELS = 20  # at most; else a row each


def draw(multiplier: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """A panel a candidate and metric, of the headline law: a line and a band a convention.

    Of many conventions a panel each, with the headline's line in grey; of more than PANELS the
    reported multipliers alone, a row each. Lines are bold where both arms reached the loss (shaded
    grey) and thin and faint beyond; dots with error bars are the reported losses.
    """
    multiplier = multiplier[multiplier["headline_law"]]
    form = form_of(multiplier, words)
    if form == "rows":
        return forest.draw(forest.reported(multiplier), words, plotting)
    pairs = list(multiplier.groupby(["candidate", "metric"], sort=False))
    looks = style.convention_styles(plotting, words["conventions"])
    headline, several = next(iter(looks)), multiplier["candidate"].nunique() > 1
    together = form == "together"
    shown = [list(looks)] if together else [[name] for name in looks]
    made = sheet(plotting, len(pairs) * len(shown), share="y")
    free = iter(made.panels)
    for (candidate, metric), table in pairs:
        for names in shown:
            axes = next(free)
            if headline not in names:
                of = table[(table["convention"] == headline) & (table["kind"] == "grid")]
                of = of.sort_values("loss")
                axes.plot(of["loss"], of["multiplier"], color="0.6", linewidth=0.8)
            for name in reversed(names):  # the headline on top
                _convention(axes, table[table["convention"] == name], looks[name])
            seen = table[(table["kind"] == "grid") & ~table["extrapolated"]]["loss"]
            if len(seen):
                axes.axvspan(seen.min(), seen.max(), color="0.92", zorder=0, linewidth=0)
            axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
            title = [words["arms"][candidate]] * several
            title += [words["metrics"][metric]] * (len(words["metrics"]) > 1)
            title += [style.convention_label(names[0])] * (not together)
            made.title(axes, ", ".join(title))
    made.limits("y", *_limits(multiplier))
    made.axis("x", log=False)
    made.axis("y", log=True)
    baseline = words["arms"][multiplier["baseline"].iloc[0]]
    who = "candidate" if several else words["arms"][multiplier["candidate"].iloc[0]]
    handles = [line_handle(look, style.convention_label(name)) for name, look in looks.items()]
    return arrange(
        made,
        x=captions.loss(words),
        y=f"Compute multiplier of {who} over {baseline}{captions.LOG}",
        handles=handles,
        note=forest.note(multiplier[multiplier["kind"] == "reported"]),
    )


def form_of(multiplier: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure can hold: conventions `together` in a panel, `apart`, or `rows`."""
    pairs = len(multiplier[["candidate", "metric"]].drop_duplicates())
    conventions = len(words["conventions"])
    if conventions <= TOGETHER and pairs <= PANELS:
        return "together"
    return "apart" if pairs * conventions <= PANELS else "rows"


def caption(multiplier: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    multiplier = multiplier[multiplier["headline_law"]]
    form = form_of(multiplier, words)
    if form == "rows":
        return forest.caption(multiplier, words)
    apart = " A panel a convention; thin and grey: the headline's." if form == "apart" else ""
    reported = multiplier[multiplier["kind"] == "reported"]
    return captions.caption(
        words,
        "Compute multiplier, compute of the baseline over compute of the candidate at equal loss, "
        f"against the loss, by FLOP convention, with intervals as bands.{apart} Above 1 the "
        "candidate needs less. Shaded: the losses that both arms reached; thin and faint: "
        "extrapolated. Dots with bars: the reported losses.",
        f"{captions.pairs(reported)}.",
        captions.interval(reported),
        captions.SAVING,
        captions.log_scale("the axis of multipliers"),
    )


def _limits(multiplier: pd.DataFrame) -> tuple[float, float]:
    """All multipliers, and what is not far out of their intervals."""
    m = multiplier["multiplier"].dropna()
    if m.empty:
        return 0.5, 2.0
    low, high = (multiplier[end].dropna() for end in ("ci_low", "ci_high"))
    least = max(low.min(), 0.4 * m.min()) if len(low) else m.min()
    most = min(high.max(), 2.5 * m.max()) if len(high) else m.max()
    least, most = min(least, m.min(), 0.98), max(most, m.max(), 1.02)
    room = (most / least) ** 0.05
    return least / room, most * room


def _convention(axes: Axes, table: pd.DataFrame, look: Mapping[str, Any]) -> None:
    grid = table[table["kind"] == "grid"].sort_values("loss")
    seen = grid[~grid["extrapolated"]]
    color, dash = look["color"], look["linestyle"]
    line = {"color": color, "linestyle": dash}
    axes.plot(grid["loss"], grid["multiplier"], **line, linewidth=0.6, alpha=0.5)
    axes.plot(seen["loss"], seen["multiplier"], **line)
    axes.fill_between(
        grid["loss"], grid["ci_low"], grid["ci_high"], color=color, alpha=0.15, linewidth=0
    )
    reported = table[table["kind"] == "reported"]
    m = reported["multiplier"].to_numpy()
    axes.errorbar(
        reported["loss"],
        m,
        yerr=np.nan_to_num(np.abs(reported[["ci_low", "ci_high"]].to_numpy().T - m)),
        fmt=look["marker"],
        markersize=3.5,
        color=color,
        linewidth=0.8,
    )
