"""Which logged values to trust: every value stays, those not to be used get their reasons.

Rules, in the order in which a reason is given (docs/cleaning.md has them at length):

non_finite       the value is NaN, infinite or 0: a logged loss of 0 is no loss
duplicate_step   the same metric was logged again for this step later on; the later value wins
backward_step    the run went back to an earlier step later on (a resume), and did not log this
                 step again: the value belongs to a stretch that was abandoned
warm_up          before `warm_up_steps` or `warm_up_tokens`
backward_tokens  the tokens fall while the steps rise (`curve_rules.out_of_order`)
divergence       the run had diverged: its loss rose and stayed up, or ended in NaN
                 (`curve_rules.diverged`, by `divergence_mads` and `divergence_rise`)
constant         one value, repeated `constant_rows` times or more (`curve_rules.constant`)
spike            further than `spike_mads` robust standard deviations (1.4826 times the median
                 absolute deviation) above the median of the `spike_window` values around it
                 and above the lowest value before it (`curve_rules.spikes`)
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curve_rules import constant, diverged, out_of_order, spikes
from isoloss.cleaning.curves import labels, position, slices
from isoloss.cleaning.settings import Cleaning
from isoloss.units import Floats

RULES = (
    *("non_finite", "duplicate_step", "backward_step", "warm_up"),
    *("backward_tokens", "divergence", "constant", "spike"),
)
BIT = {name: np.uint8(1 << i) for i, name in enumerate(RULES)}  # of a value's flags, one byte
Flags = NDArray[np.uint8]


def clean(table: pd.DataFrame, settings: Cleaning) -> pd.DataFrame:
    """Sort the long table of a run; add `kept` (bool) and `reasons` (names of RULES joined by `;`).

    Rows are sorted by metric and position: the step where logged, else tokens, else compute.
    Raises ValueError for a warm-up in steps of a log that has none.
    """
    if settings.warm_up_steps and len(table) and table["step"].isna().all():
        raise ValueError(
            f"clean.warm_up_steps is set, but the log of run {table['run'].iloc[0]} has no steps; "
            "use warm_up_tokens."
        )
    metric, place = _alphabetical(table["metric"]), position(table)
    if _in_order(metric, place):
        superseded = np.zeros(len(table), np.uint8)
    else:
        segment, offset = table["segment"].to_numpy(), table["offset"].to_numpy()
        order = np.lexsort((offset, segment, place, metric))
        table, metric = table.take(order), metric[order]
        superseded = _superseded(metric, place[order], segment[order], order)
    value, step, tokens = (table[name].to_numpy() for name in ("value", "step", "tokens"))
    early = (step < settings.warm_up_steps) | (tokens < settings.warm_up_tokens)
    flags = superseded | early * BIT["warm_up"]
    for curve in slices(metric):
        flags[curve] |= _flagged(value[curve], step[curve], tokens[curve], flags[curve], settings)
    columns = {name: table[name].array for name in table}
    kept = {"kept": flags == 0, "reasons": _reasons(flags)}
    return pd.DataFrame(columns | kept, copy=False)


def _alphabetical(names: pd.Series) -> NDArray[Any]:
    """A number for each name, in the order of the names."""
    found = labels(names)
    codes: NDArray[Any] = found.codes
    if len(found.categories) == 1:
        return codes
    rank = np.argsort(np.argsort(found.categories.to_numpy(object), kind="stable"))
    numbers: NDArray[Any] = rank.astype(codes.dtype)[codes]
    return numbers


def _in_order(metric: NDArray[Any], place: Floats) -> bool:
    """Whether each curve is by itself and rises from row to row: nothing is superseded."""
    rises = (place[1:] > place[:-1]) | (metric[1:] > metric[:-1])
    return bool(np.all(rises & (metric[1:] >= metric[:-1])))


def _superseded(
    metric: NDArray[Any], place: Floats, segment: NDArray[Any], read: NDArray[np.intp]
) -> Flags:
    """Values logged again later, and values past the point to which the run went back later.

    All sorted by metric and place. read: where each value was in the order of reading.
    """
    same = (place[1:] == place[:-1]) | (np.isnan(place[1:]) & np.isnan(place[:-1]))
    starts = np.flatnonzero(np.append(True, ~same | (metric[1:] != metric[:-1])))
    last = np.maximum.reduceat(read, starts)
    duplicate = read != np.repeat(last, np.diff(np.append(starts, len(read))))
    flags: Flags = duplicate * BIT["duplicate_step"]
    for rows in slices(metric):
        segments, which = np.unique(segment[rows], return_inverse=True)
        start = np.full(len(segments) + 1, np.nan)  # the lowest place of each, and of none
        np.fmin.at(start, which, place[rows])
        later = np.fmin.accumulate(start[:0:-1])[::-1]  # and of all that come after
        back = (place[rows] >= later[which]) & ~duplicate[rows]
        flags[rows] |= back * BIT["backward_step"]
    return flags


def _flagged(
    value: Floats, step: Floats, tokens: Floats, flags: Flags, settings: Cleaning
) -> Flags:
    """What the rules on curves find among the values of one that have no flag yet."""
    zero = value == 0
    found: Flags = (zero | ~np.isfinite(value)) * BIT["non_finite"]
    # A value that is not finite is no reason to look away: a run that ends so has diverged.
    live = (flags == 0) & ~zero
    known = live & ~np.isnan(step) & ~np.isnan(tokens)
    found[known] |= out_of_order(_of(tokens, known)) * BIT["backward_tokens"]
    window = settings.spike_window
    onset = diverged(_of(value, live), window, settings.divergence_mads, settings.divergence_rise)
    if onset is not None:
        start = np.flatnonzero(live)[onset]
        found[start:] |= live[start:] * BIT["divergence"]
    live &= found == 0
    if settings.constant_rows:
        found[live] |= constant(_of(value, live), settings.constant_rows) * BIT["constant"]
        live &= found == 0
    if settings.spike_mads and np.count_nonzero(live) >= window:
        found[live] |= spikes(_of(value, live), window, settings.spike_mads) * BIT["spike"]
    return found


def _of(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """The values that are chosen: without a copy, if all are."""
    return values if chosen.all() else values[chosen]


def _reasons(flags: Flags) -> pd.Categorical:
    codes = np.zeros(len(flags), np.int16)
    names: list[str] = []
    for found in np.unique(flags):
        codes[flags == found] = len(names)
        names.append(";".join(name for name in RULES if found & BIT[name]))
    return pd.Categorical.from_codes(codes, names)
