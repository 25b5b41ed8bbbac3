"""The files of a log in order, as one table with segments."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from isoloss.logs.longtable import LARGE, Rows, joined
from isoloss.logs.lossy import digits_of, losses
from isoloss.logs.segments import resumes
from isoloss.logs.tokens import TOKENS_FROM
from isoloss.units import Floats

# Wall times above this are seconds since 1970, not since the start of a run.
_EPOCH = 1e8


def ordered(files: dict[str, Rows], cumulative: bool, notes: list[str]) -> list[str]:
    """The files by content: by wall time if all log it, else by first, then last step.

    A file whose rows are the first rows of another is left out, with a note. If files are
    cumulative, of every file but the last the rows are taken out that the last one starts with too.
    """
    if len(files) == 1:
        return list(files)
    starts = {name: _started(rows) for name, rows in files.items()}
    timed = not any(np.isnan(list(starts.values())))

    def key(name: str) -> tuple[float, float, float, str]:
        place = _place(files[name])
        known = place[~np.isnan(place)]
        ends = (float(known[0]), float(known.max())) if len(known) else (np.inf, np.inf)
        return (starts[name] if timed else 0.0, *ends, name)

    names = sorted(files, key=key)
    kept: list[str] = []
    for index, name in enumerate(names):
        others = [*kept, *names[index + 1 :]]
        rows = files[name]
        n = len(rows["value"])
        whole = next((other for other in others if 0 < n == _common(files[other], rows)), None)
        if whole is not None:
            notes.append(f"{name} repeats the first rows of {whole} and was read once")
            continue
        kept.append(name)
        if cumulative and name != names[-1] and (same := _common(files[names[-1]], rows)):
            files[name] = {column: values[same:] for column, values in rows.items()}
            notes.append(f"the first {same} rows of {name} are those of {names[-1]}, read once")
    return kept


def _started(rows: Rows) -> float:
    """When the first row was logged, in seconds since 1970; NaN if not every row says so."""
    time = rows["wall_time"]
    return float(time[0]) if len(time) and bool((time > _EPOCH).all()) else np.nan


def _place(rows: Rows) -> Floats:
    """What orders the rows of a log: the step, else the tokens, else the compute."""
    for role in ("step", "tokens"):
        if not np.isnan(rows[role]).all():
            return rows[role]
    return rows["compute"]


def _common(one: Rows, other: Rows) -> int:
    """How many rows at the start are the same."""
    n = min(len(one["value"]), len(other["value"]))
    differ = np.zeros(n, bool)
    for name in ("step", "tokens", "metric", "value"):
        a, b = one[name][:n], other[name][:n]
        differ |= (a != b) & ~((a != a) & (b != b))
    return int(np.argmax(differ)) if differ.any() else n


def _segments(files: list[tuple[str, Rows]], notes: list[str]) -> npt.NDArray[np.int32]:
    """The segment of each row: a new one for each file and for each resume."""
    found, segment = [np.empty(0, np.int32)], 0
    for name, rows in files:
        starts, disorder = resumes(_place(rows), rows["metric"])
        n = len(rows["value"])
        if len(starts) or n <= LARGE:
            cuts = np.zeros(n, np.int32)
            cuts[starts] = 1
            found.append(np.cumsum(cuts, dtype=np.int32, out=cuts) + np.int32(segment))
        else:
            found.append(np.broadcast_to(np.int32(segment), n))
        segment += len(starts) + bool(n)
        if disorder:
            notes.append(f"{name}: {disorder} rows go back and at once go on: no resume")
    return np.concatenate(found) if len(found) > 2 else found[-1]


def assembled(
    run: str,
    files: list[tuple[str, Rows]],
    metrics: list[str],
    aggregations: list[str],
    digits: dict[str, int],
    notes: list[str],
) -> tuple[pd.DataFrame, list[str]]:
    """The table of all files in their order, with segments and digits; what of the notes is about
    what the log has lost.

    The rows are taken out of `files`. `digits`: those that the readers know, by metric.
    """
    sizes = [len(rows["value"]) for _, rows in files]
    segment = _segments(files, notes)
    parts = [rows for _, rows in files]
    step, metric, value = (joined(parts, name) for name in ("step", "metric", "value"))
    kind = joined(parts, "aggregation")
    printed = np.zeros(len(value), np.int8)
    lossy: list[str] = []
    for code, name in enumerate(metrics):
        here = metric == code
        count = int(np.count_nonzero(here))
        known = digits.get(name) or digits_of(_sample(value, here, count))
        printed[here] = known or 0
        kinds = pd.unique(kind[:1] if kind.strides == (0,) else kind[here]).tolist()
        here &= ~np.isfinite(value)
        if here.any():
            first, broken = step[np.argmax(here)], np.count_nonzero(here)
            notes.append(f"{name} is not finite in {broken} rows, first at step {first:g}")
        lost = losses(name, count, known, [aggregations[k] for k in kinds])
        notes += lost
        lossy += lost if count else []
    printed = shared(printed)
    table = pd.DataFrame(
        {
            "run": labels(np.broadcast_to(np.int8(0), len(value)), [run]),
            "segment": segment,
            "source": labels(_files(sizes), [name for name, _ in files]),
            "offset": joined(parts, "offset"),
            "step": step,
            "tokens": joined(parts, "tokens"),
            "compute_pflop_s_days": _own(joined(parts, "compute")),
            "metric": labels(metric, metrics),
            "value": value,
            "wall_time_s": _own(joined(parts, "wall_time")),
            "aggregation": labels(kind, aggregations),
            "digits": pd.arrays.IntegerArray(printed, shared(printed == 0)),
            "tokens_from": labels(joined(parts, "tokens_from"), list(TOKENS_FROM)),
        },
        copy=False,
    )
    return table, lossy


def _files(sizes: list[int]) -> npt.NDArray[Any]:
    """The number of the file of each row."""
    if len(sizes) == 1:
        return np.broadcast_to(np.int8(0), sizes[0])
    return np.repeat(np.arange(len(sizes)), sizes)


def _sample(value: Floats, here: npt.NDArray[np.bool_], count: int) -> Floats:
    """Some of the values that are here, all over the table."""
    stride = max(1, count // LARGE)
    return value[::stride][here[::stride]]


def _own(column: Floats) -> Floats:
    """The column, in memory of its own if that is not much."""
    return column if len(column) > LARGE else np.array(column)


def shared(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The column; one that is long and holds but one value takes no memory."""
    if len(column) > LARGE and bool((column == column[0]).all()):
        return np.broadcast_to(column[0].copy(), len(column))
    return column


def labels(codes: npt.NDArray[Any], names: list[str]) -> pd.Categorical:
    """Names by their positions."""
    small = np.int8 if len(names) <= np.iinfo(np.int8).max else np.int32
    if len(codes) > LARGE and codes.strides == (0,):
        codes = np.broadcast_to(codes[0].astype(small), len(codes))
    else:
        codes = shared(np.ascontiguousarray(codes, small))
    return pd.Categorical.from_codes(codes, dtype=_dtype(tuple(names)))


@lru_cache
def _dtype(names: tuple[str, ...]) -> pd.CategoricalDtype:
    """The type of a column of labels; most are the same from run to run."""
    return pd.CategoricalDtype(list(names))
