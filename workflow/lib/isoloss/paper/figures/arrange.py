"""Everything of a sheet gets its place.

Nothing overlaps: labels are measured, broken into lines where they are long, and what they take
is added to the height of the figure, whose width is given; panels keep their shape.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from isoloss.paper import layout
from isoloss.paper.figures import ticks
from isoloss.paper.figures.notes import PAD, say
from isoloss.paper.figures.sheet import DPI, Sheet
from isoloss.units import Floats

GAP, TICK = 7.0, 3.5  # points: between panels, and of a tick
LINES = 4  # of the name of an axis, about as many as are tried
MINOR = 9  # panels up to which ticks stand between the labelled ones
DESCENT = 2.0  # points below a line of text
SMALLEST = 0.75  # of likely panel sizes: as much of the page as is not labels
OWN = 0.75  # of that, what a name of a panel's own axis may take
GREY = "0.35"


def arrange(
    sheet: Sheet,
    *,
    x: str = "",
    y: str = "",
    strip_y: str = "",
    handles: Sequence[Artist] = (),
    note: str = "",
) -> Figure:
    """Put everything in its place. x, y: names of all panels' axes; note: below, small."""
    return _Arrangement(sheet).run(x, y, strip_y, handles, note)


class _Arrangement:
    """What `arrange` knows while it works; lengths in points."""

    def __init__(self, of: Sheet) -> None:
        self.of, self.figure = of, of.figure
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        self.renderer: RendererAgg = canvas.get_renderer()  # type: ignore[no-untyped-call]
        self.scale = DPI / 72
        self.size, self.small = of.plotting["font"]["size"], of.plotting["font"]["small"]
        self.probe = Text(0, 0, "", figure=self.figure)
        self.width = self.figure.get_figwidth() * 72
        self.rows = math.ceil(len(of.panels) / of.columns)

    def extent(self, text: str, size: float, **look: Any) -> tuple[float, float]:
        """Width and height of a text."""
        self.probe.set(text=text, fontsize=size, **look)
        box = self.probe.get_window_extent(self.renderer)
        return box.width / self.scale, box.height / self.scale

    def length(self, size: float) -> Callable[[str], float]:
        return lambda text: self.extent(text, size)[0]

    def run(self, x: str, y: str, strip_y: str, handles: Sequence[Artist], note: str) -> Figure:
        of = self.of
        self._share_axes()
        guess = SMALLEST * self.width / of.columns
        for axes in [*of.panels, *of.strips]:
            self._own_labels(axes, OWN * guess)
        self._ticks(guess, again=False)
        left, right, bottom = self._around()
        names = (y, strip_y) if of.strips and strip_y else (y,)
        # The name of the y axis may take two lines or more: it is broken once the height is known.
        room = self.width - 2 * PAD - sum(left) - sum(right) - GAP * (of.columns - 1)
        beside, broken = 0.0, list(names)
        for _ in range(LINES):
            panel_width = (room - beside) / of.columns
            panel_height = of.tall or of.shape * panel_width
            whole = self.rows * panel_height * (1 + of.strip_share * bool(of.strips)) + sum(bottom)
            spans = [whole]
            if len(names) == 2:
                spans = [panel_height, of.strip_share * panel_height]
                spans = [0.6 * whole, 0.4 * whole] if self.rows > 1 else spans
            broken = [
                layout.wrapped(name, span, self.length(self.size))
                for name, span in zip(names, spans, strict=True)
            ]
            needed = max(self.extent(text, self.size)[1] for text in broken) + PAD if y else 0.0
            if needed <= beside:
                break
            beside = needed
        titles = self._titles(panel_width)
        self._ticks(panel_width, again=True)
        legend_height = self._legend(handles)
        x_text = layout.wrapped(x, self.width - 2 * PAD, self.length(self.size))
        x_height = self.extent(x_text, self.size)[1] + PAD if x else 0.0
        places = _Places(left, right, bottom, beside, panel_width, panel_height, titles)
        self._stand(places, legend_height, x_height, self._note(note))
        left_over = say(of, self.extent, self.renderer)
        if left_over:
            note = "; ".join([note] * bool(note) + left_over)
            self._stand(places, legend_height, x_height, self._note(note))
        self._names(places, x_text, broken, note, legend_height, x_height)
        return self.figure

    def _share_axes(self) -> None:
        """The same limits where axes are shared; of a panel and its strip, too.

        By hand: axes that know of each other look at all others whenever something is drawn.
        """
        of = self.of
        groups: list[tuple[str, Sequence[Axes]]] = []
        groups += [("x", pair) for pair in zip(of.panels, of.strips, strict=False)]
        if "x" in of.share:
            groups = [("x", [*of.panels, *of.strips])]
        if "y" in of.share:
            groups += [("y", of.panels), ("y", of.strips)]
        for which, many in groups:
            ends = [
                axes.get_xlim() if which == "x" else axes.get_ylim()
                for axes in many
                if axes.has_data()
            ]
            if ends:
                turned = ends[0][0] > ends[0][1]
                low, high = np.min(ends), np.max(ends)
                for axes in many:
                    put = axes.set_xlim if which == "x" else axes.set_ylim
                    put((high, low) if turned else (low, high))

    def _own_labels(self, axes: Axes, guess: float) -> None:
        """Break the names of a panel's own axes."""
        for axis, room in (
            (axes.xaxis, guess),
            (axes.yaxis, self.of.tall or self.of.shape * guess),
        ):
            text = axis.label.get_text()
            axis.label.set_text(layout.wrapped(text, room, self.length(self.size)))

    def _ticks(self, width: float, *, again: bool) -> None:
        """Ticks for panels of this width; again: only where those of before are too close."""
        heights = {axes: self.of.tall or self.of.shape * width for axes in self.of.panels}
        heights |= {
            strip: self.of.strip_share * heights[axes]
            for axes, strip in zip(self.of.panels, self.of.strips, strict=False)
        }

        def widths(texts: list[str]) -> Floats:
            return np.array([self.extent(text, self.small)[0] for text in texts])

        def lines(texts: list[str]) -> Floats:
            return np.full(len(texts), self.extent("0", self.small)[1])

        for (axes, which), log in self.of.logs.items():
            if again and which == "y":
                continue  # panels are no lower than was guessed
            if axes is self.of.below:
                length = 0.7 * self.width if which == "x" else self.of.below_tall
            else:
                length = width if which == "x" else heights[axes]
            sizes, few = widths if which == "x" else lines, len(self.of.panels) <= MINOR
            ticks.put(axes, which, length, sizes, log=log, minor=few)

    def _around(self) -> tuple[list[float], list[float], list[float]]:
        """What ticks and names take left and right of each column, and below each row."""
        left, right = [TICK] * self.of.columns, [0.0] * self.of.columns
        bottom = [TICK] * self.rows
        below = self.of.strips or self.of.panels
        for many in (self.of.panels, self.of.strips):
            for number, axes in enumerate(many):
                (row, column), box = divmod(number, self.of.columns), axes.bbox
                boxes = [_around(axis, self.renderer) for axis in (axes.xaxis, axes.yaxis)]
                across = boxes[0]
                # Of labels beside a panel, too.
                boxes += [text.get_window_extent(self.renderer) for text in axes.texts]
                for found in (one for one in boxes if one is not None):
                    left[column] = max(left[column], (box.x0 - found.x0) / self.scale)
                    right[column] = max(right[column], (found.x1 - box.x1) / self.scale)
                if many is below and across is not None:
                    bottom[row] = max(bottom[row], (box.y0 - across.y0) / self.scale)
        left, right, bottom = ([round(x, 6) for x in many] for many in (left, right, bottom))
        return left, right, bottom

    def _titles(self, width: float) -> list[float]:
        """Write the panels' titles; what they take above each row."""
        heights = [PAD] * self.rows
        size = self.size if self.of.columns < 4 else self.small
        for number, axes in enumerate(self.of.panels):
            row = number // self.of.columns
            heights[row] = max(heights[row], self._title(axes, width, size))
        return heights

    def _title(self, axes: Axes, width: float, size: float) -> float:
        """Write one; what it takes."""
        text, color = self.of.titles.get(axes, ("", ""))
        if not text:
            return 0.0
        lines = [layout.wrapped(line, width, self.length(size)) for line in text.split("\n")]
        axes.set_title("\n".join(lines), fontsize=size, pad=PAD + DESCENT, color=color, y=1)
        return self.extent("\n".join(lines), size)[1] + 2 * PAD + DESCENT

    def _legend(self, handles: Sequence[Artist]) -> float:
        """Make the legend, as wide as there is room; its height."""
        if not handles:
            return 0.0
        look = {"handlelength": 2.2, "handletextpad": 0.5, "columnspacing": 1.2}
        beside = (look["handlelength"] + look["handletextpad"]) * self.small
        room = self.width - 2 * PAD
        texts = [
            layout.wrapped(str(one.get_label()), room - beside, self.length(self.small))
            for one in handles
        ]
        widths = [beside + self.extent(text, self.small)[0] for text in texts]
        legend = self.figure.legend(
            handles,
            texts,
            loc="upper center",
            ncols=layout.columns(widths, room, look["columnspacing"] * self.small),
            borderpad=0,
            borderaxespad=0,
            labelspacing=0.3,
            **look,
        )
        return float(legend.get_window_extent(self.renderer).height / self.scale) + PAD

    def _note(self, note: str) -> str:
        return layout.wrapped(note, self.width - 2 * PAD, self.length(self.small))

    def _stand(self, places: "_Places", legend_height: float, x_height: float, note: str) -> None:
        """Set the height of the figure, and every panel to its place."""
        of = self.of
        strip = of.strip_share * places.height + GAP / 2 if of.strips else 0.0
        note_height = self.extent(note, self.small)[1] + PAD if note else 0.0
        rows = [
            above + places.height + strip + below
            for above, below in zip(places.titles, places.bottom, strict=True)
        ]
        grid = sum(rows)
        if of.below is not None:
            above = self._title(of.below, self.width, self.small)
            rows.append(above + of.below_tall + places.bottom[-1])
        height = 2 * PAD + legend_height + sum(rows) + x_height + note_height
        height = round(height, 6)  # points; its last bits, too
        self.figure.set_figheight(height / 72)
        self.height, self.note_height = height, note_height
        top = height - PAD - legend_height
        for number, axes in enumerate(of.panels):
            row, column = divmod(number, of.columns)
            start = places.start(column)
            base = top - sum(rows[:row]) - places.titles[row] - places.height
            axes.set_position(self._share(start, base, places.width, places.height))
            if of.strips:
                lower = base - strip
                box = self._share(start, lower, places.width, of.strip_share * places.height)
                of.strips[number].set_position(box)
        if of.below is not None:
            across = places.start(of.columns - 1) + places.width - places.start(0)
            lower = top - grid - rows[-1] + places.bottom[-1]
            box = self._share(places.start(0), lower, 0.9 * across, of.below_tall)
            of.below.set_position(box)
        self.grid = (
            (places.start(0) + places.start(of.columns - 1) + places.width) / 2,
            top - sum(rows) / 2,
        )

    def _share(self, x: float, y: float, width: float, height: float) -> Any:
        """A box as shares of the figure, to 9 digits: what is beyond differs by processor."""
        shares = x / self.width, y / self.height, width / self.width, height / self.height
        return tuple(round(share, 9) for share in shares)

    def _names(
        self,
        places: "_Places",
        x: str,
        names: Sequence[str],
        note: str,
        legend_height: float,
        x_height: float,
    ) -> None:
        """The names of the axes, the note, and the legend."""
        middle, centre = self.grid
        if x:
            at = PAD + self.note_height + x_height - PAD
            half = self.extent(x, self.size)[0] / 2 + PAD
            middle_of_name = float(np.clip(middle, half, self.width - half))
            self.figure.supxlabel(
                x, x=middle_of_name / self.width, y=at / self.height, va="top", fontsize=self.size
            )
        heights = [centre]
        if len(names) == 2:
            first, second = self.of.panels[0], self.of.strips[0]
            heights = [
                sum(axes.get_position().intervaly) / 2 * self.height for axes in (first, second)
            ]
            if self.rows > 1:
                spread = 0.25 * (self.height - legend_height - x_height - self.note_height)
                heights = [centre + spread, centre - spread]
        for name, at in zip(names, heights, strict=True):
            if name:
                self.figure.text(
                    PAD / self.width,
                    at / self.height,
                    name,
                    rotation=90,
                    ha="left",
                    va="center",
                    multialignment="center",
                    fontsize=self.size,
                )
        if note:
            text = self._note(note)
            half = self.extent(text, self.small)[0] / 2 + PAD
            self.figure.text(
                float(np.clip(middle, half, self.width - half)) / self.width,
                PAD / self.height,
                text,
                ha="center",
                va="bottom",
                color=GREY,
                fontsize=self.small,
            )
        for legend in self.figure.legends:
            legend.set_bbox_to_anchor((0.5, 1 - PAD / self.height))


@dataclass(frozen=True)
class _Places:
    """Left and right of each column, below each row, beside all; a panel; above each row."""

    left: Sequence[float]
    right: Sequence[float]
    bottom: Sequence[float]
    beside: float
    width: float
    height: float
    titles: Sequence[float]

    def start(self, column: int) -> float:
        """The left edge of a column's panels."""
        before = sum(self.left[: column + 1]) + sum(self.right[:column])
        return PAD + self.beside + before + column * (self.width + GAP)


def _around(axis: Axis, renderer: RendererAgg) -> BboxBase | None:
    """The box of an axis, of one that says something."""
    which = "labelbottom" if axis is axis.axes.xaxis else "labelleft"
    said = axis.get_tick_params().get(which, True) or axis.label.get_text()
    return axis.get_tightbbox(renderer) if said else None
