"""What attacks a fit: residuals, the fit without each point, and prediction beyond the fit."""

import numpy as np
import pandas as pd

from isoloss.fit.diagnostics import leave_one_out
from isoloss.fit.isoflop import budgets
from isoloss.fit.problem import FitError, Problem, solve
from isoloss.fit.request import Request
from isoloss.fit.stated import predict, state

SHOWN = ["run", "model", "compute_pflop_s_days", "loss"]
SIZE = ["parameters"]  # where the points have it


def residuals(stated: Problem, points: pd.DataFrame) -> pd.DataFrame:
    """A row a point: its residual on log loss, its leverage, and its residual without itself.

    log_residual_without: log(loss / law) of the law fitted without the point, NaN where that does
    not exist. The others as in `isoloss.diagnostics.leave_one_out`.
    """
    table, _ = leave_one_out(stated)
    columns = ["fitted", "log_residual", "leverage", "cooks_distance"]
    return points[[*SHOWN, *(name for name in SIZE if name in points)]].assign(
        **{name: table[name].to_numpy() for name in columns},
        log_residual_without=(table["log_residual"] - table["log_fitted_change"]).to_numpy(),
    )


def holdout(request: Request, points: pd.DataFrame, weight_by: str) -> pd.DataFrame:
    """A row a point left out: its loss, predicted from the smaller computes.

    The `left_out` largest budgets of compute (within 10%, one) go, one, two and so on, as long as
    the others carry the law, a surface at least two. reach: compute over the largest that was
    fitted. log_error = log(loss / predicted).
    """
    budget = budgets(points["compute_pflop_s_days"])
    tables = []
    for left_out, least in enumerate(range(budget.max(), int(request.surface), -1), start=1):
        kept, gone = points[budget < least], points[budget >= least]
        try:
            phi = solve(state(request, kept, weight_by)).phi[0]
        except FitError:
            break
        predicted = predict(request, phi, gone)
        tables.append(
            gone[SHOWN].assign(
                left_out=left_out,
                reach=gone["compute_pflop_s_days"] / kept["compute_pflop_s_days"].max(),
                predicted=predicted,
                log_error=np.log(gone["loss"] / predicted),
            )
        )
    return pd.concat(tables) if tables else pd.DataFrame()
