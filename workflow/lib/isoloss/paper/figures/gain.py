"""The compute multiplier against the baseline's compute, to an extrapolated budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from isoloss.paper import captions, style
from isoloss.paper.figures import forest
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import sheet

MOST_PANELS = 12  # curves; of more comparisons there is a row each


def draw(
    gain: pd.DataFrame, multiplier: pd.DataFrame, words: Mapping[str, Any], plotting: style.Plotting
) -> Figure:
    """Of the headline's convention: a panel a comparison, or rows of many in a forest plot.

    Dark: the interval of the multiplier; light: where another pair of runs would lie. Full lines
    and dots: what both arms reached; dashed and hollow: extrapolated. multiplier: says n.
    """
    gain = gain[gain["convention"] == words["conventions"][0]]
    pairs = list(gain.groupby(["candidate", "metric"], sort=False))
    n = captions.pairs(_of(multiplier, words))
    if len(pairs) > MOST_PANELS:
        return _forest(gain, n, words, plotting)
    made = sheet(plotting, len(pairs), share="y")
    several = gain["candidate"].nunique() > 1
    looks = style.arm_styles(plotting, words["arms"])
    for ((candidate, metric), table), axes in zip(pairs, made.panels, strict=True):
        _curve(axes, table, looks[str(candidate)]["color"])
        axes.axhline(1, color="0.4", linewidth=plotting["line"]["thin"], zorder=1)
        name = [words["arms"][candidate]] * several
        name += [words["metrics"][metric]] * (len(words["metrics"]) > 1)
        made.title(axes, ", ".join(name))
    made.limits("y", *_limits(gain))
    made.axis("x", log=True)
    made.axis("y", log=True)
    baseline = words["arms"][gain["baseline"].iloc[0]]
    who = "candidate" if several else words["arms"][gain["candidate"].iloc[0]]
    return arrange(
        made,
        x=f"Compute of {baseline} (PFLOP/s-days, "
        f"{style.convention_label(gain['counted_in'].iloc[0])}){captions.LOG}",
        y=f"Compute multiplier of {who} over {baseline}{captions.LOG}",
        handles=_handles(gain, "0.3" if several else looks[pairs[0][0][0]]["color"]),
        note=n,
    )


def caption(gain: pd.DataFrame, multiplier: pd.DataFrame, words: Mapping[str, Any]) -> str:
    """What the figure shows, for whom it stands alone."""
    gain = gain[gain["convention"] == words["conventions"][0]]
    baseline = words["arms"][gain["baseline"].iloc[0]]
    counted = gain["counted_in"].iloc[0]
    many = len(gain[["candidate", "metric"]].drop_duplicates()) > MOST_PANELS
    signs = (
        "Filled: at the largest compute that both arms reached. Hollow: extrapolated to "
        f"{gain['compute_pflop_s_days'].max():.3g} PFLOP/s-days. Thick: the interval of the "
        "multiplier; thin: where another pair of runs would lie."
        if many
        else "Full line: what both arms reached; dashed: extrapolated. Dark: the interval of the "
        "multiplier; light: where another pair of runs would lie."
    )
    return captions.caption(
        words,
        f"Compute multiplier over {baseline} against the compute of {baseline}: above 1 the "
        f"candidate needs less. {signs}",
        f"{captions.pairs(_of(multiplier, words))}.",
        captions.compute(counted),
        captions.interval(gain),
        "Conventions other than the headline's are left out." * (len(words["conventions"]) > 1),
        captions.SAVING,
        captions.log_scale("multipliers" if many else "both axes"),
    )


def _of(multiplier: pd.DataFrame, words: Mapping[str, Any]) -> pd.DataFrame:
    """The reported rows of the headline."""
    return multiplier[
        (multiplier["convention"] == words["conventions"][0])
        & (multiplier["kind"] == "reported")
        & multiplier["headline_law"]
    ]


def _handles(gain: pd.DataFrame, color: str) -> list[Artist]:
    percent = f"{100 * gain['confidence'].iloc[0]:g}%"
    return [
        Patch(color=color, alpha=0.13, linewidth=0, label=f"another pair of runs, {percent}"),
        Patch(color=color, alpha=0.43, linewidth=0, label=f"the multiplier, {percent}"),
        Line2D([], [], color=color, linestyle="--", linewidth=0.8, label="extrapolated"),
        Line2D([], [], color=color, label="reached by both arms"),
    ]


def _curve(axes: Axes, table: pd.DataFrame, color: str) -> None:
    x = table["compute_pflop_s_days"]
    for ends, alpha in ((("predicted_low", "predicted_high"), 0.13), (("ci_low", "ci_high"), 0.3)):
        low, high = (table[end] for end in ends)
        axes.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0)
    seen = table["multiplier"].where(~table["extrapolated"])
    axes.plot(x, table["multiplier"], "--", color=color, linewidth=0.8)
    axes.plot(x, seen, "-", color=color)
    axes.set_xlim(x.min(), x.max())


def _limits(gain: pd.DataFrame) -> tuple[float, float]:
    """Of the axis of multipliers: all of them, and most of what surrounds them."""
    low = np.nanquantile(gain["predicted_low"].fillna(gain["ci_low"]), 0.02)
    high = np.nanquantile(gain["predicted_high"].fillna(gain["ci_high"]), 0.98)
    m = gain["multiplier"]
    least, most = max(low, 0.3 * m.min()), min(high, 3 * m.max())
    return 0.98 * min(least, m.min(), 0.99), 1.02 * max(most, m.max(), 1.01)


def _forest(
    gain: pd.DataFrame, n: str, words: Mapping[str, Any], plotting: style.Plotting
) -> Figure:
    """A panel a candidate, a row a metric: at the largest compute of both, and at the budget."""
    candidates = [arm for arm in words["arms"] if arm in set(gain["candidate"])]
    metrics = [name for name in words["metrics"] if name in set(gain["metric"])]
    made = forest.panels(plotting, words, candidates, len(metrics), 2)
    looks = style.arm_styles(plotting, words["arms"])
    for candidate, axes in zip(candidates, made.panels, strict=True):
        mine = gain[gain["candidate"] == candidate]
        seen = mine[~mine["extrapolated"]].groupby("metric", sort=False)
        for rows, shift in ((mine.groupby("metric", sort=False), 0.2), (seen, -0.2)):
            _rows(axes, rows.tail(1), metrics, shift, looks[candidate]["color"])
    made.limits("x", *_limits(_ends(gain)))
    forest.label_rows(made, [words["metrics"][name] for name in metrics])
    made.axis("x", log=True)
    budget = gain["compute_pflop_s_days"].max()
    baseline = words["arms"][gain["baseline"].iloc[0]]
    convention = style.convention_label(gain["counted_in"].iloc[0])
    sign: dict[str, Any] = {"color": "0.3", "marker": "o", "markersize": 3, "linewidth": 1.1}
    of = f" of {words['arms'][candidates[0]]}" if len(candidates) == 1 else ""
    return arrange(
        made,
        x=f"Compute multiplier{of} over {baseline}{captions.LOG}",
        handles=[
            Line2D([], [], **sign, label="at the largest compute that both arms reached"),
            Line2D(
                [],
                [],
                **sign,
                markerfacecolor="white",
                label=f"extrapolated to {budget:.3g} PFLOP/s-days ({convention})",
            ),
            Line2D([], [], color="0.3", linewidth=0.4, label="another pair of runs"),
        ],
        note=f"{n}; thick: {100 * gain['confidence'].iloc[0]:g}% intervals of the multiplier",
    )


def _ends(gain: pd.DataFrame) -> pd.DataFrame:
    """The rows that a forest shows."""
    of = ["candidate", "metric"]
    seen = gain[~gain["extrapolated"]].groupby(of, sort=False).tail(1)
    return pd.concat([seen, gain.groupby(of, sort=False).tail(1)])


def _rows(axes: Axes, rows: pd.DataFrame, metrics: Sequence[str], shift: float, color: str) -> None:
    """A line a metric; hollow where it is shifted down."""
    place = rows["metric"].map({name: i for i, name in enumerate(metrics)}) + shift
    axes.hlines(place, rows["predicted_low"], rows["predicted_high"], color=color, lw=0.4)
    axes.hlines(place, rows["ci_low"], rows["ci_high"], color=color, lw=1.1)
    face = "white" if shift > 0 else color
    axes.plot(rows["multiplier"], place, "o", color=color, mfc=face, markersize=2.5, mew=0.6)
