"""Equal-loss compute multipliers C_baseline(L) / C_candidate(L) and their intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitted import Fit, known_fit
from isoloss.fit.inputs import linked, weighted
from isoloss.fit.law import Law
from isoloss.fit.problem import refit
from isoloss.fit.registry import LAWS
from isoloss.multiplier.draws_t import draws_t
from isoloss.multiplier.influence import Influence
from isoloss.multiplier.intervals import Interval, delta, jackknife, none, percentile
from isoloss.multiplier.mixture import PairedInterval, alone, paired_interval
from isoloss.multiplier.settings import CHOICES
from isoloss.units import Floats, Values

INTERVALS = CHOICES["interval"]


@dataclass(frozen=True, eq=False)
class Arm:
    """A fitted law of one arm with the points it was fitted to, one a row.

    parameters: in the law's order. compute: PFLOP/s-days. loss: nats. model: the size key that
    pairs arms. run: points of one run share their errors. weights: those of the fit.
    draws: resampled parameters (R, P), joint with those of the other arm where arms are paired;
    drawn: their kind. nd: parameters and tokens, for a law of those.
    """

    law: Law
    method: str
    parameters: tuple[float, ...]
    compute: Floats
    loss: Floats
    model: tuple[str, ...]
    run: tuple[str, ...]
    weights: Floats
    draws: Floats | None = None
    drawn: str = ""
    nd: tuple[Floats, ...] = ()

    @cached_property
    def fit(self) -> Fit:
        """The law with its points, linearised at its parameters."""
        axes = self.nd or (self.compute,)
        stated = self.law.problem(axes, self.loss, self.weights, ESTIMATORS[self.method])
        return known_fit(self.law, self.method, axes, stated, self.parameters)

    @property
    def least_squares(self) -> bool:
        """Whether the formulas of regression hold of the fit."""
        return ESTIMATORS[self.method].least_squares

    @cached_property
    def by_least_squares(self) -> "Arm":
        """The same law fitted to the same points by least squares."""
        if self.least_squares:
            return self
        near = self.fit.solution
        stated = replace(near.stated, estimator=ESTIMATORS["least_squares_log"])
        found = refit(stated, stated.loss[None, :], stated.weights[None, :], near.phi)
        parameters = tuple(self.law.natural(found.phi[0]).tolist())
        return replace(self, method="least_squares_log", parameters=parameters)

    @cached_property
    def along(self) -> dict[str, float]:
        """The parameters, by name, of L(C): of a law of N and D on its compute-optimal line."""
        line, of = self.law.optimal or (self.law, lambda *same: same)
        return dict(zip(line.parameters, of(*self.parameters), strict=True))

    @cached_property
    def reached(self) -> Floats:
        """Losses (nats) of the points; of a law of N and D, at the best N for their compute."""
        return self.law.along_compute.value(self.compute, **self.along) if self.nd else self.loss


def arm(fit: Mapping[str, Any], points: pd.DataFrame, draws: pd.DataFrame | None = None) -> Arm:
    """Build an arm from its row of the fit table and its used rows of the points table.

    fit: of a law of N and D, its row of the surface table.
    points: columns compute_pflop_s_days, loss, model and, where a run has several points, run;
    loss_se where the fit was weighted; parameters and tokens for a law of those.
    draws: the rows of the draws table for the same fit; those that did not converge do not count.
    """
    law, method = LAWS[str(fit["law"])], str(fit["method"])
    if len(points) != int(fit["n_points"]):
        raise ValueError(f"a fit to {fit['n_points']} points came with {len(points)} points")
    loss = points["loss"].to_numpy(np.float64)
    loss_se = points["loss_se"] if str(fit.get("weighted", False)) == "True" else None
    resampled = None
    if draws is not None:
        resampled = draws[list(law.parameters)].to_numpy(np.float64, copy=True)
        resampled[~draws["converged"].to_numpy(bool)] = np.nan
    return Arm(
        law=law,
        method=method,
        parameters=tuple(float(fit[name]) for name in law.parameters),
        compute=points["compute_pflop_s_days"].to_numpy(np.float64),
        loss=loss,
        model=_sizes(law, points),
        run=tuple(points["run"].astype(str)) if "run" in points else tuple(map(str, points.index)),
        weights=weighted(loss, loss_se, method)[1],
        draws=resampled,
        drawn="" if draws is None else str(draws["kind"].iloc[0]),
        nd=() if law.of_compute else tuple(points[x].to_numpy(np.float64) for x in law.axes),
    )


def _sizes(law: Law, points: pd.DataFrame) -> tuple[str, ...]:
    """What pairs arms: the model; for a law of N and D, with its tokens if it ran for several."""
    model = points["model"].astype(str)
    if not law.of_compute:
        runs = points.get("run", points.index)
        tokens = points["tokens"].groupby(runs).transform("max")
        several = tokens.groupby(model).transform("nunique") > 1
        model = model.where(~several, model + tokens.map(" at {:.3g} tokens".format))
    return tuple(model)


class Reached(Protocol):
    """An arm that knows the losses (nats) that it reached, and at which compute."""

    @property
    def compute(self) -> Floats:
        """Compute of the points, PFLOP/s-days, (n)."""

    @property
    def reached(self) -> Floats:
        """Losses of the points, (n)."""


def overlap(baseline: Reached, candidate: Reached) -> tuple[float, float] | None:
    """Lowest and highest loss that both arms observed; None where their ranges do not meet."""
    low = float(max(baseline.reached.min(), candidate.reached.min()))
    high = float(min(baseline.reached.max(), candidate.reached.max()))
    return (low, high) if low <= high else None


def multiplier(
    baseline: Arm,
    candidate: Arm,
    loss: Values,
    *,
    pair_by: bool = True,
    confidence: float = 0.95,
    interval: str = "auto",
) -> pd.DataFrame:
    """Compute multiplier at each loss, M = C_baseline(L) / C_candidate(L), one row a loss.

    Arms are paired (with pair_by) over the models that both have; their errors are taken as
    correlated within a model. The interval, on log M, is one of
    delta_t: delta method with Student's t, runs of one model averaged (`mixture.paired_interval`;
        where some models have no partner it is a mixture over the correlation, `mixture_t`; where
        scatter may change with size it is wider, `scatter_t`);
    jackknife_t: from leaving out models (runs, where arms have other models), for points that
        share runs (`intervals.jackknife`);
    draws_t: Student's t times the scatter of fits to Gaussian errors, for Huber fits as well
        (`draws_t.draws_t`);
    percentile: quantiles of the multiplier over the draws of both arms;
    auto: delta_t, or jackknife_t where points share runs; draws_t for Huber fits.
    A loss that no compute reaches in an arm has NaN, and a reason; so has an interval that does
    not exist.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence:g}; expected above 0 and below 1")
    if interval not in INTERVALS:
        raise ValueError(f"no interval {interval!r}; expected one of {', '.join(INTERVALS)}")
    losses = np.atleast_1d(np.asarray(loss, dtype=np.float64))
    if not (np.isfinite(losses) & (losses > 0)).all():
        raise ValueError(f"losses {losses} must be finite and above 0")
    arms = (baseline, candidate)
    log_c, found = log_interval(
        arms, losses, pair_by=pair_by, confidence=confidence, interval=interval
    )
    table = table_of(losses, log_c[1], found, confidence, outside(baseline, candidate, losses))
    points = min(a.loss.size for a in arms)
    runs = min(len(set(a.run)) for a in arms)
    return table.assign(n_points=points, n_runs=runs, reason=_reasons(arms, losses, log_c, found))


def outside(baseline: Reached, candidate: Reached, losses: Floats) -> npt.NDArray[np.bool_]:
    """Which losses lie outside those that both arms observed."""
    ends = overlap(baseline, candidate)
    if ends is None:
        return np.ones_like(losses, dtype=bool)
    return (losses < ends[0]) | (losses > ends[1])


def table_of(
    losses: Floats,
    log_candidate: Floats,
    found: PairedInterval,
    confidence: float,
    extrapolated: npt.NDArray[np.bool_],
) -> pd.DataFrame:
    """Rows of the multiplier table, one a loss. log_candidate: log C(L) of the candidate, (K)."""
    bounds = found.interval
    with np.errstate(over="ignore"):  # Far outside the data, infinity is the answer.
        columns = np.exp([log_candidate, found.centre, bounds.low, bounds.high])
        saved = -np.expm1(-found.centre)
    return pd.DataFrame(
        {
            "loss": losses,
            "candidate_compute_pflop_s_days": columns[0],
            "multiplier": columns[1],
            "saving": saved,
            "ci_low": columns[2],
            "ci_high": columns[3],
            "confidence": confidence,
            "interval": np.where(found.widened, "scatter_t", found.method),
            "degrees_of_freedom": bounds.freedom,
            "pairing": found.pairing,
            "unpaired_models": ", ".join(found.unpaired),
            "residual_correlation": bounds.correlation,
            "scatter_growth": found.growth,
            "pure_error_sd": np.sqrt(found.pure_error),
            "pure_error_degrees_of_freedom": found.pure_freedom,
            "lack_of_fit_p": found.lack_of_fit,
            "extrapolated": extrapolated,
        }
    )


Arms = tuple[Arm, Arm]


def log_interval(
    arms: Arms,
    losses: Floats,
    *,
    pair_by: bool = True,
    confidence: float = 0.95,
    interval: str = "auto",
) -> tuple[list[Floats], PairedInterval]:
    """log C(L) of both arms, and the interval of log M.

    delta_t pairs the sizes that both arms have; the others pair arms that have the same sizes.
    """
    shared, clustered, paired = sharing(arms, pair_by=pair_by)
    sizes = _sizes_of(arms) if clustered else [a.model for a in arms]
    log_c = [a.law.log_inverse(losses, *a.parameters) for a in arms]
    chosen = _choose(arms, clustered) if interval == "auto" else interval

    def whole(found: Interval, method: str = chosen) -> PairedInterval:
        lacking = alone(sizes[0], sizes[1]) if pair_by else ()
        pairing = "paired" if paired else "welch"
        return PairedInterval(log_c[0] - log_c[1], found, method, pairing, lacking)

    if chosen == "percentile":
        name = f"percentile_{arms[0].drawn}"
        return log_c, whole(_from_draws(arms, losses, confidence), name)
    unknown = whole(none(losses.size, "the parameters of a fit are not identifiable"))
    if chosen == "draws_t":
        named = sizes if pair_by else [a.run for a in arms]
        one, two = (
            influence(a.by_least_squares, losses, by) for a, by in zip(arms, named, strict=True)
        )
        if one is None or two is None:
            return log_c, unknown
        fits = arms[0].fit, arms[1].fit
        return log_c, draws_t(fits, (one, two), losses, confidence, pair=pair_by)
    if not all(a.least_squares for a in arms):
        reason = "a Huber fit has no interval but draws_t and percentile"
        return log_c, whole(none(losses.size, reason))
    partly = chosen == "delta_t" and not clustered
    if pair_by and not (partly or paired):
        shared = [a.run for a in arms]
    first, second = (influence(a, losses, by) for a, by in zip(arms, shared, strict=True))
    if first is None or second is None:
        return log_c, unknown
    if partly:
        return log_c, paired_interval(first, second, confidence, pair=pair_by)
    method = delta if chosen == "delta_t" else jackknife
    return log_c, whole(method(log_c[0] - log_c[1], first, second, confidence, paired=paired))


def sharing(arms: Arms, *, pair_by: bool) -> tuple[list[tuple[str, ...]], bool, bool]:
    """Labels of the points of both arms that share errors, whether runs have several points, and
    whether every label has both arms.
    """
    clustered = any(len(set(a.run)) < len(a.run) for a in arms)
    sizes = _sizes_of(arms) if clustered else [a.model for a in arms]
    paired = pair_by and not alone(sizes[0], sizes[1])
    by_size = paired or (pair_by and not clustered)
    return sizes if by_size else [a.run for a in arms], clustered, paired


def _sizes_of(arms: Arms) -> list[tuple[str, ...]]:
    """What pairs the points of both arms, where runs have several: models, one for all of a run."""
    models = arms[0].model + arms[1].model
    runs = [f"{i} {run}" for i, a in enumerate(arms) for run in a.run]
    names: dict[int, str] = {}
    numbers = linked(runs, models).tolist()
    for number, model in zip(numbers, models, strict=True):
        names[number] = min(model, names.get(number, model))
    both = tuple(names[number] for number in numbers)
    return [both[: len(arms[0].model)], both[len(arms[0].model) :]]


def _choose(arms: Arms, clustered: bool) -> str:
    if not all(a.least_squares for a in arms):
        return "draws_t"
    return "jackknife_t" if clustered else "delta_t"


def influence(a: Arm, losses: Floats, labels: tuple[str, ...]) -> Influence | None:
    """Influence of the residuals on log C(L); None where the Jacobian is singular."""
    free = a.fit.solution.near.free

    def curve(shift: Floats) -> tuple[Floats, Floats]:
        parameters = shifted(a, shift)
        slope = a.law.inverse_gradient(losses, *parameters)[..., free]
        return a.law.log_inverse(losses, *parameters), slope

    estimate = a.law.log_inverse(losses, *a.parameters)
    gradient = a.law.inverse_gradient(losses, *a.parameters)
    return influence_on(a, labels, estimate, gradient, curve)


def shifted(a: Arm, shift: Floats) -> Floats:
    """Parameters (P, ..., 1) of an arm whose free ones are shifted by (..., F), as solved for."""
    at = np.tile(a.fit.solution.phi, (*shift.shape[:-1], 1))
    at[..., a.fit.solution.near.free] += shift
    return np.asarray(np.moveaxis(a.law.natural(at), -1, 0)[..., None])


def influence_on(
    a: Arm,
    labels: tuple[str, ...],
    estimate: Floats,
    gradient: Floats,
    curve: Callable[[Floats], tuple[Floats, Floats]],
) -> Influence | None:
    """Influence of the residuals on estimates (K) with gradients (K, P); None where the Jacobian is
    singular. curve: estimates and slopes at shifts of the free parameters."""
    moved = a.fit.influence(gradient)
    if moved is None:
        return None
    near = a.fit.solution.near
    return Influence(
        residual=near.residual,
        weights=moved[0],
        hat=moved[1],
        size=a.fit.free,
        labels=labels,
        jacobian=near.jacobian,
        estimate=estimate,
        curve=curve,
        place=np.log(a.compute),
    )


def _from_draws(arms: Arms, losses: Floats, confidence: float) -> Interval:
    """Quantiles over draws; where one arm never reaches the loss, M is 0 or infinite."""
    first, second = (a.draws for a in arms)
    if first is None or second is None:
        return none(losses.size, "no draws of both arms")
    if "jackknife" in (arms[0].drawn, arms[1].drawn):
        raise ValueError("draws by jackknife have no quantiles; use interval 'jackknife_t'")
    if len(first) != len(second) or arms[0].drawn != arms[1].drawn:
        raise ValueError(
            f"the draws of the arms do not go together: {len(first)} by {arms[0].drawn}, "
            f"{len(second)} by {arms[1].drawn}"
        )
    b, c = (
        a.law.log_inverse(losses[None, :], *draws.T[:, :, None])
        for a, draws in zip(arms, (first, second), strict=True)
    )
    log_m = np.where(np.isnan(b), np.inf, b) - np.where(np.isnan(c), 0.0, c)
    log_m = np.where(np.isnan(c), np.where(np.isnan(b), np.nan, -np.inf), log_m)
    log_m[~np.isfinite(first + second).all(axis=1)] = np.nan
    return percentile(log_m, confidence)


def _reasons(arms: Arms, losses: Floats, log_c: list[Floats], found: PairedInterval) -> list[str]:
    reasons = []
    for i, at in enumerate(losses):
        parts = []
        for name, a, reached in zip(("baseline", "candidate"), arms, log_c, strict=True):
            if np.isnan(reached[i]):
                exponent = min(v for key, v in a.along.items() if key.startswith("exponent"))
                floor = f"its floor is {a.along.get('floor', 0):.6g}"
                why = floor if exponent > 0 else f"its exponent is {exponent:.4g}"
                parts.append(f"no compute of the {name} reaches loss {at:.6g}: {why}")
        if not parts and np.isnan(found.interval.low[i]):
            parts.append(found.interval.reason)
        if found.note:
            parts.append(found.note)
        reasons.append("; ".join(parts))
    return reasons
