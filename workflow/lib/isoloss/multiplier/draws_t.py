"""Interval of the multiplier from the scatter of fits to Gaussian errors, times Student's t.

For estimates without a formula for their error (Huber): refits measure what the estimate makes of
errors of a known size, and a least-squares fit of the same law gives that size with its degrees of
freedom. Heavier tails make the interval wider than needed. Coverage: benchmarks/coverage.py.
"""

import zlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from isoloss.fit.fitted import Fit
from isoloss.fit.problem import refit
from isoloss.multiplier.influence import Influence, over, size_means
from isoloss.multiplier.intervals import ONE_DEGREE, none, student, welch
from isoloss.multiplier.mixture import PairedInterval, alone
from isoloss.multiplier.plausible import listed
from isoloss.units import Floats

DRAWS = 100


def draws_t(
    fits: tuple[Fit, Fit],
    twins: tuple[Influence, Influence],
    losses: Floats,
    confidence: float,
    *,
    pair: bool = True,
) -> PairedInterval:
    """Interval of log C_first(L) - log C_second(L) at losses (K): estimate -+ t sd of draws.

    twins: the same laws fitted to the same points by least squares, with the label of each point.
    Points of one label share an error. With `pair` those of the k labels that both arms have are
    drawn together from N(0, S), S = r r' / (k - p) of their least-squares residuals, and there are
    k - p degrees of freedom (ONE_DEGREE for one). Where none is left the arms are independent, with
    the degrees of freedom of Welch. sd is the root mean square about the estimate.
    """
    means = [size_means(twin)[0] for twin in twins]
    first, second = (a.labels for a in means)
    common = tuple(label for label in first if pair and label in second)
    unpaired = alone(first, second) if pair else ()
    own = [len(a.labels) - a.size for a in means]
    beyond = len(common) - max(a.size for a in means)
    log_c = [fit.law.log_inverse(losses, *fit.values) for fit in fits]
    centre = log_c[0] - log_c[1]

    def without(reason: str) -> PairedInterval:
        return PairedInterval(centre, none(losses.size, reason), "draws_t", unpaired=unpaired)

    if min(own) < 1:
        return without("too few sizes for the law, once the runs of a size are averaged")
    if beyond >= 1:
        residual = np.stack([over(a, common).residual for a in means])
        scatter = np.einsum("an,bn->ab", residual, residual) / beyond
    else:
        common = ()
        scatter = np.diag([np.sum(a.residual**2) / n for a, n in zip(means, own, strict=True)])
    errors = _errors(fits, means, scatter, common)
    drawn, converged = zip(
        *(
            _refitted(fit, losses, e[:, [a.labels.index(label) for label in twin.labels]])
            for fit, a, twin, e in zip(fits, means, twins, errors, strict=True)
        ),
        strict=True,
    )
    kept = converged[0] & converged[1]
    if kept.sum() < DRAWS / 2:
        return without(f"only {kept.sum()} of {DRAWS} refits to drawn errors converged")
    moved = [each[kept] - c for each, c in zip(drawn, log_c, strict=True)]
    note = f"no partner: {listed(unpaired)}" if unpaired else ""
    if beyond >= 1:
        variance = np.mean((moved[0] - moved[1]) ** 2, axis=0)
        freedom = np.full(centre.shape, float(beyond) if beyond > 1 else ONE_DEGREE)
        norm = np.sqrt(scatter[0, 0] * scatter[1, 1])
        correlation = float(scatter[0, 1] / norm) if norm > 0 else np.nan
        interval = student(centre, variance, freedom, confidence, correlation)
        pairing = "partly paired" if unpaired else "paired"
    else:
        spreads = [(np.mean(m**2, axis=0), float(n)) for m, n in zip(moved, own, strict=True)]
        interval = welch(centre, spreads[0], spreads[1], confidence)
        pairing = "welch"
        note = f"{note}; arms taken as independent" if note else ""
    reason = "with errors as large as those of the data, an arm does not reach the loss"
    interval = replace(interval, reason=reason)
    return PairedInterval(centre, interval, "draws_t", pairing, unpaired, note)


def _errors(
    fits: tuple[Fit, Fit], means: list[Influence], scatter: Floats, common: tuple[str, ...]
) -> list[Floats]:
    """Errors of each arm's labels, (DRAWS, G); of one label of `common`, with covariance scatter.

    The numbers drawn for an arm depend on its labels and losses alone, in whatever order they come.
    """
    values, vectors = np.linalg.eigh(scatter)
    root = np.einsum("ai,i,bi->ab", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    normal = []
    for fit, a in zip(fits, means, strict=True):
        content = sorted(a.labels) + [f"{loss:.10g}" for loss in np.sort(fit.loss)]
        random = np.random.default_rng(zlib.crc32("\n".join(content).encode()))
        ranks = np.argsort(np.argsort(a.labels))
        normal.append(random.normal(size=(DRAWS, len(a.labels)))[:, ranks])
    errors = [np.sqrt(scatter[i, i]) * z for i, z in enumerate(normal)]
    if common:
        where = [[a.labels.index(label) for label in common] for a in means]
        pairs = np.stack([z[:, at] for z, at in zip(normal, where, strict=True)])
        for e, at, of_arm in zip(errors, where, np.einsum("ab,bdn->adn", root, pairs), strict=True):
            e[:, at] = of_arm
    return errors


def _refitted(fit: Fit, losses: Floats, errors: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """log C(L), (R, K), of fits to the law with errors (R, n), and which converged (R)."""
    stated = fit.solution.stated
    law = stated.model.value(fit.solution.phi[None, :])
    errors = errors / np.sqrt(stated.weights)
    drawn = law * np.exp(errors) if stated.estimator.log else law + errors
    found = refit(stated, drawn, stated.weights[None, :], fit.solution.phi)
    parameters = fit.law.natural(found.phi).T[..., None]
    return fit.law.log_inverse(losses, *parameters), found.converged
