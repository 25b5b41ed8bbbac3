"""Scaling laws L(C): pure functions, their inverses and derivatives.

C is compute in PFLOP/s-days, L a loss in nats. Derivatives are taken with respect to theta: the
parameters in the law's order, with the logarithm in place of those named in `Law.logarithmic`
(theta = (log coefficient, exponent, floor) for `power_floor`), the scale on which estimates are
closest to normal. They are stacked along a new last axis. Parameters broadcast against compute
and loss.
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


def broken(
    compute: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """Loss of a power law with one smooth break, L = a C^-b (1 + (C/d)^(1/s))^(-(b2 - b) s).

    The exponent is b well below the break d and b2 well above it; s > 0 is the width of the
    change in units of log C (Caballero et al. 2022, arXiv:2210.14891, eq. 1 with n = 1 and no
    floor).
    """
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    change, _ = _break(log_c, break_compute, sharpness)
    before, after = np.asarray(exponent), np.asarray(exponent_after)
    return np.asarray(coefficient * np.exp(-before * log_c - (after - before) * change))


def broken_inverse(
    loss: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """Compute at which the broken law reaches a loss; NaN unless both exponents are above 0."""
    return np.exp(
        broken_log_inverse(loss, coefficient, exponent, exponent_after, break_compute, sharpness)
    )


def broken_log_inverse(
    loss: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """log C(L) of the broken law, by Newton's iteration.

    log L falls in log C with a slope between -b and -b2 that changes one way only, so that the
    iteration converges from where the first power law alone reaches the loss.
    """
    before, after, aim = np.broadcast_arrays(
        np.asarray(exponent, dtype=np.float64), exponent_after, np.log(loss) - np.log(coefficient)
    )
    reached = (before > 0) & (after > 0)
    before, after = np.where(reached, before, 1.0), np.where(reached, after, 1.0)
    log_c = -aim / before
    for _ in range(100):
        change, share = _break(log_c, break_compute, sharpness)
        excess = -before * log_c - (after - before) * change - aim
        step = excess / (before + (after - before) * share)
        log_c = log_c + step
        if np.all(np.abs(step) <= 1e-15 * (1 + np.abs(log_c))):
            break
    return np.where(reached, log_c, np.nan)


def broken_gradient(
    compute: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """dL / d(log a, b, b2, log d, log s); shape (..., 5)."""
    loss = broken(compute, coefficient, exponent, exponent_after, break_compute, sharpness)
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    return loss[..., None] * _broken_log_gradient(
        log_c, exponent, exponent_after, break_compute, sharpness
    )


def broken_inverse_gradient(
    loss: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """d log C(L) / d(log a, b, b2, log d, log s); shape (..., 5)."""
    log_c = broken_log_inverse(
        loss, coefficient, exponent, exponent_after, break_compute, sharpness
    )
    _, share = _break(log_c, break_compute, sharpness)
    before, after = np.asarray(exponent, dtype=np.float64), np.asarray(exponent_after)
    slope = before + (after - before) * share
    gradient = _broken_log_gradient(log_c, exponent, exponent_after, break_compute, sharpness)
    return np.asarray(gradient / slope[..., None])


def _break(log_c: Floats, break_compute: Values, sharpness: Values) -> tuple[Floats, Floats]:
    """s log(1 + (C/d)^(1/s)) and its derivative in log C, the share of the second exponent."""
    width = np.asarray(sharpness, dtype=np.float64)
    t = (log_c - np.log(break_compute)) / width
    return np.asarray(width * np.logaddexp(0, t)), np.exp(-np.logaddexp(0, -t))


def _broken_log_gradient(
    log_c: Floats,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    change, share = _break(log_c, break_compute, sharpness)
    by = np.asarray(exponent_after) - exponent
    spread = change - share * (log_c - np.log(break_compute))  # d change / d log s.
    columns = [np.ones_like(log_c), change - log_c, -change, by * share, -by * spread]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


@dataclass(frozen=True)
class Law:
    """A law L(C): its parameters by name, and functions (x, *parameters) in that order."""

    name: str
    parameters: tuple[str, ...]
    logarithmic: frozenset[str]
    value: Callable[..., Floats]
    inverse: Callable[..., Floats]
    log_inverse: Callable[..., Floats]
    gradient: Callable[..., Floats]
    inverse_gradient: Callable[..., Floats]


POWER = Law(
    "power",
    ("coefficient", "exponent"),
    frozenset({"coefficient"}),
    power,
    power_inverse,
    power_log_inverse,
    power_gradient,
    power_inverse_gradient,
)
POWER_FLOOR = Law(
    "power_floor",
    ("coefficient", "exponent", "floor"),
    frozenset({"coefficient"}),
    power_floor,
    power_floor_inverse,
    power_floor_log_inverse,
    power_floor_gradient,
    power_floor_inverse_gradient,
)
BROKEN = Law(
    "broken",
    ("coefficient", "exponent", "exponent_after", "break_compute", "sharpness"),
    frozenset({"coefficient", "break_compute", "sharpness"}),
    broken,
    broken_inverse,
    broken_log_inverse,
    broken_gradient,
    broken_inverse_gradient,
)
LAWS = {law.name: law for law in (POWER, POWER_FLOOR, BROKEN)}
