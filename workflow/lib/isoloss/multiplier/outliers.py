"""Runs that are far off what the others of their arm say, and sizes on which a number hangs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitted import fit_law
from isoloss.fit.problem import FitError
from isoloss.multiplier.equal_loss import Arm, multiplier
from isoloss.multiplier.settings import Gate

Arms = tuple[Arm, Arm]
BUDGET = 1.1  # computes within it are of one budget
MISSED = 0.1  # probability that scatter alone explains what a law misses
FAR = 0.1  # of compute: misses that are smaller are not told


def off_law(arms: Arms, limits: Gate) -> str:
    """The run that lies farthest off the law of the other runs of its arm, in words; "" if none.

    Deleted residuals: r / (1 - h) of a point, against the scatter of the others about their law
    (Cook and Weisberg 1982, Residuals and Influence in Regression, section 2.2). Points that share
    runs are not judged.
    """
    found = sorted(each for a in arms for each in _off(a, limits))
    if not found:
        return ""
    _, run, off = found[0]  # without the odd one the others scatter least
    side = "above" if off > 0 else "below"
    return (
        f"run {run} has a loss {100 * abs(off):.2g}% {side} what the other runs of its arm "
        "foretell; check it"
    )


def _off(a: Arm, limits: Gate) -> Iterator[tuple[float, str, float]]:
    """Scatter of the others (log loss), run, and how far it is off."""
    moved = a.fit.influence(np.zeros((1, len(a.parameters))))
    freedom = a.loss.size - a.fit.free - 1
    if moved is None or freedom < 1 or len(set(a.run)) < a.loss.size:
        return
    rest = np.maximum(1 - np.diag(moved[1]), 1e-12)
    residual = a.fit.log_residuals
    deleted = residual / rest
    left = np.maximum(np.sum(residual**2) - residual * deleted, 0.0) / freedom
    for run, off, scatter in zip(a.run, deleted, np.sqrt(left), strict=True):
        if abs(off) > max(limits.odd, limits.odd_scatter * scatter):
            yield float(scatter), run, float(off)


def holdout(arms: Arms) -> str:
    """The arm whose law, fitted without its runs of most compute, misses them; "" if none does.

    By more than FAR, and than their scatter and the law's explain (MISSED): deleted residuals of
    all runs within BUDGET of the largest compute, d = (I - H_gg)^-1 r_g, with variance
    s^2 (I - H_gg)^-1 and s from the other runs (Cook and Weisberg 1982, section 3.6). The mean of d
    over its error has Student's t.
    """
    found = sorted(each for a in arms for each in _missed(a))
    if not found:
        return ""
    _, run, off, compute = found[0]
    return (
        f"the law misses run {run}, of most compute, by {100 * abs(off):.2g}% of loss where it is "
        f"fitted without ({100 * np.expm1(abs(compute)):.2g}% of compute): the law does not hold "
        "to there"
    )


def _missed(a: Arm) -> Iterator[tuple[float, str, float, float]]:
    """Probability, a run, and how far the law is off it in log loss and log compute."""
    moved = a.fit.influence(np.zeros((1, len(a.parameters))))
    gone = a.compute >= a.compute.max() / BUDGET
    freedom = int(np.sum(~gone)) - a.fit.free
    if moved is None or freedom < 1 or len(set(a.run)) < a.loss.size:
        return
    rest = np.eye(int(gone.sum())) - moved[1][np.ix_(gone, gone)]
    residual = a.fit.log_residuals
    try:
        inverse = np.linalg.inv(rest)
    except np.linalg.LinAlgError:
        return
    deleted = inverse @ residual[gone]
    squares = float(np.sum(residual**2) - residual[gone] @ deleted)
    error = np.sqrt(max(squares, 0.0) / freedom * inverse.sum()) / len(deleted)
    off = float(deleted.mean())
    if not error > 0:
        return
    chance = float(2 * stdtr(freedom, -abs(off) / error))
    at = a.compute.max() * np.array([1.0, 1.01])
    here, beyond = np.log(a.law.along_compute.value(at, **a.along))
    compute = off / (beyond - here) * np.log(1.01)
    if chance < MISSED and abs(compute) > FAR:
        yield chance, a.run[int(np.argmax(a.compute))], off, compute


def leans(arms: Arms, row: Mapping[str, Any], *, pair_by: bool) -> str:
    """The size (of independent arms: the run) without which the multiplier leaves its interval.

    row: loss, ci_low and ci_high. In words; "" if there is none, or too few points would be left.
    """
    ends = row["ci_low"], row["ci_high"]
    labels = [a.model if pair_by else a.run for a in arms]
    found = []
    for label in dict.fromkeys(labels[0] + labels[1]):
        away = [np.array([each == label for each in of]) for of in labels]
        try:
            rest = [_without(a, gone) for a, gone in zip(arms, away, strict=True)]
        except FitError:
            continue
        moved = _estimate((rest[0], rest[1]), row["loss"], pair_by=pair_by)
        if not (moved > 0 and ends[1] > 0):
            continue  # a loss that is not reached
        beyond = max(ends[0] / moved, moved / ends[1])
        if beyond > 1:
            gone = [np.array(a.run)[mask] for a, mask in zip(arms, away, strict=True)]
            found.append((beyond, moved, list(dict.fromkeys(map(str, np.concatenate(gone))))))
    if not found:
        return ""
    _, moved, runs = max(found)
    return (
        f"without {' and '.join(runs[:2])} the multiplier is {moved:.3g}, outside its interval; "
        "check them"
    )


def _without(a: Arm, gone: npt.NDArray[np.bool_]) -> Arm:
    """An arm without some of its points, its law fitted again. Raises FitError."""
    if not gone.any():
        return a
    stay = ~gone
    axes = [x[stay] for x in a.nd or (a.compute,)]
    # Weights are 1 / se^2 on the scale of the residuals.
    se = np.where(ESTIMATORS[a.method].log, a.loss, 1.0) / np.sqrt(a.weights)
    found = fit_law(a.law.name, axes, a.loss[stay], a.method, loss_se=se[stay])
    return replace(
        a,
        parameters=found.values,
        compute=a.compute[stay],
        loss=a.loss[stay],
        model=tuple(np.array(a.model)[stay]),
        run=tuple(np.array(a.run)[stay]),
        weights=found.solution.stated.weights,
        draws=None,
        nd=tuple(axes) if a.nd else (),
    )


def _estimate(arms: Arms, loss: float, *, pair_by: bool) -> float:
    if all(a.least_squares for a in arms):
        return float(multiplier(*arms, loss, pair_by=pair_by)["multiplier"].iloc[0])
    first, second = (a.law.log_inverse(np.array([loss]), *a.parameters) for a in arms)
    return float(np.exp(first - second)[0])
