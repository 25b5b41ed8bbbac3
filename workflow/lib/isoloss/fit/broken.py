"""The fit of a power law with one smooth break, as a problem for the batched iteration."""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.estimators import Estimator, Floats, rho
from isoloss.fit.functions import BROKEN
from isoloss.fit.newton import Curvature
from isoloss.fit.problem import Problem
from isoloss.fit.starts import best_of_blocks

SHARPNESS = (0.01, 3.0)  # In log C: narrower looks like a corner, wider like no break.


@dataclass(frozen=True, eq=False)
class Broken:
    """f = exp(log a - b x - (b2 - b) q), q = s log(1 + e^t), t = (x - log d) / s; x is (n,).

    phi = (log a, b, b2, log d, log s).
    """

    x: Floats

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 5

    def _change(self, phi: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        s = np.exp(phi[:, [4]])
        t = (self.x - phi[:, [3]]) / s
        return s, t, s * np.logaddexp(0, t), np.exp(-np.logaddexp(0, -t))

    def value(self, phi: Floats) -> Floats:
        """f; shape (batch, points)."""
        _, _, q, _ = self._change(phi)
        by = phi[:, [2]] - phi[:, [1]]
        return np.asarray(np.exp(phi[:, [0]] - phi[:, [1]] * self.x - by * q))

    def derivatives(self, phi: Floats) -> tuple[Floats, list[Floats], Curvature]:
        """df/dphi_p = f z_p with z = log f; second: f (z_pq + z_p z_q)."""
        s, t, q, share = self._change(phi)
        by = phi[:, [2]] - phi[:, [1]]
        bend = share * (1 - share)
        spread = q - share * t * s  # dq / dlog s; and dq / dlog d = -share.
        first = [np.ones_like(q), q - self.x, -q, by * share, -by * spread]
        second = {
            (3, 1): -share,
            (3, 2): share,
            (4, 1): spread,
            (4, 2): -spread,
            (3, 3): -by * bend / s,
            (4, 3): -by * t * bend,
            (4, 4): -by * (spread + s * t**2 * bend),
        }
        f = self.value(phi)

        def curvature(weights: Floats) -> Floats:
            total = np.empty((len(phi), 5, 5))
            for i in range(5):
                for j in range(i + 1):
                    z = first[i] * first[j] + second.get((i, j), 0.0)
                    total[:, i, j] = total[:, j, i] = np.einsum("bn,bn->b", weights * f, z)
            return total

        return f, [f * slope for slope in first], curvature


def broken_problem(compute: Floats, loss: Floats, weights: Floats, estimator: Estimator) -> Problem:
    """State the fit of `broken`: the break inside the ladder, with two sizes or more beyond it.

    Starts: for a grid of breaks and sharpnesses, log a and both exponents by linear regression
    of log loss (variable projection).
    """
    x = np.log(compute)
    sizes = np.unique(x)
    inside = sizes[1], sizes[-2]
    breaks, widths = np.linspace(*inside, 16), np.geomspace(*SHARPNESS, 8)
    phi = np.zeros((breaks.size * widths.size, 5))
    phi[:, 3], phi[:, 4] = np.repeat(breaks, widths.size), np.tile(np.log(widths), breaks.size)
    model = Broken(x)
    _, _, q, _ = model._change(phi)
    design = np.stack([np.ones_like(q), q - x, -q], axis=1)
    normal = np.einsum("gcn,gdn,n->gcd", design, design, weights)
    normal = normal + 1e-12 * np.einsum("gcc->gc", normal)[:, :, None] * np.eye(3)
    right = np.einsum("gcn,n->gc", design, weights * np.log(loss))
    phi[:, :3] = np.linalg.solve(normal, right[..., None])[..., 0]
    f = model.value(phi)
    r = np.log(loss / f) if estimator.log else loss - f
    objective = np.sum(weights * rho(r, estimator.delta), axis=1)
    return Problem(
        names=BROKEN.parameters,
        model=model,
        loss=loss,
        weights=weights,
        estimator=estimator,
        lower=np.array([-np.inf, -np.inf, -np.inf, inside[0], np.log(SHARPNESS[0])]),
        upper=np.array([np.inf, np.inf, np.inf, inside[1], np.log(SHARPNESS[1])]),
        starts=phi[best_of_blocks(objective.reshape(breaks.size, widths.size))],
    )
