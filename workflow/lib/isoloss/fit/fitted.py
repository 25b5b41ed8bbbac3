"""Rows of the fit and draws tables as laws L(C)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit.functions import LAWS, Floats, Law

ALONG = {"chinchilla": "power_floor"}  # what a surface is along its compute-optimal line
COLUMNS = {"break_compute": "break_compute_pflop_s_days"}  # a parameter, and its column


def law_of(name: str) -> Law:
    """The law of C behind the name in the `law` column."""
    return LAWS[ALONG.get(name, name)]


def losses(row: Mapping[str, Any], compute: Any) -> Floats:
    """Losses (nats) of a row's law at computes (PFLOP/s-days)."""
    law = law_of(row["law"])
    return law.value(compute, *(row[COLUMNS.get(name, name)] for name in law.parameters))


def band(draws: pd.DataFrame, compute: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Pointwise quantiles over the draws of one fit, (K) each at computes (K)."""
    law = law_of(draws["law"].iloc[0])
    columns = [COLUMNS.get(name, name) for name in law.parameters]
    drawn = draws.loc[draws["converged"], columns].to_numpy().T[:, :, None]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(law.value(compute, *drawn), [tail, 1 - tail], axis=0)
    return low, high
