"""The ledger: a claim, ours, the outcome, all of it in one sentence, and the ledger printed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite, nan
from typing import Any

from isoloss.claims.judge import Finding
from isoloss.multiplier.saving import in_words, saving

MULTIPLIER = "multiplier"  # the quantity beside which the saving stands
HELD = {
    "reproduced": "is reproduced",
    "consistent": "is consistent with ours",
    "differs": "differs from ours",
    "not told": "is not told by the data",
    "not testable": "cannot be tested",
}


def row(
    claim: Mapping[str, Any],
    found: Finding,
    *,
    kind: str,
    name: str,
    source: str,
    quantity: str,
    convention: str,
    published: str,
    strict: bool = False,
    note: str = "",
) -> dict[str, Any]:
    """One row of the claims table (workflow/schemas/tables/claims.schema.yaml)."""
    notes = "; ".join(text for text in (*found.notes, note) if text)
    value, low, high = found.ours
    made = {
        "claim": name,
        "kind": kind,
        "source": f"{source}, {claim['place']}",
        "quantity": quantity,
        "convention": convention,
        "published": published,
        "ours": value,
        "saving": saving(value) if quantity == MULTIPLIER else nan,
        "ci_low": low,
        "ci_high": high,
        "ratio": _ratio(value, published),
        "noticed_below": found.below,
        "noticed_above": found.above,
        "verdict": found.outcome,
        "note": notes,
        "strict": strict,
    }
    return made | {"sentence": sentence(made)}


def _ratio(value: float, published: str) -> float:
    try:
        printed = float(published)
    except ValueError:
        return float("nan")
    return value / printed if printed else float("nan")


def sentence(made: Mapping[str, Any]) -> str:
    """A row in words: what is said of what, ours, the outcome, and what would be noticed."""
    quantity = made["quantity"].replace("_", " ")
    what = f": {quantity} {made['published']}" if quantity else ""
    if quantity == MULTIPLIER:
        what += f", {in_words(float(made['published']))}"
    said = f"{made['claim']}{what} ({made['source']})"
    text = f"{said} {HELD[made['verdict']]}"
    value, low, high = (made[name] for name in ("ours", "ci_low", "ci_high"))
    if value == value:
        text += f", {_short(value)}"
        if low == low and high == high and (low, high) != (value, value):
            text += f" ({_short(low)} to {_short(high)})"
        if made["quantity"] == MULTIPLIER:
            text += f", {in_words(value)}"
    below, above = made["noticed_below"], made["noticed_above"]
    if made["kind"] != "untestable" and made["verdict"] != "differs":
        bound = "a bound " * made["published"].startswith(("<", ">"))
        ends = [f"{bound}below {_short(below)}"] * isfinite(below)
        ends += [f"{bound}above {_short(above)}"] * isfinite(above)
        if below == above and ends:
            ends = [f"anything but {_short(below)}"]
        if ends:
            text += f"; {' or '.join(ends)} would be noticed"
    return f"{text}; {made['note']}." if made["note"] else f"{text}."


def _short(value: float) -> str:
    return f"{value:.4g}"


def printed(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The claims table as lines, from its cells as text: the counts, then what is published.

    What run sheet and logs state is told where it differs alone. A claim that is strict and differs
    has `STRICT` before it.
    """
    rows = list(rows)
    if not rows:
        return ["nothing is published of it"]
    counts = Counter(row["verdict"] for row in rows)
    first = ", ".join(f"{counts[outcome]} {outcome}" for outcome in HELD if counts[outcome])
    told = [row for row in rows if row["kind"] != "stated" or row["verdict"] == "differs"]
    return [
        f"{len(rows)} claims: {first}",
        *(f"  {'STRICT ' * broken(row)}{row['verdict']}: {row['sentence']}" for row in told),
    ]


def broken(row: Mapping[str, str]) -> bool:
    """Whether a claim differs that may not."""
    return row["verdict"] == "differs" and row["strict"] == "True"
