"""Points -> fitted laws for each arm, metric and convention, their resamples and their checks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit import checks, draws
from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitting import fit
from isoloss.fit.isoflop import fit_isoflop
from isoloss.fit.problem import FitError
from isoloss.fit.request import ISOFLOP, SURFACE, Request, requests, require
from isoloss.fit.resampling import Draws, with_standard_errors
from isoloss.fit.stated import standard_errors, state
from isoloss.fit.surface import fit_surface, optimal_law

KEYS = ["metric", "convention", "arm"]
COMPUTE, ND = ["compute_pflop_s_days"], ["parameters", "tokens"]
Rows = list[pd.DataFrame]


@dataclass(frozen=True)
class Fits:
    """Tables in parts: rows of fits, draws, points, points left out, surfaces and budgets."""

    fit: Rows = field(default_factory=list)
    draws: Rows = field(default_factory=list)
    residuals: Rows = field(default_factory=list)
    holdout: Rows = field(default_factory=list)
    surface: Rows = field(default_factory=list)
    isoflop: Rows = field(default_factory=list)

    def table(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """One table, with the columns that it has even when empty."""
        parts = [part for part in getattr(self, name) if len(part)]
        if not parts:
            return pd.DataFrame(columns=list(columns))
        table = pd.concat(parts, ignore_index=True)
        return table.reindex(columns=[*columns, *(c for c in table if c not in columns)])


def fits(points: pd.DataFrame, settings: Mapping[str, Any], group_by: str) -> Fits:
    """Fit every law asked for, the headline first, to every arm, metric and convention.

    settings: the study's `fit` section. group_by: the column whose labels are resampled, `model`
    where arms are paired by it, else `run`. The headline is resampled, and what has no standard
    errors of its own: Huber fits and surfaces. Laws of N and D are fitted where the convention
    counts an N. Raises FitError naming arm, metric and convention where a law asks too much.
    """
    used = points[points["used"]]
    asked, weight_by = requests(settings), settings["weight_by"]
    resampled = partial(
        draws.draw,
        resampling=settings["resampling"],
        draws=settings["draws"],
        group_by=group_by,
        seed=draws.seed(used),
    )
    found = Fits()
    for (metric, convention, arm), group in used.groupby(KEYS, sort=False):
        key = {"arm": arm, "metric": metric, "convention": convention}
        headline_convention = convention == points["convention"].iloc[0]
        for request in asked:
            axes = [*COMPUTE, *ND] if request.surface else COMPUTE
            if not headline_convention and group[axes].isna().any(axis=None):
                continue
            try:
                require(request, *(group[name].tolist() for name in axes))
                _one(found, key, request, group, weight_by, request == asked[0], resampled)
            except FitError as error:
                where = ", ".join(f"{kind} {name}" for kind, name in key.items())
                runs = ", ".join(dict.fromkeys(group["run"]))
                raise FitError(f"{where}: {error}. Its runs: {runs}.") from error
    return found


def _one(
    found: Fits,
    key: dict[str, str],
    request: Request,
    group: pd.DataFrame,
    weight_by: str,
    headline: bool,
    resampled: Any,
) -> None:
    """Add one fit, and what goes with it, to the tables."""
    key = key | {"law": request.law, "method": request.method}
    if request.law == ISOFLOP:
        found.isoflop.append(_isoflop(request, group).assign(**key))
        return
    stated = state(request, group, weight_by)
    textbook = ESTIMATORS[request.method].least_squares and not request.surface
    drawn = resampled(stated, group) if headline or not textbook else None
    if drawn is not None:
        found.draws.append(draws.rows(key, request, drawn))
    if request.law == SURFACE and drawn is not None:
        surface, row = _surface(request, group, weight_by, drawn)
        found.surface.append(surface.assign(**key))
    else:
        result = fit(
            group["compute_pflop_s_days"],
            group["loss"],
            request.law,
            request.method,
            loss_se=standard_errors(group, weight_by),
            cluster=group["run"] if group["run"].duplicated().any() else None,
        )
        if drawn is not None and not textbook:
            result = with_standard_errors(result, drawn)
        row = pd.DataFrame([asdict(result)])
    found.fit.append(row.assign(**key, headline_law=headline))
    found.residuals.append(checks.residuals(stated, group).assign(**key, headline_law=headline))
    found.holdout.append(
        checks.holdout(request, group, weight_by).assign(**key, headline_law=headline)
    )


def _surface(
    request: Request, group: pd.DataFrame, weight_by: str, drawn: Draws
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The row of a surface, and that of L(C) along its compute-optimal line, errors by draws."""
    loss_se = standard_errors(group, weight_by)
    n, d = group["parameters"], group["tokens"]
    result = fit_surface(n, d, group["loss"], request.method, loss_se=loss_se)
    shape = (result.floor, result.a, result.alpha, result.b, result.beta)
    coefficient, exponent, floor = optimal_law(*shape)
    values = draws.parameters(request, drawn)[drawn.converged]
    sound = values[np.isfinite(values).all(axis=1)]
    line = np.column_stack([np.log(sound["coefficient"]), sound["exponent"], sound["floor"]])
    shared = np.cov(line.T)
    error = sound.std()
    surface = asdict(result)
    if not ESTIMATORS[request.method].least_squares:
        surface |= {f"{name}_se": error[name] for name in ("floor", "a", "alpha", "b", "beta")}
        surface["optimal_exponent_se"] = (sound["beta"] / (sound["alpha"] + sound["beta"])).std()
    row = {
        "coefficient": coefficient,
        "exponent": exponent,
        "floor": floor,
        "coefficient_se": error["coefficient"],
        "exponent_se": error["exponent"],
        "floor_se": error["floor"],
        "covariance_log_coefficient_exponent": shared[0, 1],
        "covariance_log_coefficient_floor": shared[0, 2],
        "covariance_exponent_floor": shared[1, 2],
        "n_points": result.n_points,
        "n_clusters": result.n_points,
        "degrees_of_freedom": result.n_points - 5,
        "rms_log_residual": result.rms_log_residual,
        "objective": result.objective,
        "condition_number": result.condition_number,
        "holdout_log_error": result.holdout_log_error,
        "status": result.status,
        "weighted": loss_se is not None,
    }
    return pd.DataFrame([surface]), pd.DataFrame([row])


def _isoflop(request: Request, group: pd.DataFrame) -> pd.DataFrame:
    """A row a budget, each with the growth of the best size over all of them."""
    compute, n = group["compute_pflop_s_days"], group["parameters"]
    table, growth = fit_isoflop(compute, n, group["loss"], curve=request.method)
    growing = {name: value for name, value in asdict(growth).items() if name != "curve"}
    return table.drop(columns="curve").assign(**growing)
