"""Training curves against compute with the laws through their ends, and the arms' ratio below."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.fit.along import counted_in, equation, losses, on_axis, ratio_band
from isoloss.paper import captions, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.overlay import published_handle, published_lines
from isoloss.paper.figures.sheet import line_handle, sheet
from isoloss.units import PFLOP_S_DAY, Floats

NEEDED = ["run", "metric", "tokens", "compute_pflop_s_days", "value", "kept"]
WIDE = 4  # arms from which on a single panel is as wide as the page


def draw(
    logs: Iterable[pd.DataFrame],
    points: pd.DataFrame,
    flops: pd.DataFrame,
    fit: pd.DataFrame,
    draws: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
    published: Mapping[str, Any] | None = None,
) -> Figure:
    """A panel a metric: the curve of every run that is used, and the law of each arm.

    logs: the curves (columns NEEDED), part by part; a run's values are in one part. Laws go over
    the whole axis, bold over the compute of the runs' ends. Below each panel the candidates' laws
    over the baseline's, with a band of their draws, and their points over the baseline's law.
    published: what is published of the study, whose lines are thin and grey.
    """
    headline, arms, metrics = words["conventions"][0], words["arms"], words["metrics"]
    points, flops, fit = (t[t["convention"] == headline] for t in (points, flops, fit))
    points = points[points["used"]]
    looks = style.arm_styles(plotting, arms)
    fit = fit[fit["headline_law"]]
    arm_of = points.groupby("run")["arm"].first()
    by_metric = _by_metric(logs, flops, arm_of.map(lambda arm: looks[arm]["color"]).to_dict())
    alone, several = len(metrics) == 1, len(arms) > 1
    made = sheet(plotting, len(metrics), wide=alone and len(arms) > WIDE, share="xy", strip=several)
    grey = 0
    for number, (metric, axes) in enumerate(zip(metrics, made.panels, strict=True)):
        curves = by_metric.get(metric, [])
        for color, compute, loss in curves:
            width = plotting["line"]["thin"]
            axes.plot(compute, loss, color=color, linewidth=width, alpha=0.5, zorder=1)
        laws = fit[fit["metric"] == metric].set_index("arm").loc[list(arms)]
        ends = on_axis(laws["law"].iloc[0], headline, points[points["metric"] == metric])
        computes = np.concatenate([c for _, c, _ in curves] or [ends["compute_pflop_s_days"]])
        whole = computes.min(), computes.max()
        for arm, law in laws.iterrows():
            _law(axes, law, ends[ends["arm"] == arm], looks[str(arm)], whole)
        grey += published_lines(axes, published or {}, metric, headline, ends, plotting, 1.0)
        if several:
            of = draws[(draws["metric"] == metric) & (draws["convention"] == headline)]
            _ratio(made.strips[number], laws, ends, of, looks, plotting)
        axes.grid(which="major")
        if not alone:
            unit = captions.loss(words, [metric]) if len(captions.units(words)) > 1 else ""
            made.title(axes, unit or metrics[metric])
    labels = captions.with_counts(points, words)
    if alone:
        named = {str(arm): f": ${equation(law)}$" for arm, law in laws.iterrows()}
        labels = {arm: label + named[arm] for arm, label in labels.items()}
    handles = [line_handle(look, labels[arm]) for arm, look in looks.items()]
    handles += [published_handle(plotting)] * bool(grey)
    made.axis("x", log=True)
    made.axis("y", log=True)
    made.axis("y", log=False, of=made.strips)
    made.axis("x", log=True, of=made.strips)
    return arrange(
        made,
        x=captions.compute_axis(counted_in(laws["law"].iloc[0], headline)),
        y=f"{captions.loss(words)}{captions.LOG}",
        strip_y=f"Over {arms[next(iter(arms))]} (%)",
        handles=handles,
    )


def caption(
    points: pd.DataFrame,
    fit: pd.DataFrame,
    words: Mapping[str, Any],
    published: Mapping[str, Any] | None = None,
) -> str:
    """What the figure shows, for whom it stands alone."""
    headline = words["conventions"][0]
    here = points[points["convention"] == headline]
    law = fit.loc[(fit["convention"] == headline) & fit["headline_law"], "law"].iloc[0]
    below = (
        f"Below: loss over that of {next(iter(words['arms'].values()))}'s law at equal compute, in "
        "percent, of the laws (bands: pointwise 95% of the resamples) and of the runs' final "
        "losses (signs)."
    )
    return captions.caption(
        words,
        "Every kept value of every run against training compute, and the law through the runs' "
        "final losses: bold over the compute of the runs' ends, faint beyond.",
        below if len(words["arms"]) > 1 else "",
        "Thin and grey: the lines as published." if published else "",
        captions.points_each(here[here["used"]], words),
        captions.compute(counted_in(law, headline)),
        captions.left_out(here),
        captions.log_scale("compute", "loss"),
    )


def on_compute(values: pd.DataFrame, flops: pd.DataFrame) -> pd.DataFrame:
    """Values with their `compute`, PFLOP/s-days, under the one convention of `flops`."""
    by_run = flops.set_index("run")
    counted = values["tokens"] * values["run"].map(by_run["flop_per_token"]) / PFLOP_S_DAY
    converted = values["compute_pflop_s_days"] * values["run"].map(by_run["conversion"])
    return values.assign(compute=converted.fillna(counted))


def _by_metric(
    logs: Iterable[pd.DataFrame], flops: pd.DataFrame, colors: Mapping[str, str]
) -> dict[str, list[tuple[str, Floats, Floats]]]:
    """Of each metric the curves of the runs that have a color: it, compute and loss."""
    found: dict[str, list[tuple[str, Floats, Floats]]] = {}
    for log in logs:
        values = on_compute(log[log["kept"] & log["run"].isin(colors)], flops)
        for (run, metric), curve in values.groupby(["run", "metric"], sort=False, observed=True):
            of = colors[run], curve["compute"].to_numpy(), curve["value"].to_numpy()
            found.setdefault(metric, []).append(of)
    return found


def _law(
    axes: Axes,
    law: pd.Series,
    ends: pd.DataFrame,
    look: Mapping[str, Any],
    whole: tuple[float, float],
) -> None:
    """A law over the whole axis, bold over the compute of its points."""
    line = {"color": look["color"], "linestyle": look["linestyle"]}
    row: dict[str, Any] = law.to_dict()
    compute = ends["compute_pflop_s_days"]
    for span, width in (((compute.min(), compute.max()), 1.4), (whole, 0.6)):
        at = np.geomspace(span[0], span[1], 100)
        axes.plot(at, losses(row, at), **line, linewidth=width, zorder=2)


def _ratio(
    axes: Axes,
    laws: pd.DataFrame,
    ends: pd.DataFrame,
    draws: pd.DataFrame,
    looks: Mapping[str, Mapping[str, Any]],
    plotting: style.Plotting,
) -> None:
    """Laws and points of the candidates over the baseline's law, in percent."""
    baseline, *candidates = list(looks)
    base: dict[str, Any] = laws.loc[baseline].to_dict()
    axes.axhline(0, color=looks[baseline]["color"], linestyle=looks[baseline]["linestyle"])
    for arm, look in looks.items():
        mine = ends[ends["arm"] == arm]
        compute = mine["compute_pflop_s_days"].to_numpy()
        over = 100 * (mine["loss"].to_numpy() / losses(base, compute) - 1)
        size = 0.6 * plotting["marker_size"]
        axes.plot(compute, over, look["marker"], color=look["color"], markersize=size, mew=0)
    span = ends["compute_pflop_s_days"]
    at = np.geomspace(span.min(), span.max(), 60)
    mine = draws[draws["law"].eq(base["law"]) & draws["method"].eq(base["method"])]
    for arm in candidates:
        law: dict[str, Any] = laws.loc[arm].to_dict()
        color, line = looks[arm]["color"], looks[arm]["linestyle"]
        over = 100 * (losses(law, at) / losses(base, at) - 1)
        axes.plot(at, over, color=color, linestyle=line)
        first, second = (mine[mine["arm"] == name] for name in (arm, baseline))
        low, high = ratio_band(first, second, at, 0.95)
        axes.fill_between(
            at, 100 * (low - 1), 100 * (high - 1), color=color, alpha=0.15, linewidth=0
        )
    axes.grid(which="major")
