"""L = E + A / N^alpha + B / D^beta: the surface of Hoffmann et al. 2022 (arXiv:2203.15556, eq. 2).

N in parameters, D in tokens, L and E in nats. theta = (E, log A, alpha, log B, beta). Compute is
C = 6 N D FLOPs, given in PFLOP/s-days; along its compute-optimal line the surface is a power law of
C with a floor.
"""

import numpy as np

from isoloss.fit.estimators import Estimator
from isoloss.fit.law import Axes, Law, Parameters
from isoloss.fit.laws import power_floor
from isoloss.fit.newton import PowerSum
from isoloss.fit.problem import FitError, Problem
from isoloss.fit.starts import power_sum_starts
from isoloss.units import PFLOP_S_DAY, Floats, Values

FLOP_PER_PARAMETER_AND_TOKEN = 6.0
Number = Floats | float


def value(
    parameters: Values,
    tokens: Values,
    floor: Number,
    a: Number,
    alpha: Number,
    b: Number,
    beta: Number,
) -> Floats:
    """Loss at a size and a token count."""
    n, d = np.asarray(parameters, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    return np.asarray(floor + a * n**-alpha + b * d**-beta)


def gradient(
    parameters: Values, tokens: Values, floor: float, a: float, alpha: float, b: float, beta: float
) -> Floats:
    """dL / dtheta = (1, u, -u log N, v, -v log D), u = A / N^alpha, v = B / D^beta; (..., 5)."""
    n, d = np.asarray(parameters, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    u, v = a * n**-alpha, b * d**-beta
    columns = [np.ones_like(u + v), u, -u * np.log(n), v, -v * np.log(d)]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def optimal_allocation(
    compute: Values, a: Number, alpha: Number, b: Number, beta: Number
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
    floor: Number, a: Number, alpha: Number, b: Number, beta: Number
) -> tuple[Number, Number, Number]:
    """Coefficient, exponent and floor of the `power_floor` law L(C) along the optimal line.

    At the optimum alpha A / N^alpha = beta B / D^beta, so that L - E is one power of C, with
    exponent alpha beta / (alpha + beta).
    """
    n, d = optimal_allocation(1.0, a, alpha, b, beta)
    return a * n**-alpha + b * d**-beta, alpha * beta / (alpha + beta), floor


def _optimum(
    loss: Values, floor: Number, a: Number, alpha: Number, b: Number, beta: Number
) -> tuple[Floats, Floats, Floats]:
    """A / N^alpha, log N and log D where a loss costs least; NaN where nothing reaches it.

    There alpha A / N^alpha = beta B / D^beta, and the two terms make up L - E.
    """
    above = np.subtract(loss, floor, dtype=np.float64)
    reached = (above > 0) & (np.asarray(alpha) > 0) & (np.asarray(beta) > 0)
    alpha, beta = np.where(reached, alpha, 1.0), np.where(reached, beta, 1.0)
    u = np.where(reached, above, np.nan) * beta / (alpha + beta)
    return u, (np.log(a) - np.log(u)) / alpha, (np.log(b) - np.log(u * alpha / beta)) / beta


def log_inverse(
    loss: Values, floor: Number, a: Number, alpha: Number, b: Number, beta: Number
) -> Floats:
    """log C(L) along the compute-optimal line; NaN where no compute reaches the loss.

    No compute does at or below the floor, or with an exponent of 0 or less.
    """
    _, log_n, log_d = _optimum(loss, floor, a, alpha, b, beta)
    return np.asarray(log_n + log_d + np.log(FLOP_PER_PARAMETER_AND_TOKEN / PFLOP_S_DAY))


def inverse_gradient(
    loss: Values, floor: Number, a: Number, alpha: Number, b: Number, beta: Number
) -> Floats:
    """d log C(L) / dtheta = (1 / (alpha u), 1 / alpha, -log N / alpha, 1 / beta, -log D / beta).

    (..., 5), u = A / N^alpha. C is lowest on the line: it moves as if N and D stayed where they
    are, by dL / dtheta over -dL / d log C = alpha u.
    """
    u, log_n, log_d = _optimum(loss, floor, a, alpha, b, beta)
    ones = np.where(np.isnan(u), np.nan, 1.0)
    columns = [1 / (alpha * u), ones / alpha, -log_n / alpha, ones / beta, -log_d / beta]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def needs(axes: Axes) -> None:
    """Six points or more, of three sizes and token counts: two carry no exponent and floor."""
    points, sizes, counts = len(axes[0]), *(np.unique(axis).size for axis in axes)
    if points < 6 or min(sizes, counts) < 3:
        raise FitError(
            "law chinchilla has 5 parameters and needs 6 runs or more, of 3 sizes and 3 token "
            f"counts or more; got {points} runs, {sizes} sizes and {counts} token counts"
        )


def problem(axes: Axes, loss: Floats, weights: Floats, estimator: Estimator) -> Problem:
    """The fit over theta with E >= 0, from exponents on a grid."""
    logs = np.log(np.stack(axes))
    terms, floors = np.zeros((2, loss.size, 5)), np.zeros((loss.size, 5))
    for k in range(2):
        terms[k, :, 1 + 2 * k], terms[k, :, 2 + 2 * k] = 1.0, -logs[k]
    floors[:, 0] = 1.0
    starts = power_sum_starts(logs, loss, weights, estimator, floor=True)
    return Problem(
        model=PowerSum(terms, floors),
        loss=loss,
        weights=weights,
        estimator=estimator,
        lower=np.array([0.0, -np.inf, -np.inf, -np.inf, -np.inf]),
        upper=np.full(5, np.inf),
        starts=np.roll(starts, 1, axis=1),  # The floor comes first.
    )


def equation(of: Parameters) -> str:
    """`1.8 + 480 / N^0.35 + 2100 / D^0.37`."""
    return (
        rf"{of['floor']:.3f} + {of['a']:.4g} / N^{{{of['alpha']:.4f}}} "
        rf"+ {of['b']:.4g} / D^{{{of['beta']:.4f}}}"
    )


LAW = Law(
    name="chinchilla",
    parameters=("floor", "a", "alpha", "b", "beta"),
    logarithmic=frozenset({"a", "b"}),
    axes=("parameters", "tokens"),
    formula=r"E + A / N^\alpha + B / D^\beta",
    equation=equation,
    needs=needs,
    problem=problem,
    value=value,
    gradient=gradient,
    log_inverse=log_inverse,
    inverse_gradient=inverse_gradient,
    optimal=(power_floor.LAW, optimal_law),
)
