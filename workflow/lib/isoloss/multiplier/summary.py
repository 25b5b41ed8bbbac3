"""What the multipliers of a study are and rest on, for a reader: Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from isoloss.multiplier.curvature import POLYNOMIALS
from isoloss.multiplier.digits import shown
from isoloss.multiplier.quote import quotes
from isoloss.multiplier.saving import saving
from isoloss.multiplier.verdict import verdict

COLUMNS = (
    *("candidate", "metric", "convention", "law", "loss", "multiplier", "saving", "interval"),
    *("n", "pairing", "correlation", "made by", "status", "headline"),
)


def summary(study: str, multipliers: pd.DataFrame, points: pd.DataFrame) -> str:
    """The reported multipliers, headlines first, what may be quoted, and what was found against it.

    multipliers: the multiplier table. points: the points table.
    """
    reported = multipliers[multipliers["kind"] == "reported"]
    reported = reported.sort_values("headline", ascending=False, kind="stable")
    rows = reported.to_dict("records")
    found = [f"- {_place(row)}: {words}" for row in rows for words in verdict(row).words()]
    notes = [f"- {_place(row)}: {row['reason']}" for row in rows if row["reason"]]
    out = points[~points["used"]].drop_duplicates(["run", "reason"])
    left_out = [f"- {row.run}: {row.reason}" for row in out.itertuples()]
    parts = [
        (f"# {study}: compute multipliers over {reported['baseline'].iloc[0]}", list(_table(rows))),
        ("## What may be quoted", [f"- {_cells(line)}" for line in quotes(multipliers, points)]),
        ("## What was found against them", found or ["Nothing."]),
        ("## If the law does not hold", [*_laws(rows)]),
        ("## What the intervals rest on", notes),
        ("## Left out of the fits", left_out or ["Nothing."]),
    ]
    return "\n\n".join("\n".join([head, "", *body]) for head, body in parts if body) + "\n"


def _laws(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """How the points bend, and what a quadratic says of the multiplier and of its trend."""
    for row in rows:
        if row["quadratic_ci_low"] != row["quadratic_ci_low"]:
            continue
        by = (_with_ends(row, *names) for names in POLYNOMIALS.values() if names[0] != "curvature")
        multiplier, trend, bent = by
        bends = (f"{row[name]:+.2g}" for name in POLYNOMIALS["curvature"])
        yield (
            "- {}: curvature {} (90% {} to {}); by quadratics the multiplier is {}. Per tenfold "
            "compute it changes by a factor of {} by the law, {} by quadratics."
        ).format(_place(row), *bends, multiplier, trend, bent)


def _with_ends(row: Mapping[str, Any], *names: str) -> str:
    return "{} ({} to {})".format(*shown(*(row[name] for name in names)))


def _place(row: Mapping[str, Any]) -> str:
    what = (row[name] for name in ("candidate", "metric", "counted_in", "law", "method"))
    return _cells(", ".join([*map(str, what), f"loss {row['loss']:.6g}"]))


def _saved(multiplier: float) -> str:
    return f"{100 * saving(multiplier):.0f}%" if multiplier == multiplier else "none"


def _cells(text: str) -> str:
    return text.replace("|", "\\|")


def _table(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for row in rows:
        value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
        known = row["ci_low"] == row["ci_low"]
        interval = f"{low} to {high} ({100 * row['confidence']:g}%)" if known else "none"
        judged = verdict(row)
        kind = "yes" if row["headline"] else "no"
        cells = (
            *(row["candidate"], row["metric"], row["counted_in"], f"{row['law']}, {row['method']}"),
            *(
                f"{row['loss']:.6g}",
                value.replace("nan", "none"),
                _saved(row["multiplier"]),
                interval,
            ),
            *(row["n_runs"], row["pairing"]),
            f"{row['residual_correlation']:.3f}".replace("nan", "none"),
            *(row["interval"], row["status"], kind if judged.headline else "refused"),
        )
        yield f"| {' | '.join(_cells(str(cell)) for cell in cells)} |"
