"""Points -> fitted laws for each arm, metric and convention, and their resamples."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit import draws, fitting, surface
from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitted import Fit, fit_law
from isoloss.fit.inputs import linked
from isoloss.fit.isoflop import budgets, fit_isoflop
from isoloss.fit.problem import FitError
from isoloss.fit.registry import LAWS
from isoloss.fit.request import ISOFLOP, Request, require
from isoloss.fit.resampling import Draws, resample, spread
from isoloss.fit.settings import Fitting

KEYS = ["metric", "convention", "arm"]
COMPUTE, ND = ["compute_pflop_s_days"], ["parameters", "tokens"]
Rows = list[pd.DataFrame]


@dataclass(frozen=True)
class Fits:
    """Tables in parts: rows of fits, draws, surfaces and budgets."""

    fit: Rows = field(default_factory=list)
    draws: Rows = field(default_factory=list)
    surface: Rows = field(default_factory=list)
    isoflop: Rows = field(default_factory=list)

    def table(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """One table, with the columns that it has even when empty."""
        return together(getattr(self, name), columns)


def together(parts: Rows, columns: Sequence[str]) -> pd.DataFrame:
    """Parts of a table as one, with the columns that it has even when empty."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(columns))
    table = pd.concat(parts, ignore_index=True)
    return table.reindex(columns=[*columns, *(c for c in table if c not in columns)])


def fits(points: pd.DataFrame, settings: Fitting, group_by: str) -> Fits:
    """Fit every law asked for, the headline first, to every arm, metric and convention.

    group_by: the column whose labels are resampled, `model` where arms are paired by it, else
    `run`; points of one run go together. The headline is resampled, and what has no standard
    errors of its own: Huber fits and surfaces. Laws of N and D are fitted where the convention
    counts an N. Raises FitError naming arm, metric and convention where a law asks too much.
    """
    used = points[points["used"]]
    seed = draws.seed(used)
    found = Fits()
    for key, request, group, headline in asked(points, settings):
        if request.law == ISOFLOP:
            with naming(key, group):
                found.isoflop.append(_isoflop(request, group, settings).assign(**key))
            continue
        with naming(key, group):
            fitted = fit_group(request, group, settings.weight_by)
            textbook = fitted.law.of_compute and ESTIMATORS[request.method].least_squares
            drawn = None
            if headline or not textbook:
                drawn = resample(
                    fitted.solution,
                    together_by(group, group_by),
                    settings.resampling,
                    settings.draws,
                    seed,
                )
                found.draws.append(draws.rows(key, fitted.law, drawn))
        if fitted.law.of_compute:
            row = asdict(fitting.row(fitted))
            row |= {} if textbook or drawn is None else _errors(fitted, drawn)
        else:
            assert drawn is not None
            of_surface = asdict(surface.row(fitted)) | _surface_errors(fitted, drawn)
            found.surface.append(pd.DataFrame([of_surface | key]))
            row = _along(fitted, drawn, of_surface)
        found.fit.append(pd.DataFrame([row | key | {"headline_law": headline}]))
    return found


def asked(
    points: pd.DataFrame, settings: Fitting
) -> Iterator[tuple[dict[str, str], Request, pd.DataFrame, bool]]:
    """The fits to be made: key, law and method, points, and whether it is the headline's law.

    A law whose axes a further convention does not have is left out there.
    """
    wanted = settings.requests
    for (metric, convention, arm), group in points[points["used"]].groupby(KEYS, sort=False):
        for request in wanted:
            axes = [*COMPUTE, *ND] if request.surface else COMPUTE
            further = convention != points["convention"].iloc[0]
            if further and group[axes].isna().any(axis=None):
                continue
            key = {"arm": arm, "metric": metric, "convention": convention}
            law = {"law": request.law, "method": request.method}
            with naming(key, group):
                of = (group[name].tolist() for name in axes)
                require(request, *of, tolerance=settings.budget_tolerance)
            yield key | law, request, group, request == wanted[0]


@contextmanager
def naming(key: Mapping[str, str], group: pd.DataFrame) -> Iterator[None]:
    """A FitError in here gets the names of the fit and of its runs."""
    try:
        yield
    except FitError as error:
        where = ", ".join(f"{kind} {key[kind]}" for kind in ("arm", "metric", "convention"))
        runs = ", ".join(dict.fromkeys(group["run"]))
        raise FitError(f"{where}: {error}. Its runs: {runs}.") from error


def fit_group(request: Request, group: pd.DataFrame, weight_by: str) -> Fit:
    """The fit of a law to its rows of the points table; runs with several points are clusters."""
    axes = [group[name] for name in LAWS[request.law].axes]
    return fit_law(
        request.law,
        axes,
        group["loss"],
        request.method,
        loss_se=loss_errors(group, weight_by),
        cluster=clusters(group),
    )


def clusters(group: pd.DataFrame) -> pd.Series | None:
    """Labels of points that share a run, where any do."""
    return group["run"] if group["run"].duplicated().any() else None


def together_by(group: pd.DataFrame, by: str) -> pd.Series:
    """Labels of points that are resampled together: of `by`, one for all that a run links."""
    return group[by].groupby(linked(group["run"], group[by])).transform("min")


def loss_errors(points: pd.DataFrame, weight_by: str) -> pd.Series | None:
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


def _errors(fitted: Fit, drawn: Draws) -> dict[str, float]:
    """Standard errors and covariances of a law of compute by its draws."""
    return _from_draws(
        pd.DataFrame(fitted.law.natural(drawn.phi), columns=list(fitted.law.parameters)), drawn
    )


def _from_draws(values: pd.DataFrame, drawn: Draws) -> dict[str, float]:
    """Errors of coefficient, exponent and floor; covariances on the scale of log coefficient."""
    names = [name for name in ("coefficient", "exponent", "floor") if name in values]
    matrix = values[names].to_numpy()
    errors = np.sqrt(np.diag(spread(drawn, matrix)))
    found = {f"{name}_se": float(error) for name, error in zip(names, errors, strict=True)}
    with np.errstate(invalid="ignore"):
        matrix = np.column_stack([np.log(matrix[:, 0]), matrix[:, 1:]])
    shared = spread(drawn, matrix)
    found["covariance_log_coefficient_exponent"] = float(shared[0, 1])
    if "floor" in names:
        found["covariance_log_coefficient_floor"] = float(shared[0, 2])
        found["covariance_exponent_floor"] = float(shared[1, 2])
    return found


def _surface_errors(fitted: Fit, drawn: Draws) -> dict[str, float]:
    """Standard errors of a surface by its draws, where its method has none of its own."""
    if ESTIMATORS[fitted.method].least_squares:
        return {}
    values = draws.parameters(fitted.law, drawn)[drawn.converged]
    sound = values[np.isfinite(values).all(axis=1)]
    found = {f"{name}_se": float(sound[name].std()) for name in fitted.law.parameters}
    optimal = sound["beta"] / (sound["alpha"] + sound["beta"])
    return found | {"optimal_exponent_se": float(optimal.std())}


def _along(fitted: Fit, drawn: Draws, surface: Mapping[str, Any]) -> dict[str, Any]:
    """The row of L(C) along a surface's compute-optimal line, its errors by the draws."""
    assert fitted.law.optimal is not None
    line, of = fitted.law.optimal
    row = dict(zip(line.parameters, map(float, of(*fitted.values)), strict=True))
    row |= _from_draws(draws.parameters(fitted.law, drawn), drawn)
    same = ("n_points", "rms_log_residual", "objective", "condition_number")
    return row | {
        **{name: surface[name] for name in (*same, "holdout_log_error", "status", "weighted")},
        "n_clusters": fitted.clusters,
        "degrees_of_freedom": fitted.degrees_of_freedom,
    }


def _isoflop(request: Request, group: pd.DataFrame, settings: Fitting) -> pd.DataFrame:
    """A row a budget, each with the growth of the best size over all of them."""
    compute, n = group["compute_pflop_s_days"], group["parameters"]
    table, growth = fit_isoflop(
        compute,
        n,
        group["loss"],
        budgets(compute, settings.budget_tolerance),
        request.method,
        window=settings.window,
    )
    growing = {name: value for name, value in asdict(growth).items() if name != "curve"}
    return table.drop(columns="curve").assign(**growing)
