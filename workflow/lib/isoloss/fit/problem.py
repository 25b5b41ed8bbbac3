"""An estimation problem: a law at given points, an estimator, bounds and starts."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np

from isoloss.fit.estimators import Estimator, optimal_scale, rho
from isoloss.fit.newton import Minima, Model, PowerSum, minimise, residuals
from isoloss.units import Floats


class FitError(ValueError):
    """An estimate that does not exist for these points; the message says what it needs."""


class FitStatus(StrEnum):
    """What a fit says of itself."""

    CONVERGED = "converged"
    AT_BOUND = "at_bound"
    NOT_IDENTIFIABLE = "not_identifiable"
    MAX_ITERATIONS = "max_iterations"


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised over phi (P parameters) within bounds.

    loss, weights: (n,). starts: (S, P), promising places for these points and their resamples.
    """

    model: Model
    loss: Floats
    weights: Floats
    estimator: Estimator
    lower: Floats
    upper: Floats
    starts: Floats

    @property
    def log_linear(self) -> bool:
        """Whether the minimum is that of a linear regression of log loss."""
        plain = self.estimator.log and self.estimator.least_squares
        model = self.model
        return (
            plain
            and isinstance(model, PowerSum)
            and len(model.terms) == 1
            and not model.floor.any()
        )


def solve(problem: Problem) -> Minima:
    """Return the lowest minimum, a batch of one: a few steps from every start, then the best 3."""
    found = _minimise(problem, problem.loss, problem.weights, problem.starts, iterations=8)
    ahead = np.argsort(found.objective, kind="stable")[:3]
    found = _minimise(problem, problem.loss, problem.weights, found.phi[ahead])
    best = int(np.argmin(found.objective))
    return Minima(*(a[[best]] for a in (found.phi, found.objective, found.converged)))


def refit(problem: Problem, loss: Floats, weights: Floats, optimum: Floats) -> Minima:
    """Minimise for a batch of resampled losses (R or 1, n) and weights (R or 1, n).

    Each problem starts from the optimum of the original points, (P,). Where one of the starts
    fits the resample better than that optimum does, or the iteration did not converge, it starts
    again from the best of the starts, and the lower minimum counts: a resample whose best minimum
    is another than that of the original points is not held in the wrong one.
    """
    drawn, batch = loss, max(len(loss), len(weights))
    loss, weights = (np.broadcast_to(a, (batch, a.shape[-1])) for a in (loss, weights))
    found = _minimise(problem, loss, weights, np.broadcast_to(optimum, (batch, optimum.size)))
    if problem.log_linear:
        return found

    def misfit(phi: Floats) -> Floats:
        r = residuals(problem.model, drawn, phi[None, :], problem.estimator)
        return np.asarray(np.sum(weights * rho(r, problem.estimator.delta), axis=1))

    lowest, nearest = np.full(batch, np.inf), np.zeros(batch, dtype=int)
    for index, start in enumerate(problem.starts):
        q = misfit(start)
        nearest = np.where(q < lowest, index, nearest)
        lowest = np.fmin(q, lowest)
    again = np.flatnonzero((lowest < misfit(optimum)) | ~found.converged)
    other = _minimise(problem, loss[again], weights[again], problem.starts[nearest[again]])
    better = other.objective < found.objective[again]
    for ours, theirs in zip(vars(found).values(), vars(other).values(), strict=True):
        ours[again[better]] = theirs[better]
    return found


def _minimise(
    problem: Problem, loss: Floats, weights: Floats, start: Floats, iterations: int | None = None
) -> Minima:
    """Minimise from each start; with a number of iterations only roughly, the scale at 1."""
    if problem.log_linear:
        return _regress(problem, loss, weights, len(start))
    if problem.estimator.free_scale and iterations is None:
        return _minimise_with_scale(problem, loss, weights, start)
    return minimise(
        problem.model,
        loss,
        weights,
        start,
        problem.estimator,
        lower=problem.lower,
        upper=problem.upper,
        iterations=iterations or 200,
    )


def _regress(problem: Problem, loss: Floats, weights: Floats, batch: int) -> Minima:
    """Weighted linear regression of log loss, with one refinement of the normal equations.

    Where the weights leave too few distinct points phi is NaN, and not converged.
    """
    assert isinstance(problem.model, PowerSum)
    x, y = problem.model.terms[0], np.log(loss)
    y, weights = (np.broadcast_to(a, (batch, len(x))) for a in (y, weights))
    size = x.shape[1]
    normal = np.empty((batch, size, size))
    for i, j in product(range(size), repeat=2):
        normal[:, i, j] = np.einsum("bn,n->b", weights, x[:, i] * x[:, j])
    length = np.sqrt(np.einsum("bii->bi", normal))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.nan_to_num(normal / (length[:, :, None] * length[:, None, :]))
    sound = np.linalg.det(scaled) > 1e-12
    normal[~sound] = np.eye(size)
    phi, rest = np.zeros((batch, size)), y
    for _ in range(2):
        right = np.stack([np.einsum("bn,n->b", weights * rest, c) for c in x.T], axis=1)
        phi = phi + np.linalg.solve(normal, right[..., None])[..., 0]
        rest = y - np.einsum("np,bp->bn", x, phi)
    phi[~sound] = np.nan
    return Minima(phi, np.sum(weights * rest**2, axis=1) / 2, sound)


def _minimise_with_scale(problem: Problem, loss: Floats, weights: Floats, start: Floats) -> Minima:
    """Minimise over phi and the scale in turns; delta comes down to delta x scale in steps."""
    model, estimator = problem.model, problem.estimator
    batch, points = len(start), loss.shape[-1]
    loss, weights = (np.broadcast_to(a, (batch, points)) for a in (loss, weights))
    phi, objective = start.copy(), np.full(batch, np.inf)
    delta: Floats = np.full(batch, estimator.delta)
    converged = np.zeros(batch, dtype=bool)
    rows = np.arange(batch)
    for _ in range(40):
        found = minimise(
            model,
            loss[rows],
            weights[rows],
            phi[rows],
            estimator,
            lower=problem.lower,
            upper=problem.upper,
            delta=delta[rows],
        )
        r = residuals(model, loss[rows], found.phi, estimator)
        scale = optimal_scale(r, weights[rows], estimator.delta)
        losses = rho(r / scale[:, None], estimator.delta) + np.log(scale)[:, None]
        phi[rows], objective[rows] = found.phi, np.sum(weights[rows] * losses, axis=1)
        aim = estimator.delta * scale
        # Where residuals of both signs balance, a minimum is an edge, and the scale wavers on it.
        settled = np.abs(aim / delta[rows] - 1) < 1e-8
        converged[rows] = settled & found.converged
        delta[rows] = np.maximum(aim, delta[rows] / 10)
        rows = rows[~settled]
        if rows.size == 0:
            break
    return Minima(phi, objective, converged)
