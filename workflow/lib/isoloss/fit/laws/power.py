"""L = a C^-b: the power law (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3).

a: coefficient (nats), b: exponent; C in PFLOP/s-days. theta = (log a, b). The power law with a
floor of 0, without the floor as a parameter.
"""

from isoloss.fit.estimators import Estimator
from isoloss.fit.inputs import distinct
from isoloss.fit.law import COMPUTE, Axes, Law, Parameters
from isoloss.fit.laws import power_floor
from isoloss.fit.problem import Problem
from isoloss.units import Floats, Values


def value(compute: Values, coefficient: Values, exponent: Values) -> Floats:
    """Loss at a compute."""
    return power_floor.value(compute, coefficient, exponent, 0.0)


def log_inverse(loss: Values, coefficient: Values, exponent: Values) -> Floats:
    """log C(L) = (log a - log L) / b; NaN with an exponent of 0 or less."""
    return power_floor.log_inverse(loss, coefficient, exponent, 0.0)


def gradient(compute: Values, coefficient: Values, exponent: Values) -> Floats:
    """dL / dtheta; shape (..., 2)."""
    return power_floor.gradient(compute, coefficient, exponent, 0.0)[..., :2]


def inverse_gradient(loss: Values, coefficient: Values, exponent: Values) -> Floats:
    """d log C(L) / dtheta; shape (..., 2)."""
    return power_floor.inverse_gradient(loss, coefficient, exponent, 0.0)[..., :2]


def needs(axes: Axes) -> None:
    """Three distinct computes or more."""
    distinct("power", 2, axes)


def problem(axes: Axes, loss: Floats, weights: Floats, estimator: Estimator) -> Problem:
    """The fit over theta, which is a linear regression for least squares on log loss."""
    return power_floor.power_problem(axes[0], loss, weights, estimator, floor=False)


def equation(of: Parameters) -> str:
    """`2.3 x C^-0.05`."""
    return rf"{of['coefficient']:#.4g} \times C^{{-{of['exponent']:.4f}}}"


LAW = Law(
    name="power",
    parameters=("coefficient", "exponent"),
    logarithmic=frozenset({"coefficient"}),
    axes=COMPUTE,
    formula=r"a\,C^{-b}",
    equation=equation,
    needs=needs,
    problem=problem,
    value=value,
    gradient=gradient,
    log_inverse=log_inverse,
    inverse_gradient=inverse_gradient,
)
