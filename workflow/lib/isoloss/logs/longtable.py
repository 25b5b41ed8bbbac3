"""From what a reader returns to the long table: one row a logged value, with step and tokens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from isoloss.logs.columns import Columns
from isoloss.logs.lossy import digits_of, losses
from isoloss.logs.records import Block, Source
from isoloss.logs.segments import resumes

Floats = npt.NDArray[np.float64]
# The rows of one file: arrays of equal length by name. `metric` and `aggregation` are codes.
Rows = dict[str, npt.NDArray[Any]]

TOKENS_FROM = ("", "log", "samples x sequence_length", "step x tokens_per_step")
_ROLES = ("step", "tokens", "samples", "compute", "wall_time")
_NAMES = ("offset", *_ROLES, "metric", "value", "aggregation")
# The largest double, near enough: how some stores write infinity.
_LARGEST = 1.797e308
# Wall times above this are seconds since 1970, not since the start of a run.
_EPOCH = 1e8


@dataclass(frozen=True)
class Units:
    """The number of the first update, and what turns samples and steps into tokens."""

    step_base: int
    sequence_length: float | None
    tokens_per_step: float | None


def long_rows(source: Source, columns: Columns, units: Units, aggregations: list[str]) -> Rows:
    """The logged values of one file in the order of the file, with steps from 1 and tokens.

    `aggregations` takes the aggregations that are met; their positions are the codes.
    """
    parts = []
    digits: dict[int, int] = {}
    for block in source.blocks:
        if block.aggregation not in aggregations:
            aggregations.append(block.aggregation)
        kind = aggregations.index(block.aggregation)
        for code, name in enumerate(columns.metrics.values()):
            if name in block.digits:
                digits[code] = block.digits[name]
        for part in _batches(block, columns):
            part["aggregation"] = np.full(len(part["value"]), kind, np.int16)
            parts.append(part)
    rows = {name: joined(parts, name) for name in _NAMES}
    if len(source.blocks) > 1:
        order = np.lexsort((rows["metric"], rows["offset"]))
        rows = {name: column[order] for name, column in rows.items()}
    rows["step"] = _carried(rows["step"]) + (1 - units.step_base)
    rows["tokens"], rows["tokens_from"] = _tokens(rows, source, columns, units)
    value = rows["value"]
    huge = np.abs(value) >= _LARGEST
    value[huge] = np.copysign(np.inf, value[huge])
    return rows


def _floats(batch: pa.RecordBatch, name: str | None) -> Floats | None:
    if name is None or name not in batch.schema.names:
        return None
    return np.asarray(batch.column(name).to_numpy(zero_copy_only=False), np.float64)


def _batches(block: Block, columns: Columns) -> Iterator[Rows]:
    """The logged values of a block: offset, the roles, metric (a code) and value."""
    metrics = list(columns.metrics.values())
    for batch in block.table.to_batches():
        codes, places, values = [np.empty(0, np.int8)], [np.empty(0, np.int64)], [np.empty(0)]
        for code, name in enumerate(metrics):
            logged = _floats(batch, name)
            if logged is not None:
                there = np.flatnonzero(batch.column(name).is_valid().to_numpy(False))
                codes.append(np.full(len(there), code, np.int8))
                places.append(there)
                values.append(logged[there])
        place = np.concatenate(places)
        order = np.argsort(place, kind="stable")
        place = place[order]
        rows: Rows = {
            "offset": np.asarray(batch.column("offset"))[place],
            "metric": np.concatenate(codes)[order],
            "value": np.concatenate(values)[order],
        }
        for role in _ROLES:
            logged = _floats(batch, getattr(columns, role))
            rows[role] = np.full(len(place), np.nan) if logged is None else logged[place]
        yield rows


def joined(parts: list[Rows], name: str) -> npt.NDArray[Any]:
    """One column of all the parts; it is taken out of them to spare memory."""
    empty = np.empty(0, np.int64 if name == "offset" else np.float64)
    return np.concatenate([part.pop(name) for part in parts]) if parts else empty


def _carried(step: Floats) -> Floats:
    """Rows without a step (an evaluation logged apart) take the last step logged before them."""
    absent = np.isnan(step)
    if not absent.any():
        return step
    last = np.maximum.accumulate(np.where(absent, -1, np.arange(len(step))))
    return np.where(last < 0, np.nan, step[last])


def _tokens(
    rows: Rows, source: Source, columns: Columns, units: Units
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """The tokens of each row, and where they are from: a position in TOKENS_FROM."""
    step, tokens = rows["step"], rows["tokens"]
    origin = np.where(np.isnan(tokens), 0, 1).astype(np.int8)
    absent = origin == 0
    if columns.tokens is not None and columns.step is not None and absent.any():
        at, known = _tokens_by_step(source, columns, units.step_base)
        if len(at):
            near = np.minimum(np.searchsorted(at, step), len(at) - 1)
            found = absent & (at[near] == step)
            tokens = np.where(found, known[near], tokens)
            origin[found] = 1
    for code, factor, count in (
        (2, units.sequence_length, rows["samples"]),
        (3, units.tokens_per_step, step),
    ):
        absent = (origin == 0) & ~np.isnan(count)
        if factor is not None and absent.any():
            tokens = np.where(absent, count * factor, tokens)
            origin[absent] = code
    return tokens, origin


def _tokens_by_step(source: Source, columns: Columns, step_base: int) -> tuple[Floats, Floats]:
    """The tokens that other records of the file log at a step: sorted steps, and their tokens."""
    steps, tokens = [np.empty(0)], [np.empty(0)]
    for block in source.blocks:
        for batch in block.table.to_batches():
            step, count = _floats(batch, columns.step), _floats(batch, columns.tokens)
            if step is not None and count is not None:
                there = ~np.isnan(step) & ~np.isnan(count)
                steps.append(step[there])
                tokens.append(count[there])
    at, index = np.unique(np.concatenate(steps), return_index=True)
    return at + (1 - step_base), np.concatenate(tokens)[index]


def ordered(files: Mapping[str, Rows], notes: list[str]) -> list[str]:
    """The files by content: by wall time if all log it, else by first, then last step.

    A file whose rows are the first rows of another is left out, with a note.
    """
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
        whole = next((other for other in others if _begins(files[other], files[name])), None)
        if whole is None:
            kept.append(name)
        else:
            notes.append(f"{name} repeats the first rows of {whole} and was read once")
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


def _begins(whole: Rows, part: Rows) -> bool:
    """Whether the rows of `part` are the first rows of `whole`."""
    n = len(part["value"])
    if n == 0 or n > len(whole["value"]):
        return False
    return all(
        np.array_equal(part[name], whole[name][:n], equal_nan=name != "metric")
        for name in ("step", "tokens", "metric", "value")
    )


def assembled(
    files: list[tuple[str, Rows]],
    columns: Columns,
    aggregations: list[str],
    notes: list[str],
) -> pd.DataFrame:
    """The table of all files in their order, with segments, digits and notes on what is lost."""
    sizes = [len(rows["value"]) for _, rows in files]
    segments, segment = [], 0
    for name, rows in files:
        starts, disorder = resumes(_place(rows), rows["metric"])
        cuts = np.zeros(len(rows["value"]), np.int32)
        cuts[starts] = 1
        segments.append(segment + np.cumsum(cuts, dtype=np.int32))
        segment += len(starts) + 1
        if disorder:
            notes.append(f"{name}: {disorder} rows go back and at once go on: no resume")
    parts = [rows for _, rows in files]
    metric = joined(parts, "metric").astype(np.int8)
    value = joined(parts, "value")
    kind = joined(parts, "aggregation").astype(np.int16)
    printed: dict[str, int | None] = {}
    counts: dict[str, int] = {}
    means: dict[str, str] = {}
    digits = np.zeros(len(value), np.int8)
    for code, name in enumerate(columns.metrics):
        here = metric == code
        printed[name] = digits_of(value[here])
        counts[name] = int(np.count_nonzero(here))
        kinds = np.unique(kind[here])
        means[name] = next((aggregations[k] for k in kinds if aggregations[k] != "step"), "step")
        digits[here] = printed[name] or 0
        broken = np.flatnonzero(here & ~np.isfinite(value))
        del here
        if len(broken):
            notes.append(f"{name} is not finite in {len(broken)} rows")
    notes += losses(counts, printed, means)
    table = pd.DataFrame(
        {
            "segment": np.concatenate(segments) if segments else np.empty(0, np.int32),
            "source": _labels(np.repeat(np.arange(len(files)), sizes), [n for n, _ in files]),
            "offset": joined(parts, "offset"),
            "step": joined(parts, "step"),
            "tokens": joined(parts, "tokens"),
            "compute_pflop_s_days": joined(parts, "compute"),
            "metric": _labels(metric, list(columns.metrics)),
            "value": value,
            "wall_time_s": joined(parts, "wall_time"),
            "aggregation": _labels(kind, aggregations),
            "digits": pd.arrays.IntegerArray(digits, digits == 0),
            "tokens_from": _labels(joined(parts, "tokens_from"), list(TOKENS_FROM)),
        },
        copy=False,
    )
    return table


def _labels(codes: npt.NDArray[Any], names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.astype(np.int16), names)
