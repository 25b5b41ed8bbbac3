"""From what a reader returns to the long table: one row a logged value, with step and tokens."""

from collections.abc import Iterator
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

    def of(self, source: Source, notes: list[str]) -> "Units":
        """These, and what they leave open from what the log itself says."""
        mine = {"sequence_length": self.sequence_length, "tokens_per_step": self.tokens_per_step}
        for name, logged in source.constants.items():
            given = mine[name]
            if given is None:
                mine[name] = logged
            elif given != logged:
                notes.append(f"the log says {name} {logged:,g}; the given {given:,g} is used")
        return Units(self.step_base, **mine)


def long_rows(
    source: Source, columns: Columns, units: Units, aggregations: list[str], notes: list[str]
) -> Rows:
    """The logged values of one file in the order of the file, with steps from 1 and tokens.

    `aggregations` takes the aggregations that are met; their positions are the codes.
    """
    units = units.of(source, notes)
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
        order = _order(source, rows)
        rows = {name: column[order] for name, column in rows.items()}
    rows["step"] = _carried(rows["step"]) + (1 - units.step_base)
    rows["tokens"], rows["tokens_from"] = _tokens(rows, source, columns, units, notes)
    value = rows["value"]
    huge = np.abs(value) >= _LARGEST
    value[huge] = np.copysign(np.inf, value[huge])
    return rows


def _order(source: Source, rows: Rows) -> npt.NDArray[np.int64]:
    """The rows of several blocks by offset; by wall time if each block counts offsets by itself."""
    keys = [rows["metric"], rows["offset"]]
    offsets = np.concatenate([block.table["offset"].to_numpy() for block in source.blocks])
    if len(np.unique(offsets)) < len(offsets) and not np.isnan(rows["wall_time"]).any():
        keys.append(rows["wall_time"])
    return np.lexsort(keys)


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
    rows: Rows, source: Source, columns: Columns, units: Units, notes: list[str]
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """The tokens of each row, and where they are from: a position in TOKENS_FROM.

    Records that log tokens (or samples) need not be those that log a loss: rows take what any
    record of the file says of their step. If that leaves rows open, no tokens_per_step is given and
    all those records, two at least, show the same number of tokens a step, then that one is used.
    """
    step, tokens = rows["step"], rows["tokens"]
    origin = np.where(np.isnan(tokens), 0, 1).astype(np.int8)

    def fill(code: int, count: Floats, factor: float | None) -> None:
        nonlocal tokens
        absent = (origin == 0) & ~np.isnan(count)
        if factor is not None and absent.any():
            tokens = np.where(absent, count * factor, tokens)
            origin[absent] = code

    fill(2, rows["samples"], units.sequence_length)
    each = units.tokens_per_step
    for code, name, factor in (
        (1, columns.tokens, 1.0),
        (2, columns.samples, units.sequence_length),
    ):
        if name is not None and factor and columns.step is not None and (origin == 0).any():
            at, places, values = _logged(source, columns.step, name)
            at = at + (1 - units.step_base)
            fill(code, _looked_up(at, places, values, step, rows["offset"]), factor)
            rates = np.unique(values[at > 0] * factor / at[at > 0])
            if each is None and len(at) > 1 and len(rates) == 1 and (origin == 0).any():
                each = float(rates[0])
                notes.append(f"tokens where none are logged: {each:,g} a step, as everywhere else")
    fill(3, step, each)
    return tokens, origin


def _logged(source: Source, step: str, name: str) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Step, offset and value of every record that logs a column, by step, then offset."""
    steps, offsets, values = [np.empty(0)], [np.empty(0, np.int64)], [np.empty(0)]
    for block in source.blocks:
        for batch in block.table.to_batches():
            at, value = _floats(batch, step), _floats(batch, name)
            if at is not None and value is not None:
                there = ~np.isnan(at) & ~np.isnan(value)
                steps.append(at[there])
                offsets.append(np.asarray(batch.column("offset"))[there])
                values.append(value[there])
    at, place = np.concatenate(steps), np.concatenate(offsets)
    order = np.lexsort((place, at))
    return at[order], place[order], np.concatenate(values)[order]


def _looked_up(
    at: Floats,
    places: npt.NDArray[np.int64],
    values: Floats,
    steps: Floats,
    offsets: npt.NDArray[np.int64],
) -> Floats:
    """The values logged at the given steps, the last before an offset or else the first after.

    `at` and `places` are sorted; NaN where no record has the step.
    """
    if len(at) == 0:
        return np.full(len(steps), np.nan)
    known, first = np.unique(at, return_index=True)
    number = np.searchsorted(known, steps)
    # Step and offset in one sortable number.
    span = max(int(places.max()), int(offsets.max(initial=0))) + 2
    keys = np.repeat(np.arange(len(known)), np.diff([*first, len(at)])) * span + places
    near = np.searchsorted(keys, number * span + offsets, side="right") - 1
    near = np.clip(near, first[np.minimum(number, len(known) - 1)], len(at) - 1)
    return np.where(at[near] == steps, values[near], np.nan)


def ordered(files: dict[str, Rows], cumulative: bool, notes: list[str]) -> list[str]:
    """The files by content: by wall time if all log it, else by first, then last step.

    A file whose rows are the first rows of another is left out, with a note. If files are
    cumulative, of every file but the last the rows are taken out that the last one starts with too.
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
    step = joined(parts, "step")
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
            notes.append(
                f"{name} is not finite in {len(broken)} rows, first at step {step[broken[0]]:g}"
            )
    notes += losses(counts, printed, means)
    table = pd.DataFrame(
        {
            "segment": np.concatenate(segments) if segments else np.empty(0, np.int32),
            "source": _labels(np.repeat(np.arange(len(files)), sizes), [n for n, _ in files]),
            "offset": joined(parts, "offset"),
            "step": step,
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
