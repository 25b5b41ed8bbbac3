"""A figure as LaTeX sets it, in the fonts of the document; written without LaTeX."""

import re
from io import StringIO
from typing import Any

from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pgf import RendererPgf
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path

from isoloss.paper.latex import escape

HEAD = r"""%% Needs \usepackage{pgf}; to be read by \input.
\begingroup
\providecommand{\mathdefault}[1]{#1}
\makeatletter
\begin{pgfpicture}
\pgfpathrectangle{\pgfpointorigin}{\pgfqpoint{WIDTHin}{HEIGHTin}}
\pgfusepath{use as bounding box, clip}
"""
FOOT = r"""\end{pgfpicture}
\makeatother
\endgroup
"""
FORMULA = re.compile(r"(\$[^$]*\$)")


class _Dots(Exception):
    """A figure has dots, which would be files of their own."""


class _Renderer(RendererPgf):
    """Measures texts by matplotlib's own fonts, and escapes what is no formula."""

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        return text_to_path.get_text_width_height_descent(s, prop, ismath)

    def draw_text(self, gc: Any, x: float, y: float, s: str, *rest: Any, **more: Any) -> None:
        super().draw_text(gc, x, y, in_latex(s), *rest, **more)  # type: ignore[no-untyped-call]

    def draw_image(self, *args: Any, **more: Any) -> None:
        raise _Dots


def in_latex(text: str) -> str:
    """A label as LaTeX prints it: escaped, but for its formulas."""
    parts = FORMULA.split(text)
    odd = "$" in "".join(parts[::2])  # of one dollar alone matplotlib makes no formula
    if odd:
        return escape(text)
    return "".join(part if number % 2 else escape(part) for number, part in enumerate(parts))


def drawing(figure: Figure, name: str) -> str:
    """The figure as commands of pgf; of one with dots, the command that shows its PDF.

    name: that of its PDF, beside.
    """
    width, height = figure.get_size_inches()
    text = StringIO()
    vectors = _Renderer(figure, text)  # type: ignore[no-untyped-call]
    try:
        figure.draw(MixedModeRenderer(figure, width, height, figure.dpi, vectors))  # type: ignore
    except _Dots:
        return f"%% Needs \\usepackage{{graphicx}} and the PDF.\n\\includegraphics{{{name}}}\n"
    head = HEAD.replace("WIDTH", f"{width:.6f}").replace("HEIGHT", f"{height:.6f}")
    return head + text.getvalue() + FOOT
