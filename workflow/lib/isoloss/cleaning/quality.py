"""Cleaned logs -> what is wrong with each run, and which runs enter the fits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isoloss.cleaning.run_rules import copies, duplicates
from isoloss.cleaning.settings import Quality

# Columns of the cleaned logs that it takes.
CURVES = ("run", "metric", "step", "tokens", "value", "kept", "reasons")
# What may be found, the worst first. `unreadable` and `empty` always make a run unusable, the next
# four as the study says; the others say where to look.
FINDINGS = (
    *("unreadable", "empty", "divergence", "duplicate", "truncated", "copied"),
    *("incomplete", "backward_tokens", "constant", "quarantined", "non_finite", "spike", "lossy"),
)
COUNTED = ("backward_tokens", "constant", "quarantined", "spike")
NO_ENDS = dict.fromkeys(("final_loss", "divergence_step", "divergence_tokens"), float("nan"))


def quality(
    curves: pd.DataFrame,
    logged: pd.DataFrame,
    runs: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    *,
    exclude: Mapping[str, str],
    settings: Quality,
) -> pd.DataFrame:
    """One row a run of the run sheet, in its order: what its log holds, what was found, a verdict.

    curves: run, metric, step, tokens, value, kept and reasons of the cleaned logs. logged: the
    table of runs from `isoloss.cleaning.summary`. runs: rows of the run sheet. exclude: run ->
    why it is left out. settings: which findings keep a run out of the fits.

    findings: names of FINDINGS, joined by `;`. details: the same in words. verdict: `unusable`
    where a finding keeps the run out of the fits, `look` where there is any other, else `ok`.
    used: whether the run enters the fits; reason: why not. Every logged value and every broken
    record is there: rows = kept + flagged + quarantined, or AssertionError.
    """
    order = {run["run"]: i for i, run in enumerate(runs)}
    curves = curves[curves["metric"].isin(metrics)]
    curves = curves.sort_values("run", key=lambda c: c.map(order), kind="stable")
    curves = curves.reset_index(drop=True)
    others = curves[~curves["run"].isin(exclude)]  # what is left out can blame no other
    same = _same(duplicates(others), runs)
    least = settings.copied_rows
    shared = copies(others[~others["run"].isin(same)] if least else others[:0], least)
    ends = _ends(curves, metrics)
    by_run = logged.set_index("run", drop=False)
    rows = []
    for run in runs:
        name = run["run"]
        row = by_run.loc[name].to_dict() | ends.get(name, NO_ENDS | {"without": metrics})
        row |= {key: run.get(key) for key in ("arm", "model", "training_tokens")}
        row["rows"] = row["values"] + row["quarantined"]
        row["duplicate_of"] = same.get(name, "")
        mine = shared[shared["run"] == name]
        row["copied"] = int(mine["rows"].sum())
        found = dict(_found(row, mine, curves, settings.truncated_fraction))
        found = {finding: found[finding] for finding in FINDINGS if finding in found}
        out = [
            finding
            for finding in found
            if settings.policy(finding) == "exclude" or finding in ("unreadable", "empty")
        ]
        row["findings"], row["details"] = ";".join(found), " | ".join(found.values())
        row["verdict"] = "unusable" if out else "look" if found else "ok"
        row["used"] = not out and name not in exclude
        row["reason"] = "; ".join(found[finding] for finding in out)
        if name in exclude:
            row["reason"] = f"excluded: {' '.join(exclude[name].split())}"
        rows.append(row)
    table = pd.DataFrame(rows).drop(columns="without")
    lost = table[table["rows"] != table["kept"] + table["flagged"] + table["quarantined"]]
    if not lost.empty:
        raise AssertionError(f"values were lost:\n{lost}")
    return table


def _same(found: Mapping[str, str], runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Which runs to call a duplicate of which.

    The first of them stands, if all are of one arm and model; else no one knows whose log it is,
    and all are duplicates.
    """
    of = {run["run"]: (run["arm"], run["model"]) for run in runs}
    both = dict(found)
    for run, original in found.items():
        if of[run] != of[original]:
            both.setdefault(original, run)
    return both


def _ends(curves: pd.DataFrame, metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By run: last kept value of the first metric, where it diverged, metrics without values."""
    first = curves[curves["kept"] & (curves["metric"] == metrics[0])]
    final = first.groupby("run", observed=True)["value"].last()
    gone = curves[curves["reasons"].str.contains("divergence", regex=False)]
    where = gone.groupby("run", observed=True)[["step", "tokens"]].min()
    kept = curves[curves["kept"]].groupby("run", observed=True)["metric"].unique()
    return {
        str(run): {
            "final_loss": final.get(run, np.nan),
            "divergence_step": where["step"].get(run, np.nan),
            "divergence_tokens": where["tokens"].get(run, np.nan),
            "without": [name for name in metrics if name not in kept.get(run, ())],
        }
        for run in curves["run"].unique()
    }


def _found(
    row: Mapping[str, Any], shared: pd.DataFrame, curves: pd.DataFrame, fraction: float
) -> Iterator[tuple[str, str]]:
    """Names and words of what was found in one run."""
    if row["error"]:
        yield "unreadable", row["error"]
        return
    if not row["kept"]:
        yield "empty", "no value is kept"
    elif row["without"]:
        yield "incomplete", f"no value of {', '.join(row['without'])} is kept"
    if row["divergence"]:
        yield "divergence", f"diverged at {_at(row['divergence_step'], row['divergence_tokens'])}"
    if row["duplicate_of"]:
        yield "duplicate", f"the same values as run {row['duplicate_of']}"
    planned, got = row["training_tokens"], row["logged_tokens"]
    if planned and got < (1 - fraction) * planned:
        less = 1 - got / planned
        yield "truncated", f"{got:.4g} of {planned:.4g} planned tokens ({less:.1%} fewer)"
    if len(shared):
        longest = shared.loc[shared["rows"].idxmax()]
        low, high = curves.loc[longest["first"]], curves.loc[longest["last"]]
        yield (
            "copied",
            f"{longest['rows']} values of {longest['metric']} from {_at(low.step, low.tokens)} to "
            f"{_at(high.step, high.tokens)} are those of run {longest['other']}",
        )
    words = {
        "backward_tokens": "values at which the tokens fall",
        "constant": "values that repeat the one before them",
        "quarantined": "records that cannot be read",
        "spike": "values in spikes",
    }
    yield from ((name, f"{words[name]}: {row[name]:,}") for name in COUNTED if row[name])
    if row["non_finite"] > 0 and not row["divergence"]:
        yield "non_finite", f"values that are not finite: {row['non_finite']:,}"
    if row["lossy"]:
        yield "lossy", row["lossy"]


def _at(step: float, tokens: float) -> str:
    return f"step {step:,.0f}" if np.isfinite(step) else f"{tokens:.4g} tokens"
