"""What is drawn of many curves: the lowest and highest value of each place along log step.

A run is a panel of its own. Its axes are logarithmic, its curves start at 1% of the run or at the
first flagged value, and its values are whole numbers from 0 (lower edge) to LEVELS (upper edge).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.units import Floats

Ints = NDArray[np.int64]

PLACES, MARKED = 80, 40  # places along a panel of a curve, and of the signs of flagged values
LEVELS = 1023  # of a panel's height
SHARE = 0.01  # of a run that is left out at its start, unless something is flagged there
MARGIN = 0.08  # of the range of log loss, above and below the kept values
# Colour and marker of each reason; where a value has several, the last one here.
LOOKS = {
    "duplicate_step": ("#999999", "."),
    "backward_step": ("#56B4E9", "."),
    "warm_up": ("#CCBB44", "."),
    "non_finite": ("#000000", "x"),
    "backward_tokens": ("#009E73", "<"),
    "constant": ("#CC79A7", "s"),
    "spike": ("#E69F00", "^"),
    "divergence": ("#D55E00", "v"),
}
NEEDED = (  # columns of the cleaned logs
    *("run", "metric", "step", "tokens", "compute_pflop_s_days", "value", "kept", "reasons"),
)
UNITS = ("step", "tokens", "compute")  # what a panel's axis may count
# Whole numbers are taken a little above: logarithms of two processors may differ in the last bit.
NUDGE = 1e-9


@dataclass(frozen=True)
class Sketches:
    """Panels of runs, one row each; their curves, C; and the signs of flagged values.

    panels: run, unit (of UNITS, a number), start and end along it, low and high (losses at the
    lower and upper edge). curves: panel (row of panels), metric (a number). lows, highs: levels,
    (C, PLACES), -1 where no value is. marks: panel, place (of MARKED), level, reason (of LOOKS, a
    number), sorted.
    """

    panels: pd.DataFrame
    curves: pd.DataFrame
    lows: Ints
    highs: Ints
    marks: pd.DataFrame


def sketched(logs: pd.DataFrame, metrics: Sequence[str]) -> Sketches:
    """The panels of all runs in cleaned logs (columns NEEDED) that have a value of `metrics`."""
    metric = _numbers(logs["metric"], {name: i for i, name in enumerate(metrics)})
    x = position(logs)
    logs, x = (of[(metric >= 0) & (x > 0) & np.isfinite(x)] for of in (logs, x))
    late = from_start(x, logs["kept"].to_numpy(), pd.factorize(logs["run"])[0])
    logs, x = logs[late], x[late]
    run, names = pd.factorize(logs["run"])
    metric = _numbers(logs["metric"], {name: i for i, name in enumerate(metrics)})
    value, kept = logs["value"].to_numpy(), logs["kept"].to_numpy()
    start, end = _grouped(x, run, "min"), _grouped(x, run, "max")
    low, high = edges(value, kept, run, len(names))
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.nan_to_num(np.log(x / start[run]) / np.log(end / start)[run], nan=0.5)
        height = np.log(np.maximum(value, 0) / low[run]) / np.log(high / low)[run]
    place = np.minimum((along * PLACES + NUDGE).astype(int), PLACES - 1)
    height = np.where(np.isfinite(value), np.clip(height, 0, 1), 1.0)  # not finite: upper edge
    level = np.floor(height * LEVELS + 0.5 + NUDGE).astype(int)
    drawn = kept & np.isfinite(value) & (value > 0)
    curve = run * len(metrics) + metric
    found, lows, highs = _lowest_and_highest(curve[drawn], place[drawn], level[drawn])
    unit = np.select([logs["step"].notna(), logs["tokens"].notna()], [0, 1], 2)
    reason = _numbers(shown(logs["reasons"]), {name: i for i, name in enumerate(LOOKS)})
    return Sketches(
        pd.DataFrame(
            {
                "run": np.asarray(names, dtype=object),
                "unit": unit[np.unique(run, return_index=True)[1]],
                "start": start,
                "end": end,
                "low": low,
                "high": high,
            }
        ),
        pd.DataFrame({"panel": found // len(metrics), "metric": found % len(metrics)}),
        lows,
        highs,
        _marks(run, place * MARKED // PLACES, level, reason),
    )


def joined(parts: Iterable[Sketches]) -> Sketches:
    """The sketches of several shards as one."""
    parts = list(parts)
    before = np.cumsum([0, *(len(part.panels) for part in parts)])
    moved = zip(parts, before, strict=False)
    tables = [
        (part.curves.assign(panel=part.curves["panel"] + n),
         part.marks.assign(panel=part.marks["panel"] + n))
        for part, n in moved
    ]  # fmt: skip
    return Sketches(
        pd.concat([part.panels for part in parts], ignore_index=True),
        pd.concat([curves for curves, _ in tables], ignore_index=True),
        np.concatenate([part.lows for part in parts]),
        np.concatenate([part.highs for part in parts]),
        pd.concat([marks for _, marks in tables], ignore_index=True),
    )


def position(logs: pd.DataFrame) -> Floats:
    """Where a value stands: at its step, at its tokens where the log has none, else its compute."""
    x: Floats = logs["step"].fillna(logs["tokens"]).fillna(logs["compute_pflop_s_days"]).to_numpy()
    return x


def from_start(x: Floats, kept: NDArray[np.bool_], run: Ints) -> NDArray[np.bool_]:
    """Which values to draw: all but the first per cent of each run that has nothing flagged."""
    begin = SHARE * _grouped(x, run, "max")
    late: NDArray[np.bool_] = (
        x >= np.fmin(begin, _grouped(np.where(kept, np.inf, x), run, "min"))[run]
    )
    return late


def shown(reasons: pd.Series) -> pd.Series:
    """Of each value's reasons the one to be shown; empty for a kept value."""
    code, texts = pd.factorize(reasons)
    names = [next((n for n in reversed(LOOKS) if n in text.split(";")), "") for text in texts]
    return pd.Series(np.array(names, dtype=object)[code], index=reasons.index)


def edges(value: Floats, kept: NDArray[np.bool_], run: Ints, count: int) -> tuple[Floats, Floats]:
    """Lower and upper edge of each run's panel: about its kept values, or all where none is kept.

    1 and 10 where no value has a logarithm. To six digits, more than a page prints.
    """
    good = np.isfinite(value) & (value > 0)
    low, high = np.ones(count), np.full(count, 10.0)
    for rows in (good, good & kept):  # of a run with kept values the second stands
        groups = pd.Series(value[rows]).groupby(run[rows])
        least, most = groups.min(), groups.max()
        beyond = np.where(most > least, (most / least) ** MARGIN, 1.05)
        low[least.index], high[least.index] = least / beyond, most * beyond
    low, high = (np.array([float(f"{edge:.6g}") for edge in of]) for of in (low, high))
    return low, high


def _numbers(texts: pd.Series, numbers: Mapping[str, int]) -> Ints:
    """Each text's number; -1 for one that has none."""
    code, found = pd.factorize(texts)
    of_each: Ints = np.array([numbers.get(text, -1) for text in found], dtype=int)[code]
    return of_each


def _grouped(values: Floats, run: Ints, which: str) -> Floats:
    """The least or the most of each run, whose numbers are 0, 1, ..."""
    found: Floats = pd.Series(values).groupby(run).agg(which).to_numpy(dtype=float)
    return found


def _lowest_and_highest(curve: Ints, place: Ints, level: Ints) -> tuple[Ints, Ints, Ints]:
    """The curves there are, and their lowest and highest level at each place (-1: none)."""
    found, row = np.unique(curve, return_inverse=True)
    lows = np.full((len(found), PLACES), LEVELS + 1)
    highs = np.full((len(found), PLACES), -1)
    np.minimum.at(lows, (row, place), level)
    np.maximum.at(highs, (row, place), level)
    return found, np.where(highs < 0, -1, lows), highs


def _marks(panel: Ints, place: Ints, level: Ints, reason: Ints) -> pd.DataFrame:
    """Of each reason's signs at a place, the lowest and the highest."""
    marks = pd.DataFrame({"panel": panel, "reason": reason, "place": place, "level": level})
    groups = marks[reason >= 0].groupby(["panel", "reason", "place"], as_index=False)["level"]
    both = pd.concat([groups.min(), groups.max()]).drop_duplicates()
    return both.sort_values(["panel", "reason", "place", "level"], ignore_index=True)
