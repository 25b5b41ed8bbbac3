"""How every figure is saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.path import Path as Line
from matplotlib.transforms import IdentityTransform, Transform

from isoloss.files import whole
from isoloss.paper.figures.pgf import drawing

mpl.use("agg")

LARGEST = 1 << 15  # dots along a picture


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


def save(figure: Figure, paths: Sequence[str | Path], caption: str = "") -> None:
    """Save in the format of each path's ending, whole or not at all, without dates.

    The caption goes to the path that ends in .txt; .pgf is for LaTeX to set. A very
    tall figure gets fewer dots an inch, as many as a picture can have.
    """
    _Canvas(figure)
    asked = mpl.rcParams["savefig.dpi"]
    asked = figure.dpi if asked == "figure" else asked
    dpi = min(asked, LARGEST / max(figure.get_size_inches()))
    for path in map(Path, paths):
        kind = path.suffix[1:]
        with whole(path) as part:
            if kind in ("txt", "pgf"):
                text = caption if kind == "txt" else drawing(figure, f"{path.stem}.pdf")
                part.write_text(text, encoding="utf-8")
                continue
            undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
            figure.savefig(part, format=kind, metadata=undated, dpi=dpi)
