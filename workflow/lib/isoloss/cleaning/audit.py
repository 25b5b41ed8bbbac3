"""Doubts about the axis of a log: whether its steps and tokens can be what they are taken for.

Each doubt is a sentence; a run with one is never `ok`. docs/logs.md has them all, with what to do.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curve_rules import MAD_TO_SD
from isoloss.cleaning.curves import position
from isoloss.logs.axis import Axis
from isoloss.units import Floats

FEWEST = 5  # values, or steps, below which nothing is said
REPEATED = 0.2  # share of values at a step that was logged already
FALLING = 0.1  # share of changes by which a count that goes up may go down
REGULAR = 0.9  # share of the distances of a grid that are equal
HOLE = 3.0  # distances of a grid that make a hole
LEVEL = 20  # values at either side of a resume that are compared
APART = 6.0  # robust standard deviations between two runs
APART_LEAST = 0.02  # and the share of the loss
EPOCH = 1e8  # seconds: more than any run takes, fewer than have passed since 1970
MOST_TOKENS = 1e9  # a second: a hundred times what tens of thousands of accelerators reach
MOST_STEPS = 1e4  # a second

Text = Iterator[str]


def audit(table: pd.DataFrame, axis: Axis) -> list[str]:
    """What is doubtful about the steps, tokens and times of a run's long table, in words.

    table: of `isoloss.logs.read`, in the order read. axis: how its step was chosen.
    """
    found: dict[str, None] = {}
    for doubt in _chosen(table, axis):
        found[doubt] = None
    codes = table["metric"].cat.codes.to_numpy()
    place = position(table)
    for code in np.unique(codes):
        rows = np.flatnonzero((codes == code) & np.isfinite(place))
        curve = _Curve(table, rows, place)
        if doubt := _never(table, codes == code):
            found[doubt] = None
        with np.errstate(invalid="ignore"):  # tokens and losses may be infinite
            order = (*_order(curve, axis), *_end(curve, axis))
            for doubt in (*order, *_tokens(curve), *_holes(curve), *_times(curve)):
                found[doubt] = None
    return list(found)


class _Curve:
    """The values of one metric in the order read.

    place: what orders them; of segments the first rows.
    """

    def __init__(self, table: pd.DataFrame, rows: NDArray[np.intp], place: Floats) -> None:
        self.place = place[rows]
        self.metric = str(table["metric"].array[int(rows[0])]) if len(rows) else ""
        self.in_steps = bool(len(rows)) and not np.isnan(table["step"].to_numpy()[rows[0]])
        self.segment, self.tokens, self.value, self.time = (
            table[name].to_numpy()[rows] for name in ("segment", "tokens", "value", "wall_time_s")
        )
        self.source = table["source"].cat.codes.to_numpy()[rows]
        self.files = table["source"].cat.categories
        logged = table["tokens_from"].cat.categories.isin(["log", "samples x sequence_length"])
        self.counted = logged[table["tokens_from"].cat.codes.to_numpy()[rows]]
        self.starts = np.flatnonzero(np.diff(self.segment, prepend=-1))

    @property
    def axis(self) -> str:
        return "step" if self.in_steps else "position"

    def parts(self) -> Iterator[slice]:
        """The rows of each segment."""
        ends = [*self.starts[1:].tolist(), len(self.place)]
        yield from map(slice, self.starts.tolist(), ends)


def _chosen(table: pd.DataFrame, axis: Axis) -> Text:
    """Doubts about the columns: of the step where tokens hang on it, and of the time."""
    if axis.mixed_times:
        yield "the wall times are in different units from row to row"
    if "step x tokens_per_step" not in set(table["tokens_from"].unique()):
        return
    if axis.counts and not axis.named:
        yield (
            f"tokens are counted from `{axis.step}`, which counts {axis.counts}, not updates: name "
            f"the column that counts updates (`log: {{step: ...}}`), or `{axis.step}` itself if "
            "each update has one"
        )
    if axis.rivals:
        others = ", ".join(f"`{name}`" for name in axis.rivals)
        yield (
            f"tokens are counted from `{axis.step}`, but {others} counts otherwise: name the right "
            "one (`log: {step: ...}`)"
        )


def _never(table: pd.DataFrame, rows: NDArray[np.bool_]) -> str:
    """A metric without one finite value has the wrong column."""
    if np.isfinite(table["value"].to_numpy()[rows]).any():
        return ""
    name = table["metric"].array[int(np.argmax(rows))]
    return f"{name} is never finite in {np.count_nonzero(rows):,} values: is it the wrong column?"


def _order(curve: _Curve, axis: Axis) -> Text:
    """Starts from the beginning, repeated steps, resumes that go on as another run."""
    place, n = curve.place, len(curve.place)
    if n < FEWEST:
        return
    by = f"; tell them apart by {_either(axis.splits)}" if axis.splits else ""
    steps = np.unique(place)
    far = steps[min(FEWEST, len(steps)) - 1]
    again = curve.starts[1:]
    # From the first step on; or from the second, where the log was well beyond it.
    again = again[place[again] <= np.where(place[again - 1] >= far, steps[:2].max(), steps[0])]
    same_file = again[curve.source[again] == curve.source[again - 1]]
    if len(again) > len(same_file):
        first, last = (curve.files[curve.source[row]] for row in (again[0] - 1, again[-1]))
        yield (
            f"several files start at {curve.axis} {place[again[0]]:g} ({first}, {last}): more than "
            f"one run, or a run that was started again{by}"
        )
    if len(same_file) > 1:
        yield (
            f"the {curve.axis} starts again at {place[same_file[0]]:g} {len(same_file)} times: it "
            f"counts within epochs, or there are several runs or ranks in the file{by}"
        )
    elif len(same_file):
        yield (
            f"the log goes back to its start, {curve.axis} {place[same_file[0]]:g}: more than one "
            f"run in the file, or one that was started again{by}"
        )
    repeated = n - len(steps)
    if repeated > REPEATED * n and not len(again):
        yield (
            f"{repeated / n:.0%} of the values are at a {curve.axis} that has one already: several "
            f"runs or ranks, or the {curve.axis} counts something else{by}"
        )
    yield from _joints(curve)


def _joints(curve: _Curve) -> Text:
    """Resumes at which the loss does not go on where it was: those of another run."""
    place, value = curve.place, curve.value
    parts = list(curve.parts())
    lowest = np.unique(place)[:2].max()
    for before, rows in pairwise(parts):
        start = place[rows][0]
        if start <= lowest:
            continue
        new = value[rows][:LEVEL]
        old_place, old = place[: before.stop], value[: before.stop]
        earlier = old[old_place < start][-LEVEL:]
        known = {p: v for p, v in zip(old_place.tolist(), old.tolist(), strict=True)}
        both = [
            (known[p], v)
            for p, v in zip(place[rows].tolist(), value[rows].tolist(), strict=True)
            if p in known
        ][:LEVEL]
        if _apart(earlier, new) and (len(both) < FEWEST or _apart(*np.array(both).T)):
            name = curve.files[curve.source[rows.start]]
            yield (
                f"what {name} goes on with at {curve.axis} {start:g} is not where the loss was: "
                f"{np.median(earlier):.4g} before, {np.median(new):.4g} after; is it the same run?"
            )
            return


def _apart(one: Floats, other: Floats) -> bool:
    """Whether two stretches are on different levels, by far more than they vary."""
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    if min(len(one), len(other)) < FEWEST:
        return False
    levels = np.median(one), np.median(other)
    # What is left of each without its trend: neighbours differ by sqrt(2) standard deviations.
    noise = max(
        MAD_TO_SD * float(np.median(np.abs(np.diff(part)))) / np.sqrt(2) for part in (one, other)
    )
    drift = max(float(np.ptp(_smooth(part))) for part in (one, other))
    least = max(APART * noise, APART_LEAST * abs(levels[0]), 2 * drift)
    return bool(abs(levels[0] - levels[1]) > least)


def _smooth(part: Floats) -> Floats:
    """The medians of the first and of the last half."""
    half = len(part) // 2
    return np.array([np.median(part[:half]), np.median(part[half:])])


def _tokens(curve: _Curve) -> Text:
    """Logged tokens that are no count of what the run has seen."""
    tokens, place = curve.tokens[curve.counted], curve.place[curve.counted]
    if not curve.in_steps or len(np.unique(place)) < FEWEST:
        return
    change = np.diff(tokens)[np.diff(place) > 0]
    if not change.any():
        yield f"the logged tokens are {tokens[0]:,g} at every step: those of one batch?"
    elif np.mean(change < 0) > FALLING:
        yield "the logged tokens rise and fall: they are those of single batches"
    elif len(np.unique(tokens)) < len(np.unique(place)) / 2:
        yield "the logged tokens stand still over steps: they are those of single batches?"
    elif tokens.max() < place.max():
        yield (
            f"{tokens.max():,g} tokens in {place.max():,g} steps, fewer than one a step: they may "
            "be in millions or billions"
        )


def _holes(curve: _Curve) -> Text:
    """Missing pieces of a log that is regular otherwise."""
    gaps = np.diff(np.unique(curve.place))
    if len(gaps) < 4 * FEWEST:
        return
    sizes, counts = np.unique(gaps, return_counts=True)
    usual = sizes[np.argmax(counts)]
    if counts.max() < REGULAR * len(gaps):
        return
    inner = np.flatnonzero(gaps[1:-1] >= HOLE * usual) + 1
    # A hole has the usual distance at both sides; else the log is kept at another rate there.
    inner = inner[(gaps[inner - 1] == usual) & (gaps[inner + 1] == usual)]
    missing = float((gaps[inner] / usual - 1).sum())
    if len(inner) and missing > max(HOLE, 0.01 * len(gaps)):
        at = np.unique(curve.place)[inner]
        yield (
            f"{missing:,.0f} values are missing in {len(inner)} holes of a log with one every "
            f"{usual:,g}, the first after {curve.axis} {at[0]:,g}: is a file missing?"
        )


def _end(curve: _Curve, axis: Axis) -> Text:
    """A metric that ends before its log does: what came after may have been null."""
    places = np.unique(curve.place)
    if not curve.in_steps or len(places) < FEWEST:
        return
    beyond = axis.last - places[-1]
    if beyond > max(FEWEST * float(np.median(np.diff(places))), 0.02 * axis.last):
        yield (
            f"{curve.metric} ends at {curve.axis} {places[-1]:,g}, but the log goes on to "
            f"{axis.last:,g}: is it null there, or in another column?"
        )


def _times(curve: _Curve) -> Text:
    """Wall times of different kinds, and rates that no machine reaches."""
    time = curve.time
    known = time[np.isfinite(time)]
    if 0 < np.count_nonzero(known > EPOCH) < len(known):
        yield "some wall times are seconds since 1970, others are not: they cannot be compared"
        return
    for rows in curve.parts():
        there = np.flatnonzero(np.isfinite(time[rows])) + rows.start
        if len(there) < 2 * FEWEST:
            continue
        first, last = there[0], there[-1]
        seconds = time[last] - time[first]
        if not seconds > 0:
            continue
        rates = [("tokens", curve.tokens, MOST_TOKENS)]
        rates += [("steps", curve.place, MOST_STEPS)] if curve.in_steps else []
        for name, count, most in rates:
            rate = (count[last] - count[first]) / seconds
            if rate > most:
                yield (
                    f"{rate:.2g} {name} a second: no machine reaches that; the {name} or the wall "
                    "time are in another unit"
                )
                return


def _either(names: tuple[str, ...]) -> str:
    return "column " + " or ".join(f"`{name}`" for name in names)
