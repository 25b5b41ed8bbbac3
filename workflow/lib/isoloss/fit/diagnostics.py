"""What each point does to a fit: residuals, leverage, and the fit without it."""

import numpy as np
import pandas as pd

from isoloss.fit.covariance import Solution, leverages
from isoloss.fit.problem import refit
from isoloss.units import Floats


def leave_one_out(solution: Solution) -> tuple[pd.DataFrame, Floats]:
    """What each point does to a solution, and phi without it, (n, P).

    fitted (nats); log_residual, log(loss / fitted); leverage, the diagonal of the hat matrix;
    studentised_residual, r_i / (s_(i) sqrt(1 - h_i)) with the scatter s_(i) of the other points, t
    distributed with n - p - 1 degrees of freedom (NaN where that is 0); cooks_distance (Cook 1977,
    doi:10.2307/1268249); log_fitted_change, how far the fitted log loss at the point moves without
    it. phi is NaN where fewer points than parameters would be left, or the fit does not converge.
    """
    stated, near, phi = solution.stated, solution.near, solution.phi
    h, r = leverages(near), near.residual
    n, p = near.jacobian.shape
    free = np.maximum(1 - h, 1e-12)
    rss = float(np.sum(r**2))
    fitted = stated.model.value(phi[None, :])[0]
    with np.errstate(divide="ignore", invalid="ignore"):  # An exact fit has no scatter.
        scatter = np.sqrt(np.maximum(rss - r**2 / free, 0) / (n - p - 1)) if n > p + 1 else np.nan
        student = r / (scatter * np.sqrt(free))
        cook = (r / free) ** 2 * h / (p * rss / (n - p)) if n > p else np.full(n, np.nan)
    weights = stated.weights * (1.0 - np.eye(n))
    found = refit(stated, stated.loss[None, :], weights, phi)
    left = np.where(found.converged[:, None] & (n > phi.size), found.phi, np.nan)
    table = pd.DataFrame(
        {
            "loss": stated.loss,
            "fitted": fitted,
            "log_residual": np.log(stated.loss / fitted),
            "leverage": h,
            "studentised_residual": student,
            "cooks_distance": cook,
            "log_fitted_change": np.log(np.einsum("nn->n", stated.model.value(left)) / fitted),
        }
    )
    return table, left
