"""Resamples of a fit: by case, by residual, by wild cluster, and the jackknife.

Draws are joint between arms without further ado: what is drawn depends on the seed and on the
group labels alone, so that two arms with the same labels (the models of paired arms) get the same
draws, and arms with other labels independent ones.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloss.fit.covariance import Solution, leverages
from isoloss.fit.inputs import one_of
from isoloss.fit.problem import FitError, refit
from isoloss.units import Floats

KINDS = ("case", "residual", "wild", "jackknife")
# Webb 2023 (doi:10.1111/caje.12661): more than the two points of Rademacher's signs, which with
# few clusters repeat themselves.
WEBB = np.sqrt([0.5, 1.0, 1.5])


@dataclass(frozen=True, eq=False)
class Draws:
    """Resampled estimates phi (R, P), on the scale of the problem, and which converged (R)."""

    kind: str
    phi: Floats
    converged: npt.NDArray[np.bool_]


def resample(
    solution: Solution,
    groups: npt.ArrayLike,
    kind: str,
    resamples: int = 2000,
    seed: int = 0,
) -> Draws:
    """Resample a fit, from its solution.

    groups: a label a point (its run, or its model where arms are paired); points with one label
        are drawn, turned or left out together.
    case: groups with replacement, again where fewer groups than parameters came up.
    residual: residuals, divided by sqrt(1 - leverage) and centred, drawn with replacement and
        added to the fitted law; one point a group.
    wild: each group's residuals, likewise divided, times one of Webb's six points.
    jackknife: each group left out once; `resamples` and `seed` do not matter.
    """
    one_of("kind of resampling", kind, KINDS)
    stated, near = solution.stated, solution.near
    names, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if labels.size != stated.loss.size:
        raise ValueError(
            f"{labels.size} group labels for {stated.loss.size} points; expected one each"
        )
    optimum = solution.phi
    size = names.size
    if size <= optimum.size:
        raise FitError(
            f"resampling {optimum.size} parameters needs more groups than that; got {size}"
        )
    loss, weights = stated.loss[None, :], stated.weights[None, :]
    content = zlib.crc32("\n".join(names).encode())
    random = np.random.default_rng([seed, content])
    if kind == "case":
        weights = weights * _counts(random, resamples, size, optimum.size)[:, labels]
    elif kind == "jackknife":
        weights = weights * (1.0 - np.eye(size))[:, labels]
    else:
        left = np.maximum(1 - leverages(near), 1e-12)
        residual = near.residual / np.sqrt(stated.weights * left)
        if kind == "wild":
            points = np.concatenate([WEBB, -WEBB])
            noise = residual * random.choice(points, (resamples, size))[:, labels]
        elif size < labels.size:
            raise ValueError(
                f"{labels.size} points in {size} groups: residuals are drawn one by one and would "
                "lose what the points of a group share; expected kind 'wild', 'case' or 'jackknife'"
            )
        else:
            centred = residual - residual.mean()
            order = np.argsort(labels)  # Residuals by label, so that arms draw the same labels.
            noise = centred[order][random.integers(0, size, (resamples, size))[:, labels]]
        fitted = stated.model.value(optimum[None, :])
        loss = fitted * np.exp(noise) if stated.estimator.log else fitted + noise
        usable = np.all(loss > 0, axis=1)
        loss = np.where(usable[:, None], loss, stated.loss)
    found = refit(stated, loss, weights, optimum)
    converged = found.converged
    if kind in ("residual", "wild"):
        converged = converged & usable
    return Draws(kind, found.phi, converged)


def _counts(random: np.random.Generator, resamples: int, size: int, least: int) -> Floats:
    """How often each group came up, (resamples, size), with at least so many of them in each."""
    counts = np.zeros((resamples, size))
    redo = np.arange(resamples)
    while redo.size:
        drawn = random.integers(0, size, (redo.size, size))
        counts[redo] = (drawn[:, :, None] == np.arange(size)).sum(axis=1)
        redo = redo[np.count_nonzero(counts[redo], axis=1) < least]
    return counts


def spread(draws: Draws, values: Floats) -> Floats:
    """Covariance (Q, Q) of values (R, Q) that were computed from the draws, a row a draw.

    Draws that did not converge do not count. The jackknife's is (G - 1) / G times the sum of
    squares about the mean.
    """
    kept = values[draws.converged & np.isfinite(values).all(axis=1)]
    count = len(kept)
    centred = kept - kept.mean(axis=0)
    factor = (count - 1) / count if draws.kind == "jackknife" else 1 / (count - 1)
    return np.asarray(np.einsum("rp,rq->pq", centred, centred) * factor)
