"""How well an estimate is known: covariance, condition, AICc and the status of a fit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloss.fit.newton import Minima, residuals
from isoloss.fit.problem import FitStatus, Problem, solve
from isoloss.units import Floats

ILL_CONDITIONED = 1e7  # Above it half of the digits of double precision are lost.
AT_BOUND = 1e-8  # Relative to 1 + |phi|: estimates that were written have ten digits.


@dataclass(frozen=True, eq=False)
class Linearised:
    """A law near its estimate, on the scale of the residuals (log loss or loss).

    jacobian: of the law in the parameters that are not at a bound (`free`), (n, free), and
    residual (n), both times sqrt(weights). condition: of the Jacobian, its columns scaled to
    length 1.
    """

    jacobian: Floats
    residual: Floats
    free: npt.NDArray[np.bool_]
    condition: float


@dataclass(frozen=True, eq=False)
class Solution:
    """A problem, its minimum (a batch of one) and the law linearised there."""

    stated: Problem
    minimum: Minima
    near: Linearised

    @property
    def phi(self) -> Floats:
        """The estimate, (P)."""
        return np.asarray(self.minimum.phi[0])


def solved(stated: Problem) -> Solution:
    """Solve a problem, and linearise it there."""
    minimum = solve(stated)
    return Solution(stated, minimum, linearise(stated, minimum.phi[0]))


def linearise(stated: Problem, phi: Floats) -> Linearised:
    """Linearise a law at phi (P,). What lies within AT_BOUND of a bound is at it."""
    slack = AT_BOUND * (1 + np.abs(phi))
    free = (phi > stated.lower + slack) & (phi < stated.upper - slack)
    f, slopes, _ = stated.model.derivatives(phi[None, :])
    root = np.sqrt(stated.weights)
    scale = root / f[0] if stated.estimator.log else root
    jacobian = np.stack([g[0] * scale for g in slopes], axis=1)[:, free]
    residual = residuals(stated.model, stated.loss, phi[None, :], stated.estimator)[0] * root
    length = np.sqrt(np.sum(jacobian**2, axis=0))
    sound = bool((np.isfinite(length) & (length > 0)).all())
    condition = float(np.linalg.cond(jacobian / length)) if sound else float("inf")
    return Linearised(jacobian, residual, free, condition)


def covariance(
    stated: Problem, near: Linearised, labels: npt.NDArray[np.intp] | None = None
) -> Floats:
    """Covariance (P, P) of a least-squares estimate; NaN at a bound, and for Huber methods.

    Without labels s^2 (J'J)^-1 with s^2 = RSS / (n - p). With a cluster number a point, the
    jackknife by cluster: leaving out g moves the estimate by -(J'J)^-1 J_g' (I - H_gg)^-1 r_g
    (exact where the law is linear), and the covariance is the sum of the outer products (HC3 of
    MacKinnon and White 1985, doi:10.1016/0304-4076(85)90158-7, by cluster).
    """
    full = np.full((near.free.size, near.free.size), np.nan)
    if not stated.estimator.least_squares or not near.condition < ILL_CONDITIONED:
        return full
    jacobian, residual = near.jacobian, near.residual
    n, p = jacobian.shape
    inverse = np.linalg.inv(np.einsum("np,nq->pq", jacobian, jacobian))
    if labels is None:
        inner = inverse * (np.sum(residual**2) / (n - p))
    else:
        inner, clusters = np.zeros((p, p)), int(labels.max()) + 1
        for g in range(clusters):
            own = jacobian[labels == g]
            rest = np.eye(len(own)) - np.einsum("ip,pq,jq->ij", own, inverse, own)
            left = np.linalg.pinv(rest, hermitian=True)
            moved = np.einsum("pq,iq,ij,j->p", inverse, own, left, residual[labels == g])
            inner += np.outer(moved, moved)
    full[np.ix_(near.free, near.free)] = inner
    return full


def leverages(near: Linearised) -> Floats:
    """Diagonal of the hat matrix, J (J'J)^-1 J'; (n,)."""
    q, _ = np.linalg.qr(near.jacobian)
    return np.asarray(np.sum(q**2, axis=1))


def aicc(stated: Problem, near: Linearised) -> float:
    """Corrected criterion of Hurvich and Tsai 1989 (doi:10.1093/biomet/76.2.297).

    n log(RSS / n) + 2 k + 2 k (k + 1) / (n - k - 1), k = p + 1 counting the variance as well.
    NaN with n < p + 3, where it does not exist, and for Huber methods.
    """
    n, k = near.residual.size, near.free.size + 1
    rss = float(np.sum(near.residual**2))
    if not stated.estimator.least_squares or n < k + 2 or rss == 0:
        return float("nan")
    return n * float(np.log(rss / n)) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def status(minimum: Minima, near: Linearised) -> FitStatus:
    """What a fit says of itself.

    A law of more than two parameters is not identifiable with n < p + 3 points, where not even
    AICc could prefer it, and none is where its Jacobian is ill-conditioned.
    """
    if told_by_too_few(near.free.size, near.residual.size) or not near.condition < ILL_CONDITIONED:
        return FitStatus.NOT_IDENTIFIABLE
    if not minimum.converged[0]:
        return FitStatus.MAX_ITERATIONS
    return FitStatus.CONVERGED if near.free.all() else FitStatus.AT_BOUND


def told_by_too_few(parameters: int, points: int) -> bool:
    """Whether so few points cannot tell a law of so many parameters; see `status`."""
    return parameters > 2 and points < parameters + 3
