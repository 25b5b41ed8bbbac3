"""The `compute` section of a study, which FLOPs count: completed, and checked before any job."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.flops.conventions import CONVENTIONS
from isoloss.flops.counting import counter
from isoloss.flops.settings import Compute
from isoloss.logs.settings import Reading
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
    compute: Compute,
    log: Reading,
    runs: Sequence[Run],
    text: Callable[[Run], bytes | None],
) -> None:
    """Whether every convention exists and every run has what it takes; raises InputError.

    path: the study. sheet: its run sheet. text: a run's log, None where it is not looked at.
    """
    conventions = compute.conventions
    for convention in conventions if compute.logged is None else [*conventions, compute.logged]:
        if convention not in CONVENTIONS:
            raise InputError(
                f"{path}: compute: there is no convention `{convention}`."
                f"{did_you_mean(convention, CONVENTIONS)}"
            )
    named = log.names("compute", runs)
    if ("logged" in conventions or compute.logged is not None) and not named:
        raise InputError(
            f"{path}: convention `logged` takes the compute from the log; name its column: "
            "`log: {compute: <column>}`."
        )
    counted = dict.fromkeys([*conventions, compute.logged or "logged"])
    counted.pop("logged", None)
    for convention in counted:
        _given(sheet, convention, runs)
    _countable(sheet, list(counted), compute.recompute, runs)
    if named and compute.logged is None:
        for convention in list(counted)[:1]:
            _convertible(path, convention, runs, log, text)


def check_costs(sheet: Path, figures: Sequence[str], runs: Sequence[Run]) -> None:
    """Whether every run has what the figures of costs are drawn from; raises InputError."""
    for figure in COSTS:
        if figure in figures:
            for line, run in enumerate(runs, start=2):
                _needs(sheet, line, run, f"figure `{figure}`", NEEDS)


def _convertible(
    path: Path,
    convention: str,
    runs: Sequence[Run],
    log: Reading,
    text: Callable[[Run], bytes | None],
) -> None:
    """Whether every log has tokens, where nothing says what its compute was counted in."""
    for run in runs:
        if not _has_tokens(run, log, text(run)):
            raise InputError(
                f"{path}: compute: convention `{convention}` needs tokens, but the log of run "
                f"{run['run']} has only compute. Declare what that was counted in "
                "(`compute: {logged: <convention>}`) to have it converted, or use `logged` alone."
            )


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
    sheet: Path, conventions: Sequence[str], recompute: str | None, runs: Sequence[Run]
) -> None:
    """Whether each run can be counted, which may depend on what its architecture says."""
    count = counter(sheet.parent, recompute)
    for line, run in enumerate(runs, start=2):
        for convention in conventions:
            try:
                count(run, convention)
            except ValueError as error:
                raise InputError(f"{sheet}, line {line}, run {run['run']}: {error}.") from error


def _has_tokens(run: Run, log: Reading, text: bytes | None) -> bool:
    """Whether tokens may come out of a run's log; where it is not looked at, they may."""
    if text is None or "tokens_per_step" in run:
        return True
    if log.names("tokens", [run]) or log.names("samples", [run]):
        return True
    from isoloss.logs.registry import FORMATS  # heavy, and hardly ever needed

    names = {name for format in FORMATS for name in format.preset.tokens}
    if "sequence_length" in run:
        names |= {name for format in FORMATS for name in format.preset.samples}
    found = set(re.findall(rb"[\w./-]+", text))
    return any("*" in name or name.encode() in found for name in names if name)
