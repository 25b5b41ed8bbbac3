"""Fits of a law L(C) to the final points of an arm, with standard errors."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

import numpy as np

from isoloss.laws import Floats, Values


class FitError(ValueError):
    """An estimate that does not exist for these points; the message says what it needs."""


class FitStatus(StrEnum):
    """What a fit says of itself."""

    CONVERGED = "converged"
    AT_BOUND = "at_bound"
    NOT_IDENTIFIABLE = "not_identifiable"
    MAX_ITERATIONS = "max_iterations"


@dataclass(frozen=True)
class FitResult:
    """One fitted law L = coefficient C^-exponent + floor (C in PFLOP/s-days, L in nats).

    Standard errors use n - p degrees of freedom. The covariances are those of
    (log coefficient, exponent, floor); the standard error of log coefficient is
    coefficient_se / coefficient. What a law has not (the floor of `power`) is NaN.
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
    n_points: int
    rms_log_residual: float
    status: FitStatus


def checked(compute: Values, loss: Values) -> tuple[Floats, Floats]:
    """Return both as float arrays of one length; a value that has no logarithm is an error."""
    arrays = np.asarray(compute, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    for name, array in zip(("compute", "loss"), arrays, strict=True):
        if array.ndim != 1:
            raise ValueError(f"{name} has shape {array.shape}; expected one value a run")
        bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
        if bad.size:
            raise ValueError(
                f"{name}[{bad[0]}] is {array[bad[0]]:g}; expected a finite number above 0 "
                f"({bad.size} of {array.size} values are not)"
            )
    if arrays[0].size != arrays[1].size:
        raise ValueError(f"{arrays[0].size} computes for {arrays[1].size} losses; expected pairs")
    return arrays


def fit(
    compute: Values, loss: Values, law: str = "power", method: str = "least_squares_log"
) -> FitResult:
    """Fit a law to points (compute, loss), one a run, by least squares on log loss.

    For `power` this is the straight line log L = log a - b log C, in closed form; the covariance
    of (log a, b) is s^2 (X'X)^-1 with s^2 = sum of squared residuals / (n - 2).
    Raises FitError with fewer than 3 distinct computes: no residual would be left.
    """
    for kind, name, known in (("law", law, _LAWS), ("method", method, _METHODS)):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"no {kind} {name!r}; expected one of {', '.join(known)}{hint}")
    c, y = checked(compute, loss)
    distinct = np.unique(c).size
    if distinct < 3:
        raise FitError(
            f"law 'power' has 2 parameters and needs 3 or more distinct computes; got {distinct}"
        )
    x, log_loss = np.log(c), np.log(y)
    n, mean = x.size, x.mean()
    centred = x - mean
    sxx = float(np.sum(centred * centred))
    exponent = -float(np.sum(centred * log_loss)) / sxx
    log_coefficient = float(log_loss.mean() + exponent * mean)
    residual = log_loss - (log_coefficient - exponent * x)
    s2 = float(np.sum(residual * residual)) / (n - 2)
    coefficient = float(np.exp(log_coefficient))
    nan = float("nan")
    return FitResult(
        law=law,
        method=method,
        coefficient=coefficient,
        exponent=exponent,
        floor=nan,
        coefficient_se=coefficient * float(np.sqrt(s2 * (1 / n + mean * mean / sxx))),
        exponent_se=float(np.sqrt(s2 / sxx)),
        floor_se=nan,
        covariance_log_coefficient_exponent=float(s2 * mean / sxx),
        covariance_log_coefficient_floor=nan,
        covariance_exponent_floor=nan,
        n_points=n,
        rms_log_residual=float(np.sqrt(np.mean(residual * residual))),
        status=FitStatus.CONVERGED,
    )


_LAWS = ("power",)
_METHODS = ("least_squares_log",)
