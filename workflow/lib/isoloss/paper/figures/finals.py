"""Runs of which only a point is logged, as a table in place of panels with one dot each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from isoloss.cleaning.advice import state
from isoloss.paper import captions, sketch, style

METRICS = 6  # columns at most
LINE, PAD, GAP = 1.45, 5.0, 12.0  # of the text's height; and points: about the table, and between
DPI = 144  # at which the columns are measured
PLACES = {0: "Step", 1: "Tokens", 2: "PFLOP/s-days"}  # of sketch.UNITS


def draw(
    logs: pd.DataFrame,
    runs: Sequence[Mapping[str, Any]],
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """A row a run: its state, where its point stands, and its losses.

    logs: at most one value a run and metric (columns `sketch.NEEDED`).
    """
    metrics = [name for name in words["metrics"] if name in set(logs["metric"])][:METRICS]
    x = pd.Series(sketch.position(logs), index=logs.index)
    where = pd.Series(np.select([logs["step"].notna(), logs["tokens"].notna()], [0, 1], 2))
    heads = ["Run", "State", PLACES[int(where.mode()[0])] if len(where) else "Step"]
    heads += [captions.loss(words, [name]) for name in metrics]
    rows = []
    for run in runs:
        mine = logs[logs["run"] == run["run"]].drop_duplicates("metric").set_index("metric")
        at = f"{x[logs['run'] == run['run']].iloc[0]:,.6g}" if len(mine) else ""
        values = [f"{mine.at[name, 'value']:.4f}" if name in mine.index else "" for name in metrics]
        rows.append([str(run["run"]), state(run), at, *values])
    return _table(heads, rows, plotting)


def _table(heads: list[str], rows: list[list[str]], plotting: style.Plotting) -> Figure:
    """Texts in columns, as wide as they are, under a line."""
    size, width = plotting["font"]["small"], 72 * plotting["width"]["page"]
    height = 2 * PAD + LINE * size * (len(rows) + 1)
    figure = Figure(figsize=(width / 72, height / 72), dpi=DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    probe = Text(0, 0, "", fontsize=size, figure=figure)

    def length(text: str) -> float:
        probe.set_text(text)
        return probe.get_window_extent(renderer).width * 72 / DPI

    widths = [max(map(length, column)) for column in zip(heads, *rows, strict=True)]
    room = width - 2 * PAD - GAP * (len(heads) - 1) - sum(widths[1:])
    widths[0] = min(widths[0], room)
    for number, row in enumerate([heads, *rows]):
        y = 1 - (PAD + LINE * size * (number + 0.5)) / height
        left = PAD
        for column, (text, wide) in enumerate(zip(row, widths, strict=True)):
            text = _cut(text, wide, length)
            at, side = (left, "left") if column < 2 else (left + wide, "right")
            figure.text(at / width, y, text, ha=side, va="center_baseline", size=size)
            left += wide + GAP
    under = 1 - (PAD + LINE * size) / height
    ends = [PAD / width, min(1 - PAD / width, (left - GAP) / width)]
    figure.add_artist(Line2D(ends, [under, under], color="black", linewidth=0.5))
    return figure


def _cut(text: str, room: float, length: Any) -> str:
    """A text without its middle, where it is too long."""
    keep = len(text)
    short = text
    while length(short) > room + 0.01 and keep > 4:
        keep -= 1
        short = f"{text[: keep // 2]}…{text[-(keep - keep // 2 - 1) :]}"
    return short
