"""Which logged values to trust: every value stays, those not to be used get their reasons.

Rules, in the order in which a reason is given (docs/cleaning.md has them at length):

non_finite       the value is NaN or infinite
duplicate_step   the same metric was logged again for this step later on; the later value wins
backward_step    the run went back to an earlier step later on (a resume), and did not log this
                 step again: the value belongs to a stretch that was abandoned
warm_up          before `warm_up_steps` or `warm_up_tokens`
backward_tokens  the tokens fall while the steps rise (`curve_rules.out_of_order`)
divergence       the run had diverged: its loss rose and stayed up, or ended in NaN
                 (`curve_rules.diverged`, by `divergence_mads` and `divergence_rise`)
constant         one value, repeated `constant_rows` times or more (`curve_rules.constant`)
spike            further than `spike_mads` robust standard deviations (1.4826 times the median
                 absolute deviation) above the median of the `spike_window` values around it
                 and above the lowest value before it (`curve_rules.spikes`)
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curve_rules import constant, diverged, out_of_order, spikes
from isoloss.cleaning.settings import Cleaning

__all__ = ["RULES", "clean", "spikes", "summary"]

RULES = (
    *("non_finite", "duplicate_step", "backward_step", "warm_up"),
    *("backward_tokens", "divergence", "constant", "spike"),
)


def clean(table: pd.DataFrame, settings: Cleaning) -> pd.DataFrame:
    """Sort a long table of logs; add `kept` (bool) and `reasons` (names of RULES joined by `;`).

    Rows are sorted by run, metric and position: the step where logged, else tokens, else compute.
    Raises ValueError for a warm-up in steps of logs that have none.
    """
    position = table["step"].fillna(table["tokens"]).fillna(table["compute_pflop_s_days"])
    table = table.assign(position=position)
    if settings.warm_up_steps and len(table) and table["step"].isna().all():
        raise ValueError(
            "clean.warm_up_steps is set, but the logs have no steps; use warm_up_tokens."
        )
    duplicate, backward = _superseded(table)
    flags = pd.DataFrame(
        {
            "non_finite": ~np.isfinite(table["value"]),
            "duplicate_step": duplicate,
            "backward_step": backward,
            "warm_up": (table["step"] < settings.warm_up_steps)
            | (table["tokens"] < settings.warm_up_tokens),
        }
    )
    order = ["run", "metric", "position", "segment", "offset"]
    table = table.sort_values(order, kind="stable")
    flags = flags.loc[table.index]
    # A value that is not finite is no reason to look away: a run that ends so has diverged.
    live = ~flags.drop(columns="non_finite").any(axis=1).to_numpy()
    found = {name: np.zeros(len(table), dtype=bool) for name in RULES[len(flags.columns) :]}
    values, step, tokens = (table[name].to_numpy() for name in ("value", "step", "tokens"))
    window = settings.spike_window
    for curve in _curves(table):
        rows = curve[live[curve]]
        known = rows[~np.isnan(step[rows]) & ~np.isnan(tokens[rows])]
        found["backward_tokens"][known] = out_of_order(tokens[known])
        onset = diverged(values[rows], window, settings.divergence_mads, settings.divergence_rise)
        if onset is not None:
            found["divergence"][rows[onset:]] = True
            rows = rows[:onset]
        rows = rows[np.isfinite(values[rows]) & ~found["backward_tokens"][rows]]
        if settings.constant_rows:
            found["constant"][rows] = constant(values[rows], settings.constant_rows)
            rows = rows[~found["constant"][rows]]
        if settings.spike_mads and len(rows) >= window:
            found["spike"][rows] = spikes(values[rows], window, settings.spike_mads)
    flags = flags.assign(**found)
    return table.drop(columns="position").assign(
        kept=~flags.any(axis=1), reasons=_reasons(flags)
    ).reset_index(drop=True)  # fmt: skip


def _superseded(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Values logged again later, and values past the point to which the run went back later."""
    duplicate = table.duplicated(["run", "metric", "position"], keep="last")
    start = table.groupby(["run", "metric", "segment"], sort=True)["position"].min()
    series = start.groupby(["run", "metric"])
    # The lowest first position of all later segments: cumulative minimum from the last one back.
    later = series.transform(lambda s: s[::-1].cummin().shift(1)[::-1])
    keys = pd.MultiIndex.from_frame(table[["run", "metric", "segment"]])
    back_to = later.reindex(keys).to_numpy()
    return duplicate, (table["position"] >= back_to) & ~duplicate


def _curves(table: pd.DataFrame) -> Iterator[NDArray[np.intp]]:
    """Row numbers of each run's each metric, of a sorted table."""
    codes = table.groupby(["run", "metric"], sort=False).ngroup().to_numpy()
    if len(codes):
        yield from np.split(np.arange(len(codes)), np.flatnonzero(np.diff(codes)) + 1)


def _reasons(flags: pd.DataFrame) -> pd.Series:
    reasons = pd.Series("", index=flags.index)
    for name in RULES:
        rows = flags[name].to_numpy()
        reasons[rows] = reasons[rows].where(reasons[rows] == "", reasons[rows] + ";") + name
    return reasons


def summary(cleaned: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """One row a run: values read, kept and flagged (in all and by rule), first and last row kept.

    cleaned: from `clean`. runs: the table `runs` of `isoloss.ingest`. A value with two reasons
    counts in both rules' columns and once in `flagged`; values = kept + flagged.
    """
    kept = cleaned[cleaned["kept"]].groupby("run", observed=True)
    counts = _by_reason(cleaned)
    counts["first_step"], counts["last_step"] = kept["step"].min(), kept["step"].max()
    counts["last_tokens"] = kept["tokens"].max()
    counts["last_compute_pflop_s_days"] = kept["compute_pflop_s_days"].max()
    table = runs.merge(counts.reset_index(), on="run", how="left", validate="one_to_one")
    numbers = ["kept", "flagged", *RULES]
    table[numbers] = table[numbers].fillna(0).astype("int64")  # a run without any value
    wrong = table[table["values"] != table["kept"] + table["flagged"]]
    if not wrong.empty:
        raise AssertionError(f"values were lost in cleaning:\n{wrong}")
    words = [name for name in ("lossy", "error", "notes") if name in table]
    return table[[*table.columns.drop(words), *words]]


def _by_reason(cleaned: pd.DataFrame) -> pd.DataFrame:
    """Values kept, flagged and flagged by each rule: one row a run that has any."""
    sizes = cleaned.groupby(["run", "reasons"], observed=True).size().unstack(fill_value=0)
    counts = pd.DataFrame({"kept": sizes.get("", pd.Series(0, index=sizes.index))})
    counts["flagged"] = sizes.sum(axis=1) - counts["kept"]
    for name in RULES:
        mine = [reasons for reasons in sizes if name in str(reasons).split(";")]
        counts[name] = sizes[mine].sum(axis=1)
    return counts
