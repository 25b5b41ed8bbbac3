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
from isoloss.paper import style
from isoloss.paper.figures import canvas
from isoloss.paper.figures.overlay import GREY, published_lines, published_multiplier

FIT = ["arm", "metric", "convention", "law", "method"]
BEYOND = 1.35  # how far a law is drawn past its points, as a factor of compute


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

    Laws are dashed between their points and dotted beyond, over bands of their draws; the arrow
    at the headline loss goes from the candidate's law to the baseline's and carries the multiplier
    with its interval. published: what is published of the study, thin and grey.
    """
    headline = words["conventions"][0]
    colors = style.arm_colors(plotting, words["arms"])
    figure, panels = canvas.panels(plotting, len(words["metrics"]))
    for (metric, label), axes in zip(words["metrics"].items(), panels, strict=True):
        here = points[
            (points["metric"] == metric) & (points["convention"] == headline) & points["used"]
        ]
        mine = (fit["metric"] == metric) & (fit["convention"] == headline)
        laws_here = fit[mine & fit["headline_law"]]
        law = laws_here["law"].iloc[0]
        here = on_axis(law, headline, here)
        _points(axes, here, words, plotting, faint=is_surface(law))
        for row in laws_here.to_dict("records"):
            arm = row["arm"]
            name = f"{words['arms'][arm]}: ${equation(row)}$"
            law_line(axes, row, here[here["arm"] == arm], colors[arm], name)
            drawn = draws[(draws[FIT] == [row[name] for name in FIT]).all(axis=1)]
            confidence = multiplier["confidence"].iloc[0]
            _band(axes, drawn, here[here["arm"] == arm], colors[arm], confidence)
        said = published or {}
        published_lines(axes, said, metric, headline, here, plotting, BEYOND)
        rows = multiplier[(multiplier["metric"] == metric) & multiplier["headline"]]
        for row in rows.to_dict("records"):
            arrow(axes, row, published_multiplier(said, row, headline))
        canvas.log_axis(axes, "x")
        canvas.log_axis(axes, "y")
        axes.grid(which="major")
        axes.set_ylabel(f"{label} (nats)")
        axes.set_xlabel(canvas.compute_label(counted_in(law, headline)))
        axes.legend(loc="upper right")
    return figure


def _points(
    axes: Axes,
    points: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
    *,
    faint: bool,
) -> None:
    """The points with their errors; faint, where most lie above a compute-optimal line."""
    colors = style.arm_colors(plotting, words["arms"])
    markers = style.arm_markers(plotting, words["arms"])
    for arm in words["arms"]:
        mine = points[points["arm"] == arm]
        axes.errorbar(
            mine["compute_pflop_s_days"],
            mine["loss"],
            yerr=np.nan_to_num(1.96 * mine["loss_se"].to_numpy()),
            fmt="_" if faint else markers[arm],
            color=colors[arm],
            markeredgewidth=0.8 if faint else 0,
            elinewidth=plotting["line"]["thin"],
            zorder=3,
        )


def law_line(
    axes: Axes,
    fit: Mapping[str, Any],
    points: pd.DataFrame,
    color: str,
    label: str,
    beyond: float = BEYOND,
) -> None:
    """One law: dashed over the compute of its points, dotted beyond by a factor."""
    compute = points["compute_pflop_s_days"]
    low, high = compute.min(), compute.max()
    inside = np.geomspace(low, high, 100)
    axes.plot(inside, losses(fit, inside), "--", color=color, label=label, zorder=2)
    for ends in ((low / beyond, low), (high, high * beyond)):
        outside = np.geomspace(*ends, 20)
        axes.plot(outside, losses(fit, outside), ":", color=color, zorder=2)


def _band(
    axes: Axes, draws: pd.DataFrame, points: pd.DataFrame, color: str, confidence: float
) -> None:
    """Where the law lies over its draws, as far as the line is drawn."""
    ends = points["compute_pflop_s_days"]
    compute = np.geomspace(ends.min() / BEYOND, ends.max() * BEYOND, 100)
    axes.fill_between(
        compute, *band(draws, compute, confidence), color=color, alpha=0.12, linewidth=0, zorder=0
    )


def arrow(axes: Axes, row: Mapping[str, Any], published: str = "") -> None:
    """The multiplier at one loss, from the candidate's law to the baseline's.

    published: what the paper says of it, in grey below.
    """
    if not np.isfinite(row["multiplier"]):
        return
    judged = verdict(row)
    weak = [*judged.words("extrapolated"), *["no headline: see the table"] * bool(judged.refused)]
    start = row["candidate_compute_pflop_s_days"]
    end, loss = start * row["multiplier"], row["loss"]
    value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
    axes.annotate(
        "",
        xy=(end, loss),
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
    ours = axes.annotate(
        f"{value}$\\times$ at loss {loss:g}\n({100 * row['confidence']:g}%: {low} to {high})"
        + "".join(f"\n{words}" for words in weak),
        xy=(min(start, end), loss),
        xytext=(-5, -5),
        textcoords="offset points",
        ha="right",
        va="top",
        zorder=4,
    )
    if published:
        axes.annotate(
            published,
            xy=(1, 0),
            xycoords=ours,
            ha="right",
            va="top",
            color=GREY,
            zorder=4,
        )
