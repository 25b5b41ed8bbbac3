"""Loss surfaces L(N, D): the law of Hoffmann et al. 2022, its compute-optimal line, its fit.

L = E + A / N^alpha + B / D^beta (arXiv:2203.15556, eq. 2); N in parameters, D in tokens, L in
nats. Compute is C = 6 N D FLOPs, given in PFLOP/s-days.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.covariance import covariance, linearise, status
from isoloss.fit.estimators import Floats
from isoloss.fit.inputs import Values, positive, weighted
from isoloss.fit.newton import PowerSum
from isoloss.fit.problem import FitError, FitStatus, Problem, refit, solve
from isoloss.fit.starts import power_sum_starts
from isoloss.units import PFLOP_S_DAY

FLOP_PER_PARAMETER_AND_TOKEN = 6.0


def chinchilla(
    parameters: Values, tokens: Values, floor: float, a: float, alpha: float, b: float, beta: float
) -> Floats:
    """Loss of the surface, L = E + A / N^alpha + B / D^beta."""
    n, d = np.asarray(parameters, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    return np.asarray(floor + a * n**-alpha + b * d**-beta)


def chinchilla_gradient(
    parameters: Values, tokens: Values, floor: float, a: float, alpha: float, b: float, beta: float
) -> Floats:
    """dL / d(E, log A, alpha, log B, beta) = (1, u, -u log N, v, -v log D); shape (..., 5)."""
    n, d = np.asarray(parameters, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    u, v = a * n**-alpha, b * d**-beta
    columns = [np.ones_like(u + v), u, -u * np.log(n), v, -v * np.log(d)]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def chinchilla_tokens(
    loss: Values, parameters: Values, floor: float, a: float, alpha: float, b: float, beta: float
) -> Floats:
    """Tokens with which N parameters reach a loss, D = (B / (L - E - A / N^alpha))^(1/beta).

    NaN where they never do.
    """
    n = np.asarray(parameters, dtype=np.float64)
    left = np.asarray(loss, dtype=np.float64) - floor - a * n**-alpha
    return np.where(left > 0, (b / np.where(left > 0, left, 1.0)) ** (1 / beta), np.nan)


def optimal_allocation(
    compute: Values, a: float, alpha: float, b: float, beta: float
) -> tuple[Floats, Floats]:
    """Parameters and tokens of lowest loss at a compute (PFLOP/s-days).

    N* = G (C/6)^(beta / (alpha + beta)), D* = C / (6 N*), with
    G = (alpha A / (beta B))^(1 / (alpha + beta)) (Hoffmann et al. 2022, eq. 4).
    """
    product = np.asarray(compute, dtype=np.float64) * (PFLOP_S_DAY / FLOP_PER_PARAMETER_AND_TOKEN)
    balance = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    parameters = balance * product ** (beta / (alpha + beta))
    return parameters, product / parameters


def optimal_law(
    floor: float, a: float, alpha: float, b: float, beta: float
) -> tuple[float, float, float]:
    """Coefficient, exponent and floor of the `power_floor` law L(C) along the optimal line.

    At the optimum alpha A / N^alpha = beta B / D^beta, so that L - E is one power of C, with
    exponent alpha beta / (alpha + beta); its inverse is that of `power_floor`.
    """
    n, d = optimal_allocation(1.0, a, alpha, b, beta)
    above = float(a * n**-alpha + b * d**-beta)
    return above, alpha * beta / (alpha + beta), floor


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


def surface_problem(
    parameters: Values,
    tokens: Values,
    loss: Values,
    method: str = "huber_log",
    loss_se: Values | None = None,
) -> Problem:
    """State the fit of the surface as a problem with phi = (log A, alpha, log B, beta, E).

    Raises FitError with fewer than 6 points, or fewer than 3 sizes or token counts: two values
    carry no exponent and floor.
    """
    n, d, y = positive(parameters=parameters, tokens=tokens, loss=loss)
    sizes = np.unique(n).size, np.unique(d).size
    if y.size < 6 or min(sizes) < 3:
        raise FitError(
            "a surface has 5 parameters and needs 6 or more points with 3 or more sizes and token "
            f"counts; got {y.size} points, {sizes[0]} sizes and {sizes[1]} token counts"
        )
    estimator, weights = weighted(y, loss_se, method)
    logs = np.log(np.stack([n, d]))
    terms, floors = np.zeros((2, y.size, 5)), np.zeros((y.size, 5))
    for k in range(2):
        terms[k, :, 2 * k], terms[k, :, 2 * k + 1] = 1.0, -logs[k]
    floors[:, 4] = 1.0
    return Problem(
        names=("a", "alpha", "b", "beta", "floor"),
        model=PowerSum(terms, floors),
        loss=y,
        weights=weights,
        estimator=estimator,
        lower=np.array([-np.inf, -np.inf, -np.inf, -np.inf, 0.0]),
        upper=np.full(5, np.inf),
        starts=power_sum_starts(logs, y, weights, estimator, floor=True),
    )


def natural_surface(phi: Floats) -> Floats:
    """(E, A, alpha, B, beta) from phi = (log A, alpha, log B, beta, E); shape (..., 5)."""
    log_a, alpha, log_b, beta, floor = np.moveaxis(np.asarray(phi), -1, 0)
    return np.stack([floor, np.exp(log_a), alpha, np.exp(log_b), beta], axis=-1)


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
    stated = surface_problem(parameters, tokens, loss, method, loss_se)
    minimum = solve(stated)
    phi = minimum.phi[0]
    near = linearise(stated, phi)
    spread = covariance(stated, near)
    floor, a, alpha, b, beta = (float(v) for v in natural_surface(phi))
    se = np.sqrt(np.diag(spread))
    slope = np.array([-beta, alpha]) / (alpha + beta) ** 2  # Of the optimal exponent.
    variance = np.einsum("i,ij,j->", slope, spread[1:4:2, 1:4:2], slope)
    fitted = stated.model.value(phi[None, :])[0]
    compute = np.asarray(parameters, dtype=np.float64) * np.asarray(tokens, dtype=np.float64)
    kept = compute < np.sort(compute)[-max(1, compute.size // 10)]
    without = refit(stated, stated.loss[None, :], (stated.weights * kept)[None, :], phi).phi
    predicted = stated.model.value(without)[0][~kept]
    return SurfaceResult(
        method=method,
        floor=floor,
        a=a,
        alpha=alpha,
        b=b,
        beta=beta,
        floor_se=float(se[4]),
        a_se=float(a * se[0]),
        alpha_se=float(se[1]),
        b_se=float(b * se[2]),
        beta_se=float(se[3]),
        optimal_exponent=beta / (alpha + beta),
        optimal_exponent_se=float(np.sqrt(variance)),
        n_points=stated.loss.size,
        rms_log_residual=float(np.sqrt(np.mean(np.log(stated.loss / fitted) ** 2))),
        objective=float(minimum.objective[0]),
        condition_number=near.condition,
        holdout_log_error=float(np.mean(np.log(stated.loss[~kept] / predicted))),
        status=status(minimum, near),
    )
