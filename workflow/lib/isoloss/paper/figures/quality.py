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
from matplotlib.ticker import NullLocator

from isoloss.cleaning.advice import findings, state, worst_first
from isoloss.paper import captions, sketch, style
from isoloss.paper.figures import finals
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import Sheet, sheet
from isoloss.units import Floats

COLUMNS, ROWS = 4, 6  # panels at most
TALL, OTHERS = 58.0, 120.0  # points: of a panel, and of that of the others
DETAIL, MARKS = 200, 40  # places along a panel at which a curve, and signs, are drawn
TITLE = 28  # letters above a panel
PER_DECADE, LINES = 100, 120  # of the panel of the others: fields along log step and log loss
COLORS = {"unusable": "#B22222", "look": "#B8670B", "ok": "#222222", "excluded": "#888888"}
CURVES = ("#0072B2", "#56B4E9", "#003A5C")


def draw(
    logs: Iterable[pd.DataFrame],
    quality: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """A panel each for the worst runs, and one for the curves of all others, of the first metric.

    logs: curves to draw (columns `sketch.NEEDED`), part by part; a run's values are in one part.
    Where no run has a curve, their points are a table.
    """
    metric = next(iter(words["metrics"]))
    runs = worst_first(quality.to_dict("records"))
    worst, others = runs[: COLUMNS * ROWS], runs[COLUMNS * ROWS :]
    names = [run["run"] for run in worst]
    near, far = [], []
    for part in logs:
        mine = part["run"].isin(names)
        near.append(part[mine])
        if others:
            far.append(sketch.sketched(part[~mine], [metric]))
    drawn = pd.concat(near)
    if not others and not drawn.duplicated(["run", "metric"]).any():
        return finals.draw(drawn, worst, words, plotting)
    made = sheet(plotting, len(worst), wide=True, columns=COLUMNS)
    made.tall = TALL
    seen = set[str]()
    by_run = {str(run): log for run, log in drawn.groupby("run", observed=True)}
    for run, axes in zip(worst, made.panels, strict=True):
        _panel(made, axes, run, by_run.get(run["run"]), plotting, seen)
    if others:
        made.below, made.below_tall = made.figure.add_axes((0, 0, 1, 1)), OTHERS
        _others(made, sketch.joined(far), len(others), plotting)
    reasons = [name for name in sketch.LOOKS if name in seen]
    return arrange(
        made,
        x=f"Step (tokens or compute without it){captions.LOG}",
        y=f"{captions.loss(words) if len(words['metrics']) == 1 else _units(words)}{captions.LOG}",
        handles=_handles(reasons),
        note=f"n = {len(runs):,} runs" + f", the worst {len(worst)} above" * bool(others),
    )


def caption(quality: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    runs = len(quality)
    more = runs - min(runs, COLUMNS * ROWS)
    points = int(quality["values"].max()) <= len(words["metrics"])
    return captions.caption(
        words,
        "The runs, the worst first: state, place and losses of the one point that each logs."
        if points
        else "The curves of the runs, the worst first: lines are the kept values, signs the "
        "flagged ones by reason, from 1% of the run on or from the first flagged value. Values "
        "without a finite number, and those far above the others, are at the upper edge of their "
        "panel.",
        f"The last panel shows how many of the other {more:,} runs' curves of "
        f"{next(iter(words['metrics'].values()))} pass where."
        if more
        else "",
        f"n = {runs:,} runs. As logged: no convention enters, and there are no intervals.",
        f"Flagged values: {int(quality['flagged'].sum()):,} of {int(quality['values'].sum()):,}; "
        f"runs kept out of the fits: {int((~quality['used']).sum())}.",
        "" if points else captions.log_scale("both axes"),
    )


def _units(words: Mapping[str, Any]) -> str:
    return f"Loss ({' or '.join(captions.units(words))})"


def _handles(reasons: Sequence[str]) -> list[Line2D]:
    return [Line2D([], [], color=CURVES[0], label="kept")] + [
        Line2D([], [], linestyle="", color=color, marker=marker, markersize=4, label=label)
        for label, (color, marker) in (
            (name.replace("_", " "), sketch.LOOKS[name]) for name in reasons
        )
    ]


def _panel(
    made: Sheet,
    axes: Axes,
    run: Mapping[str, Any],
    log: pd.DataFrame | None,
    plotting: style.Plotting,
    seen: set[str],
) -> None:
    small = plotting["font"]["small"]
    axes.tick_params(labelsize=small - 1, pad=1.5, length=2, which="both")
    made.title(axes, _title(run), color=COLORS[state(run)])
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
    _axes(made, axes, log["x"])


def _title(run: Mapping[str, Any]) -> str:
    what = "" if state(run) == "ok" else f": {state(run)}"
    name, room = str(run["run"]), TITLE - len(what)
    if len(name) > room:
        name = f"{name[: room // 2]}…{name[-(room - room // 2 - 1) :]}"
    return name + what


def _others(made: Sheet, sketches: sketch.Sketches, count: int, plotting: style.Plotting) -> None:
    """How many curves pass through each field of log step and log loss."""
    assert made.below is not None
    axes, small = made.below, plotting["font"]["small"]
    axes.tick_params(labelsize=small - 1, pad=1.5, length=2, which="both")
    column, value, drawn = _passing(sketches)
    title = (
        f"The other {count:,} runs" if drawn == count else f"{drawn:,} of the other {count:,} runs"
    )
    made.title(axes, title)
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
    _axes(made, axes, pd.Series(across))
    beside = axes.inset_axes((1.01, 0, 0.012, 1))
    bar = made.figure.colorbar(picture, cax=beside)
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


def _axes(made: Sheet, axes: Axes, x: pd.Series) -> None:
    """Logarithmic axes with a few ticks each."""
    x = x[x > 0]
    made.axis("x", log=True, of=[axes])
    made.axis("y", log=True, of=[axes])
    if len(x):
        axes.set_xlim(x.min() / 1.1, x.max() * 1.1)
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
