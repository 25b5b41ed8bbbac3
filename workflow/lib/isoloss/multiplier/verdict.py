"""Whether a number may be a headline, and what weakens it: one list of rules for all to show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isoloss.multiplier.plausible import LIMITS, did_you_mean, listed, told

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule by name: what it says of a row of the multiplier table, "" where nothing.

    refuses: whether such a number is no headline, or only a weaker one.
    """

    name: str
    says: Callable[[Row], str]
    refuses: bool = False


def _when(broken: Callable[[Row], bool], words: str) -> Callable[[Row], str]:
    return lambda row: words if broken(row) else ""


def _doubt(name: str, *, refuses: bool = True) -> Rule:
    """A rule that was judged where the points were at hand; the row carries its words."""
    return Rule(name, lambda row: told(row.get("doubts", "")).get(name, ""), refuses)


def _no_estimate(row: Row) -> str:
    if row["multiplier"] == row["multiplier"]:
        return ""
    why = row.get("reason", "")
    return f"no estimate: {why}; choose a loss that both arms reach" if why else "no estimate"


def _multiplier(row: Row) -> str:
    low, high = LIMITS.multiplier
    if row["multiplier"] != row["multiplier"] or low <= row["multiplier"] <= high:
        return ""
    return (
        f"multiplier {row['multiplier']:.3g} at loss {row['loss']:g} lies outside {low:g} to "
        f"{high:g}; compare the units of compute and loss of both arms"
    )


def _interval(row: Row) -> str:
    if not (row["multiplier"] < row["ci_low"] or row["multiplier"] > row["ci_high"]):
        return ""
    return (
        f"the estimate {row['multiplier']:.3g} lies outside its interval ({row['ci_low']:.3g} to "
        f"{row['ci_high']:.3g}); choose a law that the points tell in the study (`fit`)"
    )


def _status(row: Row) -> str:
    return "" if row["status"] == "converged" else f"law in doubt: {row['status']}"


def _no_partner(row: Row) -> str:
    models = row.get("unpaired_models", "")
    names = models.split(", ")
    near = did_you_mean(names)
    return f"no partner: {listed(names)}" + f" ({near})" * bool(near) if models else ""


def _undecided(row: Row) -> str:
    if row["ci_low"] <= 1 <= row["ci_high"]:
        return "not told from 1 by the data"
    low, high = (row.get(f"{end}_simultaneous", 1.0 * row[end]) for end in ("ci_low", "ci_high"))
    if low <= 1 <= high:
        return f"not told from 1 among {row['simultaneous']} comparisons"
    return ""


def _scatter(row: Row) -> str:
    growth = row.get("scatter_growth", 1.0)
    told = row.get("interval") == "scatter_t" and growth > LIMITS.growth
    return f"scatter grows {growth:.1f} x with size" if told else ""


def _lack_of_fit(row: Row) -> str:
    p = row.get("lack_of_fit_p", 1.0)
    return f"laws miss the means of seeds (p = {p:.1g})" if p < LIMITS.lack_of_fit else ""


RULES = (
    # Causes before what follows from them: the first that refuses is told.
    _doubt("size_label"),
    _doubt("tokens_per_parameter"),
    _doubt("same_model"),
    _doubt("compute"),
    _doubt("per_6nd"),
    _doubt("loss"),
    _doubt("at_equal_compute"),
    _doubt("rises"),
    _doubt("steep"),
    _doubt("floor"),
    _doubt("copies"),
    _doubt("budgets"),
    Rule("no_estimate", _no_estimate, refuses=True),
    Rule("multiplier", _multiplier, refuses=True),
    Rule("interval", _interval, refuses=True),
    # What weakens a number: what may be wrong in it before what it cannot tell.
    _doubt("order", refuses=False),
    _doubt("odd", refuses=False),
    Rule("extrapolated", _when(lambda row: row["extrapolated"], "extrapolated")),
    Rule("status", _status),
    Rule("undecided", _undecided),
    Rule("lack_of_fit", _lack_of_fit),
    Rule("scatter", _scatter),
    Rule("no_partner", _no_partner),
)


@dataclass(frozen=True)
class Verdict:
    """What was found against a number: words by the names of RULES, in their order."""

    found: Mapping[str, str]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The names of the rules that are broken."""
        return tuple(self.found)

    @property
    def refused(self) -> list[str]:
        """Why the number is no headline, in words; empty where it may be one."""
        return [self.found[rule.name] for rule in RULES if rule.refuses and rule.name in self.found]

    @property
    def headline(self) -> bool:
        """Whether the number may be a headline at all."""
        return not self.refused

    def words(self, *names: str) -> list[str]:
        """The reasons in words: all, or those among `names`."""
        return [words for name, words in self.found.items() if not names or name in names]


def verdict(row: Row) -> Verdict:
    """Judge a row of the multiplier table."""
    said = ((rule.name, rule.says(row)) for rule in RULES)
    return Verdict({name: words for name, words in said if words})
