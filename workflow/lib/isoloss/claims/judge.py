"""Outcomes: how a statement compares with an interval, and how far off it would be noticed."""

from dataclasses import dataclass, field
from math import inf, isfinite, nan
from typing import Literal

Outcome = Literal["reproduced", "consistent", "differs", "not told", "not testable"]
Ends = tuple[float, float, float]  # an estimate, and both ends of its interval


@dataclass(frozen=True)
class Finding:
    """An outcome with the numbers of ours that it rests on.

    below, above: the claim would differ if it said less or more; NaN or infinite where nothing it
    could say would be noticed.
    """

    outcome: Outcome
    ours: Ends = (nan, nan, nan)
    below: float = -inf
    above: float = inf
    notes: tuple[str, ...] = field(default=())


def places(printed: str) -> int:
    """Digits after the point."""
    return len(printed.partition(".")[2])


def half_unit(printed: str) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0 ** -places(printed)


def number(
    printed: str, ours: Ends, *, within: float = 0.0, nothing: float | None = None
) -> Finding:
    """A printed number against an interval.

    reproduced: equal at the printed precision. consistent: inside the interval, given half a unit
    of the last printed digit or, if that is more, `within`. not told: so is `nothing`, the value of
    no effect, which the claim excludes.
    """
    value, slack = float(printed), max(half_unit(printed), within) * (1 + 1e-9)
    estimate, low, high = ours
    if not isfinite(estimate):
        return Finding("not testable", ours, notes=("there is no estimate",))
    below, above = low - slack, high + slack
    outcome: Outcome = "consistent" if below <= value <= above else "differs"
    if f"{estimate:.{places(printed)}f}" == printed:
        outcome = "reproduced"
    elif outcome == "consistent" and nothing is not None and low <= nothing <= high:
        outcome = "consistent" if abs(value - nothing) <= slack else "not told"
    return Finding(outcome, ours, below, above)


def less(ours: Ends, bound: float) -> Finding:
    """A statement that something lies below a bound; not told, if the interval holds the bound."""
    estimate, low, high = ours
    if not isfinite(estimate):
        return Finding("not testable", ours, notes=("there is no estimate",))
    if not (isfinite(low) and isfinite(high)):
        return Finding("not testable", ours, notes=("there is no interval",))
    outcome: Outcome = "consistent" if high < bound else "differs" if low >= bound else "not told"
    return Finding(outcome, ours, below=low)


def more(ours: Ends, bound: float) -> Finding:
    """A statement that something lies above a bound."""
    estimate, low, high = ours
    turned = less((-estimate, -high, -low), -bound)
    return Finding(turned.outcome, ours, above=-turned.below, notes=turned.notes)


def exact(holds: bool, ours: float, below: float = -inf, above: float = inf) -> Finding:
    """A statement that is counted, not estimated."""
    return Finding("reproduced" if holds else "differs", (ours, ours, ours), below, above)
