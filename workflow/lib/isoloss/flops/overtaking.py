"""Cost per token of candidates over the baseline against the length of the sequences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from isoloss.flops.counting import Counter, Run

SHORTEST, LONGEST = 1024, 2**20  # tokens
PER_DOUBLING = 8
SIZES = 12  # of a candidate, at most; of more, so many are taken from the cheapest to the dearest
# Lengths are whole multiples of this: mixers that work in chunks have steps between them.
CHUNK = 128


def lengths() -> list[int]:
    """Sequence lengths from 1K to 1M, about evenly spaced in their logarithm."""
    steps = PER_DOUBLING * round(np.log2(LONGEST / SHORTEST))
    exact = np.geomspace(SHORTEST, LONGEST, steps + 1)
    return sorted({int(CHUNK * round(length / CHUNK)) for length in exact})


def overtaking(
    runs: Sequence[Run], count: Counter, conventions: Sequence[str], baseline: str
) -> pd.DataFrame:
    """One row a candidate, model, convention and length; `cost_ratio` below 1: it costs less.

    `of_study` marks the sequence length of the candidate's run, which has a row of its own.
    """
    counted = [name for name in conventions if name != "logged"]
    rows = []
    for run, other in pairs(runs, count, counted, baseline):
        arm, model, own = run["arm"], run["model"], run.get("sequence_length")
        for convention in counted:
            for length in sorted({*lengths(), *([] if own is None else [int(own)])}):
                cost, base = (
                    count({**each, "sequence_length": length}, convention).flop_per_token
                    for each in (run, other)
                )
                rows.append(
                    {
                        "candidate": arm,
                        "baseline": baseline,
                        "model": model,
                        "convention": convention,
                        "sequence_length": length,
                        "of_study": length == own,
                        "flop_per_token": cost,
                        "baseline_flop_per_token": base,
                        "cost_ratio": cost / base,
                    }
                )
    return pd.DataFrame(rows)


def pairs(
    runs: Sequence[Run], count: Counter, conventions: Sequence[str], baseline: str
) -> list[tuple[Run, Run]]:
    """Candidates and baselines of the same model, of each arm and model the first run that has an
    architecture; of each candidate at most `SIZES`."""
    first: dict[str, dict[str, Run]] = {}
    for run in runs:
        if "architecture" in run:
            first.setdefault(run["arm"], {}).setdefault(run["model"], run)
    bases = first.pop(baseline, {})
    chosen: list[tuple[Run, Run]] = []
    for models in first.values():
        both = [(run, bases[model]) for model, run in models.items() if model in bases]
        if len(both) > SIZES:
            cost = [count(other, conventions[0]).flop_per_token for _, other in both]
            picked = np.linspace(0, len(both) - 1, SIZES).round().astype(int)
            both = [both[i] for i in np.argsort(cost, kind="stable")[picked]]
        chosen += both
    return chosen


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
