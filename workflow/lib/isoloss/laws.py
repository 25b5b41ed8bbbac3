"""Scaling laws L(C): pure functions, their inverses and derivatives.

C is compute in PFLOP/s-days, L a loss in nats. Derivatives are taken with respect to
theta = (log coefficient, exponent, floor), the scale on which estimates are closest to normal;
they are stacked along a new last axis. Parameters broadcast against compute and loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Values = npt.ArrayLike


def power(compute: Values, coefficient: Values, exponent: Values) -> Floats:
    """Loss of the power law, L = a C^-b (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3)."""
    return power_floor(compute, coefficient, exponent, 0.0)


def power_inverse(loss: Values, coefficient: Values, exponent: Values) -> Floats:
    """Compute at which the power law reaches a loss, C = (a / L)^(1/b); NaN where none does."""
    return power_floor_inverse(loss, coefficient, exponent, 0.0)


def power_log_inverse(loss: Values, coefficient: Values, exponent: Values) -> Floats:
    """log C(L) of the power law; finite where C itself overflows."""
    return power_floor_log_inverse(loss, coefficient, exponent, 0.0)


def power_gradient(compute: Values, coefficient: Values, exponent: Values) -> Floats:
    """dL / d(log a, b) of the power law; shape (..., 2)."""
    return power_floor_gradient(compute, coefficient, exponent, 0.0)[..., :2]


def power_inverse_gradient(loss: Values, coefficient: Values, exponent: Values) -> Floats:
    """d log C(L) / d(log a, b) of the power law; shape (..., 2)."""
    return power_floor_inverse_gradient(loss, coefficient, exponent, 0.0)[..., :2]


def power_floor(compute: Values, coefficient: Values, exponent: Values, floor: Values) -> Floats:
    """Loss of the power law with a floor, L = E + a C^-b (Henighan 2020, arXiv:2010.14701)."""
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    return np.asarray(coefficient * np.exp(-np.asarray(exponent) * log_c) + floor)


def power_floor_inverse(
    loss: Values, coefficient: Values, exponent: Values, floor: Values
) -> Floats:
    """Compute at which L = E + a C^-b reaches a loss, C = (a / (L - E))^(1/b).

    NaN where no compute reaches it: at or below the floor, or with an exponent of 0 or less.
    """
    return np.exp(power_floor_log_inverse(loss, coefficient, exponent, floor))


def power_floor_log_inverse(
    loss: Values, coefficient: Values, exponent: Values, floor: Values
) -> Floats:
    """log C(L) = (log a - log(L - E)) / b; finite where C itself overflows."""
    above, b = np.broadcast_arrays(
        np.subtract(loss, floor, dtype=np.float64), np.asarray(exponent, dtype=np.float64)
    )
    reached = (above > 0) & (b > 0)
    log_above = np.log(np.where(reached, above, 1.0))
    log_c = (np.log(coefficient) - log_above) / np.where(reached, b, 1.0)
    return np.where(reached, log_c, np.nan)


def power_floor_gradient(
    compute: Values, coefficient: Values, exponent: Values, floor: Values
) -> Floats:
    """dL / d(log a, b, E) = (u, -u log C, 1) with u = a C^-b; shape (..., 3)."""
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    above = coefficient * np.exp(-np.asarray(exponent) * log_c)
    above, log_c, _ = np.broadcast_arrays(above, log_c, floor)
    return np.stack([above, -above * log_c, np.ones_like(above)], axis=-1)


def power_floor_inverse_gradient(
    loss: Values, coefficient: Values, exponent: Values, floor: Values
) -> Floats:
    """d log C(L) / d(log a, b, E) = (1, -log C, 1 / (L - E)) / b; shape (..., 3)."""
    log_c = power_floor_log_inverse(loss, coefficient, exponent, floor)
    above = np.where(np.isnan(log_c), np.nan, np.subtract(loss, floor, dtype=np.float64))
    ones = np.where(np.isnan(log_c), np.nan, 1.0)
    b = np.asarray(exponent, dtype=np.float64)
    return np.stack([ones / b, -log_c / b, 1 / (above * b)], axis=-1)


@dataclass(frozen=True)
class Law:
    """A law L(C): its parameters by name, and functions (x, *parameters) in that order."""

    name: str
    parameters: tuple[str, ...]
    value: Callable[..., Floats]
    inverse: Callable[..., Floats]
    log_inverse: Callable[..., Floats]
    gradient: Callable[..., Floats]
    inverse_gradient: Callable[..., Floats]


LAWS = {
    law.name: law
    for law in (
        Law(
            "power",
            ("coefficient", "exponent"),
            power,
            power_inverse,
            power_log_inverse,
            power_gradient,
            power_inverse_gradient,
        ),
        Law(
            "power_floor",
            ("coefficient", "exponent", "floor"),
            power_floor,
            power_floor_inverse,
            power_floor_log_inverse,
            power_floor_gradient,
            power_floor_inverse_gradient,
        ),
    )
}
