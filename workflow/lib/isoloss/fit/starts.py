"""Where to start: the linear part of a law solved on a grid of its nonlinear part."""

from itertools import combinations, product

import numpy as np

from isoloss.fit.estimators import Estimator, rho
from isoloss.units import Floats

EXPONENTS = np.geomspace(0.01, 2.5, 20)
BLOCKS = 20  # Starts kept, about: the best point of each block of the grid.


def power_sum_starts(
    logs: Floats, loss: Floats, weights: Floats, estimator: Estimator, *, floor: bool
) -> Floats:
    """Starts (S, 2K [+ 1]) for L = E + sum_k exp(a_k - b_k x_k), phi = (a_1, b_1, ..., E).

    logs: x, (K, n). For exponents on a grid the coefficients and the floor follow from linear
    least squares on loss, not negative, with weights 1 / loss^2 for residuals on log loss (variable
    projection; Golub and Pereyra 1973, doi:10.1137/0710036). Each block of the grid gives the
    point with the lowest objective of the estimator.
    """
    terms = len(logs)
    grid = np.array(list(product(EXPONENTS, repeat=terms)))
    centre = logs.mean(axis=1)
    columns = [np.exp(-grid[:, [k]] * (logs[k] - centre[k])) for k in range(terms)]
    if floor:
        columns.append(np.ones((len(grid), loss.size)))
    basis = np.stack(columns, axis=1)
    linear = _nonnegative(basis, loss, weights / loss**2 if estimator.log else weights)
    f = np.einsum("gc,gcn->gn", linear, basis)
    r = np.log(loss / f) if estimator.log else loss - f
    objective = np.sum(weights * rho(r, estimator.delta), axis=1)
    tiny = 1e-8 * loss.min()
    log_coefficients = np.log(np.maximum(linear[:, :terms], tiny)) + grid * centre
    phi = np.empty((len(grid), 2 * terms + floor))
    phi[:, 0 : 2 * terms : 2], phi[:, 1 : 2 * terms : 2] = log_coefficients, grid
    if floor:
        phi[:, -1] = linear[:, -1]
    return phi[best_of_blocks(objective.reshape((EXPONENTS.size,) * terms))]


def best_of_blocks(objective: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Flat index of the lowest objective in each block of a grid, the lowest first."""
    along = round(BLOCKS ** (1 / objective.ndim))
    index = np.indices(objective.shape)
    size = -(-np.array(objective.shape) // along)
    block = sum(index[k] // size[k] * along**k for k in range(objective.ndim)).ravel()
    order = np.argsort(objective.ravel(), kind="stable")
    _, first = np.unique(block[order], return_index=True)
    return order[np.sort(first)]


def _nonnegative(basis: Floats, loss: Floats, weights: Floats) -> Floats:
    """Coefficients (G, C) >= 0 of least squares on each basis (G, C, n), by trying each subset."""
    normal = np.einsum("gcn,gdn,n->gcd", basis, basis, weights)
    right = np.einsum("gcn,n->gc", basis, weights * loss)
    best = np.zeros(right.shape)
    gain = np.full(len(right), -np.inf)  # 2 b'x - x'Nx: how far the sum of squares falls.
    for size in range(1, right.shape[1] + 1):
        for chosen in combinations(range(right.shape[1]), size):
            part = np.ix_(range(len(right)), chosen, chosen)
            damped = normal[part] * (1 + 1e-12 * np.eye(size))
            x = np.zeros(right.shape)
            x[:, chosen] = np.linalg.solve(damped, right[:, chosen, None])[..., 0]
            fall = 2 * np.sum(right * x, axis=1) - np.einsum("gc,gcd,gd->g", x, normal, x)
            take = (x >= 0).all(axis=1) & (fall > gain)
            best[take], gain[take] = x[take], fall[take]
    return best
