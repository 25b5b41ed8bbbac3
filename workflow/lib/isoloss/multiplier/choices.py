"""Points -> the multiplier under every reasonable combination of choices.

A multiverse (Steegen et al. 2016, doi:10.1177/1745691616658637), to be drawn as a specification
curve (Simonsohn et al. 2020, doi:10.1038/s41562-020-0912-z).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from isoloss.fit.along import counted_in, on_axis
from isoloss.fit.covariance import told_by_too_few
from isoloss.fit.fit import fit_group
from isoloss.fit.inputs import distinct
from isoloss.fit.law import Law
from isoloss.fit.problem import FitError, FitStatus, refit
from isoloss.fit.registry import LAWS
from isoloss.fit.request import Request, require
from isoloss.fit.settings import Fitting
from isoloss.multiplier.curvature import law_in_doubt
from isoloss.multiplier.direct import INTERPOLATION, MEASURED, direct, rungs
from isoloss.multiplier.equal_loss import Arm, arm, multiplier
from isoloss.multiplier.multiplier import losses_of, reached_by_both
from isoloss.multiplier.settings import DIRECT, Comparison, Varied
from isoloss.units import Floats

SAID = [
    "multiplier",
    "saving",
    "ci_low",
    "ci_high",
    "interval",
    "degrees_of_freedom",
    "n_points",
    "extrapolated",
]
SAME = ["run", "metric", "convention", "compute_pflop_s_days", "loss", "used"]
SOUND = (FitStatus.CONVERGED, FitStatus.AT_BOUND)
MOST_SIZES = 24  # of more, each by itself says little, and none is left out
NONE = "none"
BLANK = {"interval": "", "n_points": 0, "extrapolated": False}


@dataclass(frozen=True)
class Data:
    """What the specifications are made from.

    selections: the points table of each selection of points, by its label, the study's first.
    baseline: the arm that the others are compared with. fit, comparison: the study's own settings.
    varied: what else is tried.
    """

    selections: Mapping[str, pd.DataFrame]
    baseline: str
    fit: Fitting
    comparison: Comparison
    varied: Varied

    @cached_property
    def own(self) -> pd.DataFrame:
        """The study's own points that enter fits."""
        points = next(iter(self.selections.values()))
        return points[points["used"]]

    @cached_property
    def differing(self) -> dict[str, pd.DataFrame]:
        """The selections of points that are not the same points as one before."""
        found: dict[str, pd.DataFrame] = {}
        for label, points in self.selections.items():
            if not any(points[SAME].equals(other[SAME]) for other in found.values()):
                found[label] = points
        return found

    @property
    def requests(self) -> list[Request]:
        """Laws by methods, the headline's first, each once."""
        laws = dict.fromkeys([self.fit.law, *self.varied.laws])
        methods = dict.fromkeys([self.fit.method, *self.varied.methods])
        return [Request(*both) for both in product(laws, methods)]

    @property
    def pairings(self) -> list[str]:
        """What pairs arms, the study's own first."""
        return list(dict.fromkeys([self.comparison.pair_by, *self.varied.pair_by]))

    def references(self, losses: Iterable[str]) -> "npt.NDArray[np.object_]":
        """The names of the places of comparison: losses, then computes."""
        names = [*losses, *(f"compute {share:g}" for share in self.varied.at_compute)]
        return np.array(names, dtype=object)

    @cached_property
    def by_group(self) -> dict[tuple[str, ...], pd.DataFrame]:
        """Used points by selection, metric, convention and arm."""
        return {
            (label, *key): group
            for label, points in self.differing.items()
            for key, group in points[points["used"]].groupby(["metric", "convention", "arm"])
        }


def choices(data: Data) -> pd.DataFrame:
    """One row a specification: its choices, the multiplier with its interval, or why there is none.

    The choices are CHOICES; the first of each are the study's own, and together they are the row
    whose `headline` is true. A specification is `used` where its law's parameters are told by the
    points and it has a number and an interval; otherwise `reason` says what is missing.
    """
    own = data.own
    metrics = list(data.varied.metrics) or list(own["metric"].unique())
    candidates = [name for name in own["arm"].unique() if name != data.baseline]
    conventions = list(own["convention"].unique())
    if data.varied.conventions:
        conventions = list(dict.fromkeys([conventions[0], *data.varied.conventions]))
    rows: list[Rows] = []
    for metric in metrics:
        fitted = _fitted(data, metric, conventions)
        for candidate in candidates:
            of = {"candidate": candidate, "metric": metric, "baseline": data.baseline}
            losses = _losses(data, metric, candidate, fitted)
            compared = list(_compared(data, candidate, losses, fitted))
            if DIRECT in data.varied.points:
                compared += _directly(data, candidate, metric, losses, fitted)
            first = [np.arange(len(each["reference"])) == 0 for each in compared]
            first[1:] = [np.zeros_like(each) for each in first[1:]]
            rows += [of | each | {"headline": h} for each, h in zip(compared, first, strict=True)]
    columns = {name: [_column(each, name) for each in rows] for name in rows[0]}
    table = pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()})
    return table.assign(confidence=data.comparison.confidence)


Rows = dict[str, Any]  # columns of K specifications; a value alone is that of all


def _column(rows: Rows, name: str) -> Any:
    value = np.asarray(rows[name], dtype=object if isinstance(rows[name], str) else None)
    return np.broadcast_to(value, np.shape(rows["loss"]))


@dataclass(frozen=True)
class Fitted:
    """An arm with its law, or the reason why it has none, or why it is not to be used."""

    arm: Arm | None = None
    status: str = ""
    reason: str = ""


Key = tuple[str, str, str, str, str]  # convention, law, method, points, left out


def _fitted(data: Data, metric: str, conventions: Sequence[str]) -> dict[Key, dict[str, Fitted]]:
    """The arms by name, of every way to fit, the study's own first."""
    own = data.own[data.own["metric"] == metric]
    sizes = own.groupby("model", sort=False)["compute_pflop_s_days"].max().sort_values()
    leave = data.varied.leave_out == "model" and 1 < len(sizes) <= MOST_SIZES
    left_out = [NONE, *map(str, sizes.index)] if leave else [NONE]
    found: dict[Key, dict[str, Fitted]] = {}
    for convention, request, points in product(conventions, data.requests, data.differing):
        for name in own["arm"].unique():
            mine = data.by_group.get((points, metric, convention, name))
            fits = _fits(data, mine, convention, left_out, request)
            for left, fitted in zip(left_out, fits, strict=True):
                key = (convention, request.law, request.method, points, left)
                reason = fitted.reason and f"arm {name}: {fitted.reason}"
                found.setdefault(key, {})[name] = replace(fitted, reason=reason)
    return found


def _fits(
    data: Data,
    points: pd.DataFrame | None,
    convention: str,
    left_out: Sequence[str],
    request: Request,
) -> Iterator[Fitted]:
    """One arm fitted to its points without each of `left_out` (no size is called NONE)."""
    if points is None:
        yield from [Fitted(reason="it has no such points")] * len(left_out)
        return
    law = LAWS[request.law]
    kept = [(points["model"].astype(str) != left).to_numpy() for left in left_out]
    asked = [left == NONE and request in data.fit.requests for left in left_out]
    lacking = [
        _lacking(request, points[rows], asked=each) for rows, each in zip(kept, asked, strict=True)
    ]
    carried = [i for i, words in enumerate(lacking) if not words]
    found: dict[int, tuple[Floats, bool]] = {}
    if carried:
        # All that there are first; the others start from there, in one batch.
        try:
            whole = fit_group(request, points, data.fit.weight_by).solution
        except FitError as error:
            yield from [Fitted(reason=str(error))] * len(left_out)
            return
        weights = whole.stated.weights * np.stack([kept[i] for i in carried])
        minima = refit(whole.stated, whole.stated.loss[None, :], weights, whole.phi)
        phi = np.where(np.all(weights > 0, axis=1)[:, None], whole.phi, minima.phi)
        found = dict(zip(carried, zip(phi, minima.converged, strict=True), strict=True))
    for i, rows in enumerate(kept):
        if i not in found:
            yield Fitted(reason=lacking[i])
            continue
        parameters, converged = law.natural(found[i][0]).tolist(), bool(found[i][1])
        row = {
            "law": request.law,
            "method": request.method,
            "n_points": int(rows.sum()),
            "weighted": data.fit.weight_by != "none",
            **dict(zip(law.parameters, parameters, strict=True)),
        }
        made = arm(row, on_axis(request.law, convention, points[rows]))
        status = made.fit.status if converged else FitStatus.MAX_ITERATIONS
        reason = "" if status in SOUND else _unsound(law, int(rows.sum()), status)
        yield Fitted(made if asked[i] or not reason else None, status, reason)


def _lacking(request: Request, points: pd.DataFrame, *, asked: bool) -> str:
    """What points lack to carry a law, "" where nothing; of a law that the study itself asks for,
    even if they do not tell its parameters.
    """
    law = LAWS[request.law]
    axes = [points[name].tolist() for name in ("parameters", "tokens")]
    try:
        require(request, points["compute_pflop_s_days"].tolist(), *axes)
        runs = np.unique(points["run"].astype(str), return_inverse=True)[1]
        distinct(request.law, len(law.parameters), [runs.astype(np.float64)])
    except FitError as error:
        return str(error)
    if not asked and told_by_too_few(len(law.parameters), len(points)):
        return _unsound(law, len(points), FitStatus.NOT_IDENTIFIABLE)
    return ""


def _unsound(law: Law, points: int, status: str) -> str:
    """Why the parameters of a fit are not to be used."""
    if status == FitStatus.NOT_IDENTIFIABLE:
        return f"{points} points do not tell the {len(law.parameters)} parameters of law {law.name}"
    return f"the fit of law {law.name} did not converge"


def _compared(
    data: Data,
    candidate: str,
    losses: Mapping[str, float],
    fitted: Mapping[Key, Mapping[str, Fitted]],
) -> Iterator[Rows]:
    """The specifications of one comparison, those together that share their fits and pairing."""
    names = (data.baseline, candidate)
    shares = data.varied.at_compute
    for (convention, law, method, points, left_out), arms in fitted.items():
        both = [arms.get(name, Fitted(reason=f"arm {name}: it has no points")) for name in names]
        reason = "; ".join(each.reason for each in both if each.reason)
        pair = [each.arm for each in both if each.arm is not None]
        nan = [np.nan] * len(shares)
        at = np.array([*losses.values(), *(_at_compute(pair[0], shares) if pair else nan)])
        for pair_by in data.pairings:
            if len(pair) == 2:
                found = _multiplied(data, pair, at, Request(law, method), pair_by)
            else:
                found = {"loss": at, **dict.fromkeys(SAID, np.nan), **BLANK}
            yield {
                "reference": data.references(losses),
                "convention": convention,
                "counted_in": counted_in(law, convention),
                "law": law,
                "method": method,
                "points": points,
                "left_out": left_out,
                "pair_by": pair_by,
                "status": "; ".join(dict.fromkeys(each.status for each in both if each.status)),
                **found,
                **({"used": False, "reason": reason} if reason else {}),
            }


def _multiplied(
    data: Data, pair: Sequence[Arm], at: Floats, request: Request, pair_by: str
) -> Rows:
    """Columns of the specifications of one pair of fits, at all losses."""
    # Percentiles need draws, which the headline alone has.
    own = request == data.fit.requests[0] and data.comparison.interval != "percentile"
    made = multiplier(
        pair[0],
        pair[1],
        at,
        pair_by=pair_by == "model",
        confidence=data.comparison.confidence,
        interval=data.comparison.interval if own else "auto",
    )
    made = law_in_doubt(made, (pair[0], pair[1]), pair_by=pair_by == "model")
    return _columns(made)


def _columns(made: pd.DataFrame) -> Rows:
    """Those of a specification, of rows of the multiplier table, and whether they are used."""
    columns = {name: made[name].to_numpy() for name in ["loss", *SAID, "reason"]}
    numbers = np.array([columns[name] for name in ("multiplier", "ci_low", "ci_high")])
    used = np.isfinite(numbers).all(axis=0)
    return columns | {"used": used, "reason": np.where(used, "", columns["reason"])}


def _directly(
    data: Data,
    candidate: str,
    metric: str,
    losses: Mapping[str, float],
    fitted: Mapping[Key, Mapping[str, Fitted]],
) -> Iterator[Rows]:
    """The specifications of one comparison that do without a law, between the study's own points.

    At the same losses; those at a compute are what the baseline has there, without a law as well.
    """
    own = next(iter(data.differing))
    names = (data.baseline, candidate)
    shares = np.asarray(data.varied.at_compute, dtype=np.float64)
    for convention, left_out in dict.fromkeys((key[0], key[-1]) for key in fitted):
        points = [data.by_group.get((own, metric, convention, name)) for name in names]
        kept = [None if p is None else p[p["model"].astype(str) != left_out] for p in points]
        said = [f"arm {n}: it has no such points" for n, p in zip(names, kept, strict=True)
                if p is None or p.empty]  # fmt: skip
        made = [rungs(p, data.fit) for p in kept if p is not None and not p.empty]
        if len({each[:2] for each in made}) > 1:
            said = ["one arm has iso-FLOP curves and the other none"]
        at = np.array([*losses.values(), *np.full(shares.size, np.nan)])
        if made and not said:
            first = made[0][2]
            at[len(losses) :] = first.loss_at(shares * first.compute.max())
        law, method = made[0][:2] if made else (MEASURED, INTERPOLATION)
        for pair_by in data.pairings:
            found: Rows = {"loss": at, **dict.fromkeys(SAID, np.nan), **BLANK}
            found |= {"used": False, "reason": "; ".join(said)}
            if not said:
                arms = made[0][2], made[1][2]
                confidence = data.comparison.confidence
                told = direct(*arms, at, pair=pair_by == "model", confidence=confidence)
                found = _columns(told)
            yield {
                "reference": data.references(losses),
                "convention": convention,
                "counted_in": counted_in(law, convention),
                "law": law,
                "method": method,
                "points": DIRECT,
                "left_out": left_out,
                "pair_by": pair_by,
                "status": "",
                **found,
            }


def _losses(
    data: Data, metric: str, candidate: str, fitted: Mapping[Key, Mapping[str, Fitted]]
) -> dict[str, float]:
    """The losses of reference by name: the study's, the headline first, and places in the range.

    The same for every specification of a comparison, by the study's own fits.
    """
    own = next(iter(fitted.values()))
    baseline, candidate_ = (own.get(name, Fitted()) for name in (data.baseline, candidate))
    stated = [float(loss) for loss in data.comparison.losses(metric)]
    if baseline.arm is None or candidate_.arm is None:
        return {f"loss {loss:g}": loss for loss in stated} or {"middle": np.nan}
    found = losses_of(data.comparison, metric, baseline.arm, candidate_.arm)
    chosen = bool(stated or data.comparison.at_compute)
    at = {f"loss {loss:g}" if chosen else "middle": float(loss) for loss in found}
    low, high = np.log(reached_by_both(baseline.arm, candidate_.arm))
    for place in data.varied.at_loss:
        at[f"place {place:g}"] = round(float(np.exp(low + place * (high - low))), 3)
    return at


def _at_compute(baseline: Arm, shares: Sequence[float]) -> Floats:
    """The losses of the baseline's law at shares of its largest compute."""
    compute = np.asarray(shares, dtype=np.float64) * baseline.compute.max()
    return baseline.law.along_compute.value(compute, **baseline.along)
