"""The curves of a run's long table: the values of one metric each, in order of position."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.units import Floats


def position(table: pd.DataFrame) -> Floats:
    """What orders the values of a curve: the step where logged, else tokens, else compute."""
    place: Floats = table["step"].to_numpy(np.float64)
    for name in ("tokens", "compute_pflop_s_days"):
        absent = np.isnan(place)
        if absent.any():
            place = np.where(absent, table[name].to_numpy(np.float64), place)
    return place


def curves(cleaned: pd.DataFrame) -> Iterator[tuple[str, slice]]:
    """The name of each metric of a sorted run, and where its rows are."""
    metric = labels(cleaned["metric"])
    codes = metric.codes
    for rows in slices(codes):
        yield str(metric.categories[codes[rows.start]]), rows


def labels(column: pd.Series) -> pd.Categorical:
    """A column of texts by their numbers, without a copy where it is so already."""
    array = column.array
    return array if isinstance(array, pd.Categorical) else pd.Categorical(array)


def slices(codes: NDArray[Any]) -> Iterator[slice]:
    """Where the rows of each code are, of sorted codes."""
    if len(codes):
        cuts = (np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist()
        yield from (slice(*ends) for ends in pairwise([0, *cuts, len(codes)]))
