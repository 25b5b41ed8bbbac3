"""The `compute` section of a study, which FLOPs count: completed, and checked before any job."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.flops.conventions import CONVENTIONS, RECOMPUTED
from isoloss.flops.counting import counter
from isoloss.study.validation import InputError, did_you_mean

Run = Mapping[str, Any]
NEEDS = ("architecture", "sequence_length")  # of every convention that is not 6 N alone
COSTS = ("breakdown", "overtake")  # figures that are drawn from architectures


def with_headline(path: Path, section: Mapping[str, Any], runs: Sequence[Run]) -> Mapping[str, Any]:
    """The study's `compute`, with the headline that goes without saying."""
    if "headline" in section:
        return section
    if all(column in run for run in runs for column in NEEDS):
        return {"headline": "matmul_causal", **section}
    raise InputError(
        f"{path}: `compute: {{headline: ...}}` is missing, and no convention goes without saying: "
        "where every run has an `architecture` and a `sequence_length`, it is matmul_causal; "
        "6n_non_embedding needs `parameters` (or an architecture); logged takes the compute from "
        "the log (`log: {compute: <column>}`)."
    )


def check_compute(
    path: Path,
    sheet: Path,
    settings: Mapping[str, Any],
    runs: Sequence[Run],
    text: Callable[[Run], bytes | None],
) -> None:
    """Whether every convention exists and every run has what it takes; raises InputError.

    path: the study. sheet: its run sheet. text: a run's log, None where it is not looked at.
    """
    section, log = settings["compute"], settings["log"]
    conventions = dict.fromkeys([section["headline"], *section.get("also", [])])
    declared = section.get("logged")
    for convention in conventions if declared is None else [*conventions, declared]:
        if convention not in CONVENTIONS:
            raise InputError(
                f"{path}: compute: there is no convention `{convention}`."
                f"{did_you_mean(convention, CONVENTIONS)}"
            )
    if declared == "logged":
        raise InputError(
            f"{path}: compute.logged: `logged` does not say what the logged compute was counted "
            "in; name the convention, for example 6n_non_embedding."
        )
    if "logged" in (*conventions, *section) and "compute" not in log:
        raise InputError(
            f"{path}: convention `logged` takes the compute from the log; name its column: "
            "`log: {compute: <column>}`."
        )
    counted = [name for name in dict.fromkeys([*conventions, declared or "logged"])]
    counted = [name for name in counted if name != "logged"]
    if "hardware" in counted and "recompute" not in section:
        raise InputError(
            f"{path}: convention `hardware` counts what is computed again; say what that is: "
            f"`compute: {{recompute: ...}}`, one of {', '.join(RECOMPUTED)}."
        )
    for convention in counted:
        _given(sheet, convention, runs)
    _countable(sheet, counted, section, runs)
    if "compute" in log and declared is None and counted:
        for run in runs:
            if not _has_tokens(run, log, text(run)):
                raise InputError(
                    f"{path}: compute: convention `{counted[0]}` needs tokens, but the log of run "
                    f"{run['run']} has only compute. Declare what that was counted in "
                    "(`compute: {logged: <convention>}`) to have it converted, or use `logged` "
                    "alone."
                )
    for figure in COSTS:
        if figure in settings["figures"]:
            for line, run in enumerate(runs, start=2):
                _needs(sheet, line, run, f"figure `{figure}`", NEEDS)


def _given(sheet: Path, convention: str, runs: Sequence[Run]) -> None:
    """Whether every row has the columns that a convention needs."""
    for line, run in enumerate(runs, start=2):
        if not convention.startswith("6n"):
            _needs(sheet, line, run, f"convention `{convention}`", NEEDS)
        elif "parameters" not in run:
            also = " (or `parameters`)"
            _needs(sheet, line, run, f"convention `{convention}`", ("architecture",), also)


def _needs(
    sheet: Path, line: int, run: Run, what: str, columns: Sequence[str], also: str = ""
) -> None:
    missing = [column for column in columns if column not in run]
    if missing:
        raise InputError(
            f"{sheet}, line {line}, run {run['run']}: {what} needs "
            f"`{'` and `'.join(missing)}`{also}, which the row does not give."
        )


def _countable(
    sheet: Path, conventions: Sequence[str], section: Mapping[str, Any], runs: Sequence[Run]
) -> None:
    """Whether each run can be counted, which may depend on what its architecture says."""
    count = counter(sheet.parent, section.get("recompute"))
    for line, run in enumerate(runs, start=2):
        for convention in conventions:
            try:
                count(run, convention)
            except ValueError as error:
                raise InputError(f"{sheet}, line {line}, run {run['run']}: {error}.") from error


def _has_tokens(run: Run, log: Mapping[str, Any], text: bytes | None) -> bool:
    """Whether tokens may come out of a run's log; where it is not looked at, they may."""
    if text is None or "tokens_per_step" in run or {"tokens", "samples"} & log.keys():
        return True
    from isoloss.logs.registry import FORMATS  # heavy, and hardly ever needed

    names = {name for format in FORMATS for name in format.preset.tokens}
    if "sequence_length" in run:
        names |= {name for format in FORMATS for name in format.preset.samples}
    found = set(re.findall(rb"[\w./-]+", text))
    return any("*" in name or name.encode() in found for name in names if name)
