"""What the training of a study is spent on, where candidates become cheaper, and what is stated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.flops.consistency import consistency
from isoloss.flops.counting import LAST, Counter, counter
from isoloss.flops.overtaking import overtaking
from isoloss.flops.settings import Compute

DETAIL = "matmul_causal"  # broken down for every run that has what it takes


@dataclass(frozen=True)
class Breakdown:
    """What lies behind the FLOPs of a study.

    breakdown: a row a run, convention and component. overtaking: cost of candidates over the
    baseline by sequence length. consistency: what the run sheet and the logs say against what is
    counted.
    """

    breakdown: pd.DataFrame
    overtaking: pd.DataFrame
    consistency: pd.DataFrame


def breakdown(
    runs: Sequence[Mapping[str, Any]],
    logged: pd.DataFrame,
    folder: Path,
    compute: Compute,
    baseline: str,
) -> Breakdown:
    """The breakdown of every run; see `Breakdown`, and `flops.flops` for what it takes.

    baseline: the arm that the others' cost is compared with.
    """
    runs = [{key: value for key, value in run.items() if value is not None} for run in runs]
    count, conventions = counter(folder, compute.recompute), compute.conventions
    return Breakdown(
        components(runs, count, conventions),
        overtaking(runs, count, conventions, baseline),
        consistency(runs, logged.set_index("run")[LAST], count, conventions, compute.logged),
    )


def components(
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
