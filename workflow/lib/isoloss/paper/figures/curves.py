"""Training curves against compute, with the laws through their ends."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoloss.fit.along import equation
from isoloss.paper import style
from isoloss.paper.figures import canvas
from isoloss.paper.figures.overlay import GREY, LABEL, published_lines
from isoloss.paper.figures.scaling import law_line
from isoloss.units import PFLOP_S_DAY, Floats

NEEDED = ["run", "metric", "tokens", "compute_pflop_s_days", "value", "kept"]
BEYOND = 1.8  # how far a law is drawn past the runs' ends, as a factor of compute
HEADROOM = 1.8  # above the highest loss, for the equations, as a factor


def draw(
    logs: Iterable[pd.DataFrame],
    points: pd.DataFrame,
    flops: pd.DataFrame,
    fit: pd.DataFrame,
    words: Mapping[str, Any],
    plotting: style.Plotting,
    published: Mapping[str, Any] | None = None,
) -> Figure:
    """A panel a metric: the curve of every run that is used, and the law of each arm.

    logs: the curves (columns NEEDED), part by part; a run's values are in one part. Laws are dashed
    over the compute of the runs' ends and dotted beyond. published: what is
    published of the study, whose lines are thin and grey.
    """
    headline, arms, metrics = words["conventions"][0], words["arms"], words["metrics"]
    points, flops, fit = (t[t["convention"] == headline] for t in (points, flops, fit))
    colors = style.arm_colors(plotting, arms)
    fit = fit[fit["headline_law"]]
    arm_of = points[points["used"]].groupby("run")["arm"].first()
    by_metric = _by_metric(logs, flops, arm_of.map(colors).to_dict())
    figure, panels = canvas.panels(plotting, len(metrics), share_x=True, share_y=True)
    for (metric, label), axes in zip(metrics.items(), panels, strict=True):
        for color, compute, loss in by_metric.get(metric, []):
            width = plotting["line"]["thin"]
            axes.plot(compute, loss, color=color, linewidth=width, alpha=0.5, zorder=1)
        laws = fit[fit["metric"] == metric].set_index("arm").loc[list(arms)]
        ends = points[(points["metric"] == metric) & points["used"]]
        for arm, law in laws.iterrows():
            law_line(axes, law, ends[ends["arm"] == arm], colors[arm], arms[arm], BEYOND)
        said = published or {}
        grey = published_lines(axes, said, metric, headline, ends, plotting, BEYOND)
        _equations(axes, laws, colors, arms if len(metrics) == 1 else {})
        if grey and len(metrics) == 1:
            _corner(axes, LABEL, len(laws), GREY, "medium")
        if len(metrics) > 1:
            axes.set_title(label)
    if len(metrics) > 1:
        highest = max(loss.max() for curves in by_metric.values() for _, _, loss in curves)
        panels[0].set_ylim(top=HEADROOM * highest)
    for axes in panels:  # once all panels that share an axis are drawn
        canvas.log_axis(axes, "x")
        canvas.log_axis(axes, "y")
        axes.grid(which="major")
    size = plotting["font"]["size"]
    figure.supxlabel(canvas.compute_label(headline), fontsize=size)
    figure.supylabel(f"{label if len(metrics) == 1 else 'Loss'} (nats)", fontsize=size)
    if len(metrics) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure


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


def _equations(
    axes: Axes, laws: pd.DataFrame, colors: Mapping[str, str], names: Mapping[str, str]
) -> None:
    """The laws' equations in their arms' colours, in the corner that falling curves leave free."""
    for line, (arm, law) in enumerate(laws.iterrows()):
        text = f"{names[arm]}: ${equation(law)}$" if arm in names else f"${equation(law)}$"
        _corner(axes, text, line, colors[arm], "medium" if arm in names else "small")


def _corner(axes: Axes, text: str, line: int, color: str, size: str) -> None:
    """A line of text in the upper right corner."""
    axes.annotate(
        text,
        xy=(1, 1),
        xycoords="axes fraction",
        xytext=(-4, -4 - 10 * line),
        textcoords="offset points",
        ha="right",
        va="top",
        color=color,
        fontsize=size,
    )
