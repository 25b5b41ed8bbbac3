"""What is published of a study: a file of statements, held against the study's names."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.study.validation import InputError, did_you_mean, read_yaml, validate

# What an entry of a section states one of.
ONE_OF = {
    "multipliers": ("loss", "compute"),
    "savings": ("loss", "compute"),
    "floors": ("floor", "than"),
}


def check_published(
    path: Path,
    rules: Mapping[str, Any],
    known: Mapping[str, Sequence[str]],
    at_loss: Callable[[str], Sequence[float]],
    table: str | None,
) -> None:
    """Raise InputError, with section and entry, unless the file fits the study.

    rules: schema published. known: the study's names, by the key of an entry that names one.
    at_loss: where it reports multipliers of a metric. table: the table of points that it starts
    from, if any.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file of published numbers.")
    published = read_yaml(path)
    known_keys = rules["properties"]
    if not published.keys() & known_keys.keys():  # its words are nobody's to print
        raise InputError(f"{path}: none of its keys is known. Known: {', '.join(known_keys)}.")
    validate(published, rules, str(path))
    if table is not None and "compute" in published:
        raise InputError(
            f"{path}: compute: the study takes the compute of its runs from {table}; there "
            "is nothing to check."
        )
    for section, entries in published.items():
        if section == "strict" or not isinstance(entries, list):
            continue
        for number, claim in enumerate(entries, start=1):
            wrong = _wrong(section, claim, known, at_loss)
            if wrong:
                raise InputError(f"{path}: {section}, entry {number}: {wrong}")


def _wrong(
    section: str,
    claim: Mapping[str, Any],
    known: Mapping[str, Sequence[str]],
    at_loss: Callable[[str], Sequence[float]],
) -> str:
    """What is wrong with an entry; empty where nothing is."""
    named = [(key, claim[key]) for key in known.keys() & claim.keys()]
    named += [("metric", metric) for metric in claim.get("metrics", [])]
    for key, name in named:
        if name not in known[key]:
            return f"{key} `{name}` is not in the study.{did_you_mean(name, known[key])}"
    one, other = ONE_OF.get(section, ("", ""))
    if one and (one in claim) == (other in claim):
        return f"state either `{one}` or `{other}`."
    if "than" in claim and claim["than"] == claim["arm"]:
        return f"arm and than are both `{claim['arm']}`."
    low, high = claim.get("from", 0.0), claim.get("to", float("inf"))
    if not low < high:
        return f"from {low:g} is not below to {high:g}."
    if (
        section == "multipliers"
        and "loss" in claim
        and claim["loss"] not in at_loss(claim["metric"])
    ):
        return (
            f"the study reports no multiplier at loss {claim['loss']:g}; add it to its "
            f"`multiplier: at_loss` ({at_loss(claim['metric'])})."
        )
    return ""
