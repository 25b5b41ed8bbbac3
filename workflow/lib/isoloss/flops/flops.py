"""Run sheet and architectures -> FLOPs per token and training compute by convention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.flops.consistency import consistency
from isoloss.flops.counting import Counter, counter
from isoloss.flops.overtaking import overtaking
from isoloss.units import PFLOP_S_DAY

DETAIL = "matmul_causal"  # broken down for every run that has what it takes


@dataclass(frozen=True)
class Flops:
    """What a study's training costs.

    flops: a row a run and convention. breakdown: besides, a row a component. overtaking: cost of
    candidates over the baseline by sequence length. consistency: what the run sheet and the logs
    say against what is counted.
    """

    flops: pd.DataFrame
    breakdown: pd.DataFrame
    overtaking: pd.DataFrame
    consistency: pd.DataFrame


def flops(
    runs: Sequence[Mapping[str, Any]],
    logged: pd.DataFrame,
    folder: Path,
    conventions: Sequence[str],
    *,
    baseline: str,
    declared: str | None = None,
    recompute: str | None = None,
) -> Flops:
    """FLOPs of every run; see `Flops`.

    runs: rows of the run sheet, whose `architecture` is relative to `folder`. logged: the table of
    runs, with the tokens (and the compute) at the end of each log. declared: the convention that
    logged compute was counted in. recompute: the policy of convention `hardware`.
    """
    runs = [{key: value for key, value in run.items() if value is not None} for run in runs]
    count = counter(folder, recompute)
    ends = logged.set_index("run")[["last_tokens", "last_compute_pflop_s_days"]]
    return Flops(
        table(runs, ends, count, conventions, declared),
        breakdown(runs, count, conventions),
        overtaking(runs, count, conventions, baseline),
        consistency(runs, ends, count, conventions, declared),
    )


def table(
    runs: Sequence[Mapping[str, Any]],
    ends: pd.DataFrame,
    count: Counter,
    conventions: Sequence[str],
    declared: str | None,
) -> pd.DataFrame:
    """One row a run and convention: parameters counted, FLOPs per token, and training compute.

    Training compute is FLOPs per token x tokens. Of a log without tokens it is the logged compute
    x `conversion`: FLOPs per token over those of the declared convention (1 for `logged`).
    """
    last = ends.to_dict("index")
    rows = []
    for run in runs:
        tokens, compute = last[run["run"]].values()
        for convention in conventions:
            counted = count(run, convention)
            conversion = nan
            if convention == "logged":
                conversion = 1.0
            elif isnan(tokens) and not isnan(compute):
                conversion = counted.flop_per_token / _declared(run, count, convention, declared)
            rows.append(
                {
                    "run": run["run"],
                    "convention": convention,
                    "parameters_counted": counted.parameters,
                    "flop_per_token": counted.flop_per_token,
                    "training_tokens": tokens,
                    "compute_pflop_s_days": counted.flop_per_token * tokens / PFLOP_S_DAY
                    if isnan(conversion)
                    else compute * conversion,
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


def breakdown(
    runs: Sequence[Mapping[str, Any]], count: Counter, conventions: Sequence[str]
) -> pd.DataFrame:
    """One row a run, convention and component that costs anything: FLOPs per token and share.

    The conventions are those of the study and matmul_causal, where a run has what that takes.
    """
    rows = []
    for run in runs:
        key = run["run"], run["arm"], run["model"]
        more = {DETAIL} if {"architecture", "sequence_length"} <= run.keys() else set()
        for convention in dict.fromkeys([*conventions, *more]):
            if convention == "logged":
                continue
            counted = count(run, convention)
            whole = counted.flop_per_token
            rows += [
                (*key, convention, component, counted.forward[component], flop, flop / whole)
                for component, flop in counted.training.items()
                if flop
            ]
    columns = ["run", "arm", "model", "convention", "component"]
    return pd.DataFrame(
        rows, columns=[*columns, "forward_flop_per_token", "flop_per_token", "share"]
    )
