"""Fits and points -> compute multipliers of every candidate, at chosen losses and over a range."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit.along import counted_in, is_surface, on_axis
from isoloss.fit.settings import Fitting
from isoloss.multiplier.curvature import law_in_doubt
from isoloss.multiplier.direct import (
    PARABOLA,
    budgets_of,
    direct,
    disagree,
    in_6nd,
    lowest,
    rungs,
)
from isoloss.multiplier.equal_loss import Arm, Reached, arm, multiplier, overlap
from isoloss.multiplier.outliers import holdout, leans, off_law
from isoloss.multiplier.plausible import doubts
from isoloss.multiplier.settings import Comparison, Gate
from isoloss.multiplier.verdict import cell, judge
from isoloss.units import Floats

FIT = ["metric", "convention", "law", "method"]
ENDS = ["ci_low", "ci_high"]
POINTS = ["arm", "metric", "convention"]
LARGEST = 1000  # how many times less compute a run may have and still be one of the larger


def multipliers(
    fits: pd.DataFrame,
    points: pd.DataFrame,
    draws: pd.DataFrame | None = None,
    surface: pd.DataFrame | None = None,
    *,
    baseline: str,
    headline: str,
    settings: Comparison,
    gate: Gate,
    fitting: Fitting | None = None,
) -> pd.DataFrame:
    """One row a candidate, metric, convention, law, method and loss; see `isoloss.multiplier`.

    draws: of the fits that have been resampled. surface: the rows of laws of N and D.
    fitting: how the laws were fitted; with it multipliers without a law stand beside the laws'
    (`direct`): law `measured`, or where points are iso-FLOP curves law `isoflop`, which may be that
    of the headline.
    `kind` tells the losses of `settings.at_loss` (`reported`) from those of the curve (`grid`).
    `headline` marks the first reported loss of convention `headline` under the headline law, whose
    interval is `settings.interval`; other laws have `auto`. `simultaneous` counts the comparisons
    that are looked at together: candidates x metrics under that law and convention. `ci_low` and
    `ci_high` hold one by one, `ci_low_simultaneous` and `ci_high_simultaneous`, at reported losses,
    for all of them at once (Sidak 1967, doi:10.1080/01621459.1967.10482935). Reported losses have
    the columns of `law_in_doubt`; curves are those of their law. `doubts` is what is found against
    a number by the rules of `isoloss.multiplier.verdict`.
    """
    by_points = dict(list(points[points["used"]].groupby(POINTS, sort=False)))
    counted = {key[:2] for key in by_points if key[2] == headline}
    together = sum(arm != baseline for arm, _ in counted)
    quoted: dict[Any, Floats] = {}  # losses at which the headline law is reported
    pair_by = settings.pair_by == "model"
    tables = []
    for one in (
        *_by_law(
            fits, by_points, arms_of(by_points, draws, surface), baseline, settings, gate, fitting
        ),
        *_directly(by_points, baseline, settings, fitting, gate),
    ):
        place = one.names["metric"], one.names["convention"], one.candidate
        reported = np.asarray(_reported(settings, one))
        if one.headline_law:
            quoted[place] = reported
        elif one.direct:
            reported = quoted.get(place, reported)
        losses = {"reported": reported}
        if one.headline_law or not one.direct:
            losses["grid"] = curve(*one.arms, settings.grid, settings.margin)
        for kind, at in losses.items():
            table = one.compare(at, confidence=settings.confidence)
            if kind == "reported":
                ends = one.compare(at, confidence=settings.confidence ** (1 / max(together, 1)))
                if one.fitted:
                    table, ends = (
                        law_in_doubt(each, one.fitted, pair_by=pair_by) for each in (table, ends)
                    )
                table = table.assign(**{f"{end}_simultaneous": ends[end] for end in ENDS})
            first = np.arange(len(at)) == 0
            here = first & (kind == "reported") & (one.names["convention"] == headline)
            table = table.assign(
                **one.names,
                counted_in=counted_in(one.names["law"], one.names["convention"]),
                candidate=one.candidate,
                baseline=baseline,
                kind=kind,
                simultaneous=together,
                headline=here & one.headline_law,
                headline_law=one.headline_law,
                status=one.status,
            )
            rows = table.to_dict("records")
            found = [dict(one.doubts) for _ in rows]
            if one.fitted and kind == "reported":
                for doubtful, row in zip(found, rows, strict=True):
                    doubtful["leans"] = (
                        leans(one.fitted, row, pair_by=pair_by) if row["headline"] else ""
                    )
            if one.check and kind == "reported":
                checks = one.check(at, confidence=settings.confidence).to_dict("records")
                for doubtful, row, direct_row in zip(found, rows, checks, strict=True):
                    doubtful["disagree"] = disagree(row, direct_row)
            judged = [judge(row, gate, doubtful) for row, doubtful in zip(rows, found, strict=True)]
            tables.append(table.assign(doubts=[cell(each) for each in judged]))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Pair:
    """Baseline and a candidate, and how they are compared.

    names: metric, convention, law and method. arms: baseline and candidate. compare: rows of the
    multiplier table at losses, `confidence` by name.
    """

    names: Mapping[str, str]
    candidate: str
    arms: tuple[Reached, Reached]
    compare: Callable[..., pd.DataFrame]
    headline_law: bool
    status: str
    doubts: Mapping[str, str]
    fitted: tuple[Arm, Arm] | None = None  # the same arms, where they have a law
    check: Callable[..., pd.DataFrame] | None = None  # of a law of N and D, by iso-FLOP minima

    @property
    def direct(self) -> bool:
        """Whether it does without a law."""
        return self.fitted is None


def _reported(settings: Comparison, one: Pair) -> list[float]:
    """The losses at which a multiplier is reported, the headline first."""
    metric = one.names["metric"]
    if one.fitted:
        return losses_of(settings, metric, *one.fitted)
    return settings.losses(metric) or [middle(*one.arms)]


def _by_law(
    fits: pd.DataFrame,
    by_points: Mapping[Any, pd.DataFrame],
    arms_of: Callable[[Mapping[str, Any]], Arm],
    baseline: str,
    settings: Comparison,
    gate: Gate,
    fitting: Fitting | None,
) -> Iterator[Pair]:
    """Every candidate under every law of the fit table."""
    for key, group in fits.groupby(FIT, sort=False):
        names = dict(zip(FIT, key, strict=True))
        first_law = bool(group["headline_law"].iloc[0])
        rows = {row["arm"]: row for row in group.to_dict("records")}
        arms = {name: arms_of(row) for name, row in rows.items()}
        if baseline not in arms:
            raise ValueError(
                f"metric {names['metric']}, convention {names['convention']}: the baseline "
                f"{baseline} has no points to compare {', '.join(arms)} with"
            )
        status = dict(zip(group["arm"], group["status"], strict=True))
        paired = settings.pair_by == "model"
        interval = settings.interval if first_law else "auto"
        for name in arms:
            if name == baseline:
                continue
            pair = arms[baseline], arms[name]
            # Of a law of N and D its own parameters besides those of its compute-optimal line.
            fitted = [
                rows[each]
                | dict(zip(arms[each].law.parameters, arms[each].parameters, strict=True))
                for each in (baseline, name)
            ]
            fitted_to = [by_points[tuple(row[key] for key in POINTS)] for row in fitted]
            doubtful = doubts(fitted_to[0], fitted_to[1], fitted, gate)
            doubtful["off_law"] = off_law(pair, gate)
            doubtful["holdout"] = holdout(pair)
            yield Pair(
                names=names,
                candidate=name,
                arms=pair,
                compare=partial(multiplier, *pair, pair_by=paired, interval=interval),
                headline_law=first_law,
                status=_status({arm: status[arm] for arm in (baseline, name)}),
                doubts=doubtful,
                fitted=pair,
                check=_check(names, fitted_to, settings, fitting),
            )


def _check(
    names: Mapping[str, str],
    points: Sequence[pd.DataFrame],
    settings: Comparison,
    fitting: Fitting | None,
) -> Callable[..., pd.DataFrame] | None:
    """The multiplier between iso-FLOP minima beside a law of N and D, in its compute; or None."""
    if fitting is None or not is_surface(names["law"]):
        return None
    arms = []
    for each in points:
        found = budgets_of(each, PARABOLA, fitting)
        if found is None:
            return None
        other = counted_in(names["law"], names["convention"]) != names["convention"]
        arms.append(lowest(in_6nd(found, each) if other else found))
    return partial(direct, arms[0], arms[1], pair=settings.pair_by == "model")


def _directly(
    by_points: Mapping[Any, pd.DataFrame],
    baseline: str,
    settings: Comparison,
    fitting: Fitting | None,
    gate: Gate,
) -> Iterator[Pair]:
    """Every candidate without a law: between iso-FLOP minima, or else between points."""
    if fitting is None:
        return
    found = {key: rungs(points, fitting) for key, points in by_points.items()}
    for (name, metric, convention), (law, method, candidate) in found.items():
        key = baseline, metric, convention
        if name == baseline or key not in found or found[key][0] != law:
            continue
        arms = found[key][2], candidate
        named = [{"arm": arm, "law": law} for arm in (baseline, name)]
        yield Pair(
            names=dict(zip(FIT, (metric, convention, law, method), strict=True)),
            candidate=name,
            arms=arms,
            compare=partial(direct, *arms, pair=settings.pair_by == "model"),
            headline_law=law == fitting.requests[0].law,
            status="converged",
            doubts=doubts(by_points[key], by_points[name, metric, convention], named, gate),
        )


def arms_of(
    by_points: Mapping[Any, pd.DataFrame],
    draws: pd.DataFrame | None,
    surface: pd.DataFrame | None,
) -> Callable[[Mapping[str, Any]], Arm]:
    """A function from a row of the fit table to its arm, with its points and any draws."""
    of_fit = [*POINTS, "law", "method"]
    by_draws = {} if draws is None else dict(list(draws.groupby(of_fit)))
    rows = [] if surface is None else surface.to_dict("records")
    surfaces = {tuple(row[name] for name in of_fit): row for row in rows}

    def of(fit: Mapping[str, Any]) -> Arm:
        mine = by_points[tuple(fit[name] for name in POINTS)]
        key = tuple(fit[name] for name in of_fit)
        drawn = by_draws.get(key)
        return arm(
            surfaces.get(key, fit),
            on_axis(fit["law"], fit["convention"], mine),
            None if drawn is None else drawn.rename(columns={"resampling": "kind"}),
        )

    return of


def _status(of: Mapping[str, str]) -> str:
    """`converged`, or the arms whose law is not, and how."""
    bad = [f"{arm} {status}" for arm, status in of.items() if status != "converged"]
    return "; ".join(bad) or "converged"


def reached_by_both(baseline: Reached, candidate: Reached) -> tuple[float, float]:
    """The losses that both arms reached; where there are none, the gap between the two."""
    ends = overlap(baseline, candidate)
    if ends is None:
        low = float(min(baseline.reached.max(), candidate.reached.max()))
        return low, float(max(baseline.reached.min(), candidate.reached.min()))
    return ends


def losses_of(settings: Comparison, metric: str, baseline: Arm, candidate: Arm) -> list[float]:
    """The losses of a metric at which the multiplier is reported, the headline first."""
    law = baseline.law.along_compute
    computes = np.asarray(list(settings.at_compute), dtype=np.float64)
    by_compute = law.value(computes, **baseline.along).tolist() if computes.size else []
    return [*settings.losses(metric), *by_compute] or [middle(baseline, candidate)]


def middle(baseline: Reached, candidate: Reached) -> float:
    """Geometric middle of what the larger runs of both arms reached, as a loss to be quoted.

    Larger runs have a LARGEST-th of their arm's largest compute at least: a ladder that begins at
    toy sizes is not read off there. All runs, where these are fewer than two or do not overlap.
    """
    larger = [a.reached[a.compute >= a.compute.max() / LARGEST] for a in (baseline, candidate)]
    ends = float(max(map(np.min, larger))), float(min(map(np.max, larger)))
    if min(each.size for each in larger) < 2 or ends[0] > ends[1]:
        ends = reached_by_both(baseline, candidate)
    found = float(np.sqrt(ends[0] * ends[1]))
    return round(found, 3) if found > 0.1 else float(f"{found:.3g}")


def curve(baseline: Reached, candidate: Reached, size: int, margin: float) -> Floats:
    """Losses evenly spaced in log loss over the range and `margin` of its length beyond."""
    low, high = np.log(reached_by_both(baseline, candidate))
    beyond = margin * (high - low)
    return np.exp(np.linspace(low - beyond, high + beyond, size))
