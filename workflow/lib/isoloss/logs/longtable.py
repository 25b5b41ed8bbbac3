"""From what a reader returns to long rows: one a logged value, with step and tokens."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from isoloss.logs.columns import Columns
from isoloss.logs.records import Block
from isoloss.logs.tokens import Logged, Units, tokens
from isoloss.units import Floats

# The rows of one file: arrays of equal length by name. `metric` and `aggregation` are codes.
Rows = dict[str, npt.NDArray[Any]]

_ROLES = ("step", "tokens", "samples", "compute", "wall_time")
# The largest double, near enough: how some stores write infinity.
_LARGEST = 1.797e308
# Seconds since 1970 reach this in the year 5138; milliseconds, micro- and nanoseconds are beyond.
_SECONDS = 1e11
MIXED_TIMES = "wall times are in different units from row to row; they have been made seconds"
_SLICE = 1 << 18
# Columns above this size are not copied, and share one value if they hold only one: they cannot be
# written to.
LARGE = 1_000_000


def long_rows(
    blocks: list[Block],
    columns: Columns,
    units: Units,
    aggregations: list[str],
    digits: dict[str, int],
    notes: list[str],
) -> Rows:
    """The logged values of one file in the order of the file, with steps from 1 and tokens.

    blocks: what the reader gave; they are taken out of the list, to spare memory.
    aggregations, digits: take the aggregations that are met, whose positions are the codes, and the
        digits that the reader knows of a metric.
    """
    several = len(blocks) > 1
    offsets = [block.table["offset"].to_numpy() for block in blocks] if several else []
    parts: list[Rows] = []
    others: dict[str, list[Logged]] = {"tokens": [], "samples": []}
    while blocks:
        block = blocks.pop(0)
        if block.aggregation not in aggregations:
            aggregations.append(block.aggregation)
        kind = aggregations.index(block.aggregation)
        for metric, name in columns.metrics.items():
            if name in block.digits:
                digits[metric] = min(block.digits[name], digits.get(metric, block.digits[name]))
        batches = block.table.to_batches()
        del block
        batches.reverse()
        while batches:
            parts.append(_long(batches.pop(), columns, others))
            n = len(parts[-1]["value"])
            parts[-1]["aggregation"] = np.broadcast_to(np.int16(kind), n)
    rows = {name: joined(parts, name) for name in ("offset", "metric", "value", "aggregation")}
    n = len(rows["value"])
    if n and (rows["aggregation"] == rows["aggregation"][0]).all():
        rows["aggregation"] = np.broadcast_to(rows["aggregation"][0], n)
    for role in _ROLES:
        # A role that the log does not have takes no memory.
        there = getattr(columns, role) is not None and n > 0
        rows[role] = joined(parts, role) if there else np.broadcast_to(np.nan, n)
    if several:
        order = _order(np.concatenate(offsets), rows)
        rows = {name: column[order] for name, column in rows.items()}
    rows["wall_time"] = _seconds(rows["wall_time"], notes)
    rows["step"] = _carried(rows["step"])
    if units.step_base != 1:
        rows["step"] = rows["step"] + (1 - units.step_base)

    def counted(role: str) -> Logged:
        """Every record that logs this count, whether it logs a metric or not."""
        there = ~np.isnan(rows[role]) & ~np.isnan(rows["step"])
        own = Logged(rows["step"][there], rows["offset"][there], rows[role][there])
        apart = [Logged(o.step + (1 - units.step_base), o.offset, o.count) for o in others[role]]
        return Logged.of([own, *apart])

    rows["tokens"], rows["tokens_from"] = tokens(
        rows["step"], rows["offset"], rows["tokens"], rows["samples"], units, counted, notes
    )
    del rows["samples"]
    infinite = (rows["value"] >= _LARGEST) | (rows["value"] <= -_LARGEST)
    if infinite.any():
        rows["value"] = np.where(infinite, np.copysign(np.inf, rows["value"]), rows["value"])
    return rows


def _seconds(time: Floats, notes: list[str]) -> Floats:
    """Wall times in seconds: what is too large for seconds since 1970 is milliseconds and so on,
    row by row."""
    largest = float(np.fmax.reduce(time, initial=0.0))
    if not largest > _SECONDS or not np.isfinite(largest):
        return time
    seconds = time.copy()
    for _ in range(3):
        seconds = np.where(seconds > _SECONDS, seconds / 1000, seconds)
    large = time > _SECONDS
    if not large[~np.isnan(time)].all():
        notes.append(MIXED_TIMES)
    return seconds


def _order(offsets: npt.NDArray[np.int64], rows: Rows) -> npt.NDArray[np.int64]:
    """The rows of several blocks by offset; by wall time if each block counts offsets by itself."""
    keys = [rows["metric"], rows["offset"]]
    if not np.isnan(rows["wall_time"]).any() and len(np.unique(offsets)) < len(offsets):
        keys.append(rows["wall_time"])
    return np.lexsort(keys)


def _plain(column: pa.Array) -> pa.Array:
    """The column, run-end encoding undone."""
    return pc.run_end_decode(column) if pa.types.is_run_end_encoded(column.type) else column


def _floats(column: pa.Array) -> Floats:
    column = _plain(column)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _long(batch: pa.RecordBatch, columns: Columns, others: dict[str, list[Logged]]) -> Rows:
    """The logged values of a batch: offset, the roles, metric (a code) and value.

    `others` takes the records without a metric. The columns of the batch are freed one by one.
    """
    n = len(batch)
    there = {name: batch.column(name) for name in batch.schema.names}
    del batch
    logged = [
        (code, there[name])
        for code, name in enumerate(columns.metrics.values())
        if name in there and there[name].null_count < n
    ]
    kind = np.int8 if len(columns.metrics) <= np.iinfo(np.int8).max else np.int16
    if len(logged) == 1 and pa.types.is_floating(logged[0][1].type) and not logged[0][1].null_count:
        # Each row is one value: nothing is copied.
        place: slice | npt.NDArray[Any] = slice(None)
        metric, value = np.broadcast_to(kind(logged[0][0]), n), _floats(logged[0][1])
    else:
        picked = [_picked(logged, start, min(_SLICE, n - start)) for start in range(0, n, _SLICE)]
        empty: Rows = {"place": np.empty(0, np.int32), "metric": np.empty(0), "value": np.empty(0)}
        place, metric, value = (joined(picked or [empty], name) for name in list(empty))
        metric = metric.astype(kind, copy=False)
        _collect(there, columns, others)
    del logged
    names = {role: getattr(columns, role) for role in _ROLES}
    for name in set(there) - {"offset", *names.values()}:
        del there[name]
    found: Rows = {"metric": metric, "value": value}
    found["offset"] = np.asarray(there.pop("offset"))[place]
    for role, name in names.items():
        if name in there:
            found[role] = _floats(there[name])[place]
            if list(names.values()).count(name) == 1:
                del there[name]
        elif name is not None:
            found[role] = np.full(len(value), np.nan)
    return found


def _picked(logged: list[tuple[int, pa.Array]], start: int, n: int) -> Rows:
    """Of n rows the logged values, row by row: the row (`place`), the metric and the value."""
    slices = [(code, _plain(column.slice(start, n))) for code, column in logged]
    valid = [_valid(column) for _, column in slices]
    row, which = np.nonzero(np.array(valid).T) if valid else (np.empty(0, int), np.empty(0, int))
    value = np.empty(len(row))
    for index, (_, column) in enumerate(slices):
        here = which == index
        value[here] = _floats(column)[row[here]]
    codes = np.array([code for code, _ in slices], np.int8 if len(slices) < 100 else np.int16)
    return {"place": (row + start).astype(np.int32), "metric": codes[which], "value": value}


def _collect(there: dict[str, pa.Array], columns: Columns, others: dict[str, list[Logged]]) -> None:
    """Add the records that log a step and a count, but no metric."""
    if columns.step not in there:
        return
    bare = _valid(there[columns.step])
    for metric in columns.metrics.values():
        if metric in there:
            bare &= ~_valid(there[metric])
    for role, records in others.items():
        name = getattr(columns, role)
        if name in there and bare.any():
            at = np.flatnonzero(bare & _valid(there[name]))
            offset = np.asarray(there["offset"])[at]
            records.append(
                Logged(_floats(there[columns.step])[at], offset, _floats(there[name])[at])
            )


def _valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    if column.null_count == 0 and not pa.types.is_run_end_encoded(column.type):
        return np.ones(len(column), bool)
    return np.asarray(_plain(column).is_valid().to_numpy(zero_copy_only=False))


def joined(parts: list[Rows], name: str) -> npt.NDArray[Any]:
    """One column of all the parts; it is taken out of them to spare memory."""
    if len(parts) == 1:
        column = parts[0].pop(name)
        # What still belongs to a reader's table is not ours to change.
        ours = column.flags.writeable or column.strides == (0,) or len(column) > LARGE
        return column if ours else column.copy()
    if not parts:  # a file without one sound record
        return np.empty(0, float if name == "value" else int)
    return np.concatenate([part.pop(name) for part in parts])


def _carried(step: Floats) -> Floats:
    """Rows without a step (an evaluation logged apart) take the last step logged before them."""
    absent = np.isnan(step)
    if not absent.any() or absent.all():
        return step
    last = np.maximum.accumulate(np.where(absent, -1, np.arange(len(step))))
    return np.where(last < 0, np.nan, step[last])
