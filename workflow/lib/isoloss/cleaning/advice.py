"""What a person is told of a run: how it stands, what was found, and what to do about it.

A row is one of the quality table, as a mapping: from `csv.DictReader` or `DataFrame.to_dict`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]

STATES = ("unusable", "look", "ok", "excluded")  # as a person should go through them
FLAGS = (  # the rules of `isoloss.cleaning`
    *("non_finite", "duplicate_step", "backward_step", "warm_up"),
    *("backward_tokens", "divergence", "constant", "spike"),
)
ADVICE = {
    "unreadable": "mend the log, or tell its `format` and columns (`log:`)",
    "empty": "see which rule flagged its values, and set it in `clean:`",
    "divergence": "train it again from before that step; or use what it had reached, by "
    "`quality: {divergence: report}`",
    "duplicate": "one of the two names has the wrong log: correct the run sheet",
    "truncated": "let it finish, or correct `training_tokens`; `quality: {truncated: exclude}` "
    "leaves such runs out",
    "copied": "find out whose values they are; runs that branch off one checkpoint share its past",
    "axis": "see whether steps and tokens are right; name their columns (`log:`), take other runs "
    "out of the log, or correct the run sheet (docs/logs.md)",
    "incomplete": "log that metric, or take it out of `metrics:`",
    "backward_tokens": "the counter was reset: leave `log.tokens` out and give `tokens_per_step`",
    "constant": "the logger repeated itself: see the picture",
    "quarantined": "see the records in the quarantine table of its shard",
    "non_finite": "nothing, if the run went on well",
    "spike": "nothing, if the loss came back: see the picture",
    "lossy": "nothing, if it is known; a fuller export gives better errors",
}


def state(row: Row) -> str:
    """One of STATES: the verdict, or `excluded` where the study leaves the run out by name."""
    return "excluded" if str(row["reason"]).startswith("excluded: ") else str(row["verdict"])


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """The rows by state, within one in the order given."""
    return sorted(rows, key=lambda row: STATES.index(state(row)))


def findings(row: Row) -> list[tuple[str, str, str]]:
    """Name, words and advice of everything that was found."""
    names = [name for name in str(row["findings"]).split(";") if name]
    words = str(row["details"]).split(" | ")
    # Of several lossy metrics each has its own words: they are the last finding.
    return [
        (name, " | ".join(words[i:]) if name == names[-1] else words[i], ADVICE[name])
        for i, name in enumerate(names)
    ]


def counts(rows: Iterable[Row]) -> str:
    """`10 runs: 1 unusable, 2 look, 7 ok`."""
    states = [state(row) for row in rows]
    parts = [f"{states.count(name):,} {name}" for name in STATES if name in states]
    return f"{len(states):,} run{'s' * (len(states) != 1)}: {', '.join(parts)}"


def balance(rows: Iterable[Row]) -> str:
    """`1,000 rows = 990 kept + 8 flagged + 2 quarantined`."""
    names = ("rows", "kept", "flagged", "quarantined")
    total = dict.fromkeys(names, 0)
    for row in rows:
        for name in names:
            total[name] += int(row[name])
    rest = " + ".join(f"{total[name]:,} {name}" for name in names[1:])
    return f"{total['rows']:,} rows = {rest}"


def cells(row: Row) -> dict[str, str]:
    """The numbers of a run as a person reads them, by heading."""
    planned, logged = _number(row["training_tokens"]), _number(row["logged_tokens"])
    return {
        "Run": str(row["run"]),
        "Format": str(row["format"]),
        "Rows": f"{int(row['rows']):,}",
        "Flagged": f"{int(row['flagged']):,}",
        "Broken": f"{int(row['quarantined']):,}",
        "Segments": f"{int(row['segments'])}",
        "Steps": _span(row["first_step"], row["last_step"]),
        "Tokens": tokens(logged),
        "Planned": tokens(planned),
        "From": str(row["tokens_from"]),
        "Final loss": _text(row["final_loss"], ".4f"),
        "Diverged at": _text(row["divergence_step"], ",.0f"),
    }


def _span(first: Any, last: Any) -> str:
    ends = [text for text in (_text(first, ",.0f"), _text(last, ",.0f")) if text]
    return "–".join(dict.fromkeys(ends))


def flags(row: Row) -> list[tuple[str, int]]:
    """Rules that flagged values of a run, with how many."""
    return [(name, int(row[name])) for name in FLAGS if int(row[name])]


def tokens(count: float | None) -> str:
    """`12.4 B`."""
    if count is None:
        return ""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,.0f}"


def _number(cell: Any) -> float | None:
    """A cell as a number; None where it is empty or NaN."""
    if cell is None or cell == "" or cell != cell:
        return None
    return float(cell)


def _text(cell: Any, form: str) -> str:
    number = _number(cell)
    return "" if number is None else format(number, form)
