"""FLOPs per token of a whole run sheet."""

from collections.abc import Iterable, Mapping
from functools import cache
from math import nan
from typing import Any

import pandas as pd

from isoloss.flops.architecture import Architecture
from isoloss.flops.config import read_architecture
from isoloss.flops.conventions import CHARGED, charged
from isoloss.flops.per_token import training_flop, usage


def flops_table(
    runs: pd.DataFrame,
    architectures: Mapping[str, Mapping[str, Any]],
    conventions: Iterable[str],
) -> pd.DataFrame:
    """FLOPs per token of every run in every convention, sorted by run and convention.

    runs: columns run and, each optional and perhaps missing in a row, architecture (a key of
        `architectures`), parameters (the N to charge), sequence_length (tokens), recompute (the
        policy of convention hardware).
    architectures: configs as in `flop_per_token`; each is read once.

    Columns: run, convention, parameters_counted (N in the convention's 6 N; NaN if it has none),
    flop_per_token (NaN for logged). ValueError names the run whose row does not suffice.
    """
    conventions = list(dict.fromkeys(conventions))
    optional = ("architecture", "parameters", "sequence_length", "recompute")
    values = [
        runs[name].astype(object).where(runs[name].notna(), None).tolist()
        if name in runs
        else [None] * len(runs)
        for name in optional
    ]

    @cache
    def model(name: str) -> Architecture:
        return read_architecture(architectures[name])

    @cache
    def count(
        name: str | None,
        parameters: float | None,
        sequence_length: float | None,
        recompute: str | None,
        convention: str,
    ) -> tuple[float, float]:
        if name is not None and name not in architectures:
            raise ValueError(f"architecture: {name!r}: not among the {len(architectures)} given")
        use = usage(convention, sequence_length, parameters, recompute=recompute)
        architecture = None if name is None else model(name)
        n = charged(architecture, use) if convention in CHARGED else nan
        return n, training_flop(architecture, use)

    rows = []
    for run, *given in zip(runs["run"], *values, strict=True):
        for convention in conventions:
            try:
                rows.append((run, convention, *count(*given, convention)))
            except ValueError as error:
                raise ValueError(f"run {run}: {error}") from error
    columns = ["run", "convention", "parameters_counted", "flop_per_token"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["run", "convention"], kind="stable", ignore_index=True)
