r"""The numbers that a text may quote: a LaTeX macro each, and the same for programs.

`\KimiLinearMultiplierInterval` is built of the study, then, where there are several, the candidate
or arm, the metric, the convention, the law, the loss, and the quantity; figures are spelled, since
a macro's name has letters alone. A number that may not be a headline prints why, in bold type.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isoloss.files import whole
from isoloss.fit.along import equation
from isoloss.multiplier.digits import shown
from isoloss.multiplier.saving import saving
from isoloss.multiplier.verdict import verdict
from isoloss.paper.latex import escape, plus_minus
from isoloss.paper.style import convention_label

DIGITS = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Quoted:
    """name: of the macro, letters alone. text: LaTeX. value: the number itself, None for words.

    what: in words. refused: why the number may not be quoted, empty where it may.
    """

    name: str
    text: str
    value: float | None
    what: str
    refused: str = ""


def camel(text: str) -> str:
    """`moba-8k` as a part of a macro's name: `MobaEightK`."""
    words = re.findall(r"[A-Za-z]+|[0-9]", text)
    return "".join(DIGITS[int(w)] if w.isdigit() else w[0].upper() + w[1:] for w in words)


def numbers(
    study: str, made_of: Mapping[str, pd.DataFrame], conventions: Sequence[str]
) -> list[Quoted]:
    """The numbers of a study, from its tables `points`, `fit` and `multiplier`.

    conventions: the headline first.

    Raises ValueError where two would have the same name.
    """
    found = [*_multipliers(made_of["multiplier"], conventions), *_laws(made_of["fit"], conventions)]
    found += _points(made_of["points"], conventions)
    headline = conventions[0]
    found.append(
        Quoted("Convention", escape(convention_label(headline)), None, "which FLOPs count")
    )
    quoted = [Quoted(camel(study) + each.name, *list(asdict(each).values())[1:]) for each in found]
    known: dict[str, str] = {}
    for each in quoted:
        if each.name in known:
            raise ValueError(
                f"{study}: \\{each.name} would be both {known[each.name]} and {each.what}; "
                "rename an arm or a metric"
            )
        known[each.name] = each.what
    return quoted


def write(quoted: Iterable[Quoted], tex: Path, for_programs: Path) -> None:
    """Write numbers as LaTeX macros, each with what it is, and as JSON by name."""
    quoted = list(quoted)
    lines = [f"\\newcommand{{\\{each.name}}}{{{each.text}}} % {each.what}" for each in quoted]
    with whole(tex) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    by_name = {each.name: {k: v for k, v in asdict(each).items() if k != "name"} for each in quoted}
    with whole(for_programs) as part:
        text = json.dumps(by_name, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")


def _named(table: pd.DataFrame, columns: Mapping[str, str]) -> Iterator[tuple[str, str, Row]]:
    """Rows with the part of a name, and the words, of the columns that have several values.

    columns: column -> the value that needs no naming, or "".
    """
    several = [name for name in columns if table[name].nunique() > 1]
    for row in table.to_dict("records"):
        told = [str(row[name]) for name in several if str(row[name]) != columns[name]]
        yield "".join(map(camel, told)), f" ({', '.join(told)})" * bool(told), row


def _multipliers(table: pd.DataFrame, conventions: Sequence[str]) -> Iterator[Quoted]:
    """Multipliers at reported losses, under the headline's law, in every convention."""
    table = table[(table["kind"] == "reported") & table["headline_law"]]
    first = table[table["headline"]]["loss"].iloc[:1].tolist()
    table = table.assign(at=[f"{loss:g}" for loss in table["loss"]])
    quiet = {"candidate": "", "metric": "", "convention": conventions[0]}
    per_metric = table.groupby("metric")["at"].nunique().max() > 1
    columns = quiet | ({"at": f"{first[0]:g}" if first else ""} if per_metric else {})
    for name, of, row in _named(table, columns):
        refused = "; ".join(verdict(row).refused[:1])
        ends = float(row["multiplier"]), float(row["ci_low"]), float(row["ci_high"])
        what = f"compute multiplier{of}"
        yield from _estimate(name + "Multiplier", what, ends, shown(*ends), refused)
        saved = tuple(100 * saving(x) for x in ends)
        what = f"compute saved at equal loss{of}, percent"
        yield from _estimate(name + "Saving", what, saved, _percent(*saved), refused)
        loss, level = row["loss"], 100 * row["confidence"]
        yield Quoted(name + "Loss", f"{loss:.4g}", loss, f"the loss at which it holds{of}, nats")
        yield Quoted(name + "Confidence", f"{level:g}\\%", level, f"of the interval{of}, percent")
        yield Quoted(name + "Runs", str(row["n_runs"]), row["n_runs"], f"runs of an arm{of}")


def _percent(value: float, low: float, high: float) -> list[str]:
    """A percentage and the ends of its interval, whose width has two digits."""
    width = high - low
    places = 1 - int(np.floor(np.log10(width))) if 0 < width < np.inf else 2
    texts = [f"{x:.{min(max(places, 0), 6)}f}" for x in (value, low, high)]
    return [re.sub("^-", "$-$", text) + r"\%" for text in texts]


def _estimate(
    name: str, what: str, ends: tuple[float, ...], texts: Sequence[str], refused: str
) -> Iterator[Quoted]:
    """A value with its interval, as numbers and as texts."""
    value, low, high = ends
    if refused or not np.isfinite(ends).all():
        why = refused or "no estimate with an interval"
        texts, refused = [rf"\textbf{{[not to be quoted: {escape(why)}]}}"] * 3, why
    known = [x if np.isfinite(x) else None for x in (value, low, high)]
    yield Quoted(name, texts[0], known[0], what, refused)
    yield Quoted(name + "Low", texts[1], known[1], f"{what}: lower end", refused)
    yield Quoted(name + "High", texts[2], known[2], f"{what}: upper end", refused)
    between = texts[0] if refused else f"{texts[1]} to {texts[2]}"
    yield Quoted(name + "Interval", between, None, f"{what}: its interval", refused)
    full = texts[0] if refused else f"{texts[0]} ({between})"
    yield Quoted(name + "WithInterval", full, None, f"{what}, with its interval", refused)


def _laws(fit: pd.DataFrame, conventions: Sequence[str]) -> Iterator[Quoted]:
    """The headline's laws: coefficient, exponent and floor with their errors; the equation."""
    fit = fit[fit["headline_law"] & (fit["convention"] == conventions[0])]
    for name, of, row in _named(fit.assign(of_arm=fit["arm"]), {"of_arm": "", "metric": ""}):
        name = name or camel(row["arm"])
        for quantity in ("coefficient", "exponent", "floor"):
            value, error = row[quantity], row[f"{quantity}_se"]
            if np.isfinite(value):
                text = plus_minus(value, error).strip("$")
                alone = text.partition(r" \pm ")[0]
                yield Quoted(name + quantity.title(), alone, value, f"{quantity}{of}")
                both = f"\\ensuremath{{{text}}}"
                what = f"{quantity}{of}, with its standard error"
                yield Quoted(f"{name}{quantity.title()}PlusMinus", both, None, what)
        yield Quoted(name + "Law", f"\\ensuremath{{{equation(row)}}}", None, f"law{of}")


def _points(points: pd.DataFrame, conventions: Sequence[str]) -> Iterator[Quoted]:
    """How many points each arm has, and the range of their compute."""
    used = points[points["used"] & (points["convention"] == conventions[0])]
    for (arm, metric), mine in used.groupby(["arm", "metric"], sort=False):
        name = camel(str(arm)) + (camel(str(metric)) if used["metric"].nunique() > 1 else "")
        compute, of = mine["compute_pflop_s_days"], f" of {arm}, {metric}"
        yield Quoted(name + "Points", str(len(mine)), len(mine), f"points fitted{of}")
        for end, value in (("Least", compute.min()), ("Most", compute.max())):
            what = f"{end.lower()} compute{of}, PFLOP/s-days"
            yield Quoted(f"{name}{end}Compute", f"{value:.3g}", float(f"{value:.10g}"), what)
