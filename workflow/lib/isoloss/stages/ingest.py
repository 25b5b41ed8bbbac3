"""Raw logs of a set of runs -> one long table, what each run holds, and what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss import logs
from isoloss.logs.records import LogError


@dataclass(frozen=True)
class Ingested:
    """The long table (see `isoloss.logs.read`), one row a run, and one row a broken record."""

    table: pd.DataFrame
    runs: pd.DataFrame
    quarantine: pd.DataFrame


def ingest(
    runs: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, str] | None,
    folder: Path,
    log: Mapping[str, Any],
) -> Ingested:
    """Read the logs of `runs` (rows of a run sheet whose paths are relative to `folder`).

    metrics: metric -> logged column. log: further keywords of `isoloss.logs.read`.
    Raises LogError for a log that cannot be read, or that has no compute axis: neither tokens nor
    compute, nor a step with the run sheet's `tokens_per_step`.
    """
    tables, quarantines, rows = [], [], []
    for run in runs:
        name = run["run"]
        try:
            got = logs.read(
                [folder / part.strip() for part in run["log"].split(";") if part.strip()],
                format=run.get("format") or log.get("format") or "auto",
                run=name,
                metrics=metrics,
                tokens_per_step=run.get("tokens_per_step"),
                sequence_length=run.get("sequence_length"),
                **{key: value for key, value in log.items() if key != "format"},
            )
        except LogError as error:
            raise LogError(f"run {name}: {error}") from error
        table = got.table
        if table[["tokens", "compute_pflop_s_days"]].isna().all(axis=None):
            raise LogError(
                f"run {name}: {run['log']}: no tokens and no compute in this log. Name the "
                "column in the study (`log: {tokens: ...}` or `log: {compute: ...}`), or give "
                "`tokens_per_step` in the run sheet to count tokens from the steps."
            )
        tables.append(table)
        quarantines.append(got.quarantine.assign(run=name))
        rows.append(
            {
                "run": name,
                "format": got.format,
                "values": len(table),
                "segments": table["segment"].nunique(),
                "quarantined": len(got.quarantine),
                "tokens_from": " + ".join(sorted(set(table["tokens_from"]) - {""})),
                "notes": " | ".join(got.notes),
            }
        )
    quarantine = pd.concat(quarantines, ignore_index=True)
    return Ingested(
        pd.concat(tables, ignore_index=True),
        pd.DataFrame(rows),
        quarantine[["run", *quarantine.columns.drop("run")]],
    )
