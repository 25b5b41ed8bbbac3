"""Summaries of cleaned logs -> what is wrong with each run, and which runs enter the fits."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isoloss.cleaning.run_rules import copies, duplicates
from isoloss.cleaning.settings import Quality
from isoloss.cleaning.winnowing import SHORTEST, candidates

# Columns of the cleaned logs that it takes.
COMPARED = ("run", "metric", "step", "tokens", "value")
# What may be found, the worst first. `unreadable` and `empty` always make a run unusable, the next
# four as the study says; the others say where to look.
FINDINGS = (
    *("unreadable", "empty", "divergence", "duplicate", "truncated", "copied"),
    *(
        "axis",
        "incomplete",
        "backward_tokens",
        "constant",
        "quarantined",
        "non_finite",
        "spike",
        "lossy",
    ),
)
COUNTED = ("backward_tokens", "constant", "quarantined", "spike")


def quality(
    logged: pd.DataFrame,
    runs: Sequence[Mapping[str, Any]],
    hashes: Iterable[pd.DataFrame],
    values_of: Callable[[Sequence[str]], pd.DataFrame],
    *,
    exclude: Mapping[str, str],
    settings: Quality,
) -> pd.DataFrame:
    """One row a run of the run sheet, in its order: what its log holds, what was found, a verdict.

    logged: the summaries from `isoloss.cleaning.summary`. runs: rows of the run sheet. hashes: of
    all runs (`winnowing.hashes`). values_of: the columns COMPARED of the cleaned logs of some runs.
    exclude: run -> why it is left out. settings: which findings keep a run out of the fits.

    findings: names of FINDINGS, joined by `;`. details: the same in words. verdict: `unusable`
    where a finding keeps the run out of the fits, `look` where there is any other, else `ok`.
    used: whether the run enters the fits; reason: why not. Every logged value and every broken
    record is there: rows = kept + flagged + quarantined, or AssertionError.
    """
    by_run = logged.set_index("run", drop=False).to_dict("index")
    # What is left out can blame no other.
    digests = {run["run"]: by_run[run["run"]]["digest"] for run in runs}
    digests = {run: digest for run, digest in digests.items() if run not in exclude}
    same = _same(duplicates(digests), runs)
    others = [run for run in digests if run not in same]
    shared = _shared(others, hashes, values_of, settings.copied_rows)
    rows = []
    for run in runs:
        name = run["run"]
        row = by_run[name] | {key: run.get(key) for key in ("arm", "model", "training_tokens")}
        row["rows"] = row["values"] + row["quarantined"]
        row["duplicate_of"] = same.get(name, "")
        mine = shared.get(name, [])
        row["copied"] = sum(stretch["rows"] for stretch in mine)
        found = dict(_found(row, mine, settings.truncated_fraction))
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
    table = pd.DataFrame(rows).drop(columns=["without", "digest", "doubts"])
    lost = table[table["rows"] != table["kept"] + table["flagged"] + table["quarantined"]]
    if not lost.empty:
        raise AssertionError(f"values were lost:\n{lost}")
    return table


def _shared(
    runs: Sequence[str],
    hashes: Iterable[pd.DataFrame],
    values_of: Callable[[Sequence[str]], pd.DataFrame],
    least: int,
) -> dict[str, list[dict[str, Any]]]:
    """The stretches of each run that another has too (see `run_rules.copies`), with their ends."""
    if not least:
        return {}
    order = {run: i for i, run in enumerate(runs)}
    # Hashes do not tell of shorter ones.
    chosen = candidates(hashes, order) if least >= SHORTEST else sorted(runs)
    if not chosen:
        return {}
    values = values_of(chosen)
    values = values.sort_values("run", key=lambda c: c.map(order), kind="stable", ignore_index=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for stretch in copies(values, least).to_dict("records"):
        stretch |= {end: values.loc[stretch[end], ["step", "tokens"]] for end in ("first", "last")}
        found.setdefault(stretch["run"], []).append(stretch)
    return found


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


def _found(
    row: Mapping[str, Any], shared: Sequence[Mapping[str, Any]], fraction: float
) -> Iterator[tuple[str, str]]:
    """Names and words of what was found in one run."""
    if row["error"]:
        yield "unreadable", row["error"]
        return
    if not row["kept"]:
        yield "empty", "no value is kept"
    elif row["without"]:
        yield "incomplete", f"no value of {row['without'].replace(';', ', ')} is kept"
    if row["doubts"]:
        yield "axis", row["doubts"]
    if row["divergence"]:
        yield "divergence", f"diverged at {_at(row['divergence_step'], row['divergence_tokens'])}"
    if row["duplicate_of"]:
        yield "duplicate", f"the same values as run {row['duplicate_of']}"
    planned, got = row["training_tokens"], row["logged_tokens"]
    if planned and got < (1 - fraction) * planned:
        less = 1 - got / planned
        yield "truncated", f"{got:.4g} of {planned:.4g} planned tokens ({less:.1%} fewer)"
    if shared:
        longest = max(shared, key=lambda stretch: stretch["rows"])
        first, last = (_at(**longest[end]) for end in ("first", "last"))
        yield (
            "copied",
            f"{longest['rows']} values of {longest['metric']} from {first} to {last} are those of "
            f"run {longest['other']}",
        )
    words = {
        "backward_tokens": "values at which the tokens fall",
        "constant": "values that repeat the one before them",
        "quarantined": "records that cannot be read",
        "spike": "values in spikes",
    }
    yield from ((name, f"{words[name]}: {row[name]:,}") for name in COUNTED if row[name])
    if row["non_finite"] > 0 and not row["divergence"]:
        yield "non_finite", f"values that are not finite, or 0: {row['non_finite']:,}"
    if row["lossy"]:
        yield "lossy", row["lossy"]


def _at(step: float, tokens: float) -> str:
    return f"step {step:,.0f}" if np.isfinite(step) else f"{tokens:.4g} tokens"
