"""Whether a number may be a headline, and what weakens it: one list of rules for all to show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule by name: words for a reader, and whether a row of the multiplier table breaks it.

    refuses: whether such a number is no headline, or only a weaker one.
    """

    name: str
    words: str
    broken: Callable[[Row], bool]
    refuses: bool = False


RULES = (
    Rule(
        "undecided",
        "not told from 1 by the data",
        lambda row: bool(row["ci_low"] <= 1 <= row["ci_high"]),
    ),
    Rule(
        "no_estimate",
        "no estimate",
        lambda row: bool(row["multiplier"] != row["multiplier"]),
        refuses=True,
    ),
    Rule("extrapolated", "extrapolated", lambda row: bool(row["extrapolated"])),
    Rule("status", "its law is in doubt", lambda row: str(row["status"]) != "converged"),
)
TOLD = ("undecided", "no_estimate", "extrapolated")  # in the headline's line, in this order


@dataclass(frozen=True)
class Verdict:
    """What was found against a number, by the names of RULES, in their order."""

    reasons: tuple[str, ...]

    @property
    def headline(self) -> bool:
        """Whether the number may be a headline at all."""
        return not any(rule.refuses for rule in RULES if rule.name in self.reasons)

    def words(self, *names: str) -> list[str]:
        """The reasons in words: all, or those among `names`."""
        shown = [rule for rule in RULES if rule.name in self.reasons]
        return [rule.words for rule in shown if not names or rule.name in names]


def verdict(row: Row) -> Verdict:
    """Judge a row of the multiplier table."""
    return Verdict(tuple(rule.name for rule in RULES if rule.broken(row)))
