"""Fits of laws L(C) to the final points of an arm, as rows of the fit table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isoloss.fit.fitted import Fit, fit_law, state
from isoloss.fit.inputs import one_of, positive
from isoloss.fit.problem import FitError, FitStatus, Problem, solve
from isoloss.fit.registry import LAWS
from isoloss.units import Values

NAN = float("nan")
OF_COMPUTE = [name for name, law in LAWS.items() if law.of_compute]


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


def fit(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    *,
    loss_se: Values | None = None,
    cluster: npt.ArrayLike | None = None,
) -> FitResult:
    """Fit a law of compute to points (compute, loss), one a run; see `fitted.fit_law`.

    Standard errors of points that share a run (cluster) are those of the jackknife by cluster.
    """
    one_of("law", law, OF_COMPUTE)
    return row(fit_law(law, [compute], loss, method, loss_se=loss_se, cluster=cluster))


def row(fitted: Fit) -> FitResult:
    """A fit of a law of compute as a row of the fit table; `fitted.from_row` goes back."""
    names, spread = fitted.law.parameters, fitted.covariance
    value, se = fitted.parameters, fitted.standard_errors

    def shared(i: str, j: str) -> float:
        return float(spread[names.index(i), names.index(j)]) if j in names else NAN

    return FitResult(
        law=fitted.law.name,
        method=fitted.method,
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
        break_compute_pflop_s_days=value.get("break_compute_pflop_s_days", NAN),
        sharpness=value.get("sharpness", NAN),
        n_clusters=fitted.clusters,
        degrees_of_freedom=fitted.degrees_of_freedom,
        aicc=fitted.aicc,
        holdout_log_error=_holdout(fitted),
        **judged(fitted),
    )


def judged(fitted: Fit) -> dict[str, Any]:
    """What rows of every law say of how well it fits."""
    return {
        "n_points": fitted.loss.size,
        "rms_log_residual": float(np.sqrt(np.mean(fitted.log_residuals**2))),
        "objective": float(fitted.solution.minimum.objective[0]),
        "condition_number": fitted.solution.near.condition,
        "status": fitted.status,
        "weighted": fitted.weighted,
    }


def problem(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    loss_se: Values | None = None,
) -> Problem:
    """The fit of a law of compute as a problem, to be solved, resampled or simulated."""
    c, y = positive(compute=compute, loss=loss)
    return state(LAWS[one_of("law", law, OF_COMPUTE)], [c], y, method, loss_se)


def _holdout(fitted: Fit) -> float:
    """log(loss / law) at the largest compute, the law fitted without it; NaN where it cannot be."""
    (compute,), loss, stated, law = fitted.axes, fitted.loss, fitted.solution.stated, fitted.law
    kept = compute < compute.max()
    try:
        law.needs([compute[kept]])
    except FitError:
        return NAN
    weights = stated.weights[kept] / stated.weights[kept].mean()
    smaller = law.problem([compute[kept]], loss[kept], weights, stated.estimator)
    predicted = law.value(compute[~kept], *law.natural(solve(smaller).phi[0]))
    return float(np.mean(np.log(loss[~kept] / predicted)))
