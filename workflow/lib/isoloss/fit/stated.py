"""A study's request stated as a problem, for laws of compute and of parameters and tokens alike."""

import pandas as pd

from isoloss.fit.estimators import Floats
from isoloss.fit.fitting import natural, problem
from isoloss.fit.functions import LAWS
from isoloss.fit.problem import FitError, Problem
from isoloss.fit.request import SURFACE, Request
from isoloss.fit.surface import chinchilla, natural_surface, surface_problem


def state(request: Request, points: pd.DataFrame, weight_by: str) -> Problem:
    """The fit of a law to rows of the points table.

    weight_by: `loss_se` weights points by their precision, `none` all the same.
    """
    loss_se = standard_errors(points, weight_by)
    loss = points["loss"]
    if request.law == SURFACE:
        n, d = points["parameters"], points["tokens"]
        return surface_problem(n, d, loss, request.method, loss_se)
    compute = points["compute_pflop_s_days"]
    return problem(compute, loss, request.law, request.method, loss_se)


def predict(request: Request, phi: Floats, points: pd.DataFrame) -> Floats:
    """Losses of a law, phi (P,), at rows of the points table."""
    if request.law == SURFACE:
        n, d = points["parameters"], points["tokens"]
        return chinchilla(n, d, *natural_surface(phi).tolist())
    law = LAWS[request.law]
    return law.value(points["compute_pflop_s_days"], *natural(law, phi))


def standard_errors(points: pd.DataFrame, weight_by: str) -> pd.Series | None:
    """The standard errors that weight the points, or None; FitError where one is missing."""
    if weight_by == "none":
        return None
    missing = points[~(points["loss_se"] > 0)]
    if len(missing):
        raise FitError(
            f"`fit: {{weight_by: loss_se}}` needs the standard error of every point; run "
            f"{missing['run'].iloc[0]} has none"
        )
    return points["loss_se"]
