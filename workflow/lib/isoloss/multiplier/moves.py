"""What all specifications say together, and which choice moves the multiplier most."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isoloss.multiplier.choice_names import CHOICES, NAMES, OF
from isoloss.multiplier.choices import Data, choices
from isoloss.multiplier.saving import in_words, saving
from isoloss.multiplier.settings import DIRECT

EXACT = 1e-18  # Variance of log M, a specification, that is rounding.


def tabled(data: Data) -> dict[str, pd.DataFrame]:
    """The tables `choices`, `moves` and `comparisons`."""
    table = choices(data)
    moved = moves(table)
    return {"choices": table, "moves": moved, "comparisons": comparisons(table, moved)}


def moves(table: pd.DataFrame) -> pd.DataFrame:
    """How far each choice moves the multiplier, one row a comparison and choice, the most first.

    Of the variance of log M over the specifications that are used, `alone` is the share between
    the options of the choice (its main effect), `share` that which is left when all the other
    choices are fixed (the total effect of Sobol, Homma and Saltelli 1996,
    doi:10.1016/0951-8320(96)00002-6), interactions included; `width_share` is the same of the log
    of the interval's width. Option `low` has the lowest median of M, `high` the highest.
    """
    rows = []
    for key, used in table[table["used"]].groupby(OF, sort=False):
        group = _crossed(used)
        log_m = np.log(group["multiplier"])
        with np.errstate(divide="ignore"):
            width = np.log(np.log(group["ci_high"] / group["ci_low"]))
        for choice in CHOICES:
            others = [name for name in CHOICES if name != choice]
            fixed = group.groupby(others, sort=False).ngroup()
            medians = group.groupby(choice, sort=False)["multiplier"].median()
            rows.append(
                {
                    **dict(zip(OF, key, strict=True)),
                    "choice": choice,
                    "options": len(medians),
                    "share": 1 - _between(log_m, fixed),
                    "alone": _between(log_m, group[choice]),
                    "width_share": 1 - _between(width, fixed),
                    "low": str(medians.idxmin()),
                    "low_median": medians.min(),
                    "high": str(medians.idxmax()),
                    "high_median": medians.max(),
                }
            )
    columns = [*OF, "choice", "options", "share", "alone", "width_share"]
    columns += ["low", "low_median", "high", "high_median"]
    found = pd.DataFrame(rows, columns=columns)
    order = found.groupby(OF, sort=False).ngroup()
    return (
        found.assign(order=order)
        .sort_values(["order", "share"], ascending=[True, False], kind="stable", ignore_index=True)
        .drop(columns="order")
    )


def _crossed(group: pd.DataFrame) -> pd.DataFrame:
    """The same with what needs no law under each law and method of the others: it has none to vary,
    and the choices are compared as if crossed.
    """
    direct = group["points"] == DIRECT
    fitted = group.loc[~direct, ["law", "method"]].drop_duplicates()
    if fitted.empty or not direct.any():
        return group
    each = group[direct].drop(columns=["law", "method"]).merge(fitted, how="cross")
    return pd.concat([group[~direct], each], ignore_index=True)


def _between(values: pd.Series, groups: pd.Series) -> float:
    """Share of the variance of values that lies between groups; of none at all 1."""
    sound = np.isfinite(values)
    values, groups = values[sound], groups[sound]
    total = float(np.sum((values - values.mean()) ** 2))
    within = float(np.sum((values - values.groupby(groups).transform("mean")) ** 2))
    return 1 - within / total if total > EXACT * len(values) else 1.0


def comparisons(table: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    """One row a comparison: median, range and share above 1 of the specifications that are used.

    `told` is the share whose interval excludes 1. sentence: all that in words, with the choice that
    moves the answer most.
    """
    rows = []
    for key, group in table.groupby(OF, sort=False):
        of = dict(zip(OF, key, strict=True))
        used = group[group["used"]]
        m = used["multiplier"]
        row = of | {
            "specifications": len(group),
            "used": len(used),
            "median": m.median(),
            "median_saving": saving(m.median()),
            "lowest": m.min(),
            "highest": m.max(),
            "above_1": float((m > 1).mean()),
            "told": float(((used["ci_low"] > 1) | (used["ci_high"] < 1)).mean()),
        }
        mine = moved[(moved[OF] == pd.Series(of)).all(axis=1)]
        rows.append(row | {"sentence": _sentence(row, mine)})
    return pd.DataFrame(rows)


def _sentence(row: Mapping[str, Any], moved: pd.DataFrame) -> str:
    """Median, range, share above 1, and the choice that moves the answer most."""
    if not row["used"]:
        return f"none of {row['specifications']:,} specifications can be fitted"
    said = (
        f"median {row['median']:.2f}x ({in_words(row['median'])}) over {row['used']:,} "
        f"specifications "
        f"({row['lowest']:.2f}x to {row['highest']:.2f}x, {_percent(row['above_1'])} above 1)"
    )
    most = moved.iloc[0]
    if row["used"] == 1 or not most["share"] > 0:
        return f"{said}; no choice moves it"
    return (
        f"{said}; {NAMES[most['choice']]} moves it most: {_percent(most['share'])} of the variance "
        f"of log M is left when all other choices are fixed, from {most['low_median']:.2f}x "
        f"({most['low']}) to {most['high_median']:.2f}x ({most['high']}) in the median"
    )


def _percent(share: float) -> str:
    """A share as whole percent; of almost all or none not 100% or 0%."""
    if 0 < share < 0.005:
        return "below 1%"
    return "over 99%" if 0.995 < share < 1 else f"{100 * share:.0f}%"
