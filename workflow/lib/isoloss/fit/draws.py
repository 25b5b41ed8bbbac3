"""Points -> resamples of a fit, by the same draws in all arms."""

import zlib

import numpy as np
import pandas as pd

from isoloss.fit.fitted import COLUMNS
from isoloss.fit.fitting import natural
from isoloss.fit.functions import LAWS
from isoloss.fit.problem import Problem
from isoloss.fit.request import SURFACE, Request
from isoloss.fit.resampling import Draws, resample
from isoloss.fit.surface import natural_surface, optimal_allocation
from isoloss.tables import FLOAT_FORMAT


def seed(points: pd.DataFrame) -> int:
    """A seed that changes with the points and with nothing else."""
    return zlib.crc32(points.to_csv(index=False, float_format=FLOAT_FORMAT).encode())


def draw(
    stated: Problem, points: pd.DataFrame, *, resampling: str, draws: int, group_by: str, seed: int
) -> Draws:
    """Resample a fit; points with one `group_by` go together, in this arm as in the others."""
    return resample(stated, points[group_by], resampling, draws, seed)


def parameters(request: Request, draws: Draws) -> pd.DataFrame:
    """The parameters of every draw, a row each, named as in the fit and surface tables.

    Of chinchilla, coefficient and exponent are those of L(C) along the compute-optimal line.
    """
    if request.law != SURFACE:
        law = LAWS[request.law]
        values = pd.DataFrame(natural(law, draws.phi), columns=list(law.parameters))
        return values.rename(columns=COLUMNS)
    floor, a, alpha, b, beta = natural_surface(draws.phi).T
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # draws without an optimum
        n, d = optimal_allocation(1.0, a, alpha, b, beta)
        coefficient = a * n**-alpha + b * d**-beta
        exponent = alpha * beta / (alpha + beta)
    return pd.DataFrame(
        {
            "coefficient": coefficient,
            "exponent": exponent,
            "floor": floor,
            "a": a,
            "alpha": alpha,
            "b": b,
            "beta": beta,
        }
    )


def rows(key: dict[str, str], request: Request, draws: Draws) -> pd.DataFrame:
    """Draws as rows of the draws table, each with the fit's key."""
    values = parameters(request, draws)
    return values.assign(
        **key,
        resampling=draws.kind,
        draw=np.arange(len(values)),
        converged=draws.converged,
    )
