"""Batched damped Newton for laws that are sums of powers with a floor.

A law is f = F phi + sum_k exp(T_k phi), with one row of F and of each T_k a point: a power law
has T_1 = (1, -log C) for phi = (log a, b); a floor, a second power of the tokens, and parameters
shared between arms are columns. Derivatives are closed forms, and a whole batch of problems
(resamples, starts, simulated ladders) moves together, point by point along the last axis.

Sums run in numpy's own loops, not in a threaded BLAS, so that results do not depend on the
number of cores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from isoloss.fit.estimators import Estimator, rho
from isoloss.units import Floats

Rows = npt.NDArray[Any]  # Indices, or a mask.
Curvature = Callable[[Floats], Floats]
ROUGH = 20  # Iterations that only look where a minimum lies.


class Model(Protocol):
    """A law at given points: values, and derivatives with respect to phi (batch, parameters)."""

    @property
    def size(self) -> int:
        """Number of parameters."""

    def value(self, phi: Floats) -> Floats:
        """f; shape (batch, points)."""

    def derivatives(self, phi: Floats) -> tuple[Floats, list[Floats], Curvature]:
        """f, df/dphi_j for each j, both (batch, points), and the curvature.

        curvature(weights) is sum_i weights_i d2f_i/dphi2, (batch, parameters, parameters).
        """


@dataclass(frozen=True, eq=False)
class PowerSum:
    """f = floor phi + sum_k exp(terms_k phi); terms (K, n, P), floor (n, P)."""

    terms: Floats
    floor: Floats

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.floor.shape[1])

    def value(self, phi: Floats) -> Floats:
        """f; shape (batch, points)."""
        powers = [np.exp(_linear(term, phi)) for term in self.terms]
        return sum(powers, _linear(self.floor, phi))

    def derivatives(self, phi: Floats) -> tuple[Floats, list[Floats], Curvature]:
        """df/dphi_j = floor_j + sum_k power_k terms_kj; second: sum_k power_k terms_kp terms_kq."""
        powers = [np.exp(_linear(term, phi)) for term in self.terms]
        slopes = []
        for j in range(self.size):
            parts = [
                _times(p, t[:, j]) for t, p in zip(self.terms, powers, strict=True) if t[:, j].any()
            ]
            if self.floor[:, j].any() or not parts:
                parts.append(np.broadcast_to(self.floor[:, j], powers[0].shape))
            slopes.append(sum(parts[1:], parts[0]))

        def curvature(weights: Floats) -> Floats:
            total = np.zeros((len(phi), self.size, self.size))
            for term, power in zip(self.terms, powers, strict=True):
                used = np.flatnonzero(term.any(axis=0))
                weighted = weights * power
                for i, p in enumerate(used):
                    for q in used[: i + 1]:
                        total[:, p, q] += np.einsum("bn,n->b", weighted, term[:, p] * term[:, q])
                        total[:, q, p] = total[:, p, q]
            return total

        return sum(powers, _linear(self.floor, phi)), slopes, curvature


def _linear(design: Floats, phi: Floats) -> Floats:
    """design phi for each phi of a batch, (batch, points) or, where all are equal, (batch, 1)."""
    constant = np.all(design == design[0], axis=0)
    total: Floats = np.sum(phi[:, constant] * design[0, constant], axis=1)[:, None]
    for j in np.flatnonzero(~constant):
        total = total + phi[:, j, None] * design[:, j]
    return total


def _times(power: Floats, column: Floats) -> Floats:
    return power if (column == 1).all() else power * column


@dataclass(frozen=True, eq=False)
class Minima:
    """Where the iteration ended: one entry a problem of the batch."""

    phi: Floats
    objective: Floats
    converged: Rows


def residuals(model: Model, loss: Floats, phi: Floats, estimator: Estimator) -> Floats:
    """log(loss / f) or loss - f; shape (batch, points). NaN where f is not positive."""
    f = model.value(phi)
    if not estimator.log:
        return loss - f
    with np.errstate(divide="ignore"):  # An infinite f has an infinite residual.
        return np.log(loss / np.where(f > 0, f, np.nan))


def minimise(
    model: Model,
    loss: Floats,
    weights: Floats,
    start: Floats,
    estimator: Estimator,
    *,
    lower: Floats,
    upper: Floats,
    delta: Floats | float | None = None,
    tolerance: float = 1e-10,
    iterations: int = 200,
) -> Minima:
    """Minimise sum_i w_i rho(r_i) from each start, within bounds.

    loss, weights: (n,) or (batch, n). start: (batch, P). delta: instead of the estimator's own.

    The step solves (H + damping M) step = -gradient: H is the exact Hessian, M the positive one of
    iteratively reweighted least squares, whose step is safe but slow. Damping falls after a step
    that lowers the objective and rises after one that does not (which is then not taken), so the
    iteration passes from the one to the other. A parameter at a bound that pushes outward is held.
    Converged: a step, without its damping, below tolerance in every parameter, relative to
    1 + |parameter|. What converged is polished (`_polish`), unless `iterations` is a rough few.
    """
    batch, points = len(start), loss.shape[-1]
    loss, weights = (np.broadcast_to(a, (batch, points)) for a in (loss, weights))
    limit = np.broadcast_to(estimator.delta if delta is None else delta, (batch,))
    phi = np.clip(start, lower, upper)
    best, converged = np.empty(batch), np.zeros(batch, dtype=bool)
    together = max(1, 32768 // points)  # Problems whose arrays fit in a processor's cache.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, batch, together):
            part = slice(first, first + together)
            moving = _Batch(model, loss[part], weights[part], estimator, limit[part])
            best[part], converged[part] = _descend(
                moving, phi[part], (lower, upper), tolerance, iterations
            )
            if iterations > ROUGH:
                done = np.flatnonzero(converged[part])
                phi[part][done], best[part][done] = _polish(
                    moving.rows(done), phi[part][done], (lower, upper)
                )
    return Minima(phi, best, converged)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Problems that move together: loss and weights (B, n), delta (B,)."""

    model: Model
    loss: Floats
    weights: Floats
    estimator: Estimator
    delta: Floats

    def rows(self, chosen: Rows) -> "_Batch":
        return _Batch(
            self.model, self.loss[chosen], self.weights[chosen], self.estimator, self.delta[chosen]
        )

    def objective(self, phi: Floats) -> Floats:
        r = residuals(self.model, self.loss, phi, self.estimator)
        q = np.sum(self.weights * rho(r, self.delta[:, None]), axis=1)
        return np.where(np.isfinite(q), q, np.inf)


def _descend(
    batch: _Batch, phi: Floats, bounds: tuple[Floats, Floats], tolerance: float, iterations: int
) -> tuple[Floats, Rows]:
    """Move phi in place; return the objectives and which converged."""
    lower, upper = bounds
    best = batch.objective(phi)
    damping = np.ones(len(phi))
    converged = np.zeros(len(phi), dtype=bool)
    for _ in range(iterations):
        rows = np.flatnonzero(~converged & np.isfinite(best))
        if rows.size == 0:
            break
        at, moving = phi[rows], batch.rows(rows)
        slope, hessian, safe = _expand(moving, at)
        held = ((at <= lower) & (slope > 0)) | ((at >= upper) & (slope < 0))
        step = _solve(hessian + damping[rows, None, None] * safe, slope, held)
        trial, whole = _within(at, step, bounds)
        reached = moving.objective(trial)
        undamped = np.abs(trial - at) * (1 + damping[rows, None])  # About the step without it.
        converged[rows] = whole & (undamped <= tolerance * (1 + np.abs(at))).all(axis=1)
        # Not worse beyond rounding, so that the last steps reach the minimum itself.
        better = reached <= best[rows] * (1 + 1e-14)
        better &= np.sum(slope * (trial - at), axis=1) < 0
        phi[rows[better]], best[rows[better]] = trial[better], reached[better]
        damping[rows] = np.clip(damping[rows] * np.where(better, 0.1, 5.0), 1e-15, 1e15)
    return best, converged


def _within(at: Floats, step: Floats, bounds: tuple[Floats, Floats]) -> tuple[Floats, Rows]:
    """Where a step (B, P) ends, at the first bound that it meets, and whether it is whole (B).

    Cut, and not clipped in the one parameter alone, for that would leave a narrow valley. What
    stands at a bound already stays there.
    """
    lower, upper = bounds
    bound = np.where(step < 0, lower, upper)
    room = np.where(step == 0, np.inf, (bound - at) / np.where(step == 0, 1.0, step))
    cut = np.min(np.where(room > 0, room, np.inf), axis=1)
    share = np.minimum(cut, 1.0)[:, None]
    trial = np.clip(at + share * step, lower, upper)
    return np.where(room <= share, bound, trial), cut >= 1


def _polish(batch: _Batch, phi: Floats, bounds: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Newton steps on the gradient from a minimum, as long as they lower it.

    The objective is flat to rounding within 1e-8 of its minimum, and where in there an iteration
    that looks at it ends depends on the processor. The gradient tells to a few units of rounding.
    """
    lower, upper = bounds
    best = np.full(len(phi), np.inf)
    step = np.zeros_like(phi)
    for _ in range(3):
        trial = np.clip(phi + step, lower, upper)
        slope, hessian, _ = _expand(batch, trial)
        held = ((trial <= lower) & (slope > 0)) | ((trial >= upper) & (slope < 0))
        length = np.sqrt(np.abs(np.einsum("bii->bi", hessian)))
        left = np.max(np.abs(np.where(held, 0.0, slope)) / np.where(length > 0, length, 1), axis=1)
        lower_now = left < best
        phi = np.where(lower_now[:, None], trial, phi)
        best = np.where(lower_now, left, best)
        step = np.where(lower_now[:, None], _solve(hessian, slope, held), 0.0)
        near = np.all(np.abs(step) <= 1e-6 * (1 + np.abs(phi)), axis=1)
        step = np.where(near[:, None], step, 0.0)
    return phi, batch.objective(phi)


def _expand(batch: _Batch, phi: Floats) -> tuple[Floats, Floats, Floats]:
    """Gradient (B, P) of the objective, its Hessian and the reweighted one (B, P, P)."""
    f, slopes, curvature = batch.model.derivatives(phi)
    r = np.log(batch.loss / f) if batch.estimator.log else batch.loss - f
    delta, absolute = batch.delta[:, None], np.abs(r)
    inside = absolute <= delta
    weight = batch.weights * np.where(inside, 1.0, delta / np.where(inside, 1.0, absolute))
    psi = weight * r
    outer = batch.weights * inside
    if batch.estimator.log:
        outer, weight, psi = (outer + psi) / f**2, weight / f**2, psi / f
    size = batch.model.size
    gradient = -np.stack([np.einsum("bn,bn->b", psi, g) for g in slopes], axis=1)
    hessian = np.empty((len(phi), size, size))
    safe = np.empty_like(hessian)
    for i, g in enumerate(slopes):
        for matrix, by in ((hessian, outer * g), (safe, weight * g)):
            for j in range(i + 1):
                matrix[:, i, j] = matrix[:, j, i] = np.einsum("bn,bn->b", by, slopes[j])
    return gradient, hessian - curvature(psi), safe


def _solve(matrix: Floats, slope: Floats, held: Rows) -> Floats:
    """-matrix^-1 slope for each problem, with the held parameters left where they are."""
    free = ~held
    matrix = np.where(free[:, :, None] & free[:, None, :], matrix, 0.0)
    scale = np.sqrt(np.abs(np.einsum("bii->bi", matrix)))
    scale = np.where(free & (scale > 0), scale, 1.0)
    matrix = matrix / (scale[:, :, None] * scale[:, None, :])
    diagonal = np.einsum("bii->bi", matrix)  # A writable view.
    diagonal += np.where(free, 1e-14, 1.0)  # So that a singular system has a solution, too.
    return -np.linalg.solve(matrix, (np.where(free, slope, 0.0) / scale)[..., None])[..., 0] / scale
