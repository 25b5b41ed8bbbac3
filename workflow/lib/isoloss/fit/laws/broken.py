"""L = a C^-b (1 + (C/d)^(1/s))^(-(b2 - b) s): a power law with one smooth break.

The exponent is b well below the break d and b2 well above it; s > 0 is the width of the change in
units of log C (Caballero et al. 2022, arXiv:2210.14891, eq. 1 with n = 1 and no floor). a:
coefficient (nats); C and d in PFLOP/s-days. theta = (log a, b, b2, log d, log s).
"""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.estimators import Estimator, rho
from isoloss.fit.inputs import distinct
from isoloss.fit.law import COMPUTE, Axes, Law, Parameters
from isoloss.fit.newton import Curvature
from isoloss.fit.problem import Problem
from isoloss.fit.starts import best_of_blocks
from isoloss.units import Floats, Values

SHARPNESS = (0.01, 3.0)  # In log C: narrower looks like a corner, wider like no break.


def value(
    compute: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """Loss at a compute."""
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    change, _ = _break(log_c, break_compute, sharpness)
    before, after = np.asarray(exponent), np.asarray(exponent_after)
    return np.asarray(coefficient * np.exp(-before * log_c - (after - before) * change))


def log_inverse(
    loss: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """log C(L) of the broken law, by Newton's iteration.

    log L falls in log C with a slope between -b and -b2 that changes one way only, so that the
    iteration converges from where the first power law alone reaches the loss.
    """
    before, after, aim = np.broadcast_arrays(
        np.asarray(exponent, dtype=np.float64), exponent_after, np.log(loss) - np.log(coefficient)
    )
    reached = (before > 0) & (after > 0)
    before, after = np.where(reached, before, 1.0), np.where(reached, after, 1.0)
    log_c = -aim / before
    for _ in range(100):
        change, share = _break(log_c, break_compute, sharpness)
        excess = -before * log_c - (after - before) * change - aim
        step = excess / (before + (after - before) * share)
        log_c = log_c + step
        if np.all(np.abs(step) <= 1e-15 * (1 + np.abs(log_c))):
            break
    return np.where(reached, log_c, np.nan)


def gradient(
    compute: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """dL / d(log a, b, b2, log d, log s); shape (..., 5)."""
    loss = value(compute, coefficient, exponent, exponent_after, break_compute, sharpness)
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    return loss[..., None] * _log_gradient(
        log_c, exponent, exponent_after, break_compute, sharpness
    )


def inverse_gradient(
    loss: Values,
    coefficient: Values,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    """d log C(L) / d(log a, b, b2, log d, log s); shape (..., 5)."""
    log_c = log_inverse(loss, coefficient, exponent, exponent_after, break_compute, sharpness)
    _, share = _break(log_c, break_compute, sharpness)
    before, after = np.asarray(exponent, dtype=np.float64), np.asarray(exponent_after)
    slope = before + (after - before) * share
    gradient = _log_gradient(log_c, exponent, exponent_after, break_compute, sharpness)
    return np.asarray(gradient / slope[..., None])


def _break(log_c: Floats, break_compute: Values, sharpness: Values) -> tuple[Floats, Floats]:
    """s log(1 + (C/d)^(1/s)) and its derivative in log C, the share of the second exponent."""
    width = np.asarray(sharpness, dtype=np.float64)
    t = (log_c - np.log(break_compute)) / width
    return np.asarray(width * np.logaddexp(0, t)), np.exp(-np.logaddexp(0, -t))


def _log_gradient(
    log_c: Floats,
    exponent: Values,
    exponent_after: Values,
    break_compute: Values,
    sharpness: Values,
) -> Floats:
    change, share = _break(log_c, break_compute, sharpness)
    by = np.asarray(exponent_after) - exponent
    spread = change - share * (log_c - np.log(break_compute))  # d change / d log s.
    columns = [np.ones_like(log_c), change - log_c, -change, by * share, -by * spread]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


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


def problem(axes: Axes, loss: Floats, weights: Floats, estimator: Estimator) -> Problem:
    """The fit over theta, the break inside the ladder with two sizes or more beyond it.

    Starts: for a grid of breaks and sharpnesses, log a and both exponents by linear regression
    of log loss (variable projection).
    """
    x = np.log(axes[0])
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
        model=model,
        loss=loss,
        weights=weights,
        estimator=estimator,
        lower=np.array([-np.inf, -np.inf, -np.inf, inside[0], np.log(SHARPNESS[0])]),
        upper=np.array([np.inf, np.inf, np.inf, inside[1], np.log(SHARPNESS[1])]),
        starts=phi[best_of_blocks(objective.reshape(breaks.size, widths.size))],
    )


def needs(axes: Axes) -> None:
    """Six distinct computes or more."""
    distinct("broken", 5, axes)


def equation(of: Parameters) -> str:
    """`2.3 x C^-0.03 (1 + (C / 5)^(1/0.5))^-0.025`."""
    width, change = of["sharpness"], (of["exponent_after"] - of["exponent"]) * of["sharpness"]
    return (
        rf"{of['coefficient']:#.4g} \times C^{{-{of['exponent']:.4f}}} "
        rf"(1 + (C / {of['break_compute_pflop_s_days']:.3g})^{{1/{width:.3g}}})^{{{-change:.3g}}}"
    )


LAW = Law(
    name="broken",
    parameters=(
        "coefficient",
        "exponent",
        "exponent_after",
        "break_compute_pflop_s_days",
        "sharpness",
    ),
    logarithmic=frozenset({"coefficient", "break_compute_pflop_s_days", "sharpness"}),
    axes=COMPUTE,
    formula=r"a\,C^{-b}\,(1 + (C/d)^{1/s})^{-(b_2 - b)\,s}",
    equation=equation,
    needs=needs,
    problem=problem,
    value=value,
    gradient=gradient,
    log_inverse=log_inverse,
    inverse_gradient=inverse_gradient,
)
