"""Cost per token of candidates over the baseline against the length of the sequences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from isoloss.counting import Counter

SHORTEST, LONGEST = 1024, 2**20  # tokens
PER_DOUBLING = 4
# Lengths are whole multiples of this: mixers that work in chunks have steps between them.
CHUNK = 128
COLUMNS = [
    "candidate",
    "baseline",
    "model",
    "convention",
    "sequence_length",
    "of_study",
    "flop_per_token",
    "baseline_flop_per_token",
    "cost_ratio",
]


def lengths() -> list[int]:
    """Sequence lengths from 1K to 1M, evenly spaced in their logarithm."""
    steps = PER_DOUBLING * round(np.log2(LONGEST / SHORTEST))
    exact = np.geomspace(SHORTEST, LONGEST, steps + 1)
    return [int(CHUNK * round(length / CHUNK)) for length in exact]


def overtaking(
    runs: Sequence[Mapping[str, Any]], count: Counter, conventions: Sequence[str], baseline: str
) -> pd.DataFrame:
    """One row a candidate, model, convention and length; `cost_ratio` below 1: it costs less.

    Of each arm and model, the first run with an architecture is taken. `of_study` marks the
    sequence length of the candidate's run, which has a row of its own.
    """
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for run in runs:
        if "architecture" in run:
            first.setdefault((run["arm"], run["model"]), run)
    rows = []
    for (arm, model), run in first.items():
        other = first.get((baseline, model))
        if arm == baseline or other is None:
            continue
        own = run.get("sequence_length")
        for convention in conventions:
            if convention == "logged":
                continue
            for length in sorted({*lengths(), *([] if own is None else [int(own)])}):
                cost, base = (
                    count({**each, "sequence_length": length}, convention).flop_per_token
                    for each in (run, other)
                )
                key = (arm, baseline, model, convention, length, length == own)
                rows.append((*key, cost, base, cost / base))
    return pd.DataFrame(rows, columns=COLUMNS)


def cheaper_from(sequence_length: ArrayLike, cost_ratio: ArrayLike) -> float:
    """The length from which on the candidate costs less, read between the rows; NaN if it never
    does at the greatest length, and the least length if it always does."""
    at, log_ratio = (
        np.log(np.asarray(sequence_length, float)),
        np.log(np.asarray(cost_ratio, float)),
    )
    dearer = np.flatnonzero(log_ratio > -1e-9)
    if not len(dearer):
        return float(np.exp(at[0]))
    last = dearer[-1]
    if last == len(at) - 1:
        return float("nan")
    between = np.interp(0.0, -log_ratio[last : last + 2], at[last : last + 2])
    return float(np.exp(between))
