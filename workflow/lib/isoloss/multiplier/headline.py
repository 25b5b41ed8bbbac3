"""What a study says, in one line."""

from collections import Counter

import pandas as pd

from isoloss.multiplier.verdict import RULES, TOLD, verdict


def headline(study: str, multipliers: pd.DataFrame) -> list[str]:
    """One line a candidate: multiplier, loss, interval, convention, and what weakens them.

    `kimi-linear: 1.15x at loss 2.1 (95% 1.13 to 1.18), 6n_with_head`. With several metrics the
    line gives the range over them. multipliers: the multiplier table.
    """
    lines = []
    chosen = multipliers[multipliers["headline"]]
    for candidate, rows in chosen.groupby("candidate", sort=False):
        name = study if chosen["candidate"].nunique() == 1 else f"{study}, {candidate}"
        first = rows.iloc[0]
        percent = f"{100 * first['confidence']:g}%"
        if len(rows) == 1:
            line = (
                f"{first['multiplier']:.2f}x at loss {first['loss']:g} "
                f"({percent} {first['ci_low']:.2f} to {first['ci_high']:.2f})"
            )
        else:
            low, high = rows.min(numeric_only=True), rows.max(numeric_only=True)
            line = (
                f"{low['multiplier']:.2f}x to {high['multiplier']:.2f}x over {len(rows)} metrics "
                f"({percent} {low['ci_low']:.2f} to {high['ci_high']:.2f})"
            )
        lines.append("; ".join([f"{name}: {line}, {first['counted_in']}", *_weak(rows)]))
    return lines


def _weak(rows: pd.DataFrame) -> list[str]:
    """What the data does not carry, and in how many of the rows; which sizes have no partner."""
    found = Counter(words for row in rows.to_dict("records") for words in verdict(row).words(*TOLD))
    told = (rule.words for rule in RULES if found[rule.words])
    alone = dict.fromkeys(rows.loc[rows["unpaired_models"] != "", "unpaired_models"])
    return [
        *(
            words if len(rows) == 1 else f"{words} in {found[words]} of {len(rows)}"
            for words in told
        ),
        *(f"no partner: {models}" for models in alone),
    ]
