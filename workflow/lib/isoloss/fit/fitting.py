"""Fits of a law L(C) to the final points of an arm, with standard errors and a status."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from isoloss.fit.broken import broken_problem
from isoloss.fit.covariance import aicc, covariance, linearise, status
from isoloss.fit.estimators import Floats
from isoloss.fit.functions import LAWS, Law
from isoloss.fit.inputs import Values, one_of, positive, weighted
from isoloss.fit.newton import PowerSum
from isoloss.fit.problem import FitError, FitStatus, Problem, solve
from isoloss.fit.starts import power_sum_starts

__all__ = ["FitError", "FitResult", "FitStatus", "fit", "fit_table", "problem", "require"]
NAN = float("nan")
KEYS = ["arm", "metric", "convention"]


@dataclass(frozen=True)
class FitResult:
    """One fitted law, e.g. L = coefficient C^-exponent + floor (C in PFLOP/s-days, L in nats).

    What a law has not, or a method cannot give, is NaN. Standard errors are those of least squares
    with n - p degrees of freedom, s^2 (J'WJ)^-1, p counting the parameters not at a bound; or, with
    clusters, of the jackknife by cluster. The Huber methods have none of their own: their Hessian
    rests on the few points within delta; resample them. The covariances are those of
    (log coefficient, exponent, floor); the standard error of log coefficient is
    coefficient_se / coefficient.

    weighted: by the standard errors of the losses.
    condition_number: of the Jacobian of the residuals, its columns scaled to length 1.
    aicc: Akaike's criterion for small samples, on residuals of the method's scale (log loss or
        loss), hence to be compared within a method; NaN where n < p + 3, and for Huber methods.
    holdout_log_error: log(loss / law) at the largest compute, the law fitted without it.
    """

    law: str
    method: str
    coefficient: float
    exponent: float
    floor: float
    coefficient_se: float
    exponent_se: float
    floor_se: float
    covariance_log_coefficient_exponent: float
    covariance_log_coefficient_floor: float
    covariance_exponent_floor: float
    exponent_after: float
    break_compute_pflop_s_days: float
    sharpness: float
    weighted: bool
    n_points: int
    n_clusters: int
    degrees_of_freedom: int
    rms_log_residual: float
    objective: float
    condition_number: float
    aicc: float
    holdout_log_error: float
    status: FitStatus


def require(law: str, sizes: int) -> None:
    """Raise FitError unless so many distinct computes leave a residual to judge the law by."""
    needs = len(LAWS[one_of("law", law, LAWS)].parameters) + 1
    if sizes < needs:
        raise FitError(
            f"law {law!r} has {needs - 1} parameters and needs {needs} or more distinct "
            f"computes; got {sizes}"
        )


def problem(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    loss_se: Values | None = None,
) -> Problem:
    """State the fit of a law to points as a problem, to be solved or resampled."""
    c, y = positive(compute=compute, loss=loss)
    require(law, np.unique(c).size)
    estimator, weights = weighted(y, loss_se, method)
    if law == "broken":
        return broken_problem(c, y, weights, estimator)
    x, floor = np.log(c), law == "power_floor"
    terms, floors = np.zeros((1, x.size, 2 + floor)), np.zeros((x.size, 2 + floor))
    terms[0, :, 0], terms[0, :, 1] = 1.0, -x
    floors[:, 2:] = 1.0
    return Problem(
        names=LAWS[law].parameters,
        model=PowerSum(terms, floors),
        loss=y,
        weights=weights,
        estimator=estimator,
        lower=np.array([-np.inf, -np.inf, 0.0])[: 2 + floor],
        upper=np.full(2 + floor, np.inf),
        starts=power_sum_starts(x[None, :], y, weights, estimator, floor=floor),
    )


def natural(law: Law, phi: Floats) -> Floats:
    """Parameters of a law from phi, which has logarithms where the law says so; shape (..., P)."""
    logs = np.array([name in law.logarithmic for name in law.parameters])
    return np.where(logs, np.exp(np.where(logs, phi, 0.0)), phi)


def fit(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    *,
    loss_se: Values | None = None,
    cluster: npt.ArrayLike | None = None,
) -> FitResult:
    """Fit a law to points (compute, loss), one a run.

    law: a key of `LAWS`. method: a key of `ESTIMATORS`. loss_se: weights the points by their
    precision (only its ratios matter). cluster: a label a point, where several points share a run
    and its errors; standard errors are then those of the jackknife by cluster.
    Raises FitError where no residual would be left: fewer than p + 1 distinct computes (clusters).
    """
    stated = problem(compute, loss, law, method, loss_se)
    c, y = positive(compute=compute, loss=loss)
    labels = np.arange(c.size) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    if labels.size != c.size:
        raise ValueError(f"{labels.size} cluster labels for {c.size} points; expected one each")
    clusters = int(labels.max()) + 1
    require(law, clusters)
    minimum, definition = solve(stated), LAWS[law]
    phi = minimum.phi[0]
    near = linearise(stated, phi)
    spread = covariance(stated, near, labels if clusters < c.size else None)
    names = definition.parameters
    value = dict(zip(names, natural(definition, phi).tolist(), strict=True))
    se = dict(zip(names, np.sqrt(np.diag(spread)).tolist(), strict=True))
    se["coefficient"] *= value["coefficient"]

    def shared(i: str, j: str) -> float:
        return float(spread[names.index(i), names.index(j)]) if j in names else NAN

    log_residual = np.log(y / definition.value(c, *value.values()))
    return FitResult(
        law=law,
        method=method,
        coefficient=value["coefficient"],
        exponent=value["exponent"],
        floor=value.get("floor", NAN),
        coefficient_se=se["coefficient"],
        exponent_se=se["exponent"],
        floor_se=se.get("floor", NAN),
        covariance_log_coefficient_exponent=shared("coefficient", "exponent"),
        covariance_log_coefficient_floor=shared("coefficient", "floor"),
        covariance_exponent_floor=shared("exponent", "floor"),
        exponent_after=value.get("exponent_after", NAN),
        break_compute_pflop_s_days=value.get("break_compute", NAN),
        sharpness=value.get("sharpness", NAN),
        weighted=loss_se is not None,
        n_points=c.size,
        n_clusters=clusters,
        degrees_of_freedom=clusters - (int(near.free.sum()) if clusters == c.size else 1),
        rms_log_residual=float(np.sqrt(np.mean(log_residual**2))),
        objective=float(minimum.objective[0]),
        condition_number=near.condition,
        aicc=aicc(stated, near),
        holdout_log_error=_holdout(c, y, law, method, loss_se),
        status=status(minimum, near),
    )


def _holdout(compute: Floats, loss: Floats, law: str, method: str, loss_se: Values | None) -> float:
    kept = compute < compute.max()
    se = None if loss_se is None else np.asarray(loss_se, dtype=np.float64)[kept]
    try:
        phi = solve(problem(compute[kept], loss[kept], law, method, se)).phi[0]
    except FitError:
        return NAN
    predicted = LAWS[law].value(compute[~kept], *natural(LAWS[law], phi))
    return float(np.mean(np.log(loss[~kept] / predicted)))


def groups_of(points: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Yield the used points of each arm, metric and convention, sorted, with these keys."""
    used = points[points["used"].astype(bool)] if "used" in points else points
    for key, group in used.groupby(KEYS, sort=True):
        by = dict(zip(KEYS, (str(k) for k in key), strict=True))
        yield by, group.sort_values(["compute_pflop_s_days", "run"], kind="stable")


def columns_of(group: pd.DataFrame, weighted: bool) -> dict[str, Any]:
    """Return what a fit takes from points: compute, loss and, where weighted, loss_se."""
    return {
        "compute": group["compute_pflop_s_days"],
        "loss": group["loss"],
        "loss_se": group["loss_se"] if weighted else None,
    }


def fit_table(
    points: pd.DataFrame, specs: Sequence[tuple[str, str]], *, weighted: bool = False
) -> pd.DataFrame:
    """Fit every law and method of `specs` to every arm, metric and convention of a points table.

    points: the columns of results/points; rows with `used` false are left out. Where a run has
    several points, runs are the clusters. weighted: by the column loss_se. Returns one row a fit,
    sorted by arm, metric, convention, law and method. An error names the group.
    """
    rows = []
    for key, group in groups_of(points):
        cluster = group["run"] if group["run"].duplicated().any() else None
        for law, method in sorted(specs):
            try:
                result = fit(**columns_of(group, weighted), law=law, method=method, cluster=cluster)
            except ValueError as error:
                name = ", ".join(f"{k} {v}" for k, v in key.items())
                raise type(error)(f"{name}: {error}") from error
            rows.append(key | asdict(result))
    return pd.DataFrame(rows)
