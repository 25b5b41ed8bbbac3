"""The sections of published.yaml: what each asserts, in which words, and what judges it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isoloss.claims import counted, runs, statements
from isoloss.claims.evidence import Evidence, Where
from isoloss.claims.judge import Finding

Claim = Mapping[str, Any]
DO = {"falls": "all fall", "flattens": "all flatten", "law": "all near it", "converges": "less"}
SIGNS = {"steeper": "> 0", "flatter": "< 0", "parallel": "0"}


@dataclass(frozen=True)
class Section:
    """One kind of statement.

    name: of a claim. quantity: what of ours it is held against. published: what it says of that,
    a number as printed or a relation.
    """

    judge: Callable[[Claim, Evidence, Where], Finding]
    name: Callable[[Claim], str]
    quantity: Callable[[Claim], str]
    published: Callable[[Claim], str]


def _at(claim: Claim) -> str:
    if "compute" in claim:
        return f"at {claim['compute']} PFLOP/s-days"
    return f"at {claim['loss']:g}"


def _over(claim: Claim) -> str:
    if "from" not in claim and "to" not in claim:
        return "over the measured compute"
    ends = claim.get("from", "the lowest"), claim.get("to", "the highest")
    return f"from {ends[0]} to {ends[1]} PFLOP/s-days"


def _of_arm(claim: Claim) -> str:
    return f"{claim.get('arm', 'all arms')} {claim['metric']}"


def _two(claim: Claim) -> str:
    return f"{claim['arm']} and {claim['than']}, {claim['metric']}"


def _crossing(claim: Claim) -> str:
    return _over(claim) if claim["compute"] == "none" else ""


def _of_curves(claim: Claim) -> str:
    if claim["of"] == "loss":
        return f" {_at({'compute': claim['compute']})}"
    if claim["of"] == "law":
        return f", the law {_over(claim)}"
    if claim["of"] == "converges":
        return f" at {claim['to']} against {claim['from']} PFLOP/s-days"
    return ""


SECTIONS = {
    "multipliers": Section(
        statements.multipliers,
        lambda c: f"{c['candidate']} {c['metric']} {_at(c)}",
        lambda c: "multiplier",
        lambda c: str(c["multiplier"]),
    ),
    "savings": Section(
        statements.savings,
        lambda c: f"{c['candidate']} {c['metric']} {_at(c)}",
        lambda c: "saving_percent",
        lambda c: str(c["saving"]),
    ),
    "losses": Section(
        statements.losses,
        lambda c: f"{_of_arm(c)} {_at({'compute': c['compute']})}",
        lambda c: "loss",
        lambda c: str(c["loss"]),
    ),
    "ratios": Section(
        statements.ratios,
        lambda c: f"{c['arm']} over {c['than']}, {c['metric']} {_at(c)}",
        lambda c: "loss_ratio",
        lambda c: str(c["ratio"]),
    ),
    "orderings": Section(
        statements.orderings,
        lambda c: f"{c['arm']} below {c['than']}, {c['metric']} {_over(c)}",
        lambda c: "loss_ratio",
        lambda c: "< 1",
    ),
    "differences": Section(
        statements.differences,
        lambda c: f"{_two(c)} apart {'size by size' if c.get('of') == 'sizes' else _over(c)}",
        lambda c: "loss_difference",
        lambda c: f"< {c['below']}",
    ),
    "slopes": Section(
        statements.slopes,
        lambda c: {
            "parallel": f"{c['arm']} parallel to {c['than']}, {c['metric']}",
        }.get(c["relation"], f"{c['arm']} {c['relation']} than {c['than']}, {c['metric']}"),
        lambda c: "exponent_difference",
        lambda c: SIGNS[c["relation"]],
    ),
    "crossings": Section(
        statements.crossings,
        lambda c: f"{_two(c)} cross {_crossing(c)}".rstrip(),
        lambda c: "crossing_pflop_s_days",
        lambda c: str(c["compute"]),
    ),
    "forms": Section(
        statements.forms,
        lambda c: f"{_of_arm(c)} {c['form']}",
        lambda c: "slope" if c["form"] == "falls" else "bend",
        lambda c: {"flattens": "> 0", "falls": "< 0"}.get(c["form"], "0"),
    ),
    "floors": Section(
        counted.floors,
        lambda c: f"{c['arm']} below {c['than']}, floor" if "than" in c else _of_arm(c),
        lambda c: "floor_difference" if "than" in c else "floor",
        lambda c: "< 0" if "than" in c else str(c["floor"]),
    ),
    "ranges": Section(
        counted.ranges,
        lambda c: f"{_of_arm(c)}, all points",
        lambda c: {"loss": "loss", "compute": "compute_pflop_s_days"}[c["of"]],
        lambda c: f"{c['low']} to {c['high']}",
    ),
    "counts": Section(
        counted.counts,
        lambda c: f"{_of_arm(c)}, points",
        lambda c: "points",
        lambda c: str(c["points"]),
    ),
    "sizes": Section(
        counted.sizes,
        lambda c: f"{c['arm']} {c['relation']} than {c['than']}, {c['metric']}",
        lambda c: "sizes",
        lambda c: str(c["sizes"]),
    ),
    "curves": Section(
        runs.curves,
        lambda c: f"{_of_arm(c)}{_of_curves(c)}",
        lambda c: "spread_of_curves" if c["of"] == "converges" else "curves",
        lambda c: f"{c['low']} to {c['high']}" if "low" in c else DO[c["of"]],
    ),
    "trends": Section(
        counted.trends,
        lambda c: f"{c['arm']} over {c['than']} {c['relation']} over metrics",
        lambda c: "log_loss_ratio_a_metric",
        lambda c: "> 0" if c["relation"] == "grows" else "< 0",
    ),
    "surfaces": Section(
        counted.surfaces,
        lambda c: f"{_of_arm(c)} surface",
        lambda c: str(c["parameter"]),
        lambda c: str(c["value"]),
    ),
    "allocations": Section(
        counted.allocations,
        lambda c: f"{_of_arm(c)}, best {c['of']}",
        lambda c: "allocation_exponent",
        lambda c: str(c["exponent"]),
    ),
}
