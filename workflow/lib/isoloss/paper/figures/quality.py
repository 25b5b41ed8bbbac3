"""Every curve with its flagged values marked: small panels, a run each, the worst first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterMathtext, LogLocator, MaxNLocator, NullLocator

from isoloss.cleaning.advice import findings, state, worst_first
from isoloss.paper import style
from isoloss.paper.figures import canvas
from isoloss.units import Floats

COLUMNS, ROWS = 4, 6  # panels of a printed page
HEIGHT = 1.25  # inches: a row of panels; and the margins
TOP, BOTTOM, LEFT, RIGHT = 0.45, 0.4, 0.48, 0.08
DETAIL, MARKS = 200, 40  # places along a panel at which a curve, and signs, are drawn
SHARE = 0.01  # of a run that is left out at its start, unless something is flagged there
# Highest over lowest from which ticks are powers of ten; 1, 2 and 5; below, evenly spaced.
FAR, NEAR = 30, 4
MARGIN = 0.08  # of the range of log loss, above and below the kept values
# Colour and marker of each reason; where a value has several, the last one here.
LOOKS = {
    "duplicate_step": ("#999999", "."),
    "backward_step": ("#56B4E9", "."),
    "warm_up": ("#CCBB44", "."),
    "non_finite": ("#000000", "x"),
    "backward_tokens": ("#009E73", "<"),
    "constant": ("#CC79A7", "s"),
    "spike": ("#E69F00", "^"),
    "divergence": ("#D55E00", "v"),
}
COLORS = {"unusable": "#B22222", "look": "#B8670B", "ok": "#222222", "excluded": "#888888"}
CURVES = ("#0072B2", "#56B4E9", "#003A5C")
NEEDED = (  # columns of the cleaned logs
    *("run", "metric", "step", "tokens", "compute_pflop_s_days", "value", "kept", "reasons"),
)


def pages(
    cleaned: pd.DataFrame, quality: pd.DataFrame, plotting: style.Plotting, size: int | None = None
) -> list[Figure]:
    """Figures of `size` panels each (default: a printed page's), all runs in one for size 0."""
    runs = worst_first(quality.to_dict("records"))
    size = COLUMNS * ROWS if size is None else size or len(runs)
    logs = {str(run): log for run, log in cleaned.groupby("run", observed=True)}
    return [
        _page(runs[start : start + size], logs, plotting) for start in range(0, len(runs), size)
    ]


def _page(
    runs: Sequence[Mapping[str, Any]], logs: Mapping[str, pd.DataFrame], plotting: style.Plotting
) -> Figure:
    lines = -(-len(runs) // COLUMNS)
    width, height = plotting["width"]["page"], TOP + lines * HEIGHT + BOTTOM
    figure = Figure(figsize=(width, height))
    grid = figure.add_gridspec(
        lines,
        COLUMNS,
        left=LEFT / width,
        right=1 - RIGHT / width,
        top=1 - TOP / height,
        bottom=BOTTOM / height,
        hspace=0.42,
        wspace=0.25,
    )
    figure.set_layout_engine("none")  # the places are given, and 200 panels are many to lay out
    panels = grid.subplots(squeeze=False).ravel()
    for unused in panels[len(runs) :]:
        unused.remove()
    seen = set[str]()
    for run, axes in zip(runs, panels, strict=False):
        _panel(axes, run, logs.get(run["run"]), plotting, seen)
    _legend(figure, [name for name in LOOKS if name in seen], height)
    font = plotting["font"]["size"]
    figure.text(0.5, 0.08 / height, "Step (tokens or compute without it)", ha="center", size=font)
    figure.text(0.04 / width, 0.5, "Loss (nats)", va="center", rotation=90, size=font)
    return figure


def _legend(figure: Figure, reasons: Sequence[str], height: float) -> None:
    handles = [Line2D([], [], color=CURVES[0], label="kept")] + [
        Line2D([], [], linestyle="", color=color, marker=marker, markersize=4, label=name)
        for name, (color, marker) in ((name, LOOKS[name]) for name in reasons)
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
    position = log["step"].fillna(log["tokens"]).fillna(log["compute_pflop_s_days"])
    log = log.assign(x=position, shown=_reason(log["reasons"]))
    start = min(SHARE * log["x"].max(), log.loc[~log["kept"], "x"].min())  # of NaN: the former
    log = log[log["x"] >= start]
    kept = log[log["kept"]]
    low, high = _range(kept if len(kept) else log)
    for number, (_, curve) in enumerate(kept.groupby("metric", sort=False, observed=True)):
        x, y = thinned(curve["x"].to_numpy(), curve["value"].to_numpy(), DETAIL)
        color = CURVES[number % len(CURVES)]
        dots = "." if len(x) < 3 else ""
        width = plotting["line"]["thin"]
        axes.plot(x, y, color=color, linewidth=width, marker=dots, markersize=3)
    for name, (color, marker) in LOOKS.items():
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
    name = str(run["run"])
    name = name if len(name) <= 24 else f"{name[:11]}…{name[-12:]}"
    what = state(run)
    return name if what == "ok" else f"{name}: {what}"


def _reason(reasons: pd.Series) -> pd.Series:
    """Of each value's reasons the one to be shown."""
    shown = {
        text: next((name for name in reversed(LOOKS) if name in text.split(";")), "")
        for text in reasons.unique()
    }
    return reasons.map(shown)


def _range(log: pd.DataFrame) -> tuple[float, float]:
    """The losses from the lowest to the highest, and a margin; where there are none, 1 to 10."""
    values = log["value"].to_numpy()
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 1.0, 10.0
    low, high = float(values.min()), float(values.max())
    beyond = (high / low) ** MARGIN if high > low else 1.05
    return low / beyond, high * beyond


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
