"""What each point does to a fit: residuals, leverage, and the fit without it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isoloss.fit.covariance import leverages, linearise
from isoloss.fit.estimators import Floats
from isoloss.fit.fitting import KEYS, columns_of, groups_of, natural, problem
from isoloss.fit.functions import LAWS
from isoloss.fit.inputs import Values
from isoloss.fit.problem import Problem, refit, solve
from isoloss.fit.surface import natural_surface, surface_problem

SURFACE_NAMES = ("floor", "a", "alpha", "b", "beta")


def influence(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    loss_se: Values | None = None,
) -> pd.DataFrame:
    """Residuals and leave-one-out fits of a law L(C), a row a point in the order given.

    The columns of `leave_one_out`, with compute first and the parameters without the point,
    `<name>_without`.
    """
    stated = problem(compute, loss, law, method, loss_se)
    table, left = leave_one_out(stated)
    table.insert(0, "compute_pflop_s_days", np.asarray(compute, dtype=np.float64))
    for name, column in zip(stated.names, natural(LAWS[law], left).T, strict=True):
        table[f"{name}_without"] = column
    return table


def surface_influence(
    parameters: Values,
    tokens: Values,
    loss: Values,
    method: str = "huber_log",
    loss_se: Values | None = None,
) -> pd.DataFrame:
    """Residuals and leave-one-out fits of a surface L(N, D), a row a point in the order given."""
    stated = surface_problem(parameters, tokens, loss, method, loss_se)
    table, left = leave_one_out(stated)
    table.insert(0, "parameters", np.asarray(parameters, dtype=np.float64))
    table.insert(1, "tokens", np.asarray(tokens, dtype=np.float64))
    for name, column in zip(SURFACE_NAMES, natural_surface(left).T, strict=True):
        table[f"{name}_without"] = column
    return table


def leave_one_out(stated: Problem) -> tuple[pd.DataFrame, Floats]:
    """What each point does to the solution of a problem, and phi without it, (n, P).

    fitted (nats); log_residual, log(loss / fitted); leverage, the diagonal of the hat matrix;
    studentised_residual, r_i / (s_(i) sqrt(1 - h_i)) with the scatter s_(i) of the other points, t
    distributed with n - p - 1 degrees of freedom (NaN where that is 0); cooks_distance (Cook 1977,
    doi:10.2307/1268249); log_fitted_change, how far the fitted log loss at the point moves without
    it. phi is NaN where fewer points than parameters would be left.
    """
    phi = solve(stated).phi[0]
    near = linearise(stated, phi)
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
    left = refit(stated, stated.loss[None, :], weights, phi).phi
    left[n - 1 < phi.size] = np.nan
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


def influence_table(
    points: pd.DataFrame, specs: Sequence[tuple[str, str]], *, weighted: bool = False
) -> pd.DataFrame:
    """`influence` of every fit of `fit_table`, with the keys of the fit, run and model."""
    frames = []
    for key, group in groups_of(points):
        for law, method in sorted(specs):
            frame = influence(**columns_of(group, weighted), law=law, method=method)
            frame = frame.assign(**key, law=law, method=method)
            frames.append(
                frame.assign(run=group["run"].to_numpy(), model=group["model"].to_numpy())
            )
    table = pd.concat(frames, ignore_index=True)
    first = [*KEYS, "law", "method", "run", "model"]
    return table[first + [name for name in table if name not in first]]
