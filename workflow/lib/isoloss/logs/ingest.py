"""The raw log of a run -> its long table, what it holds, and what could not be read."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from traceback import extract_tb, format_exception
from typing import Any

import numpy as np
import pandas as pd

from isoloss.logs.axis import Axis
from isoloss.logs.paths import cell_paths
from isoloss.logs.reading import Log, read
from isoloss.logs.records import LogError
from isoloss.logs.settings import Reading

NOTHING = {
    **{"format": "", "values": 0, "segments": 0, "quarantined": 0, "logged_tokens": float("nan")},
    **{"tokens_from": "", "lossy": "", "error": "", "notes": ""},
}


@dataclass(frozen=True)
class Ingested:
    """The long table (see `isoloss.logs.read`), the run in one row, and one row a broken record.

    table: None where the log cannot be read, or cannot be used; the row says why in `error`.
    axis: how the step was chosen.
    """

    table: pd.DataFrame | None
    row: dict[str, Any]
    quarantine: pd.DataFrame
    axis: Axis = field(default_factory=Axis)


def ingest(
    run: Mapping[str, Any],
    metrics: Mapping[str, str | None] | None,
    folder: Path,
    settings: Reading,
) -> Ingested:
    """Read the log of `run` (a row of a run sheet whose paths are relative to `folder`).

    metrics: metric -> logged column, None for the format's own. settings: of the study; a run's
    own `format` and `log.*` go before theirs. A log that cannot be read, or that has no compute
    axis (neither tokens nor compute, nor a step with the run sheet's `tokens_per_step`) gives no
    table; its row says why in `error`, so that the others can be looked at. So does that of a log
    at which a reader fails with any other exception; its traceback is a warning.
    """
    row = {"run": run["run"]} | NOTHING
    try:
        got = _read(run, metrics, folder, settings)
    except LogError as error:
        return Ingested(None, row | {"error": " ".join(str(error).split())}, pd.DataFrame())
    except MemoryError:  # the job is tried again with more
        raise
    except Exception as error:  # a fault of a reader is no reason to lose the other runs
        return failed(run, error, "reader")
    table = got.table
    row |= {
        "format": got.format,
        "values": len(table),
        "segments": len(np.unique(table["segment"].to_numpy())),
        "quarantined": len(got.quarantine),
        "logged_tokens": np.fmax.reduce(table["tokens"].to_numpy(), initial=np.nan),
        "tokens_from": " + ".join(sorted(set(_present(table["tokens_from"])) - {""})),
        "lossy": " | ".join(got.lossy),
        "notes": " | ".join(note for note in got.notes if note not in got.lossy),
    }
    got.quarantine.insert(0, "run", run["run"])
    return Ingested(table, row, got.quarantine, got.axis)


def _read(
    run: Mapping[str, Any],
    metrics: Mapping[str, str | None] | None,
    folder: Path,
    settings: Reading,
) -> Log:
    got = read(
        cell_paths(folder, run["log"]),
        format=run.get("format") or settings.format,
        run=run["run"],
        tokens_per_step=run.get("tokens_per_step"),
        sequence_length=run.get("sequence_length"),
        max_bad_fraction=settings.max_bad_fraction,
        patterns=settings.patterns,
        **settings.of(run, metrics),
    )
    axes = (got.table[name].to_numpy() for name in ("tokens", "compute_pflop_s_days"))
    if all(np.isnan(axis).all() for axis in axes):
        raise LogError(
            f"{run['log']}: no tokens and no compute in this log. Name the column in the study "
            "(`log: {tokens: ...}` or `log: {compute: ...}`), or give `tokens_per_step` in the "
            "run sheet to count tokens from the steps."
        )
    return got


def _present(labels: pd.Series) -> list[str]:
    """The labels that a column has."""
    return [str(labels.cat.categories[code]) for code in np.unique(labels.cat.codes.to_numpy())]


def failed(run: Mapping[str, Any], error: Exception, what: str) -> Ingested:
    """A run at whose log something failed with an exception that nothing means to raise.

    what: what failed. The row names the file and where it arose; the traceback is a warning.
    """
    warnings.warn(f"run {run['run']}:\n{''.join(format_exception(error))}", stacklevel=3)
    row = {"run": run["run"]} | NOTHING | {"error": _unexpected(run["log"], error, what)}
    return Ingested(None, row, pd.DataFrame())


def _unexpected(log: str, error: Exception, what: str) -> str:
    path = getattr(error, "__notes__", [log])[0]
    frame = extract_tb(error.__traceback__)[-1]
    words = shorten(f"{type(error).__name__}: {error}", 200, placeholder=" ...")
    return (
        f"{path}: its {what} failed with {words} (line {frame.lineno} of "
        f"{Path(frame.filename).name}), which is a fault of isoloss: please report it; the job's "
        "log has more"
    )
