"""Scaling laws of the arms with their points, and the multiplier as an arrow between them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.fit.along import band, counted_in, equation, is_surface, losses, on_axis
from isoloss.multiplier.digits import shown
from isoloss.multiplier.verdict import verdict
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.overlay import (
    GREY,
    published_handle,
    published_lines,
    published_multiplier,
)
from isoloss.paper.figures.sheet import Sheet, line_handle, sheet

FIT = ["arm", "metric", "convention", "law", "method"]
BEYOND = 1.35  # how far a law is drawn past its points, as a factor of compute
FEW = 4  # arms whose laws are named beside a figure of one column
FAINT: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.55}  # a law beyond its points


def draw(
    points: pd.DataFrame,
    fit: pd.DataFrame,
    draws: pd.DataFrame,
    multiplier: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
    published: Mapping[str, Any] | None = None,
) -> Figure:
    """A panel a metric, of the headline law and convention, logarithmic on both axes.

    Laws are bold over their points and faint beyond, over bands of their draws. With one candidate
    an arrow at the headline loss goes from its law to the baseline's and carries the multiplier
    with its interval (of several metrics: above the panel); with more, a line at that loss joins
    the laws (unless their losses differ), and the multipliers stand in the legend. published: what
    is published of the study, thin and grey.
    """
    headline, arms, metrics = words["conventions"][0], words["arms"], words["metrics"]
    looks = style.arm_styles(plotting, arms)
    points = points[points["used"] & (points["convention"] == headline)]
    fit = fit[(fit["convention"] == headline) & fit["headline_law"]]
    multiplier = multiplier[multiplier["headline"]]
    alone, said = len(metrics) == 1, published or {}
    made = sheet(plotting, len(metrics), wide=alone and len(arms) > FEW)
    drawn = dict(iter(draws[draws["convention"] == headline].groupby(FIT)))
    grey = 0
    for metric, axes in zip(metrics, made.panels, strict=True):
        laws = fit[fit["metric"] == metric]
        law = laws["law"].iloc[0]
        here = on_axis(law, headline, points[points["metric"] == metric])
        _points(axes, here, looks, plotting, faint=is_surface(law))
        for row in laws.to_dict("records"):
            mine = here[here["arm"] == row["arm"]]
            law_line(axes, row, mine, looks[row["arm"]])
            of = drawn[tuple(row[name] for name in FIT)]
            _band(axes, of, mine, looks[row["arm"]]["color"], confidence_of(multiplier))
        grey += published_lines(axes, said, metric, headline, here, plotting, BEYOND)
        rows = multiplier[multiplier["metric"] == metric].to_dict("records")
        _compared(made, axes, rows, words, said)
        axes.grid(which="major")
        if not alone:
            unit = captions.loss(words, [metric]) if len(captions.units(words)) > 1 else ""
            made.title(axes, "\n".join([unit or metrics[metric], *_short(rows)]))
    labels = _labels(points, fit, multiplier, words)
    handles = [line_handle(look, labels[arm]) for arm, look in looks.items()]
    handles += [published_handle(plotting)] * bool(grey)
    made.axis("x", log=True)
    made.axis("y", log=True)
    return arrange(
        made,
        x=captions.compute_axis(counted_in(law, headline)),
        y=f"{captions.loss(words)}{captions.LOG}",
        handles=handles,
    )


def caption(
    points: pd.DataFrame,
    fit: pd.DataFrame,
    multiplier: pd.DataFrame,
    words: Mapping[str, Any],
    published: Mapping[str, Any] | None = None,
) -> str:
    """What the figure shows, for whom it stands alone."""
    headline = words["conventions"][0]
    here = points[points["convention"] == headline]
    law = fit.loc[(fit["convention"] == headline) & fit["headline_law"], "law"].iloc[0]
    told = multiplier[multiplier["headline"]]
    where = (
        "The arrow goes, at the reported loss, from the candidate's law to the baseline's: the "
        "compute multiplier, with its interval."
    )
    if len(words["arms"]) > 2:
        one = all(_one_loss(rows.to_dict("records")) for _, rows in told.groupby("metric"))
        where = "The black line joins the laws at the reported loss. " * one + (
            "The legend has the compute multipliers over the baseline, with their intervals, at "
            "the reported losses."
            if len(words["metrics"]) == 1
            else "The compute multipliers are in figure positions."
        )
    return captions.caption(
        words,
        "Final losses of the runs against training compute (bars: 95% of the error within a run, "
        "where its log tells), and the fitted laws: bold over the compute of the runs, faint "
        "beyond, on the bands of their resamples (pointwise, at the interval's confidence).",
        where if len(told) else "",
        "Thin and grey: as published." if published else "",
        captions.points_each(here[here["used"]], words),
        captions.compute(counted_in(law, headline)),
        captions.interval(told) if len(told) else "",
        captions.left_out(here),
        captions.SAVING,
        captions.log_scale("both axes"),
    )


def confidence_of(multiplier: pd.DataFrame) -> float:
    """That of the study's intervals; of one arm alone, 95%."""
    return float(multiplier["confidence"].iloc[0]) if len(multiplier) else 0.95


def _labels(
    points: pd.DataFrame, fit: pd.DataFrame, multiplier: pd.DataFrame, words: Mapping[str, Any]
) -> dict[str, str]:
    """What the legend says of each arm: n; of one metric its law; of several arms what it gains."""
    labels = captions.with_counts(points, words)
    if len(words["metrics"]) > 1:
        return labels
    laws = {row["arm"]: f"${equation(row)}$" for row in fit.to_dict("records")}
    labels = {arm: f"{label}: {laws[arm]}" for arm, label in labels.items()}
    if len(words["arms"]) > 2:
        for row in multiplier.to_dict("records"):
            labels[row["candidate"]] += "".join(f"; {text}" for text in _told(row, at_loss=True))
    return labels


def _points(
    axes: Axes,
    points: pd.DataFrame,
    looks: Mapping[str, Mapping[str, Any]],
    plotting: style.Plotting,
    *,
    faint: bool,
) -> None:
    """The points with their errors; faint, where most lie above a compute-optimal line."""
    for arm, look in looks.items():
        mine = points[points["arm"] == arm]
        axes.errorbar(
            mine["compute_pflop_s_days"],
            mine["loss"],
            yerr=np.nan_to_num(1.96 * mine["loss_se"].to_numpy()),
            fmt="_" if faint else look["marker"],
            color=look["color"],
            markersize=plotting["marker_size"],
            markeredgewidth=0.8 if faint else 0.3,
            markeredgecolor=look["color"] if faint else "white",
            elinewidth=plotting["line"]["thin"],
            zorder=3,
        )


def law_line(
    axes: Axes,
    fit: Mapping[str, Any],
    points: pd.DataFrame,
    look: Mapping[str, Any],
    beyond: float = BEYOND,
) -> None:
    """One law: bold over the compute of its points, faint beyond by a factor."""
    compute = points["compute_pflop_s_days"]
    low, high = compute.min(), compute.max()
    line = {"color": look["color"], "linestyle": look["linestyle"], "zorder": 2}
    inside = np.geomspace(low, high, 100)
    axes.plot(inside, losses(fit, inside), **line)
    for ends in ((low / beyond, low), (high, high * beyond)):
        outside = np.geomspace(*ends, 20)
        axes.plot(outside, losses(fit, outside), **line, **FAINT)


def _band(
    axes: Axes, draws: pd.DataFrame, points: pd.DataFrame, color: str, confidence: float
) -> None:
    """Where the law lies over its draws, as far as the line is drawn."""
    ends = points["compute_pflop_s_days"]
    compute = np.geomspace(ends.min() / BEYOND, ends.max() * BEYOND, 100)
    axes.fill_between(
        compute, *band(draws, compute, confidence), color=color, alpha=0.12, linewidth=0, zorder=0
    )


def _compared(
    made: Sheet,
    axes: Axes,
    rows: list[dict[str, Any]],
    words: Mapping[str, Any],
    published: Mapping[str, Any],
) -> None:
    """The multipliers of a metric: an arrow, or of several candidates a line with their marks."""
    rows = [row for row in rows if np.isfinite(row["multiplier"])]
    if len(words["arms"]) > 2:
        if _one_loss(rows):
            at = [row["candidate_compute_pflop_s_days"] for row in rows]
            at.append(at[0] * rows[0]["multiplier"])
            line: dict[str, Any] = {"linewidth": 0.8, "marker": "|", "markersize": 5}
            axes.plot(sorted(at), [rows[0]["loss"]] * len(at), color="black", **line, zorder=4)
        return
    for row in rows:
        _arrow(axes, row)
        if len(words["metrics"]) == 1:
            grey = published_multiplier(published, row, words["conventions"][0])
            start = row["candidate_compute_pflop_s_days"]
            near = min(start, start * row["multiplier"]), row["loss"]
            lines: list[tuple[str, dict[str, Any]]] = [("\n".join(_told(row)), {})]
            made.say(axes, lines + [(grey, {"color": GREY})] * bool(grey), near)


def _one_loss(rows: list[dict[str, Any]]) -> bool:
    """Whether all candidates of a metric are compared at one loss: a line can show it."""
    return len({row["loss"] for row in rows if np.isfinite(row["multiplier"])}) == 1


def _told(row: Mapping[str, Any], *, at_loss: bool = False) -> list[str]:
    """A multiplier, its interval, and what weakens it, in lines."""
    value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
    judged = verdict(row)
    weak = [*judged.words("extrapolated"), *["no headline: see the table"] * bool(judged.refused)]
    if not np.isfinite(row["multiplier"]):
        return ["no multiplier"]
    if at_loss:
        return [f"{value}$\\times$ ({low} to {high}) at loss {row['loss']:g}", *weak]
    interval = f"({100 * row['confidence']:g}%: {low} to {high})"
    return [f"{value}$\\times$ at loss {row['loss']:g}", interval, *weak]


def _short(rows: list[dict[str, Any]]) -> list[str]:
    """The multiplier of one candidate for above a panel."""
    if len(rows) != 1 or not np.isfinite(rows[0]["multiplier"]):
        return []
    value, low, high = shown(*(rows[0][name] for name in ("multiplier", "ci_low", "ci_high")))
    return [f"{value}$\\times$ ({low} to {high})"]


def _arrow(axes: Axes, row: Mapping[str, Any]) -> None:
    """The multiplier at one loss, from the candidate's law to the baseline's."""
    start, loss = row["candidate_compute_pflop_s_days"], row["loss"]
    axes.annotate(
        "",
        xy=(start * row["multiplier"], loss),
        xytext=(start, loss),
        arrowprops={
            "arrowstyle": "-|>",
            "color": "black",
            "linewidth": 0.8,
            "mutation_scale": 6,
            "shrinkA": 0,
            "shrinkB": 0,
        },
        zorder=4,
    )
