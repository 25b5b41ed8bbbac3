"""The sentence of a multiplier that may be quoted, with all that it holds under."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from isoloss.multiplier.digits import shown
from isoloss.multiplier.saving import in_words
from isoloss.multiplier.verdict import verdict

Row = Mapping[str, Any]


def quotes(multipliers: pd.DataFrame, points: pd.DataFrame) -> list[str]:
    """A sentence a headline, or why there is none. multipliers, points: the stage tables."""
    reported = multipliers[multipliers["kind"] == "reported"]
    return [
        " ".join(_sentence(row, reported, points))
        for row in reported[reported["headline"]].to_dict("records")
    ]


def _sentence(row: Row, reported: pd.DataFrame, points: pd.DataFrame) -> Iterator[str]:
    judged = verdict(row)
    of = f"{row['candidate']} against {row['baseline']}, {row['metric']}"
    if judged.refused:
        yield f"{of}: nothing may be quoted; {judged.refused[0]}."
        return
    value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
    yield (
        f"{of}: at loss {row['loss']:.6g} {row['candidate']} takes {in_words(row['multiplier'])}, "
        f"a compute multiplier of {value} ({100 * row['confidence']:g}% interval {low} to {high}, "
        f"{in_words(row['ci_low'], row['ci_high'])}), where compute is counted as "
        f"{row['counted_in']} and the laws are {row['law']} by {row['method']},"
    )
    used = points[points["used"] & (points["metric"] == row["metric"])]
    used = used[used["convention"] == row["convention"]]
    used = used[used["arm"].isin([row["candidate"], row["baseline"]])]
    compute = used["compute_pflop_s_days"]
    yield (
        f"through the final losses of {used['run'].nunique()} runs of {compute.min():.3g} to "
        f"{compute.max():.3g} PFLOP/s-days ({row['pairing']}; interval {row['interval']})."
    )
    weak = judged.words()
    if weak:
        yield f"With it goes: {'; '.join(weak)}."
    others = reported[
        (reported["candidate"] == row["candidate"])
        & (reported["metric"] == row["metric"])
        & (reported["loss"] == row["loss"])
        & reported["headline_law"]
        & (reported["convention"] != row["convention"])
    ]
    counted = [_other(other) for other in others.to_dict("records") if verdict(other).headline]
    if counted:
        yield f"Counted otherwise it is {', '.join(counted)}."


def _other(row: Row) -> str:
    value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
    return f"{value} ({low} to {high}) as {row['counted_in']}"
