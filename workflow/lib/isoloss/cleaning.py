"""Which logged values to trust: every value stays, those not to be used get their reasons.

Rules, in the order in which a reason is given:

non_finite      the value is NaN or infinite
duplicate_step  the same metric was logged again for this step later on; the later value wins
backward_step   the run went back to an earlier step later on (a resume), and did not log this
                step again: the value belongs to a stretch that was abandoned
warm_up         before `warm_up_steps` or `warm_up_tokens`
spike           further than `spike_mads` robust standard deviations (1.4826 times the median
                absolute deviation) above the median of the `spike_window` values around it
                and above the lowest value before it
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RULES = ("non_finite", "duplicate_step", "backward_step", "warm_up", "spike")
MAD_TO_SD = 1.4826  # of a normal distribution


def clean(
    table: pd.DataFrame,
    *,
    warm_up_steps: float = 0,
    warm_up_tokens: float = 0,
    spike_window: int = 51,
    spike_mads: float = 10.0,
) -> pd.DataFrame:
    """Sort a long table of logs; add `kept` (bool) and `reasons` (names of RULES joined by `;`).

    Rows are sorted by run, metric and position: the step where logged, else tokens, else compute.
    """
    position = table["step"].fillna(table["tokens"]).fillna(table["compute_pflop_s_days"])
    table = table.assign(position=position)
    if warm_up_steps and table["step"].isna().all():
        raise ValueError(
            "clean.warm_up_steps is set, but the logs have no steps; use warm_up_tokens."
        )
    duplicate, backward = _superseded(table)
    flags = pd.DataFrame(
        {
            "non_finite": ~np.isfinite(table["value"]),
            "duplicate_step": duplicate,
            "backward_step": backward,
            "warm_up": (table["step"] < warm_up_steps) | (table["tokens"] < warm_up_tokens),
        }
    )
    order = ["run", "metric", "position", "segment", "offset"]
    table = table.sort_values(order, kind="stable")
    flags = flags.loc[table.index]
    usable = ~flags.any(axis=1).to_numpy()
    flags["spike"] = _spikes(table, usable, spike_window, spike_mads)
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


def _spikes(
    table: pd.DataFrame, usable: NDArray[np.bool_], window: int, mads: float
) -> NDArray[np.bool_]:
    spike = np.zeros(len(table), dtype=bool)
    values = table["value"].to_numpy()
    for rows in _curves(table):
        rows = rows[usable[rows]]
        if len(rows) >= window:
            spike[rows] = spikes(values[rows], window, mads)
    return spike


def _curves(table: pd.DataFrame) -> Iterator[NDArray[np.intp]]:
    """Row numbers of each run's each metric, of a sorted table."""
    codes = table.groupby(["run", "metric"], sort=False).ngroup().to_numpy()
    if len(codes):
        yield from np.split(np.arange(len(codes)), np.flatnonzero(np.diff(codes)) + 1)


def spikes(values: NDArray[np.float64], window: int, mads: float) -> NDArray[np.bool_]:
    """Where a curve jumps up: value - level > mads * 1.4826 * MAD, the MAD over a moving window.

    values: shape (n,), n >= window. The level is the window's median, or the lowest value so far
    where that is higher: the steep fall of a young run lies above the median, but is no jump. The
    first and the last half window are judged by the first and the last full window. A window
    without any spread (MAD 0) flags nothing.
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    median = np.median(windows, axis=1)
    mad = np.median(np.abs(windows - median[:, None]), axis=1)
    nearest = np.clip(np.arange(len(values)) - window // 2, 0, len(windows) - 1)
    lowest = np.minimum.accumulate(np.concatenate([values[:1], values[:-1]]))
    limit = mads * MAD_TO_SD * mad[nearest]
    return (limit > 0) & (values - np.maximum(median[nearest], lowest) > limit)


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
    by_run = cleaned.groupby("run")
    kept = cleaned[cleaned["kept"]].groupby("run")
    counts = pd.DataFrame({"kept": by_run["kept"].sum()})
    counts["flagged"] = by_run["kept"].size() - counts["kept"]
    for name in RULES:
        counts[name] = cleaned["reasons"].str.contains(name).groupby(cleaned["run"]).sum()
    for end in ("first", "last"):
        pick = kept["step"].min() if end == "first" else kept["step"].max()
        counts[f"{end}_step"] = pick
    counts["last_tokens"] = kept["tokens"].max()
    counts["last_compute_pflop_s_days"] = kept["compute_pflop_s_days"].max()
    table = runs.merge(counts.reset_index(), on="run", how="left", validate="one_to_one")
    wrong = table[table["values"] != table["kept"] + table["flagged"]]
    if not wrong.empty:
        raise AssertionError(f"values were lost in cleaning:\n{wrong}")
    notes = table.pop("notes")
    return table.assign(notes=notes)
