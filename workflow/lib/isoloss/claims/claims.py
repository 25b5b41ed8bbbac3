"""The published statements of a study against ours; the method is told in docs/claims.md."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from isoloss.claims import ledger, pairs
from isoloss.claims.evidence import Evidence, Untestable, Where
from isoloss.claims.judge import Finding, half_unit, number
from isoloss.claims.sections import SECTIONS

Published = Mapping[str, Any]


def claims(
    published: Published,
    evidence: Evidence,
    multipliers: pd.DataFrame,
    flops: pd.DataFrame | None,
    consistency: pd.DataFrame | None,
    *,
    baseline: str,
    headline: str,
) -> pd.DataFrame:
    """One row a published number or statement (schema published): ours, its interval, the outcome.

    After them, what the run sheet and the logs say against what is counted (`consistency`).
    multipliers: the multiplier table, which claims at its reported losses are held against. flops,
    consistency: None for a study that starts from a table of points.

    reproduced: equal at the printed precision. consistent: what the data say agrees, and speaks
    against what the claim excludes. differs: the data speak against it. not told: they admit it
    and what it excludes. not testable: the study has nothing to hold against it.
    """
    rows = [
        *_fits(published, evidence, headline),
        *_statements(published, evidence, multipliers, baseline, headline),
    ]
    if flops is not None and consistency is not None:
        rows += [*_compute(published, flops, headline), *_stated(consistency)]
    return pd.DataFrame(rows)


def _common(published: Published, section: str, claim: Mapping[str, Any]) -> dict[str, Any]:
    strict = section in published.get("strict", [])
    return {"kind": section, "source": published["source"], "strict": claim.get("strict", strict)}


def _fits(published: Published, evidence: Evidence, headline: str) -> Iterator[dict[str, Any]]:
    lines = published.get("fits", [])
    # A point to the side is off by what that changes of the loss, besides its own error.
    off, aside = (published.get(f"{of}_accuracy", 0.0) for of in ("loss", "compute"))
    same = published.get("same_data", False)
    for claim in lines:
        where = Where(claim["metric"], claim.get("convention", headline))
        accuracy = off + aside * float(claim["exponent"])
        try:
            found = pairs.judge(claim, lines, evidence, where, accuracy, same_data=same)
        except Untestable as error:
            found = (Finding("not testable", notes=(str(error),)),) * 2
        for quantity, each in zip(("coefficient", "exponent"), found, strict=True):
            yield ledger.row(
                claim,
                each,
                **_common(published, "fits", claim),
                name=f"{claim['arm']} {claim['metric']}",
                quantity=quantity,
                convention=where.convention,
                published=claim[quantity],
                note=_drawn(claim[quantity], claim.get(f"drawn_{quantity}"), quantity),
            )


def _drawn(printed: str, drawn: str | None, quantity: str) -> str:
    """What to say where the paper prints one number and draws another."""
    if drawn is None:
        return ""
    rounding = half_unit(printed) + half_unit(drawn)
    if abs(float(printed) - float(drawn)) <= rounding * (1 + 1e-9):
        return ""
    return f"the paper draws its line with {quantity} {drawn}, but prints {printed}"


def _statements(
    published: Published,
    evidence: Evidence,
    multipliers: pd.DataFrame,
    baseline: str,
    headline: str,
) -> Iterator[dict[str, Any]]:
    for name, section in SECTIONS.items():
        for entry in published.get(name, []):
            claim = {"baseline": baseline} | entry
            where = Where(claim.get("metric", ""), claim.get("convention", headline))
            try:
                found = _reported(claim, where, multipliers) if name == "multipliers" else None
                found = found or section.judge(claim, evidence, where)
            except Untestable as error:
                found = Finding("not testable", notes=(str(error),))
            yield ledger.row(
                claim,
                found,
                **_common(published, name, claim),
                name=section.name(claim),
                quantity=section.quantity(claim),
                convention=where.convention,
                published=section.published(claim),
            )
    for claim in published.get("untestable", []):
        yield ledger.row(
            claim,
            Finding("not testable", notes=(claim["reason"],)),
            **_common(published, "untestable", claim),
            name=claim["claim"],
            quantity="",
            convention="",
            published="",
        )


def _reported(claim: Mapping[str, Any], where: Where, multipliers: pd.DataFrame) -> Finding | None:
    """A multiplier against the study's own at that loss, whichever law and interval it has."""
    if "loss" not in claim:
        return None
    table = multipliers[(multipliers["kind"] == "reported") & multipliers["headline_law"]]
    mine = (table["candidate"] == claim["candidate"]) & (table["metric"] == where.metric)
    mine &= (table["convention"] == where.convention) & np.isclose(
        table["loss"], claim["loss"], rtol=1e-9
    )
    if not mine.any():
        return None
    row = table[mine].iloc[0]
    ours = float(row["multiplier"]), float(row["ci_low"]), float(row["ci_high"])
    return number(claim["multiplier"], ours, nothing=1.0)


def _compute(published: Published, flops: pd.DataFrame, headline: str) -> Iterator[dict[str, Any]]:
    by_key = flops.set_index(["run", "convention"])["compute_pflop_s_days"]
    conventions = flops["convention"].unique()
    accuracy = published.get("compute_accuracy", 0.0)
    for claim in published.get("compute", []):
        printed = claim["compute_pflop_s_days"]
        ours = float(by_key.loc[(claim["run"], headline)])
        found = number(printed, (ours, ours * (1 - accuracy), ours * (1 + accuracy)))
        note = ""
        if found.outcome == "differs":
            ratios = {
                name: by_key.loc[(claim["run"], name)] / float(printed) for name in conventions
            }
            fits = [name for name, ratio in ratios.items() if abs(ratio - 1) <= accuracy]
            note = f"fits {' and '.join(fits)}" if fits else "fits no convention of the study"
        yield ledger.row(
            claim,
            found,
            **_common(published, "compute", claim),
            name=claim["run"],
            quantity="compute_pflop_s_days",
            convention=headline,
            published=printed,
            note=note,
        )


def _stated(consistency: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What is stated of single runs."""
    for row in consistency.to_dict("records"):
        source = "log" if row["quantity"] == "compute_pflop_s_days" else "run sheet"
        published = f"{row.pop('stated'):.15g}"
        made = {
            "claim": row.pop("run"),
            "kind": "stated",
            "source": source,
            "published": published,
            "strict": False,
        } | {name: row.get(name, np.nan) for name in ("ci_low", "ci_high")}
        made |= {
            "saving": np.nan,
            "noticed_below": made["ci_low"],
            "noticed_above": made["ci_high"],
            "note": "",
        } | row
        made["note"] = made["note"] if isinstance(made["note"], str) else ""
        yield made | {"sentence": ledger.sentence(made)}
