"""How the step of a log was chosen, what competed, and what else an audit of its axis must know."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoloss.logs.records import Block, Format

# What W&B counts: calls of `wandb.log`. Its charts name it `Step`.
_CALLS, _CHART = "_step", "Step"
# Formats whose step is no count of updates where gradients are accumulated, or at all.
_COUNTS = {"keras": "epochs"}
_COUNTS |= dict.fromkeys(("tqdm", "lightning-bar"), "batches of a progress bar")
_SPLITS = frozenset(("run", "run_id", "run_name", "name", "experiment", "seed", "trial", "rank"))
_SPLITS |= {"local_rank", "global_rank", "process", "process_index", "worker", "replica"}


@dataclass(frozen=True)
class Axis:
    """The choice of a log's step.

    step: the column, None where there is none. named: the study names it. rivals: columns that the
    format could have taken too, and that do not count with it. counts: what it counts, if no
    updates: calls of a logger, batches. splits: columns that may tell runs or ranks apart.
    last: the largest step of any record, as it is logged, -1 where there is none.
    mixed_times: wall times were in different units from row to row.
    """

    step: str | None = None
    named: bool = False
    rivals: tuple[str, ...] = ()
    counts: str = ""
    splits: tuple[str, ...] = ()
    last: float = -1.0
    mixed_times: bool = False


def choice(
    step: str | None,
    named: bool,
    format: Format,
    blocks: Iterable[Block],
    logged: Collection[str],
) -> Axis:
    """The choice of column `step` among those that a log of a format has."""
    charted = step == _CHART and any(" - " in name for name in logged)
    splits = tuple(sorted(name for name in logged if name.lower() in _SPLITS))
    rivals: tuple[str, ...] = ()
    tables = [block.table for block in blocks]
    last = np.fmax.reduce([_last(t[step]) for t in tables if step in t.column_names], initial=-1)
    if step is not None and not named:
        others = [n for n in format.preset.step if n not in (step, _CALLS) and n in logged]
        rivals = tuple(name for name in others if _differ(tables, step, name))
    counts = _COUNTS.get(format.name, "") if step is not None else ""
    counts = "calls of wandb.log" if step == _CALLS or charted else counts
    return Axis(step, named, rivals, counts, splits, float(last))


def _last(column: pa.ChunkedArray) -> float:
    """The largest finite number of a column, -1 if there is none."""
    values = _plain(column).drop_null().to_numpy()
    return float(np.max(values, where=np.isfinite(values), initial=-1.0))


def _differ(tables: Iterable[pa.Table], one: str, other: str) -> bool:
    """Whether two columns are not the same count, up to where it starts."""
    between = np.concatenate(
        [
            np.empty(0),
            *(
                pc.subtract(_plain(table[one]), _plain(table[other])).drop_null().to_numpy()
                for table in tables
                if {one, other} <= set(table.column_names)
            ),
        ]
    )
    between = between[np.isfinite(between)]
    return len(between) > 0 and bool(np.ptp(between))


def _plain(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of no chunks, or of more than one can hold
        whole = pa.concat_arrays(whole.chunks or [pa.array([], column.type)])
    return pc.run_end_decode(whole) if pa.types.is_run_end_encoded(whole.type) else whole
