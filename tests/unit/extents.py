"""What overlaps in a drawn figure, or is cut by its edge, measured from what is drawn."""

from itertools import pairwise

import numpy as np
from matplotlib.axis import Axis, Tick
from matplotlib.collections import LineCollection
from matplotlib.legend import Legend
from matplotlib.text import Annotation, Text

SLACK = 0.6  # points that two boxes may share: letters have side bearings


def texts_of(figure):
    """Every text that is drawn, with its box in points."""
    renderer = figure.canvas.get_renderer()
    hidden = set()
    for axis in figure.findobj(Axis):
        shown = axis._update_ticks() if axis.axes.get_visible() else []
        for tick in axis.findobj(Tick):
            if tick not in shown:
                hidden |= {tick.label1, tick.label2}
    found = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            box = text.get_window_extent(renderer)
            found.append((text, np.array(box.extents) * 72 / figure.dpi))
    return found


def overlap(first, second):
    """Whether two boxes share more than the slack, both ways."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    up = min(first[3], second[3]) - max(first[1], second[1])
    return across > SLACK and up > SLACK


def hits(box, path):
    """Whether a line through points (K, 2) runs through a box."""
    inner = np.array(box) + np.array([SLACK, SLACK, -SLACK, -SLACK])
    path = path[np.isfinite(path).all(axis=1)]
    if not len(path):
        return False
    dense = np.concatenate([np.linspace(a, b, 24) for a, b in pairwise(path)] or [path])
    inside = (dense >= inner[:2]) & (dense <= inner[2:])
    return bool(inside.all(axis=1).any())


def data_of(axes, scale):
    """Lines, dots and bars of an axes as points (K, 2); not its bands."""
    for line in axes.lines:
        path = line.get_transform().transform(line.get_xydata()) * scale
        if line.get_linestyle() == "None":
            yield from (dot[None, :] for dot in path)
        else:
            yield path
    for many in axes.collections:
        if isinstance(many, LineCollection):
            for segment in many.get_segments():
                yield many.get_transform().transform(segment) * scale


def faults(figure):
    """Every overlap and everything cut, in words."""
    own = any(axes.get_xlabel() or axes.get_ylabel() or axes.child_axes for axes in figure.axes)
    with figure.canvas.get_renderer()._draw_disabled():
        # Only names of panels' own axes, and what stands in a legend, get their places so late.
        for late in [figure] if own else figure.legends:
            late.draw(figure.canvas.get_renderer())
    scale = 72 / figure.dpi
    width, height = figure.get_size_inches() * 72
    texts = texts_of(figure)
    found = []
    for text, box in texts:
        if box[0] < -SLACK or box[1] < -SLACK or box[2] > width + SLACK or box[3] > height + SLACK:
            found.append(f"cut: {text.get_text()!r} {box.round(1)} in {width:.0f} x {height:.0f}")
    for i, (text, box) in enumerate(texts):
        for other, second in texts[i + 1 :]:
            if overlap(box, second):
                found.append(f"over each other: {text.get_text()!r} and {other.get_text()!r}")
    renderer = figure.canvas.get_renderer()
    legends = [
        np.array(one.get_window_extent(renderer).extents) * scale for one in figure.findobj(Legend)
    ]
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        panel = np.array(axes.bbox.extents) * scale
        for legend in legends:
            if overlap(panel, legend):
                found.append("the legend lies over a panel")
        inside = [
            (text, box)
            for text, box in texts
            if text in axes.texts and text.get_text() and overlap(panel, box)
        ]
        arrows = [
            np.array(text.arrow_patch.get_window_extent(renderer).extents) * scale
            for text in axes.texts
            if isinstance(text, Annotation) and text.arrow_patch is not None
        ]
        for text, box in inside:
            if any(hits(box, path) for path in data_of(axes, scale)):
                found.append(f"data under {text.get_text()!r}")
            if any(overlap(box, arrow) for arrow in arrows):
                found.append(f"arrow under {text.get_text()!r}")
        for text, box in texts:
            if text not in axes.texts and text.figure is not None and overlap(panel, box):
                if text.axes is axes and text is axes.title:
                    found.append(f"title in its panel: {text.get_text()!r}")
                elif axes.get_frame_on() and text.axes is not axes:
                    found.append(f"text of elsewhere in a panel: {text.get_text()!r}")
    return found
