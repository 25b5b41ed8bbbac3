"""The worst curves with their flagged values marked, and where all the others lie.

Small panels, a run each, the worst first: all runs where there are few. Of many the others are one
panel, which shows by its colour how many curves pass where; it takes the same time for any number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterMathtext, LogLocator, MaxNLocator, NullLocator

from isoloss.cleaning.advice import findings, state, worst_first
from isoloss.paper import sketch, style
from isoloss.paper.figures import canvas
from isoloss.units import Floats

COLUMNS, ROWS = 4, 6  # panels at most
HEIGHT = 1.25  # inches: a row of panels; and the margins
TOP, BOTTOM, LEFT, RIGHT = 0.45, 0.4, 0.48, 0.08
OTHERS, GAP, BAR = 1.9, 0.35, 0.75  # inches: the panel of the others, above it, right of it
DETAIL, MARKS = 200, 40  # places along a panel at which a curve, and signs, are drawn
# Highest over lowest from which ticks are powers of ten; 1, 2 and 5; below, evenly spaced.
FAR, NEAR = 30, 4
TITLE = 28  # letters above a panel
PER_DECADE, LINES = 100, 120  # of the panel of the others: fields along log step and log loss
COLORS = {"unusable": "#B22222", "look": "#B8670B", "ok": "#222222", "excluded": "#888888"}
CURVES = ("#0072B2", "#56B4E9", "#003A5C")


def figure(
    logs: Iterable[pd.DataFrame], quality: pd.DataFrame, metric: str, plotting: style.Plotting
) -> Figure:
    """A panel each for the worst runs, and one for the curves of `metric` of all others.

    logs: curves to draw (columns `sketch.NEEDED`), part by part; a run's values are in one part.
    """
    runs = worst_first(quality.to_dict("records"))
    worst, others = runs[: COLUMNS * ROWS], runs[COLUMNS * ROWS :]
    names = [run["run"] for run in worst]
    near, far = [], []
    for part in logs:
        mine = part["run"].isin(names)
        near.append(part[mine])
        if others:
            far.append(sketch.sketched(part[~mine], [metric]))
    lines = -(-len(worst) // COLUMNS)
    extra = OTHERS + GAP if others else 0.0
    width, height = plotting["width"]["page"], TOP + lines * HEIGHT + extra + BOTTOM
    made = Figure(figsize=(width, height))
    grid = made.add_gridspec(
        lines,
        COLUMNS,
        left=LEFT / width,
        right=1 - RIGHT / width,
        top=1 - TOP / height,
        bottom=(BOTTOM + extra) / height,
        hspace=0.42,
        wspace=0.25,
    )
    made.set_layout_engine("none")  # the places are given
    panels = grid.subplots(squeeze=False).ravel()
    for unused in panels[len(worst) :]:
        unused.remove()
    seen = set[str]()
    by_run = {str(run): log for run, log in pd.concat(near).groupby("run", observed=True)}
    for run, axes in zip(worst, panels, strict=False):
        _panel(axes, run, by_run.get(run["run"]), plotting, seen)
    if others:
        wide = 1 - (LEFT + RIGHT + BAR) / width
        place = (LEFT / width, BOTTOM / height, wide, OTHERS / height)
        _others(made.add_axes(place), sketch.joined(far), len(others), plotting)
    _legend(made, [name for name in sketch.LOOKS if name in seen], height)
    font = plotting["font"]["size"]
    made.text(0.5, 0.08 / height, "Step (tokens or compute without it)", ha="center", size=font)
    made.text(0.04 / width, 0.5, "Loss (nats)", va="center", rotation=90, size=font)
    return made


def _legend(figure: Figure, reasons: Sequence[str], height: float) -> None:
    handles = [Line2D([], [], color=CURVES[0], label="kept")] + [
        Line2D([], [], linestyle="", color=color, marker=marker, markersize=4, label=name)
        for name, (color, marker) in ((name, sketch.LOOKS[name]) for name in reasons)
    ]
    figure.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - 0.02 / height),
        ncols=len(handles),
        columnspacing=1,
        handletextpad=0.3,
    )


def _panel(
    axes: Axes,
    run: Mapping[str, Any],
    log: pd.DataFrame | None,
    plotting: style.Plotting,
    seen: set[str],
) -> None:
    small = plotting["font"]["small"]
    axes.tick_params(labelsize=small - 1, pad=1.5, length=2, which="both")
    axes.set_title(_title(run), fontsize=small, color=COLORS[state(run)], loc="left", y=1)
    if log is None:
        axes.set(xticks=[], yticks=[])
        what = findings(run)[0][0] if run["findings"] else "nothing logged"
        axes.text(0.5, 0.5, what, ha="center", va="center", transform=axes.transAxes, size=small)
        return
    log = log.assign(x=sketch.position(log), shown=sketch.shown(log["reasons"]))
    one, kept = np.zeros(len(log), dtype=int), log["kept"].to_numpy()
    log = log[sketch.from_start(log["x"].to_numpy(), kept, one)]
    kept = log["kept"].to_numpy()
    low, high = (
        float(edge[0]) for edge in sketch.edges(log["value"].to_numpy(), kept, one[: len(log)], 1)
    )
    kept = log[log["kept"]]
    for number, (_, curve) in enumerate(kept.groupby("metric", sort=False, observed=True)):
        x, y = thinned(curve["x"].to_numpy(), curve["value"].to_numpy(), DETAIL)
        color = CURVES[number % len(CURVES)]
        dots = "." if len(x) < 3 else ""
        width = plotting["line"]["thin"]
        axes.plot(x, y, color=color, linewidth=width, marker=dots, markersize=3)
    for name, (color, marker) in sketch.LOOKS.items():
        mine = log[log["shown"] == name]
        if mine.empty:
            continue
        seen.add(name)
        # Without a value, or far above: at the upper edge.
        y = mine["value"].where(np.isfinite(mine["value"]), high).clip(low, high)
        x, y = thinned(mine["x"].to_numpy(), y.to_numpy(), MARKS)
        size = 2.5 if marker != "." else 3.5
        axes.plot(x, y, marker, color=color, markersize=size, clip_on=False, zorder=3)
    axes.set_ylim(low, high)
    _axes(axes, log["x"])


def _title(run: Mapping[str, Any]) -> str:
    what = "" if state(run) == "ok" else f": {state(run)}"
    name, room = str(run["run"]), TITLE - len(what)
    if len(name) > room:
        name = f"{name[: room // 2]}…{name[-(room - room // 2 - 1) :]}"
    return name + what


def _others(axes: Axes, sketches: sketch.Sketches, count: int, plotting: style.Plotting) -> None:
    """How many curves pass through each field of log step and log loss."""
    small = plotting["font"]["small"]
    axes.tick_params(labelsize=small - 1, pad=1.5, length=2, which="both")
    column, value, drawn = _passing(sketches)
    title = (
        f"The other {count:,} runs" if drawn == count else f"{drawn:,} of the other {count:,} runs"
    )
    axes.set_title(title, fontsize=small, loc="left", y=1)
    if not drawn:
        axes.set(xticks=[], yticks=[])
        return
    low, high = float(value.min()), float(value.max()) + sketch.NUDGE
    line = ((value - low) / (high - low) * LINES).astype(int).clip(0, LINES - 1)
    first = int(column.min())
    fields = np.zeros((LINES, int(column.max()) - first + 1))
    np.add.at(fields, (line, column - first), 1)
    across = 10 ** ((np.arange(fields.shape[1] + 1) + first) / PER_DECADE)
    up = np.exp(np.linspace(low, high, LINES + 1))
    picture = axes.pcolormesh(
        across,
        up,
        np.ma.masked_equal(fields, 0),
        norm=LogNorm(1, max(fields.max(), 10)),
        cmap="viridis_r",
        rasterized=True,
    )
    axes.set_ylim(up[0], up[-1])
    _axes(axes, pd.Series(across))
    place = axes.get_position()
    inch = place.width / (plotting["width"]["page"] - LEFT - RIGHT - BAR)
    assert isinstance(axes.figure, Figure)
    beside = axes.figure.add_axes((place.x1 + 0.15 * inch, place.y0, 0.1 * inch, place.height))
    bar = axes.figure.colorbar(picture, cax=beside)
    bar.set_label("Curves", size=small)
    bar.ax.tick_params(labelsize=small - 1, pad=1.5, length=2, which="both")
    bar.ax.yaxis.set_minor_locator(NullLocator())


def _passing(sketches: sketch.Sketches) -> tuple[sketch.Ints, Floats, int]:
    """The columns that curves pass and their log losses there; how many curves. Of those along the
    commonest kind of axis: steps and tokens cannot share one."""
    panels, panel = sketches.panels, sketches.curves["panel"].to_numpy()
    unit = panels["unit"].to_numpy()[panel]
    chosen = np.flatnonzero(unit == (np.bincount(unit).argmax() if len(unit) else 0))
    at = (np.arange(sketch.PLACES) + 0.5) / sketch.PLACES
    edges = (np.log(panels[name].to_numpy())[panel] for name in ("start", "end", "low", "high"))
    start, end, low, high = (edge[:, None] for edge in edges)
    x = (start + at * (end - start)) / np.log(10) * PER_DECADE
    y = low + (sketches.lows + sketches.highs) / 2 / sketch.LEVELS * (high - low)
    columns, values = [np.zeros(0, dtype=int)], [np.zeros(0)]
    for row in chosen:
        there = sketches.highs[row] >= 0
        first, *_, last = np.floor(x[row, there][[0, 0, -1]] + sketch.NUDGE)
        columns.append(np.arange(first, last + 1, dtype=int))
        values.append(np.interp(columns[-1] + 0.5, x[row, there], y[row, there]))
    return np.concatenate(columns), np.concatenate(values), len(chosen)


def _axes(axes: Axes, x: pd.Series) -> None:
    """Logarithmic axes with a few ticks each."""
    x = x[x > 0]
    axes.set_xscale("log")
    axes.set_yscale("log")
    if len(x):
        axes.set_xlim(x.min() / 1.1, x.max() * 1.1)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high >= FAR * low:
            axis.set_major_locator(LogLocator(numticks=4))
            axis.set_major_formatter(LogFormatterMathtext())
        else:
            far = high >= NEAR * low
            few = LogLocator(subs=(1, 2, 5)) if far else MaxNLocator(4, steps=[1, 2, 2.5, 5, 10])
            axis.set_major_locator(few)
            axis.set_major_formatter(canvas.PlainNumbers())
        axis.set_minor_locator(NullLocator())
    axes.grid(which="major")


def thinned(x: Floats, y: Floats, places: int) -> tuple[Floats, Floats]:
    """What a panel shows of a curve: first, lowest, highest and last of each place along log x."""
    good = np.isfinite(x) & (x > 0)
    x, y = x[good], y[good]
    if len(x) <= places:
        return x, y
    along = np.log(x)
    place = ((along - along.min()) / (np.ptp(along) or 1) * places).astype(int)
    values, rows = pd.Series(y).groupby(place), pd.Series(np.arange(len(y))).groupby(place)
    shown = np.unique([*values.idxmin(), *values.idxmax(), *rows.first(), *rows.last()])
    return x[shown], y[shown]
