"""Whether a number may be a headline, and what weakens it: one list of rules for all to show."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isoloss.multiplier.digits import shown
from isoloss.multiplier.plausible import did_you_mean, listed
from isoloss.multiplier.settings import HULL, LAW, MIDDLE, Gate

Row = Mapping[str, Any]
ENDS = {
    "": ("multiplier", "law_ci_low", "law_ci_high"),
    "quadratic_": ("multiplier", "ci_low", "ci_high"),
}
BETWEEN = " | "  # between what was found, in a cell


@dataclass(frozen=True)
class Rule:
    """A rule by name: what it says of a row of the multiplier table, "" where nothing.

    refuses: whether such a number is no headline, or only a weaker one. says: nothing of a rule
    that is judged where the points are at hand (`plausible`).
    """

    name: str
    says: Callable[[Row, Gate], str] = lambda row, gate: ""
    refuses: bool = False


def _no_estimate(row: Row, gate: Gate) -> str:
    if row["multiplier"] == row["multiplier"]:
        return ""
    why = row.get("reason", "")
    return f"no estimate: {why}; choose a loss that both arms reach" if why else "no estimate"


def _multiplier(row: Row, gate: Gate) -> str:
    low, high = gate.multiplier
    if row["multiplier"] != row["multiplier"] or low <= row["multiplier"] <= high:
        return ""
    return (
        f"multiplier {row['multiplier']:.3g} at loss {row['loss']:g} lies outside {low:g} to "
        f"{high:g}; compare the units of compute and loss of both arms"
    )


def _large(row: Row, gate: Gate) -> str:
    low, high = gate.usual
    if row["multiplier"] != row["multiplier"] or low <= row["multiplier"] <= high:
        return ""
    return (
        f"few changes of training move compute {max(1 / low, high):g} x; see whether compute and "
        "loss of both arms are of one kind"
    )


def _interval(row: Row, gate: Gate) -> str:
    value, low, high = row["multiplier"], row["ci_low"], row["ci_high"]
    if value != value:
        return ""
    ends = f"({low:.3g} to {high:.3g})"
    if low != low or high != high:
        why = row.get("reason", "") or "there are too few points"
        return f"the multiplier {value:.3g} has no interval: {why}; add sizes or seeds"
    if value < low or value > high:
        return (
            f"the estimate {value:.3g} lies outside its interval {ends}; choose a law that the "
            "points tell in the study (`fit`)"
        )
    if low < gate.multiplier[0] and high > gate.multiplier[1]:
        return f"the points tell no multiplier: its interval is {ends}; add sizes or seeds"
    return ""


def _status(row: Row, gate: Gate) -> str:
    return "" if row["status"] == "converged" else f"law in doubt: {row['status']}"


def _law(row: Row, gate: Gate) -> str:
    if row.get("law") != LAW or "place" not in row or row["ci_low"] != row["ci_low"]:
        return ""
    bends = row["curvature_low"] > 0 or row["curvature_high"] < 0
    if not bends and MIDDLE[0] <= row["place"] <= MIDDLE[1]:
        return ""
    where = "the points bend" if bends else "away from the middle of the range no test tells laws"
    if row["interval"] != HULL:
        return f"{where}, and so few sizes tell no other law"
    by = [shown(*(row[f"{of}{end}"] for end in ENDS[of])) for of in ENDS]
    said = (f"{value} ({low} to {high})" for value, low, high in by)
    return f"{where}: {' by a power law, '.join(said)} by a quadratic; the interval holds both"


def _no_partner(row: Row, gate: Gate) -> str:
    models = row.get("unpaired_models", "")
    names = models.split(", ")
    near = did_you_mean(names)
    return f"no partner: {listed(names)}" + f" ({near})" * bool(near) if models else ""


def _undecided(row: Row, gate: Gate) -> str:
    if row["ci_low"] <= 1 <= row["ci_high"]:
        return "not told from 1 by the data"
    low, high = (row.get(f"{end}_simultaneous", 1.0 * row[end]) for end in ("ci_low", "ci_high"))
    if low <= 1 <= high:
        return f"not told from 1 among {row['simultaneous']} comparisons"
    return ""


def _scatter(row: Row, gate: Gate) -> str:
    growth = row.get("scatter_growth", 1.0)
    told = row.get("interval") == "scatter_t" and growth > gate.growth
    return f"scatter grows {growth:.1f} x with size" if told else ""


def _lack_of_fit(row: Row, gate: Gate) -> str:
    p = row.get("lack_of_fit_p", 1.0)
    return f"laws miss the means of seeds (p = {p:.1g})" if p < gate.lack_of_fit else ""


RULES = (
    # Causes before what follows from them: the first that refuses is told.
    Rule("size_label", refuses=True),
    Rule("tokens_per_parameter", refuses=True),
    Rule("same_model", refuses=True),
    Rule("compute", refuses=True),
    Rule("per_6nd", refuses=True),
    Rule("loss", refuses=True),
    Rule("at_equal_compute", refuses=True),
    Rule("rises", refuses=True),
    Rule("steep", refuses=True),
    Rule("floor", refuses=True),
    Rule("copies", refuses=True),
    Rule("checkpoints", refuses=True),
    Rule("budgets", refuses=True),
    Rule("weighted", refuses=True),
    Rule("no_estimate", _no_estimate, refuses=True),
    Rule("disagree", refuses=True),
    Rule("multiplier", _multiplier, refuses=True),
    Rule("interval", _interval, refuses=True),
    # What weakens a number: what may be wrong in it before what it cannot tell.
    Rule("large", _large),
    Rule("order"),
    Rule("odd"),
    Rule("off_law"),
    Rule("holdout"),
    Rule("leans"),
    Rule("alike"),
    Rule("extrapolated", lambda row, gate: "extrapolated" if row["extrapolated"] else ""),
    Rule("status", _status),
    Rule("no_partner", _no_partner),
    Rule("law", _law),
    Rule("undecided", _undecided),
    Rule("lack_of_fit", _lack_of_fit),
    Rule("scatter", _scatter),
)
# Names of runs, which stand in the words, may hold BETWEEN.
PARTS = re.compile(rf"{re.escape(BETWEEN)}(?=(?:{'|'.join(rule.name for rule in RULES)}): )")


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


def judge(row: Row, gate: Gate, doubts: Mapping[str, str]) -> Verdict:
    """Judge a row of the multiplier table. doubts: what its points give rise to, by rule."""
    said = ((rule.name, doubts.get(rule.name, "") or rule.says(row, gate)) for rule in RULES)
    return Verdict({name: words for name, words in said if words})


def cell(found: Verdict) -> str:
    """A verdict as it stands in the column `doubts`."""
    return BETWEEN.join(f"{name}: {words}" for name, words in found.found.items())


def verdict(row: Row) -> Verdict:
    """The verdict that a row of the multiplier table has in its column `doubts`."""
    parts = PARTS.split(row["doubts"])
    return Verdict(dict(part.split(": ", 1) for part in parts if part))
