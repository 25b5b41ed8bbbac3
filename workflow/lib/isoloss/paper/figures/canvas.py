"""What every figure shares: its grid of panels, its axes, and how it is saved."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.path import Path as Line
from matplotlib.ticker import Formatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import IdentityTransform, Transform

from isoloss.files import whole
from isoloss.paper import style

mpl.use("agg")

# Height over width of a panel: alone, in a grid; and the factor of one as wide as the page.
SINGLE, SMALL, WIDE = 0.78, 0.78, 0.55
LARGEST = 1 << 15  # dots along a picture
# Digits that get a tick in each decade, by the span of the axis (highest over lowest).
TICKS = ((100, (1.0,)), (10, (1.0, 2.0, 5.0)), (3, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)))


def panels(
    plotting: style.Plotting,
    count: int,
    *,
    wide: bool = False,
    share_x: bool = False,
    share_y: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in a near-square grid: one column wide for one, else the page."""
    columns = min(count, 4) if count <= 4 else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width = plotting["width"]["page" if count > 1 or wide else "column"]
    height = width / columns * (SINGLE if count == 1 else SMALL) * rows
    figure = Figure(figsize=(width, height * (WIDE if wide else 1)))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y).ravel()
    for unused in axes[count:]:
        unused.remove()
    return figure, list(axes[:count])


class PlainNumbers(Formatter):
    """Ticks as plain numbers, all of an axis with the same places below 1."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """One tick by itself."""
        return f"{value:g}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All ticks of an axis: 2.0, 2.1, 2.2; but 0.1, 1, 10."""
        if not len(values):
            return []
        low, high = min(values), max(values)
        if high < 10 * low:
            places = max(len(f"{value:g}".partition(".")[2]) for value in values)
            return [f"{value:.{places}f}" for value in values]
        return [self(value) for value in values]


def log_axis(axes: Axes, which: str) -> None:
    """A logarithmic axis whose ticks are plain numbers, however short its range."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    subs = next((subs for span, subs in TICKS if high / low >= span), None)
    if subs is None:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(PlainNumbers())
    axis.set_minor_formatter(NullFormatter())


def compute_label(convention: str) -> str:
    """The name of a compute axis."""
    return f"Compute (PFLOP/s-days, {style.convention_label(convention)})"


class _Renderer(RendererAgg):
    """Dots from coordinates in whole millionths of a dot, on which processors agree.

    PDF and SVG have few decimals anyway; but the end of a dash may lie just between two shades.
    """

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Line,
        transform: Transform,
        rgbFace: Any = None,
    ) -> None:
        placed = transform.transform_path(path)
        rounded = Line(np.round(np.asarray(placed.vertices), 6), placed.codes)
        super().draw_path(gc, rounded, IdentityTransform(), rgbFace)  # type: ignore[no-untyped-call]


class _Canvas(FigureCanvasAgg):
    """A canvas of that renderer."""

    _drawn: tuple[float, ...] = ()

    def get_renderer(self) -> RendererAgg:
        size = (*self.get_width_height(physical=True), self.figure.dpi)
        if self._drawn != size:
            self._drawn = size
            self.renderer: RendererAgg = _Renderer(*size)  # type: ignore[no-untyped-call]
        return self.renderer


def _settle(figure: Figure) -> None:
    """Lay out once for all formats, to 9 digits: what is beyond differs by processor."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = np.round(axes.get_position(original=True).bounds, 9)
        axes.set_position((left, bottom, width, height))


def save(figure: Figure, paths: Sequence[str | Path]) -> None:
    """Save in the format of each path's ending, whole or not at all, without dates.

    A very tall figure gets fewer dots an inch, as many as a picture can have.
    """
    _Canvas(figure)
    _settle(figure)
    asked = mpl.rcParams["savefig.dpi"]
    asked = figure.dpi if asked == "figure" else asked
    dpi = min(asked, LARGEST / max(figure.get_size_inches()))
    for path in map(Path, paths):
        kind = path.suffix[1:]
        undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
        with whole(path) as part:
            figure.savefig(part, format=kind, metadata=undated, dpi=dpi)
