"""Run sheet and architectures -> FLOPs per token and training compute by convention."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.flops.counting import LAST, Counter, counter
from isoloss.flops.settings import Compute
from isoloss.units import PFLOP_S_DAY


def flops(
    runs: Sequence[Mapping[str, Any]],
    logged: pd.DataFrame,
    folder: Path,
    compute: Compute,
) -> pd.DataFrame:
    """One row a run and convention: parameters counted, FLOPs per token, and training compute.

    runs: rows of the run sheet, whose `architecture` is relative to `folder`. logged: the table of
    runs, with the tokens (and the compute) at the end of each log. compute: which FLOPs count.

    Training compute is FLOPs per token x tokens. Of a log without tokens it is the logged compute
    x `conversion`: FLOPs per token over those of the declared convention (1 for `logged`).
    """
    count = counter(folder, compute.recompute)
    last = logged.set_index("run")[LAST].to_dict("index")
    rows = []
    for run in runs:
        tokens, spent = last[run["run"]].values()
        for convention in compute.conventions:
            counted = count(run, convention)
            conversion = nan
            if convention == "logged":
                conversion = 1.0
            elif isnan(tokens) and not isnan(spent):
                declared = _declared(run, count, convention, compute.logged)
                conversion = counted.flop_per_token / declared
            rows.append(
                {
                    "run": run["run"],
                    "convention": convention,
                    "parameters_counted": counted.parameters,
                    "flop_per_token": counted.flop_per_token,
                    "training_tokens": tokens,
                    "compute_pflop_s_days": counted.flop_per_token * tokens / PFLOP_S_DAY
                    if isnan(conversion)
                    else spent * conversion,
                    "conversion": conversion,
                    "note": counted.note,
                }
            )
    return pd.DataFrame(rows)


def _declared(
    run: Mapping[str, Any], count: Counter, convention: str, declared: str | None
) -> float:
    """FLOPs per token of the convention that the logged compute is in."""
    if declared is None:
        raise ValueError(
            f"run {run['run']}: its log has compute but no tokens, so that there is nothing to "
            f"count convention {convention} from. Declare what the logged compute was counted in "
            "(`compute: {logged: <convention>}`) to have it converted, or name the column with the "
            "tokens (`log: {tokens: <column>}`)."
        )
    return count(run, declared).flop_per_token
