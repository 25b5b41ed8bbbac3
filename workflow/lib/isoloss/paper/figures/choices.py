"""The multiplier under every combination of choices, sorted, and which choices each is."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.multiplier.choice_names import CHOICES, NAMES
from isoloss.multiplier.settings import DIRECT
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import sheet
from isoloss.units import Floats

OF = ["candidate", "metric"]
COLUMNS = 1200  # of the matrix, about as many as a page has dots for; more share a column
FEW = 80  # specifications up to which each has a mark of its own
MOST_OPTIONS = 26  # of a choice; of more, as of very many metrics, there are no rows
UPPER, ROW, GAP = 120.0, 8.3, 0.5  # points: of the curve, of a row; and of a gap, in rows
LETTERS = 48  # of an option


def draw(
    choices: pd.DataFrame,
    moves: pd.DataFrame,
    comparisons: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
) -> Figure:
    """Above, the specifications by their multiplier with intervals; below, a row an option.

    A mark in a row: the specification above it has that option. Filled dots and the upright line
    are the study's own choices. Rows of a choice with one option are left out. Of more
    specifications than COLUMNS several share a column, which is as dark as their share.
    """
    used = choices[choices["used"]].sort_values("multiplier", kind="stable", ignore_index=True)
    if used.empty:
        raise ValueError(
            "figure choices: no specification can be fitted; results/choices says why of each"
        )
    rows = list(_rows(used, moves, words))
    lines = sum(len(options) for _, _, options in rows) + GAP * max(len(rows) - 1, 0)
    made = sheet(plotting, 1, wide=True, strip=True)
    made.tall, made.strip_share = UPPER, max(ROW * lines, ROW) / UPPER
    (above,), (below,) = made.panels, made.strips
    _curve(above, used, plotting)
    _matrix(below, used, rows, plotting)
    made.axis("y", log=True)
    made.title(above, _title(used, comparisons))
    baseline = words["arms"][used["baseline"].iloc[0]]
    several = used["candidate"].nunique() > 1
    who = "candidate" if several else words["arms"][used["candidate"].iloc[0]]
    own = {"marker": "o", "linestyle": "none", "color": plotting["colors"][1], "markersize": 4}
    return arrange(
        made,
        x="Specifications, sorted. Right: share of the variance of log M that each choice moves",
        y=f"Compute multiplier of {who} over {baseline}{captions.LOG}",
        handles=[Line2D([], [], **own, label="the study's own")],
        note=_n(used),
    )


def caption(choices: pd.DataFrame, comparisons: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    used = choices[choices["used"]]
    return captions.caption(
        words,
        "The compute multiplier under every combination of choices, sorted, with pointwise "
        f"{100 * used['confidence'].iloc[0]:g}% intervals (light), and below a row an option: "
        "marked where the combination above has it. Dots and upright lines: the study's own "
        "choices. Right: the share of the variance of log M that is left when all other choices "
        "are fixed.",
        f"{_title(used, comparisons)}.",
        f"{_n(used)}.",
        "Choices with one option, and those with more than "
        f"{MOST_OPTIONS}, are left out of the rows.",
        captions.SAVING,
        captions.log_scale("the axis of multipliers"),
    )


def _n(used: pd.DataFrame) -> str:
    return f"n = {captions.between(used['n_points'])} points of an arm"


def _title(used: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Median, range and share above 1 of all that is drawn, and how much could not be."""
    m = used["multiplier"]
    missing = int(comparisons["specifications"].sum() - comparisons["used"].sum())
    cannot = f"; {missing:,} others cannot be fitted" if missing else ""
    return (
        f"{len(m):,} specifications: median {m.median():.2f}x, {m.min():.2f}x to {m.max():.2f}x, "
        f"{100 * (m > 1).mean():.0f}% above 1{cannot}"
    )


def _rows(
    used: pd.DataFrame, moves: pd.DataFrame, words: Mapping[str, Any]
) -> Iterator[tuple[str, str, Sequence[tuple[str, str]]]]:
    """The choices with their options (value, label): what is compared first, then the most moving.

    Each with a column of the table and a name that says how far it moves the multiplier.
    """
    share = moves.groupby("choice")["share"].mean()
    order = share.sort_values(ascending=False, kind="stable").index
    for column in [*OF, *(name for name in order if name in CHOICES)]:
        # Without a law there is neither law nor estimator to choose.
        of = used[used["points"] != DIRECT] if column in ("law", "method") else used
        options = [str(option) for option in pd.unique(of.sort_index()[column])]
        if not 1 < len(options) <= MOST_OPTIONS:
            continue
        if column in OF:
            known = words["arms" if column == "candidate" else "metrics"]
            options = [option for option in known if option in options]
            yield column, column.capitalize(), [(each, known[each]) for each in options]
        else:
            name = NAMES[column].removeprefix("the ")
            name = f"{name[0].upper()}{name[1:]}: {_percent(share[column])}"
            medians = of.groupby(column)["multiplier"].median().sort_values(kind="stable")
            yield column, name, [(str(each), _label(column, str(each))) for each in medians.index]


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{100 * share:.0f}%"


def _label(column: str, option: str) -> str:
    """An option as a reader knows it."""
    if column == "convention":
        return style.convention_label(option)
    if column == "reference" and option.startswith("compute "):
        share = float(option.removeprefix("compute "))
        return "largest compute" if share == 1 else f"{share:g} of the largest compute"
    if column == "reference" and not option.startswith("loss "):
        place = option.removeprefix("place ")
        return f"{place} of the losses" if place != option else "middle of the losses"
    if column == "left_out":
        return "all sizes" if option == "none" else f"without {option}"
    if option == DIRECT:
        return "direct, without a law"
    if column == "pair_by":
        return "independent arms" if option == "none" else "paired by model"
    return option.replace("_", " ")


def _curve(axes: Axes, used: pd.DataFrame, plotting: style.Plotting) -> None:
    """Multipliers in order, with their intervals."""
    x = np.arange(len(used))
    m, low, high = (used[name].to_numpy() for name in ("multiplier", "ci_low", "ci_high"))
    color = plotting["colors"][0]
    few = len(used) <= FEW
    width = 1.0 if few else max(0.15, 300 / len(used))
    axes.vlines(x, low, high, color=color, alpha=0.3, linewidth=width, rasterized=not few)
    axes.plot(x, m, "." if few else "-", color=color, markersize=4)
    axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=0)
    own = used["headline"].to_numpy()
    axes.plot(x[own], m[own], "o", color=plotting["colors"][1], markersize=4)
    # Intervals that reach to nowhere would flatten everything else.
    span = np.log([m.min(), m.max()])
    room = max(1.0 * (span[1] - span[0]), 0.05)
    ends = np.log([np.quantile(low, 0.02), np.quantile(high, 0.98)])
    bottom, top = max(ends[0], span[0] - 2 * room), min(ends[1], span[1] + 2 * room)
    axes.set_ylim(np.exp(min(bottom, span[0]) - 0.02), np.exp(max(top, span[1]) + 0.02))
    axes.set_xlim(-0.5, len(used) - 0.5)
    axes.grid(axis="y")
    axes.tick_params(axis="x", bottom=False, labelbottom=False)


def _matrix(
    axes: Axes,
    used: pd.DataFrame,
    rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]],
    plotting: style.Plotting,
) -> None:
    """A row an option: dark where the specifications have it."""
    count, place = len(used), 0.0
    ticks, names = [], []
    for number, (column, name, options) in enumerate(rows):
        color = ("0.1", plotting["colors"][0])[number % 2]
        values = used[column].astype(str).to_numpy()
        for option, label in options:
            _marks(axes, values == option, place, color)
            ticks.append(place)
            names.append(textwrap.shorten(label, LETTERS, placeholder="…"))
            place += 1
        middle = place - (len(options) + 1) / 2
        axes.text(
            1.01, middle, name, transform=axes.get_yaxis_transform(), va="center", color=color,
            fontsize=plotting["font"]["small"],
        )  # fmt: skip
        place += GAP
    axes.set_yticks(ticks, names)
    axes.set_ylim(max(place - GAP, 1) - 0.5, -0.5)
    for at in np.flatnonzero(used["headline"].to_numpy()).tolist():
        axes.axvline(at, color=plotting["colors"][1], linewidth=plotting["line"]["thin"])
    axes.tick_params(axis="y", length=0, labelsize=plotting["font"]["small"])
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.5, count - 0.5)


def _marks(axes: Axes, has: Any, place: float, color: str) -> None:
    """One row of the matrix."""
    shares = _shares(has, COLUMNS)
    image = np.zeros((1, len(shares), 4))
    image[..., :3], image[0, :, 3] = to_rgb(color), 0.06 + 0.94 * shares
    axes.imshow(
        image,
        extent=(-0.5, len(has) - 0.5, place + 0.4, place - 0.4),
        aspect="auto",
        interpolation="nearest",
        interpolation_stage="rgba",
    )


def _shares(has: Any, most: int) -> Floats:
    """The share of marked ones in each of `most` columns, or one a specification if they fit."""
    columns = min(len(has), most)
    edges = np.linspace(0, len(has), columns + 1).astype(int)
    return np.add.reduceat(has.astype(np.float64), edges[:-1]) / np.diff(edges)
