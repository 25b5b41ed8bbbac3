"""Where labels go: broken into lines, set in columns, and put where nothing else is drawn.

Lengths are in points. What is measured in letters is measured by `width`, a function from a text
to its length as it will be drawn.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from isoloss.units import Floats

CELL = 1.5  # points: cells of the field in which a free place is looked for
ROUNDED = 6  # decimals of a place: in the last bits processors differ
WORD = re.compile(r"(?:\$[^$]*\$|[^ \n])+")  # neither a formula nor a fixed space is broken
EVEN = (0.5, 0.6, 0.7, 0.8, 0.9)  # of the room, tried for lines as long as each other
JOINT = "-_/.:,;–"  # after which a word may be broken
Taken = NDArray[np.bool_]


def wrapped(text: str, room: float, width: Callable[[str], float]) -> str:
    """Text in lines that are no longer than `room`, broken between words or, of a long one, in it.

    As few lines as can be, and about as long as each other. A formula (`$...$`) stays whole.
    """
    lines = _lines(text, room, width)
    longest = max(map(width, WORD.findall(text)), default=0.0)
    for share in EVEN if len(lines) > 1 else ():
        even = _lines(text, share * room, width)
        if longest <= share * room and len(even) == len(lines):
            lines = even
            break
    return "\n".join(lines)


def _lines(text: str, room: float, width: Callable[[str], float]) -> list[str]:
    """The lines, each as long as there is room."""
    lines: list[str] = []
    for word in WORD.findall(text):
        for number, piece in enumerate(_pieces(word, room, width)):
            longer = f"{lines[-1]} {piece}" if lines else piece
            if lines and number == 0 and width(longer) <= room:
                lines[-1] = longer
            else:
                lines.append(piece)
    return lines


def _pieces(word: str, room: float, width: Callable[[str], float]) -> Iterator[str]:
    """A word in pieces that fit, after a joint where there is one in the later half."""
    while "$" not in word and len(word) > 1 and width(word) > room:
        fits = next((n for n in range(len(word) - 1, 1, -1) if width(word[:n]) <= room), 1)
        joint = max(word[:fits].rfind(sign) for sign in JOINT) + 1
        cut = joint if joint > fits / 2 else fits
        yield word[:cut]
        word = word[cut:]
    yield word


def columns(widths: Sequence[float], room: float, gap: float) -> int:
    """The most columns in which entries of these widths, filled down, are no wider than `room`."""
    for count in range(len(widths), 1, -1):
        parts = np.array_split(np.asarray(widths), count)
        if sum(part.max() for part in parts) + gap * (count - 1) <= room:
            return count
    return 1


def apart(middles: Floats, lengths: Floats, gap: float) -> bool:
    """Whether labels along a line, each about its middle, stand at least `gap` apart."""
    order = np.argsort(middles, kind="stable")
    middles, lengths = middles[order], lengths[order]
    free = np.diff(middles) - (lengths[:-1] + lengths[1:]) / 2
    return bool(np.all(free >= gap))


def field(width: float, height: float) -> Taken:
    """A panel of which nothing is taken yet."""
    return np.zeros((max(1, int(height / CELL)), max(1, int(width / CELL))), dtype=bool)


def take(taken: Taken, path: Floats, margin: float = 0.0) -> None:
    """Mark what a line through points (K, 2) covers, and `margin` about it.

    Points that are not finite break the line; a single point is a dot.
    """
    reach = math.ceil(round(margin / CELL, ROUNDED))
    near = np.arange(-reach, reach + 1)
    for part in np.split(path, np.flatnonzero(~np.isfinite(path).all(axis=1))):
        part = part[np.isfinite(part).all(axis=1)]
        if not len(part):
            continue
        # Far outside nothing is marked, and a step is not worth following.
        size = CELL * max(taken.shape)
        part = np.clip(part, -size, 2 * size)
        along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(part, axis=0)).max(axis=1))])
        at = np.linspace(0, along[-1], int(along[-1] / CELL) * 2 + 1)
        cells = np.column_stack([np.interp(at, along, part[:, k]) for k in (1, 0)]) / CELL
        cells = np.unique(np.floor(np.round(cells, ROUNDED)).astype(int), axis=0)
        rows, across = (
            of.ravel()
            for of in np.broadcast_arrays(
                cells[:, 0, None, None] + near[:, None], cells[:, 1, None, None] + near
            )
        )
        inside = (rows >= 0) & (rows < taken.shape[0]) & (across >= 0) & (across < taken.shape[1])
        taken[rows[inside], across[inside]] = True


def take_box(taken: Taken, box: tuple[float, float, float, float]) -> None:
    """Mark what a box (left, bottom, right, top) covers."""
    left, bottom, right, top = (round(end / CELL, ROUNDED) for end in box)
    rows = slice(max(0, math.floor(bottom)), max(0, math.floor(top) + 1))
    taken[rows, max(0, math.floor(left)) : max(0, math.floor(right) + 1)] = True


def place(
    taken: Taken, width: float, height: float, near: tuple[float, float]
) -> tuple[float, float] | None:
    """Left and bottom of a label where nothing is taken, the nearest to a point; None without."""
    across, up = (math.ceil(round(size / CELL, ROUNDED)) for size in (width, height))
    rows, count = taken.shape
    if up > rows or across > count:
        return None
    sums = np.zeros((rows + 1, count + 1), dtype=int)
    sums[1:, 1:] = taken.cumsum(axis=0).cumsum(axis=1)
    inside = sums[up:, across:] - sums[:-up, across:] - sums[up:, :-across] + sums[:-up, :-across]
    free = np.argwhere(inside == 0)
    if not len(free):
        return None
    point = np.round(np.array(near)[::-1] / CELL, 3)
    beside = np.maximum(free - point, 0) + np.maximum(point - free - [up, across], 0)
    row, column = free[np.argmin((beside**2).sum(axis=1))]
    return float(column * CELL), float(row * CELL)
