"""Rows of the fit and draws tables as laws L(C): of a surface, along its compute-optimal line."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit.law import Law
from isoloss.fit.registry import LAWS
from isoloss.units import PFLOP_S_DAY, Floats, Values

Row = Mapping[str, Any]


def law_of(row: Row) -> Law:
    """The law of compute behind a row."""
    return LAWS[row["law"]].along_compute


def is_surface(law: str) -> bool:
    """Whether a law is one of parameters and tokens."""
    return law in LAWS and not LAWS[law].of_compute


def counted_in(law: str, convention: str) -> str:
    """What the compute of a law is counted in: a surface knows 6 N D alone, whatever was logged."""
    return "6nd" if convention == "logged" and is_surface(law) else convention


def on_axis(law: str, convention: str, points: pd.DataFrame) -> pd.DataFrame:
    """Points at the compute that their law counts."""
    if counted_in(law, convention) == convention:
        return points
    product = 6.0 * points["parameters"] * points["tokens"]  # beyond 2^63
    return points.assign(compute_pflop_s_days=product / PFLOP_S_DAY)


def losses(row: Row, compute: Values) -> Floats:
    """Losses (nats) of a row's law at computes (PFLOP/s-days)."""
    law = law_of(row)
    return law.value(compute, *(row[name] for name in law.parameters))


def equation(row: Row) -> str:
    """The row's law with its numbers, LaTeX without dollar signs."""
    return law_of(row).equation({name: row[name] for name in law_of(row).parameters})


def band(draws: pd.DataFrame, compute: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Pointwise quantiles over the draws of one fit, (K) each at computes (K)."""
    law = LAWS[draws["law"].iloc[0]].along_compute
    drawn = draws.loc[draws["converged"], list(law.parameters)].to_numpy().T[:, :, None]
    return _middle(law.value(compute, *drawn), confidence)


def ratio_band(
    first: pd.DataFrame, second: pd.DataFrame, compute: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """The same of one law's losses over another's, each draw of one with that of its number."""
    both = []
    for draws in (first, second):
        law = LAWS[draws["law"].iloc[0]].along_compute
        kept = draws[draws["converged"]].set_index("draw")[list(law.parameters)]
        both.append((law, kept))
    (law, one), (other, two) = both
    shared = one.index.intersection(two.index)
    if shared.empty:
        nothing = np.full(len(compute), np.nan)
        return nothing, nothing
    ratio = law.value(compute, *one.loc[shared].to_numpy().T[:, :, None])
    ratio /= other.value(compute, *two.loc[shared].to_numpy().T[:, :, None])
    return _middle(ratio, confidence)


def _middle(drawn: Floats, confidence: float) -> tuple[Floats, Floats]:
    """The quantiles over the draws (B, K) that leave out half of the rest at either end, (K)."""
    tail = (1 - confidence) / 2
    quantile = np.nanquantile if np.isnan(drawn).any() else np.quantile  # the first is slow
    low, high = quantile(drawn, [tail, 1 - tail], axis=0)
    return low, high
