"""Labels inside a panel, where neither lines, dots, arrows nor other labels are."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Annotation

from isoloss.paper import layout
from isoloss.paper.figures.sheet import DPI, Sheet
from isoloss.units import Floats

PAD = 3.0  # points about a label
SCALE = DPI / 72  # dots in a point
Extent = Callable[[str, float], tuple[float, float]]


def say(sheet: Sheet, extent: Extent, renderer: RendererAgg) -> list[str]:
    """Put the labels of a sheet where nothing is drawn; those that found no place.

    Panels are in their places. extent: width and height of a text of a size, points.
    """
    left_over = []
    small = sheet.plotting["font"]["small"]
    fields: dict[Axes, layout.Taken] = {}
    for axes, lines, near in sheet.said:
        box = axes.bbox
        origin = np.array([box.x0, box.y0])

        def inside(points: Floats, origin: Floats = origin) -> Floats:
            return (np.asarray(points) - origin) / SCALE

        if axes not in fields:
            fields[axes] = layout.field(box.width / SCALE, box.height / SCALE)
            _take_drawn(fields[axes], axes, inside, renderer)
        sizes = [extent(text, small) for text, _ in lines]
        width = max(across for across, _ in sizes) + 2 * PAD
        height = sum(up for _, up in sizes) + (len(lines) + 1) * PAD
        x, y = map(float, inside(axes.transData.transform(near)))
        found = layout.place(fields[axes], width, height, (x, y))
        if found is None:
            left_over += [text.replace("\n", " ") for text, _ in lines]
            continue
        left, base = found
        layout.take_box(fields[axes], (left, base, left + width, base + height))
        top = base + height - PAD
        for (text, look), (_, up) in zip(lines, sizes, strict=True):
            axes.annotate(
                text,
                xy=(0, 0),
                xycoords="axes fraction",
                xytext=(left + PAD, top - up),
                textcoords="offset points",
                ha="left",
                va="bottom",
                fontsize=small,
                **{"zorder": 4, **look},
            )
            top -= up + PAD
    return left_over


def _take_drawn(
    taken: layout.Taken,
    axes: Axes,
    inside: Callable[[Floats], Floats],
    renderer: RendererAgg,
) -> None:
    """Mark the lines, dots, arrows and labels of a panel; not its bands."""
    for line in axes.lines:
        path = inside(line.get_transform().transform(line.get_xydata()))
        dots = line.get_marker() not in ("None", "", None)
        margin = line.get_markersize() / 2 if dots else 1.0
        if line.get_linestyle() == "None":
            path = np.insert(path, range(1, len(path)), np.nan, axis=0)
        layout.take(taken, path, margin)
    for found in axes.collections:
        if isinstance(found, LineCollection):
            for segment in found.get_segments():
                layout.take(taken, inside(found.get_transform().transform(segment)), 0.5)
        elif isinstance(found, PathCollection):
            for dot in inside(found.get_offset_transform().transform(found.get_offsets())):
                layout.take(taken, dot[None, :], 3.0)
    for text in axes.texts:
        arrow = text.arrow_patch if isinstance(text, Annotation) else None
        box = (arrow or text).get_window_extent(renderer)
        corners = inside(np.array([[box.x0, box.y0], [box.x1, box.y1]]))
        if arrow or text.get_text():
            ends = corners.ravel() / 1.0
            layout.take_box(taken, (ends[0] - 1, ends[1] - 1, ends[2] + 1, ends[3] + 1))
