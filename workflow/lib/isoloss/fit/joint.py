"""One law for several arms with a shared exponent or floor, and tests whether they share it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, stdtr

from isoloss.fit.covariance import covariance, linearise, status
from isoloss.fit.fitting import problem
from isoloss.fit.inputs import one_of, positive
from isoloss.fit.newton import PowerSum
from isoloss.fit.problem import FitError, FitStatus, Problem, solve
from isoloss.fit.registry import LAWS
from isoloss.units import Floats, Values


@dataclass(frozen=True)
class JointResult:
    """Laws of several arms, some parameters shared.

    parameters: by arm, then by the law's names; a shared one stands in every arm.
    standard_errors: likewise, from s^2 (J'WJ)^-1 over all points, errors taken as independent.
    rss: sum of squared residuals, on the scale of the method.
    """

    law: str
    method: str
    shared: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, float]]
    standard_errors: Mapping[str, Mapping[str, float]]
    rss: float
    n_points: int
    n_parameters: int
    status: FitStatus


@dataclass(frozen=True)
class Comparison:
    """A test of whether arms share parameters: its statistic, degrees of freedom and p value."""

    statistic: float
    degrees_of_freedom: tuple[float, ...]
    p_value: float


def joint_problem(
    arms: Mapping[str, tuple[Values, Values]],
    shared: tuple[str, ...],
    law: str = "power",
    method: str = "least_squares_log",
) -> tuple[Problem, npt.NDArray[np.intp]]:
    """State the joint fit: the problem, and which column of phi each arm's parameter is, (A, P).

    arms: (compute, loss) by name. shared: names of the law's parameters. Starts: every arm's own
    fit, the shared parameters at each arm's value in turn and at their mean.
    """
    one_of("law of a joint fit", law, ("power", "power_floor"))
    names = LAWS[law].parameters
    for name in shared:
        one_of("parameter", name, names)
    if len(arms) < 2:
        raise ValueError(f"a joint fit takes 2 or more arms; got {len(arms)}")
    own = [problem(*points, law, method) for points in arms.values()]
    best = np.stack([solve(each).phi[0] for each in own])
    columns = np.zeros((len(arms), len(names)), dtype=np.intp)
    count = 0
    for j, name in enumerate(names):
        size = 1 if name in shared else len(arms)
        columns[:, j] = count + np.arange(len(arms)) % size
        count += size
    terms, floors = [], []
    for each, column in zip(own, columns, strict=True):
        assert isinstance(each.model, PowerSum)
        place = np.eye(count)[column]
        terms.append(each.model.terms[0] @ place)
        floors.append(each.model.floor @ place)
    lower, upper = np.empty(count), np.empty(count)
    lower[columns], upper[columns] = own[0].lower, own[0].upper
    together = np.isin(names, shared)
    starts = np.empty((len(arms) + 1, count))
    for start, value in zip(starts, [best.mean(axis=0), *best], strict=True):
        start[columns] = np.where(together, value, best)
    stated = Problem(
        model=PowerSum(np.concatenate(terms)[None], np.concatenate(floors)),
        loss=np.concatenate([each.loss for each in own]),
        weights=np.ones(sum(each.loss.size for each in own)),
        estimator=own[0].estimator,
        lower=lower,
        upper=upper,
        starts=starts,
    )
    return stated, columns


def fit_joint(
    arms: Mapping[str, tuple[Values, Values]],
    shared: tuple[str, ...] = ("exponent",),
    law: str = "power",
    method: str = "least_squares_log",
) -> JointResult:
    """Fit a law to several arms that share parameters (`exponent`, `floor`, `coefficient`)."""
    stated, columns = joint_problem(arms, shared, law, method)
    minimum = solve(stated)
    phi = minimum.phi[0]
    near = linearise(stated, phi)
    se = np.sqrt(np.diag(covariance(stated, near)))
    names = LAWS[law].parameters
    values = LAWS[law].natural(phi[columns])
    scale = np.where([name in LAWS[law].logarithmic for name in names], values, 1.0)

    def by_arm(table: Floats) -> dict[str, dict[str, float]]:
        rows = (dict(zip(names, row.tolist(), strict=True)) for row in table)
        return dict(zip(arms, rows, strict=True))

    return JointResult(
        law=law,
        method=method,
        shared=shared,
        parameters=by_arm(values),
        standard_errors=by_arm(se[columns] * scale),
        rss=float(np.sum(near.residual**2)),
        n_points=stated.loss.size,
        n_parameters=phi.size,
        status=status(minimum, near),
    )


def nested_test(restricted: JointResult, full: JointResult) -> Comparison:
    """F test of the shared parameters of `restricted` that `full` lets differ.

    F = ((RSS_r - RSS_f) / (p_f - p_r)) / (RSS_f / (n - p_f)), with these degrees of freedom. The
    errors of the arms are taken as independent; for paired arms see `paired_test`.
    """
    same = all(
        getattr(restricted, name) == getattr(full, name) for name in ("law", "method", "n_points")
    )
    more, left = full.n_parameters - restricted.n_parameters, full.n_points - full.n_parameters
    if not (same and set(full.shared) < set(restricted.shared)):
        raise ValueError(
            f"not nested: {restricted.law} by {restricted.method} sharing {restricted.shared}, "
            f"within {full.law} by {full.method} sharing {full.shared}"
        )
    if left < 1:
        raise FitError(f"{full.n_points} points leave no residual to {full.n_parameters} numbers")
    statistic = max((restricted.rss - full.rss) / more / (full.rss / left), 0.0)
    return Comparison(statistic, (float(more), float(left)), float(fdtrc(more, left, statistic)))


def paired_test(
    first: tuple[Values, Values],
    second: tuple[Values, Values],
    parameter: str = "exponent",
    law: str = "power",
) -> Comparison:
    """t test that two arms, paired point by point, have the same value of a parameter.

    As in the paired interval of the multiplier: S = r r' / (n - p), the variance of the difference
    is a.a S_11 + b.b S_22 - 2 a.b S_12 with a, b the rows of (J'J)^-1 J' of the parameter.
    `coefficient` is compared by its logarithm. By least squares on log loss.
    """
    names = LAWS[one_of("law", law, ("power", "power_floor"))].parameters
    index = names.index(one_of("parameter", parameter, names))
    sizes = [positive(compute=c, loss=y)[0].size for c, y in (first, second)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"{sizes[0]} points against {sizes[1]}; expected pairs in one order")
    estimates, rows, residuals = [], [], []
    for points in (first, second):
        stated = problem(*points, law)
        phi = solve(stated).phi[0]
        near = linearise(stated, phi)
        if not near.free.all():
            raise FitError(f"a parameter of law {law!r} is at its bound; it has no normal error")
        rows.append(np.linalg.pinv(near.jacobian)[index])
        estimates.append(phi[index])
        residuals.append(near.residual)
    left = sizes[0] - len(names)
    (a, b), (r, q) = rows, residuals
    variance = (
        np.sum(a * a) * np.sum(r * r)
        + np.sum(b * b) * np.sum(q * q)
        - 2 * np.sum(a * b) * np.sum(r * q)
    ) / left
    statistic = float((estimates[0] - estimates[1]) / np.sqrt(variance))
    return Comparison(statistic, (float(left),), float(2 * stdtr(left, -abs(statistic))))
