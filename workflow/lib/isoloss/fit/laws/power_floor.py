"""L = a C^-b + E: a power law with a floor (Henighan et al. 2020, arXiv:2010.14701).

a: coefficient (nats), b: exponent, E: irreducible loss (nats, at least 0); C in PFLOP/s-days.
theta = (log a, b, E).
"""

import numpy as np

from isoloss.fit.estimators import Estimator
from isoloss.fit.inputs import distinct
from isoloss.fit.law import COMPUTE, Axes, Law, Parameters
from isoloss.fit.newton import PowerSum
from isoloss.fit.problem import Problem
from isoloss.fit.starts import power_sum_starts
from isoloss.units import Floats, Values


def value(compute: Values, coefficient: Values, exponent: Values, floor: Values) -> Floats:
    """Loss at a compute."""
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    return np.asarray(coefficient * np.exp(-np.asarray(exponent) * log_c) + floor)


def log_inverse(loss: Values, coefficient: Values, exponent: Values, floor: Values) -> Floats:
    """log C(L) = (log a - log(L - E)) / b; finite where C itself overflows.

    NaN where no compute reaches the loss: at or below the floor, or with an exponent of 0 or less.
    """
    above, b = np.broadcast_arrays(
        np.subtract(loss, floor, dtype=np.float64), np.asarray(exponent, dtype=np.float64)
    )
    reached = (above > 0) & (b > 0)
    log_above = np.log(np.where(reached, above, 1.0))
    log_c = (np.log(coefficient) - log_above) / np.where(reached, b, 1.0)
    return np.where(reached, log_c, np.nan)


def gradient(compute: Values, coefficient: Values, exponent: Values, floor: Values) -> Floats:
    """dL / dtheta = (u, -u log C, 1) with u = a C^-b; shape (..., 3)."""
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    above = coefficient * np.exp(-np.asarray(exponent) * log_c)
    above, log_c, _ = np.broadcast_arrays(above, log_c, floor)
    return np.stack([above, -above * log_c, np.ones_like(above)], axis=-1)


def inverse_gradient(loss: Values, coefficient: Values, exponent: Values, floor: Values) -> Floats:
    """d log C(L) / dtheta = (1, -log C, 1 / (L - E)) / b; shape (..., 3)."""
    log_c = log_inverse(loss, coefficient, exponent, floor)
    above = np.where(np.isnan(log_c), np.nan, np.subtract(loss, floor, dtype=np.float64))
    ones = np.where(np.isnan(log_c), np.nan, 1.0)
    b = np.asarray(exponent, dtype=np.float64)
    return np.stack([ones / b, -log_c / b, 1 / (above * b)], axis=-1)


def needs(axes: Axes) -> None:
    """Four distinct computes or more."""
    distinct("power_floor", 3, axes)


def problem(axes: Axes, loss: Floats, weights: Floats, estimator: Estimator) -> Problem:
    """The fit over theta with E >= 0, from exponents on a grid."""
    return power_problem(axes[0], loss, weights, estimator, floor=True)


def power_problem(
    compute: Floats, loss: Floats, weights: Floats, estimator: Estimator, *, floor: bool
) -> Problem:
    """The fit of a power law, with or without a floor."""
    x, size = np.log(compute), 2 + floor
    terms, floors = np.zeros((1, x.size, size)), np.zeros((x.size, size))
    terms[0, :, 0], terms[0, :, 1] = 1.0, -x
    floors[:, 2:] = 1.0
    return Problem(
        model=PowerSum(terms, floors),
        loss=loss,
        weights=weights,
        estimator=estimator,
        lower=np.array([-np.inf, -np.inf, 0.0])[:size],
        upper=np.full(size, np.inf),
        starts=power_sum_starts(x[None, :], loss, weights, estimator, floor=floor),
    )


def equation(of: Parameters) -> str:
    """`1.4 + 1.1 x C^-0.15`."""
    return rf"{of['floor']:.3f} + {of['coefficient']:#.4g} \times C^{{-{of['exponent']:.4f}}}"


LAW = Law(
    name="power_floor",
    parameters=("coefficient", "exponent", "floor"),
    logarithmic=frozenset({"coefficient"}),
    axes=COMPUTE,
    formula=r"a\,C^{-b} + E",
    equation=equation,
    needs=needs,
    problem=problem,
    value=value,
    gradient=gradient,
    log_inverse=log_inverse,
    inverse_gradient=inverse_gradient,
)
