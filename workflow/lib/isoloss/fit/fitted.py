"""A fitted law with its points: what residuals, draws, hold-outs, bands and multipliers take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from isoloss.fit.covariance import (
    ILL_CONDITIONED,
    Solution,
    aicc,
    covariance,
    linearise,
    solved,
    status,
)
from isoloss.fit.inputs import distinct, one_of, positive, weighted
from isoloss.fit.law import Law
from isoloss.fit.newton import Minima
from isoloss.fit.problem import FitStatus, Problem
from isoloss.fit.registry import LAWS
from isoloss.units import Floats, Values


@dataclass(frozen=True, eq=False)
class Fit:
    """A law, its points and its estimate, solved and linearised once.

    axes: those of the law at each point, (n) each. cluster: a number a point, equal where points
    share their errors, (n). weighted: whether the points count by the precision of their losses.
    """

    law: Law
    method: str
    axes: tuple[Floats, ...]
    solution: Solution
    cluster: npt.NDArray[np.intp]
    weighted: bool

    @property
    def values(self) -> tuple[float, ...]:
        """The parameters, in the law's order."""
        return tuple(self.law.natural(self.solution.phi).tolist())

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name."""
        return dict(zip(self.law.parameters, self.values, strict=True))

    @property
    def loss(self) -> Floats:
        """Losses of the points (nats), (n)."""
        return self.solution.stated.loss

    @property
    def clusters(self) -> int:
        """How many runs the points come from."""
        return int(self.cluster.max()) + 1

    @property
    def clustered(self) -> bool:
        """Whether points share their errors."""
        return self.clusters < self.loss.size

    @property
    def free(self) -> int:
        """Parameters that are not at a bound."""
        return int(self.solution.near.free.sum())

    @property
    def degrees_of_freedom(self) -> int:
        """Of the standard errors: n - p, p the free parameters; clusters - 1 with clusters."""
        return self.clusters - (1 if self.clustered else self.free)

    @property
    def status(self) -> FitStatus:
        """What the fit says of itself."""
        return status(self.solution.minimum, self.solution.near)

    @property
    def aicc(self) -> float:
        """Akaike's criterion for small samples; see `covariance.aicc`."""
        return aicc(self.solution.stated, self.solution.near)

    @property
    def log_residuals(self) -> Floats:
        """log(loss / law) at the points, (n)."""
        return np.asarray(np.log(self.loss / self.predict(*self.axes)))

    @cached_property
    def covariance(self) -> Floats:
        """Of theta, (P, P); NaN where a parameter is at a bound, and for Huber methods."""
        labels = self.cluster if self.clustered else None
        return covariance(self.solution.stated, self.solution.near, labels)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Of the parameters, by name."""
        logs = [name in self.law.logarithmic for name in self.law.parameters]
        errors = np.sqrt(np.diag(self.covariance)) * np.where(logs, self.values, 1.0)
        return dict(zip(self.law.parameters, errors.tolist(), strict=True))

    def predict(self, *axes: Values) -> Floats:
        """Losses (nats) of the law at other places."""
        return self.law.value(*axes, *self.values)

    def interval(self, level: float) -> dict[str, tuple[float, float]]:
        """Of each parameter, by Student's t on the scale of theta."""
        half = stdtrit(self.degrees_of_freedom, 0.5 + level / 2) * np.sqrt(np.diag(self.covariance))
        low, high = (self.law.natural(self.solution.phi + by) for by in (-half, half))
        ends = zip(low.tolist(), high.tolist(), strict=True)
        return dict(zip(self.law.parameters, ends, strict=True))

    def influence(self, slopes: Floats) -> tuple[Floats, Floats] | None:
        """How estimates with slopes (K, P) in theta move with the residuals, and the hat matrix.

        The first, (K, n), times the weighted residuals (n) of the linearisation is the movement; a
        parameter at a bound does not move. None where the Jacobian is singular.
        """
        near = self.solution.near
        if not near.condition < ILL_CONDITIONED:
            return None
        inverse = np.linalg.inv(np.einsum("np,nq->pq", near.jacobian, near.jacobian))
        projection = np.einsum("pq,nq->pn", inverse, near.jacobian)
        hat = np.einsum("mp,pn->mn", near.jacobian, projection)
        return np.einsum("kp,pn->kn", slopes[:, near.free], projection), hat


def state(
    law: Law, axes: Sequence[Floats], loss: Floats, method: str, loss_se: Values | None = None
) -> Problem:
    """The fit of a law as a problem, to be solved or simulated. Raises FitError (`Law.needs`)."""
    law.needs(axes)
    estimator, weights = weighted(loss, loss_se, method)
    return law.problem(axes, loss, weights, estimator)


def fit_law(
    law: str,
    axes: Sequence[Values],
    loss: Values,
    method: str = "least_squares_log",
    *,
    loss_se: Values | None = None,
    cluster: npt.ArrayLike | None = None,
) -> Fit:
    """Fit a law, a key of `LAWS`, by a method, a key of `ESTIMATORS`, to points one a run.

    axes: of the law, (n) each. loss_se: weights the points by their precision (only its ratios
    matter). cluster: a label a point, where several share a run and its errors.
    Raises FitError where no residual would be left, by points or by clusters.
    """
    known = LAWS[one_of("law", law, LAWS)]
    names = dict(zip(known.axes, axes, strict=True))
    *places, losses = positive(**names, loss=loss)
    stated = state(known, places, losses, method, loss_se)
    labels = _numbers(cluster, losses.size)
    distinct(law, len(known.parameters), [labels.astype(np.float64)])
    return Fit(known, method, tuple(places), solved(stated), labels, loss_se is not None)


def from_row(
    row: Mapping[str, Any],
    axes: Sequence[Values],
    loss: Values,
    *,
    loss_se: Values | None = None,
    cluster: npt.ArrayLike | None = None,
) -> Fit:
    """The fit behind a row that has its law, method, parameters, objective and status.

    axes, loss, loss_se, cluster: its points, as in `fit_law`. Nothing is solved again.
    """
    law = LAWS[str(row["law"])]
    *places, losses = positive(**dict(zip(law.axes, axes, strict=True)), loss=loss)
    if losses.size != int(row["n_points"]):
        raise ValueError(f"a fit to {row['n_points']} points came with {losses.size} points")
    stated = state(law, places, losses, str(row["method"]), loss_se)
    values = [float(row[name]) for name in law.parameters]
    found = known_fit(law, str(row["method"]), places, stated, values)
    converged = np.array([row["status"] != FitStatus.MAX_ITERATIONS])
    minimum = Minima(found.solution.phi[None, :], np.array([float(row["objective"])]), converged)
    return replace(
        found,
        solution=replace(found.solution, minimum=minimum),
        cluster=_numbers(cluster, losses.size),
        weighted=loss_se is not None,
    )


def known_fit(
    law: Law, method: str, axes: Sequence[Floats], stated: Problem, values: Sequence[float]
) -> Fit:
    """A law with its points at parameters that were found elsewhere, one run a point."""
    theta = np.clip(law.theta(values), stated.lower, stated.upper)
    minimum = Minima(theta[None, :], np.full(1, np.nan), np.ones(1, dtype=bool))
    found = Solution(stated, minimum, linearise(stated, theta))
    return Fit(law, method, tuple(axes), found, np.arange(stated.loss.size), False)


def _numbers(cluster: npt.ArrayLike | None, points: int) -> npt.NDArray[np.intp]:
    labels = np.arange(points) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    if labels.size != points:
        raise ValueError(f"{labels.size} cluster labels for {points} points; expected one each")
    return labels
