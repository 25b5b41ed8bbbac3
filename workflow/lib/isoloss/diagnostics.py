"""What each point does to a fit: residuals, leverage, and the fit without it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isoloss.covariance import leverages, linearise
from isoloss.fitting import KEYS, columns_of, groups_of, natural, problem
from isoloss.inputs import Values
from isoloss.laws import LAWS
from isoloss.problem import refit, solve


def influence(
    compute: Values,
    loss: Values,
    law: str = "power",
    method: str = "least_squares_log",
    loss_se: Values | None = None,
) -> pd.DataFrame:
    """Residuals and leave-one-out fits, a row a point in the order given.

    fitted (nats); log_residual, log(loss / fitted); leverage, the diagonal of the hat matrix;
    studentised_residual, r_i / (s_(i) sqrt(1 - h_i)) with the scatter s_(i) of the other points, t
    distributed with n - p - 1 degrees of freedom (NaN where that is 0); cooks_distance (Cook 1977,
    doi:10.2307/1268249); the parameters without the point, `<name>_without` (NaN where too few
    computes would be left), and log_fitted_change, how far the fitted log loss at the point moves.
    """
    stated = problem(compute, loss, law, method, loss_se)
    phi = solve(stated).phi[0]
    near = linearise(stated, phi)
    h, r = leverages(near), near.residual
    n, p = near.jacobian.shape
    free = np.maximum(1 - h, 1e-12)
    rss = float(np.sum(r**2))
    definition = LAWS[law]
    c = np.asarray(compute, dtype=np.float64)
    fitted = definition.value(c, *natural(definition, phi))
    with np.errstate(divide="ignore", invalid="ignore"):  # An exact fit has no scatter.
        scatter = np.sqrt(np.maximum(rss - r**2 / free, 0) / (n - p - 1)) if n > p + 1 else np.nan
        student = r / (scatter * np.sqrt(free))
        cook = (r / free) ** 2 * h / (p * rss / (n - p)) if n > p else np.full(n, np.nan)
    table = pd.DataFrame(
        {
            "compute_pflop_s_days": c,
            "loss": stated.loss,
            "fitted": fitted,
            "log_residual": np.log(stated.loss / fitted),
            "leverage": h,
            "studentised_residual": student,
            "cooks_distance": cook,
        }
    )
    left = refit(stated, stated.loss[None, :], stated.weights * (1.0 - np.eye(n)), phi)
    enough = np.array([np.unique(np.delete(c, i)).size >= phi.size for i in range(n)])
    values = np.where(enough[:, None], natural(definition, left.phi), np.nan)
    for name, column in zip(definition.parameters, values.T, strict=True):
        table[f"{name}_without"] = column
    table["log_fitted_change"] = np.log(definition.value(c, *values.T) / fitted)
    return table


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
