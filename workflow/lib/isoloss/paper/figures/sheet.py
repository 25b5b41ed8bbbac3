"""A figure as it is made: a grid of panels and what stands on them; `arrange` places it all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isoloss.paper import style

DPI = 144  # at which labels are measured; those of other dots an inch are as long
SHAPES = {"one": 0.72, "grid": 0.7, "wide": 0.34}  # height over width of a panel
COLUMNS = 5  # of panels at most
STRIP = 0.45  # height of a strip, over that of its panel
Lines = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass
class Sheet:
    """A figure and its panels, row by row. strips: one below each panel, if asked for.

    shape: height over width of a panel, unless `tall` gives its height in points.
    """

    figure: Figure
    panels: list[Axes]
    strips: list[Axes]
    columns: int
    shape: float
    plotting: style.Plotting
    share: str = ""  # "x", "y" or "xy": axes that are the same in all panels
    tall: float = 0.0  # of a panel, points, where its shape does not say
    strip_share: float = STRIP  # height of a strip, over that of its panel
    below: Axes | None = None  # one as wide as all panels, below them, and its height in points
    below_tall: float = 0.0
    titles: dict[Axes, tuple[str, str]] = field(default_factory=dict)
    logs: dict[tuple[Axes, str], bool] = field(default_factory=dict)
    said: list[tuple[Axes, Lines, tuple[float, float]]] = field(default_factory=list)

    def title(self, axes: Axes, text: str, color: str = "black") -> None:
        """What stands above a panel."""
        self.titles[axes] = text, color

    def axis(self, which: str, *, log: bool, of: Sequence[Axes] | None = None) -> None:
        """Make the x or y axis of all panels (or `of`) logarithmic or not, with ticks that fit."""
        for axes in self.panels if of is None else of:
            if log:
                (axes.set_xscale if which == "x" else axes.set_yscale)("log")
            self.logs[axes, which] = log

    def limits(self, which: str, low: float, high: float) -> None:
        """Where the x or y axis of all panels begins and ends."""
        for axes in self.panels:
            (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)

    def say(self, axes: Axes, lines: Lines, near: tuple[float, float]) -> None:
        """A label where nothing else is drawn, as near to a point of the panel as can be.

        lines: from the top, each with its look.
        """
        self.said.append((axes, lines, near))


def sheet(
    plotting: style.Plotting,
    count: int,
    *,
    wide: bool = False,
    columns: int | None = None,
    share: str = "",
    strip: bool = False,
    shape: float | None = None,
) -> Sheet:
    """A sheet of `count` panels: one column wide for one, else the page.

    share: "x", "y" or "xy", axes that are the same in all panels. shape: height over width of a
    panel.
    """
    if columns is None:
        columns = count if count <= 4 else min(math.ceil(math.sqrt(count)), COLUMNS)
    rows = math.ceil(count / columns)
    page = count > 1 or wide
    width = plotting["width"]["page" if page else "column"]
    shape = shape or SHAPES["wide" if wide else "grid" if count > 1 else "one"]
    figure = Figure(figsize=(width, width / columns * shape * rows), dpi=DPI)
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in grid[count:]:
        unused.remove()
    panels = list(grid[:count])
    strips = [figure.add_axes((0, 0, 1, 1)) for _ in panels] if strip else []
    for number, axes in enumerate(panels):
        last, first = number >= count - columns, number % columns == 0
        for one in [axes, *strips[number : number + 1]]:
            one.tick_params(labelbottom=last or "x" not in share)
            one.tick_params(labelleft=first or "y" not in share)
    for axes in panels if strip else []:
        axes.tick_params(labelbottom=False)
    return Sheet(figure, panels, strips, columns, shape, plotting, share)


def line_handle(look: Mapping[str, Any], label: str) -> Line2D:
    """A line with its marker for a legend, as an arm or a convention looks."""
    return Line2D([], [], **{"markersize": 4, "markeredgewidth": 0, **look}, label=label)
