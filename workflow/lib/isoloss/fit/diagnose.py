"""What attacks a fit: residuals, the fit without each point, and prediction beyond the fit."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from isoloss.fit.diagnostics import leave_one_out
from isoloss.fit.fit import asked, clusters, fit_group, loss_errors, together
from isoloss.fit.fitted import Fit, from_row
from isoloss.fit.isoflop import budgets
from isoloss.fit.problem import FitError
from isoloss.fit.registry import LAWS
from isoloss.fit.request import ISOFLOP, Request
from isoloss.fit.settings import Fitting

SHOWN = ["run", "model", "compute_pflop_s_days", "loss"]
SIZE = ["parameters"]  # where the points have it


def diagnoses(
    points: pd.DataFrame,
    fits: pd.DataFrame,
    surfaces: pd.DataFrame,
    settings: Fitting,
    columns: Mapping[str, list[str]],
) -> dict[str, pd.DataFrame]:
    """Tables `residuals` and `holdout` of every fit of the fit stage.

    points: as they were fitted. fits, surfaces: its tables. columns: of each table.
    """
    made: dict[str, list[pd.DataFrame]] = {"residuals": [], "holdout": []}
    for key, request, group, headline in asked(points, settings):
        if request.law == ISOFLOP:
            continue
        table = fits if LAWS[request.law].of_compute else surfaces
        row = table[(table[list(key)] == list(key.values())).all(axis=1)].iloc[0].to_dict()
        errors = loss_errors(group, settings.weight_by)
        axes = [group[name] for name in LAWS[request.law].axes]
        fitted = from_row(row, axes, group["loss"], loss_se=errors, cluster=clusters(group))
        marks = key | {"headline_law": headline}
        made["residuals"].append(residuals(fitted, group).assign(**marks))
        made["holdout"].append(holdout(request, group, settings.weight_by).assign(**marks))
    return {name: together(parts, columns[name]) for name, parts in made.items()}


def residuals(fitted: Fit, points: pd.DataFrame) -> pd.DataFrame:
    """A row a point: its residual on log loss, its leverage, and its residual without itself.

    log_residual_without: log(loss / law) of the law fitted without the point, NaN where that does
    not exist. The others as in `isoloss.fit.diagnostics.leave_one_out`.
    """
    table, _ = leave_one_out(fitted.solution)
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
            smaller = fit_group(request, kept, weight_by)
        except FitError:
            break
        predicted = smaller.predict(*(gone[name] for name in smaller.law.axes))
        tables.append(
            gone[SHOWN].assign(
                left_out=left_out,
                reach=gone["compute_pflop_s_days"] / kept["compute_pflop_s_days"].max(),
                predicted=predicted,
                log_error=np.log(gone["loss"] / predicted),
            )
        )
    return pd.concat(tables) if tables else pd.DataFrame()
