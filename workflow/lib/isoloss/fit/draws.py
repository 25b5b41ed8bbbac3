"""Points -> resamples of a fit, by the same draws in all arms."""

import zlib

import numpy as np
import pandas as pd

from isoloss.fit.law import Law
from isoloss.fit.resampling import Draws
from isoloss.tables import FLOAT_FORMAT


def seed(points: pd.DataFrame) -> int:
    """A seed that changes with the points and with nothing else."""
    return zlib.crc32(points.to_csv(index=False, float_format=FLOAT_FORMAT).encode())


def parameters(law: Law, draws: Draws) -> pd.DataFrame:
    """The parameters of every draw, a row each, named as in the fit and surface tables.

    Of a law of N and D besides its own those of L(C) along its compute-optimal line.
    """
    values = law.natural(draws.phi)
    table = pd.DataFrame(values, columns=list(law.parameters))
    if law.optimal is not None:
        line, of = law.optimal
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # without an optimum
            table[list(line.parameters)] = np.column_stack(of(*values.T))
    return table


def rows(key: dict[str, str], law: Law, draws: Draws) -> pd.DataFrame:
    """Draws as rows of the draws table, each with the fit's key."""
    table = parameters(law, draws)
    return table.assign(
        **key, resampling=draws.kind, draw=np.arange(len(table)), converged=draws.converged
    )
