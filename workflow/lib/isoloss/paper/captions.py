"""Captions that stand alone: what is shown, n, convention, interval, and what is left out."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from isoloss.paper.style import convention_label

Words = Mapping[str, Any]

LOG = ", log\N{NO-BREAK SPACE}scale"  # after the name of an axis
SAVING = "A multiplier M saves 1 - 1/M of the compute: 1.16 is 14% less."
LINE = 96  # letters
MOST = 12  # runs that are named
# What the columns `interval` of tables mean.
INTERVALS = {
    "delta_t": "delta method with Student's t",
    "scatter_t": "delta method with Student's t, wider because scatter may change with size",
    "mixture_t": "delta method with Student's t over a mixture of pairings",
    "draws_t": "spread of the resamples with Student's t",
    "jackknife_t": "jackknife with Student's t",
    "percentile": "percentiles of the resamples",
}
UNITS = {"nats": "nats", "bits": "bits", "bits_per_byte": "bits per byte"}


def caption(words: Words, *sentences: str) -> str:
    """The study's title and sentences (the empty ones left out) as lines of text."""
    text = " ".join([f"{words['title'].rstrip('.')}.", *filter(None, sentences)])
    fixed = text.replace("n = ", "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    lines = textwrap.fill(fixed, LINE, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ") + "\n"


def unit(words: Words, metric: str) -> str:
    """The unit of a metric as a reader knows it."""
    return UNITS[words.get("units", {}).get(metric, "nats")]


def loss(words: Words, metrics: Iterable[str] | None = None) -> str:
    """The name of a loss axis with its unit: that of the metric, or of several, `Loss`."""
    metrics = list(words["metrics"] if metrics is None else metrics)
    units = dict.fromkeys(unit(words, metric) for metric in metrics)
    name = words["metrics"][metrics[0]] if len(metrics) == 1 else "Loss"
    return f"{name} ({' or '.join(units)})"


def between(numbers: Iterable[float]) -> str:
    """`5`, or `4 to 6`."""
    found = sorted({int(number) for number in numbers})
    if not found:
        return "0"
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def counted(points: pd.DataFrame, words: Words) -> dict[str, str]:
    """How many of the points each arm has, by arm: over metrics, the least and the most."""
    sizes = points.groupby(["arm", "metric"]).size()
    return {
        arm: between(sizes[arm]) if arm in sizes.index.get_level_values(0) else "0"
        for arm in words["arms"]
    }


def with_counts(points: pd.DataFrame, words: Words) -> dict[str, str]:
    """The labels of the arms with their n."""
    counts = counted(points, words)
    return {arm: f"{label} (n = {counts[arm]})" for arm, label in words["arms"].items()}


def points_each(points: pd.DataFrame, words: Words) -> str:
    """`n: 5 points of MLA, 5 of Kimi Linear.`"""
    counts = counted(points, words)
    each = [f"{counts[arm]} of {label}" for arm, label in words["arms"].items()]
    first, *others = each
    return f"n: {first.replace(' of', ' points of', 1)}{''.join(f', {one}' for one in others)}."


def pairs(table: pd.DataFrame) -> str:
    """`n = 5 pairs of points`, of a multiplier table; by arm where they are not paired."""
    what = "pairs of points" if (table["pairing"] == "paired").all() else "points of an arm"
    return f"n = {between(table['n_points'])} {what}"


def interval(table: pd.DataFrame) -> str:
    """What the intervals of a table with `confidence` and `interval` are."""
    shown = table.dropna(subset=["ci_low"])
    if shown.empty:
        return "There are no intervals: the points tell none."
    kinds = dict.fromkeys(shown["interval"])
    how = "; ".join(INTERVALS.get(kind, str(kind).replace("_", " ")) for kind in kinds)
    return f"Intervals: pointwise, {100 * shown['confidence'].iloc[0]:g}% ({how})."


def compute(convention: str) -> str:
    """What compute counts."""
    return f"Compute is counted as {convention_label(convention)}, in PFLOP/s-days."


def left_out(points: pd.DataFrame) -> str:
    """The runs that are left out of the fits, with the reason."""
    out = points[~points["used"]].drop_duplicates("run")
    if out.empty:
        return "No run is left out."
    rows = list(zip(out["run"], out["reason"].fillna(""), strict=True))
    each = [f"{run}{f' ({why.rstrip(chr(46))})' if why else ''}" for run, why in rows[:MOST]]
    more = f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
    return f"Left out of the fits: {', '.join(each)}{more}."


def log_scale(*axes: str) -> str:
    """Which axes are logarithmic, in words."""
    return f"Logarithmic: {' and '.join(axes)}."


def units(words: Words) -> list[str]:
    """The different units of the metrics."""
    return list(dict.fromkeys(unit(words, metric) for metric in words["metrics"]))


def compute_axis(convention: str) -> str:
    """The name of a compute axis, always logarithmic."""
    return f"Compute (PFLOP/s-days, {convention_label(convention)}){LOG}"


def extrapolated(table: pd.DataFrame) -> str:
    """How many of the rows lie outside what both arms reached, in words."""
    beyond = int(table["extrapolated"].sum())
    if not beyond:
        return ""
    return f"{beyond} of {len(table)} lie outside the losses that both arms reached."
