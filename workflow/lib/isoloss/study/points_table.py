"""A study's table of final points, data/<study>/points.csv: one row a run, checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.points.axes import LOGGED
from isoloss.study.run_sheet import Row, read_rows
from isoloss.study.validation import InputError

SIX_N_D = "6n_non_embedding"  # goes without saying where no compute is given


def read_points_table(
    path: Path, schema: Mapping[str, Any], arms: Mapping[str, Any], metrics: Mapping[str, Any]
) -> list[Row]:
    """Read and check a table of final points: one mapping a row, empty cells left out.

    A run has one row, or several, its checkpoints, which share its error.

    schema: of a row without its losses, to which each metric adds its column (the loss, nats) and
    `<column>_se` (its standard error). Raises InputError for the first mistake.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such table; `points: {{table: ...}}` is a CSV, one row a run."
        )
    losses: dict[str, Any] = {}
    needed = list(schema["required"])
    for metric, value in metrics.items():
        column = value.get("column", metric)
        needed.append(column)
        positive = {"type": "number", "exclusiveMinimum": 0}
        losses[column] = positive | {"description": f"final loss of metric {metric}, nats"}
        losses[f"{column}_se"] = positive | {"description": "its standard error, nats"}
    complete = {"properties": schema["properties"] | losses, "required": needed}
    numbered = read_rows(path, {**schema, **complete}, arms, checkpoints=True)
    for line, row in numbered:
        if "compute_pflop_s_days" not in row and not {"parameters", "tokens"} <= row.keys():
            raise InputError(
                f"{path}, line {line}, run {row['run']}: the row gives no compute; fill in "
                "`compute_pflop_s_days`, or `parameters` and `tokens` (6 N D)."
            )
    return [row for _, row in numbered]


def check_table_compute(
    path: Path, rows: Sequence[Row], section: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The study's `compute`, or what goes without saying, checked against the rows.

    Convention logged takes the compute as it stands in the table; one 6 N convention, whichever N
    the table's parameters are, is 6 x parameters x tokens.
    """
    logged = all("compute_pflop_s_days" in row for row in rows)
    compute: dict[str, Any] = {"headline": LOGGED if logged else SIX_N_D, **section}
    named = list(dict.fromkeys([compute["headline"], *compute["also"]]))
    counted = [name for name in named if name.startswith("6n")]
    for name in named:
        if name not in (LOGGED, *counted):
            raise InputError(
                f"{path}: convention `{name}` needs architectures, which a table of points does "
                f"not have; `{LOGGED}` and one of 6 N can be used."
            )
    if len(counted) > 1:
        raise InputError(
            f"{path}: conventions {' and '.join(counted)} would all be 6 x the table's "
            "`parameters` x `tokens`; name the one whose N the table gives."
        )
    for row in rows:
        if LOGGED in named and "compute_pflop_s_days" not in row:
            raise InputError(
                f"{path}, run {row['run']}: convention `{LOGGED}` needs `compute_pflop_s_days`."
            )
        if counted and not {"parameters", "tokens"} <= row.keys():
            raise InputError(
                f"{path}, run {row['run']}: convention `{counted[0]}` needs `parameters` and "
                "`tokens`."
            )
    return compute
