"""What a fit minimises: Q = sum_i w_i rho(r_i) over residuals on log loss or on loss."""

from dataclasses import dataclass

import numpy as np

from isoloss.units import Floats


@dataclass(frozen=True)
class Estimator:
    """An objective by name.

    log: residuals r are log(loss / law) if true, else loss - law.
    delta: rho is r^2/2 up to |r| = delta and delta (|r| - delta/2) beyond (Huber 1964,
        doi:10.1214/aoms/1177703732); infinity is least squares.
    free_scale: r is divided by a scale s that is estimated too, as in a likelihood
        with the density exp(-rho(r / s)) / s: Q gains sum_i w_i log s.
    """

    name: str
    log: bool = True
    delta: float = np.inf
    free_scale: bool = False

    @property
    def least_squares(self) -> bool:
        """Whether rho is a plain square, so that the textbook formulas of regression hold."""
        return bool(np.isinf(self.delta))


ESTIMATORS = {
    estimator.name: estimator
    for estimator in (
        Estimator("least_squares_log"),
        Estimator("least_squares", log=False),
        # Hoffmann et al. 2022 (arXiv:2203.15556), approach 3; the sum, not the mean.
        Estimator("huber_log", delta=1e-3),
        # Besiroglu et al. 2024 (arXiv:2404.10102).
        Estimator("huber_likelihood", delta=1e-3, free_scale=True),
    )
}


def rho(residual: Floats, delta: Floats | float) -> Floats:
    """Huber's rho; delta broadcasts, infinity gives r^2/2."""
    near = np.minimum(np.abs(residual), delta)
    return near * (np.abs(residual) - near / 2)


SMALLEST_SCALE = 1e-12  # Residuals this small relative to delta are rounding: the fit is exact.


def optimal_scale(residual: Floats, weights: Floats, delta: float) -> Floats:
    """Scale s that minimises sum_i w_i [rho_delta(r_i / s) + log s], for a batch (B, n) of r.

    At the minimum sum_i w_i psi(r_i / s) (r_i / s) = sum_i w_i; the left side falls in s, and is
    delta sum_i w_i |r_i| / s at most, which brackets the root for a bisection in log s. At least
    SMALLEST_SCALE, for the likelihood of points exactly on a law has no maximum. Shape (B,).
    """
    total = np.sum(weights, axis=-1)
    absolute = np.abs(residual)
    bound = delta * np.sum(weights * absolute, axis=-1) / total
    low = np.full(bound.shape, np.log(SMALLEST_SCALE))
    high = np.maximum(np.log(np.maximum(bound, SMALLEST_SCALE)), low)
    for _ in range(60):  # Halves at most 60 or so to below the spacing of doubles.
        middle = (low + high) / 2
        scaled = absolute / np.exp(middle)[..., None]
        above = np.sum(weights * np.minimum(scaled, delta) * scaled, axis=-1) > total
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(np.exp((low + high) / 2))
