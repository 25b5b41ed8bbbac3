"""Many multipliers: a row each with its interval, a panel a candidate."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import Sheet, line_handle, sheet

COLUMNS = 4  # panels side by side
ROW, LINE = 9.0, 4.5  # points: a row of one interval, and each further one
LETTERS = 40  # in a line of a row's label
MOST = 60  # intervals in a panel; of more, the other conventions are signs without one


def panels(
    plotting: style.Plotting, words: Mapping[str, Any], names: list[str], rows: int, each: int
) -> Sheet:
    """A sheet of a panel a candidate of `rows` rows, of `each` intervals in a row."""
    columns = min(len(names), COLUMNS)
    made = sheet(plotting, len(names), wide=True, columns=columns, share="xy")
    made.tall = rows * (ROW + LINE * (each - 1)) + ROW / 2
    for name, axes in zip(names, made.panels, strict=True):
        if len(names) > 1:
            made.title(axes, words["arms"][name])
        axes.axvline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.grid(axis="x")
    return made


def label_rows(made: Sheet, labels: list[str]) -> None:
    """Name the rows, which all panels share."""
    texts = ["\n".join(textwrap.wrap(label, LETTERS)) or label for label in labels]
    lines = max(text.count("\n") + 1 for text in texts)
    made.tall = max(made.tall, len(labels) * (2 + 8.5 * lines))
    for axes in made.panels:
        axes.set_yticks(range(len(labels)), texts)
        axes.tick_params(axis="y", length=0)


def draw(reported: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting) -> Figure:
    """Reported multipliers, one a candidate, metric and convention: a row a metric.

    Of one metric a row a candidate, in one panel. Each convention has its sign and its interval; of
    more than MOST in a panel only the headline has an interval.
    """
    conventions, metrics = words["conventions"], list(words["metrics"])
    looks = style.convention_styles(plotting, conventions)
    candidates = [arm for arm in words["arms"] if arm in set(reported["candidate"])]
    crowded = is_crowded(words)
    each = 1 if crowded else len(conventions)
    alone = len(metrics) == 1
    rows, column = (candidates, "candidate") if alone else (metrics, "metric")
    made = panels(plotting, words, [""] if alone else candidates, len(rows), each)
    order = {name: float(i) for i, name in enumerate(rows)}
    step = 0.8 / len(conventions)
    for candidate, axes in zip([None] if alone else candidates, made.panels, strict=True):
        mine = reported if candidate is None else reported[reported["candidate"] == candidate]
        for i, (convention, look) in enumerate(looks.items()):
            table = mine[mine["convention"] == convention]
            shift = 0.0 if crowded else step * (i - (len(conventions) - 1) / 2)
            at = table[column].map(order) + shift
            _signs(axes, table, at, look, told=not crowded or i == 0)
    _limits(made, reported)
    label_rows(made, [words["arms" if alone else "metrics"][name] for name in rows])
    made.axis("x", log=True)
    baseline = words["arms"][reported["baseline"].iloc[0]]
    of = f" of {words['arms'][candidates[0]]}" if len(candidates) == 1 else ""
    handles = [
        line_handle({**look, "linestyle": "-"}, style.convention_label(name))
        for name, look in looks.items()
    ]
    return arrange(
        made,
        x=f"Compute multiplier{of} over {baseline}{captions.LOG}",
        handles=handles,
        note=note(reported),
    )


def reported(multiplier: pd.DataFrame) -> pd.DataFrame:
    """The first reported multiplier of each comparison and convention."""
    rows = multiplier[(multiplier["kind"] == "reported") & multiplier["headline_law"]]
    return rows.drop_duplicates(["candidate", "metric", "convention"])


def caption(multiplier: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    first = reported(multiplier)
    baseline = words["arms"][first["baseline"].iloc[0]]
    crowded = is_crowded(words)
    return captions.caption(
        words,
        f"Compute multiplier over {baseline} of each metric at its first reported loss: compute of "
        "the baseline over compute of the candidate at equal loss; above 1 the candidate needs "
        "less. Signs: FLOP conventions, the headline's filled.",
        "Intervals of the other conventions are left out; table multipliers has them."
        if crowded
        else "",
        f"{captions.pairs(first)}.",
        captions.interval(first),
        captions.extrapolated(first),
        captions.log_scale("the axis of multipliers"),
    )


def is_crowded(words: Mapping[str, Any]) -> bool:
    """Whether only the headline has intervals."""
    return len(words["metrics"]) * len(words["conventions"]) > MOST


def note(reported: pd.DataFrame) -> str:
    """n and confidence, for below a figure."""
    return f"{captions.pairs(reported)}; bars: {100 * reported['confidence'].iloc[0]:g}% intervals"


def _limits(made: Sheet, reported: pd.DataFrame) -> None:
    """Of the axis of multipliers: all of them, and what is not far out of their intervals."""
    m = reported["multiplier"].dropna()
    if m.empty:
        return
    ends = [reported[end].dropna() for end in ("ci_low", "ci_high")]
    low, high = (np.concatenate([end, m]) for end in ends)
    least = max(np.quantile(low, 0.02), 0.3 * m.min())
    most = min(np.quantile(high, 0.98), 3 * m.max())
    least, most = min(least, m.min(), 0.97), max(most, m.max(), 1.03)
    room = (most / least) ** 0.04
    made.limits("x", least / room, most * room)


def _signs(
    axes: Axes, table: pd.DataFrame, at: Any, look: Mapping[str, Any], *, told: bool
) -> None:
    m, low, high = (table[name] for name in ("multiplier", "ci_low", "ci_high"))
    color = look["color"]
    if told:
        axes.hlines(at, low.fillna(m), high.fillna(m), color=color, linewidth=0.8)
    face = color if told else "white"
    size = 3.5 if told else 3
    axes.plot(
        m,
        at,
        look["marker"],
        color=color,
        mfc=face,
        markersize=size,
        mew=0.6,
        zorder=3 if told else 2,
    )
