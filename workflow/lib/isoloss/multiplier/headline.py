"""What a study says, in one line."""

import pandas as pd


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
        lines.append("; ".join([f"{name}: {line}, {first['convention']}", *_weak(rows)]))
    return lines


def _weak(rows: pd.DataFrame) -> list[str]:
    """What the data does not carry."""
    open_ = (rows["ci_low"] <= 1) & (rows["ci_high"] >= 1)
    notes = []
    for what, which in (
        ("not told from 1 by the data", open_),
        ("no estimate", rows["multiplier"].isna()),
        ("extrapolated", rows["extrapolated"]),
    ):
        if which.any():
            notes.append(what if len(rows) == 1 else f"{what} in {which.sum()} of {len(rows)}")
    alone = dict.fromkeys(rows.loc[rows["unpaired_models"] != "", "unpaired_models"])
    return [*notes, *(f"no partner: {models}" for models in alone)]
