"""Ticks that fit on their axis: plain numbers or powers of ten, never both on one axis."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from isoloss.paper import layout
from isoloss.units import Floats

MOST = 7  # ticks with a label
LARGE, SMALL = 1e5, 1e-3  # from here on, and below here, all numbers of an axis are powers of ten
# Digits that get a tick in each decade, from the densest, and the least span of the axis (highest
# over lowest) from which on they do.
DIGITS = (
    (10, (1.0, 2.0, 5.0)),
    (3, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)),
    (3, (1.0, 2.0, 3.0, 5.0)),
    (3, (1.0, 2.0, 5.0)),
    (5, (1.0, 3.0)),
)
STRIDES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)  # decades from tick to tick
EVEN = 5  # spans below which a logarithmic axis may have evenly spaced ticks
GAPS = {"x": 4.0, "y": 2.0}  # points between labels


def labels(values: Sequence[float]) -> list[str]:
    """All numbers of an axis: 2.0, 2.1, 2.2; but 0.1, 1, 10; or powers of ten."""
    sizes = [abs(value) for value in values if value]
    if not sizes:
        return ["0" for _ in values]
    if max(sizes) >= LARGE or min(sizes) < SMALL:
        return [_power(value) for value in values]
    even = min(values) <= 0 or max(sizes) < 10 * min(sizes)
    places = max(len(f"{value:.6g}".partition(".")[2]) for value in values) if even else 0
    texts = [f"{value:.{places}f}" if even else f"{value:g}" for value in values]
    return [text.replace("-", "\N{MINUS SIGN}") for text in texts]


def _power(value: float) -> str:
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.6e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    before = {"1": "", "-1": "-"}.get(digits, rf"{digits}\times ")
    return rf"${before}10^{{{int(exponent)}}}$"


def chosen(low: float, high: float, *, log: bool, fits: Callable[[Floats], bool]) -> Floats:
    """As many ticks between `low` and `high` as are useful and fit, two at least if any two fit."""
    best = np.zeros(0)
    for ticks in _candidates(low, high, log=log):
        inside = ticks[(ticks >= low * (1 - 1e-9 * np.sign(low))) & (ticks <= high * (1 + 1e-9))]
        if len(inside) > MOST or len(inside) < len(best):
            continue
        if len(inside) > 1 and fits(inside):
            return np.asarray(inside)
        if len(inside) == 1 or not len(best):
            best = inside[:1]
    return best


def _candidates(low: float, high: float, *, log: bool) -> Iterator[Floats]:
    """Sets of ticks, the more useful first."""
    if log and high / low >= DIGITS[1][0]:
        first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
        decades = np.arange(first, last + 1)
        for least, digits in DIGITS:
            if least <= high / low:
                yield np.sort(np.outer(10.0**decades, digits).ravel())
        for stride in STRIDES:
            yield 10.0 ** decades[decades % stride == 0]
    if not log or high / low < EVEN:
        for count in (5, 4, 3, 2, 1):
            steps = [1, 2, 2.5, 5, 10]
            yield np.asarray(MaxNLocator(count, steps=steps).tick_values(low, high))


def put(
    axes: Axes,
    which: str,
    length: float,
    sizes: Callable[[list[str]], Floats],
    *,
    log: bool,
    minor: bool,
) -> None:
    """Give an axis of this length (points) its ticks. sizes: of labels along it, points.

    minor: whether shorter ticks show between the labelled digits that the axis is logarithmic.
    """
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    ends = np.log([low, high]) if log else np.array([low, high])

    def fits(ticks: Floats) -> bool:
        at = (np.log(ticks) if log else ticks) - ends[0]
        return layout.apart(at / np.ptp(ends) * length, sizes(labels(list(ticks))), GAPS[which])

    ticks = chosen(low, high, log=log, fits=fits)
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(FixedFormatter(labels(list(ticks))))
    between = minor and log and DIGITS[1][0] <= high / low < LARGE
    axis.set_minor_locator(LogLocator(subs=range(2, 10)) if between else NullLocator())
    axis.set_minor_formatter(NullFormatter())
