"""Run sheet and architectures -> FLOPs per token and training compute by convention."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.flops import flop_per_token, notes, parameters_counted
from isoloss.units import PFLOP_S_DAY


def flops(
    runs: Sequence[Mapping[str, Any]],
    logged: pd.DataFrame,
    folder: Path,
    conventions: Sequence[str],
) -> pd.DataFrame:
    """One row a run and convention: parameters counted, FLOPs per token, and training compute.

    runs: rows of the run sheet, whose `architecture` is relative to `folder`. logged: the table of
    runs, with the tokens (and the compute) at the end of each log; training compute is FLOPs per
    token x tokens, of convention `logged` what the log says.
    """
    ends = logged.set_index("run")

    @cache
    def count(
        architecture: str | None, sequence_length: float | None, n: float | None, convention: str
    ) -> tuple[float, float, str]:
        config = None if architecture is None else _read(folder / architecture)
        length = None if sequence_length is None else int(sequence_length)
        try:
            return (
                parameters_counted(config, convention, parameters=n),
                flop_per_token(config, length, convention, parameters=n),
                "; ".join(notes(config, convention)),
            )
        except ValueError as error:
            where = "run sheet" if architecture is None else folder / architecture
            raise ValueError(f"{where}: {error}") from error

    rows = []
    for run in runs:
        key = (run.get("architecture"), run.get("sequence_length"), run.get("parameters"))
        end = ends.loc[run["run"]]
        for convention in conventions:
            parameters, per_token, note = count(*key, convention)
            compute = end["last_compute_pflop_s_days"]
            if convention != "logged":
                compute = per_token * end["last_tokens"] / PFLOP_S_DAY
            rows.append(
                {
                    "run": run["run"],
                    "convention": convention,
                    "parameters_counted": parameters,
                    "flop_per_token": per_token,
                    "training_tokens": end["last_tokens"],
                    "compute_pflop_s_days": compute,
                    "note": note,
                }
            )
    return pd.DataFrame(rows)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    if not isinstance(config, dict):
        raise ValueError(f"expected an object of keys and values, got {type(config).__name__}")
    return config
