"""Fits of the surface L(N, D), as rows of the surface table; the law is `laws.chinchilla`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.fit.fitted import Fit, fit_law
from isoloss.fit.fitting import judged
from isoloss.fit.problem import FitStatus, refit
from isoloss.units import Values


@dataclass(frozen=True)
class SurfaceResult:
    """A fitted surface L = floor + a / N^alpha + b / D^beta.

    Standard errors as in `FitResult`; NaN for Huber methods, which are to be resampled.
    optimal_exponent: of N* in C, beta / (alpha + beta). holdout_log_error: mean log(loss / law)
    over the tenth of the points with the largest compute, the law fitted without them.
    """

    method: str
    floor: float
    a: float
    alpha: float
    b: float
    beta: float
    floor_se: float
    a_se: float
    alpha_se: float
    b_se: float
    beta_se: float
    optimal_exponent: float
    optimal_exponent_se: float
    n_points: int
    rms_log_residual: float
    objective: float
    condition_number: float
    holdout_log_error: float
    status: FitStatus
    weighted: bool


def fit_surface(
    parameters: Values,
    tokens: Values,
    loss: Values,
    method: str = "huber_log",
    *,
    loss_se: Values | None = None,
) -> SurfaceResult:
    """Fit L(N, D) = E + A / N^alpha + B / D^beta to final points, one a run.

    `huber_log` is the objective of Hoffmann et al. (2022), the sum over points;
    `huber_likelihood` that of Besiroglu et al. (2024), whose optimum differs.
    """
    return row(fit_law("chinchilla", [parameters, tokens], loss, method, loss_se=loss_se))


def row(fitted: Fit) -> SurfaceResult:
    """A fitted surface as a row of the surface table."""
    stated, phi = fitted.solution.stated, fitted.solution.phi
    errors = {f"{name}_se": error for name, error in fitted.standard_errors.items()}
    numbers: dict[str, Any] = fitted.parameters | errors | judged(fitted)
    _, _, alpha, _, beta = phi.tolist()
    slope = np.array([-beta, alpha]) / (alpha + beta) ** 2  # Of the optimal exponent.
    variance = np.einsum("i,ij,j->", slope, fitted.covariance[2::2, 2::2], slope)
    compute = fitted.axes[0] * fitted.axes[1]
    kept = compute < np.sort(compute)[-max(1, compute.size // 10)]
    without = refit(stated, stated.loss[None, :], (stated.weights * kept)[None, :], phi).phi
    predicted = stated.model.value(without)[0][~kept]
    return SurfaceResult(
        **numbers,
        method=fitted.method,
        optimal_exponent=beta / (alpha + beta),
        optimal_exponent_se=float(np.sqrt(variance)),
        holdout_log_error=float(np.mean(np.log(stated.loss[~kept] / predicted))),
    )
