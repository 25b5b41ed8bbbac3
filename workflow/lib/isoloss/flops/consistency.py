"""What the run sheet and the logs say against what is counted: tokens, parameters, compute."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import pandas as pd

from isoloss.flops.conventions import CHARGED, CONVENTIONS
from isoloss.flops.counting import Counter
from isoloss.units import PFLOP_S_DAY

# Within this of each other, two numbers are taken for the same: logs end some steps before their
# run does, and published sizes leave out norms and biases.
ACCURACY = 0.01
# Digits that are taken as meant, zeros or not: tokens are planned, sizes are named (1.1B).
TOKEN_DIGITS, PARAMETER_DIGITS, COMPUTE_DIGITS = 3, 2, 4


def consistency(
    runs: Sequence[Mapping[str, Any]],
    ends: pd.DataFrame,
    count: Counter,
    conventions: Sequence[str],
    declared: str | None,
) -> pd.DataFrame:
    """One row a run and stated quantity, with `ratio`, ours over stated.

    training_tokens: planned, against the end of the log. parameters: those of the run sheet,
    against the architecture's N in the first convention that charges one. compute_pflop_s_days:
    logged, against FLOPs per token x tokens (logged, else planned) in the declared convention,
    else in the nearest of all.

    Verdicts: reproduced (equal in the digits given), consistent (within 1%), differs.
    """
    last = ends.to_dict("index")
    rows: list[dict[str, Any]] = []
    for run in runs:
        tokens, compute = last[run["run"]].values()
        planned = run.get("training_tokens", float("nan"))
        if isfinite(planned) and isfinite(tokens):
            rows.append(_row(run, "training_tokens", "", planned, tokens, TOKEN_DIGITS))
        if "parameters" in run and "architecture" in run:
            rows += _parameters(run, count, conventions)
        if isfinite(compute):
            trained, note = (tokens, "") if isfinite(tokens) else (planned, "tokens as planned")
            rows += _compute(run, count, compute, trained, declared, note)
    return pd.DataFrame(rows)


def outcome(stated: float, ours: float, digits: int) -> str:
    """reproduced: equal in the digits of `stated`, at least `digits`; consistent: within 1%."""
    text = f"{stated:.15e}".partition("e")[0].rstrip("0")
    digits = max(digits, len(text.replace(".", "")))
    if f"{ours:.{digits - 1}e}" == f"{stated:.{digits - 1}e}":
        return "reproduced"
    return "consistent" if abs(stated - ours) <= ACCURACY * ours else "differs"


def _row(
    run: Mapping[str, Any],
    quantity: str,
    convention: str,
    stated: float,
    ours: float,
    digits: int,
    note: str = "",
) -> dict[str, Any]:
    return {
        "run": run["run"],
        "quantity": quantity,
        "convention": convention,
        "stated": stated,
        "ours": ours,
        "ci_low": ours * (1 - ACCURACY),
        "ci_high": ours * (1 + ACCURACY),
        "ratio": ours / stated,
        "verdict": outcome(stated, ours, digits),
        "note": note,
    }


def _parameters(
    run: Mapping[str, Any], count: Counter, conventions: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The run's N against the architecture's; a note where another N is nearer."""
    bare = {key: value for key, value in run.items() if key != "parameters"}
    counts = {}
    for convention in dict.fromkeys([*conventions, *CHARGED]):
        if convention in CHARGED:
            try:
                counts[convention] = count(bare, convention).parameters
            except ValueError:  # the vocabulary is not known, or the sequence length
                continue
    if counts:
        stated = run["parameters"]
        first = next(iter(counts))
        row = _row(run, "parameters", first, stated, counts[first], PARAMETER_DIGITS)
        if row["verdict"] == "differs":
            row["note"] = _fitting({name: n / stated for name, n in counts.items()}, "is the N of")
        yield row


def _compute(
    run: Mapping[str, Any],
    count: Counter,
    compute: float,
    tokens: float,
    declared: str | None,
    note: str,
) -> Iterator[dict[str, Any]]:
    """The run's logged compute against what its tokens cost; where it differs, in what it fits."""
    counted = {}
    for convention in CONVENTIONS:
        try:
            counted[convention] = count(run, convention).flop_per_token * tokens / PFLOP_S_DAY
        except ValueError:  # needs what is not given
            continue
    ratios = {name: ours / compute for name, ours in counted.items() if isfinite(ours)}
    if ratios:
        chosen = declared or nearest(ratios)[0]
        quantity = "compute_pflop_s_days"
        row = _row(run, quantity, chosen, compute, counted[chosen], COMPUTE_DIGITS)
        fits = _fitting(ratios, "fits") if row["verdict"] == "differs" else ""
        yield row | {"note": "; ".join(filter(None, [fits, note]))}


def nearest(ratios: Mapping[str, float]) -> list[str]:
    """The conventions, those whose ratio is nearest to 1 first."""
    return sorted(ratios, key=lambda name: max(ratios[name], 1 / ratios[name]))


def _fitting(ratios: Mapping[str, float], what: str) -> str:
    """Which conventions fit within 1%, the best first; without one, the nearest."""
    order = nearest(ratios)
    fits = [name for name in order if abs(ratios[name] - 1) <= ACCURACY]
    if fits:
        return f"{what} {', '.join(fits)}"
    return f"{what} no convention; the nearest is {order[0]} (ratio {ratios[order[0]]:.3f})"
