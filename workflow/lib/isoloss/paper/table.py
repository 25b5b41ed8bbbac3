"""The tables of a paper: numbers for machines, and the same numbers rounded for readers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isoloss.files import whole
from isoloss.fit.registry import LAWS
from isoloss.multiplier.digits import shown
from isoloss.multiplier.saving import saving
from isoloss.multiplier.verdict import Verdict, verdict
from isoloss.paper.captions import units
from isoloss.paper.latex import escape, plus_minus, saved
from isoloss.paper.style import convention_label
from isoloss.tables import FLOAT_FORMAT, harmless

LEFT = "Claim Quantity Outcome Arm Candidate Metric Convention Law Method Pairing Run"
WORDS = tuple(LEFT.split())  # columns set left
CAPTIONED = (*WORDS, "Runs")


@dataclass(frozen=True)
class Table:
    """numbers: full precision, units in the columns' names. text: LaTeX cells, rounded."""

    numbers: pd.DataFrame
    text: pd.DataFrame
    caption: str


def fits(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """The fitted laws, one row an arm, metric, convention, law and method."""
    fit = made_of["fit"]
    floors = [plus_minus(*x) for x in _columns(fit, "floor", "floor_se")]
    text = pd.DataFrame(
        {
            "Arm": _named(fit, "arm", words),
            "Metric": fit["metric"].map(words["metrics"]).map(escape),
            "Convention": fit["convention"].map(convention_label),
            **_laws(fit),
            "Coefficient": [plus_minus(*x) for x in _columns(fit, "coefficient", "coefficient_se")],
            "Exponent": [plus_minus(*x) for x in _columns(fit, "exponent", "exponent_se")],
            **({"Floor": floors} if fit["floor"].notna().any() else {}),
            **_break(fit),
            "Runs": fit["n_points"].astype(str),
        }
    )
    forms = dict.fromkeys(LAWS[law].along_compute.formula for law in fit["law"])
    names = ["coefficient $a$", "exponent $b$"]
    names += ["floor $E$"] if fit["floor"].notna().any() else []
    names += ["exponent $b_2$ beyond the break $d$"] if fit["exponent_after"].notna().any() else []
    caption = (
        f"Scaling laws {' and '.join(f'$L = {form}$' for form in forms)} ($L$ in "
        f"{' or '.join(units(words))}, $C$ in PFLOP/s-days): {', '.join(names[:-1])} and "
        f"{names[-1]} with standard errors."
    )
    return Table(fit, text, caption + _untold(fit))


def _break(fit: pd.DataFrame) -> dict[str, list[str]]:
    """The break and the second exponent of broken laws, where there are any."""
    if not fit["exponent_after"].notna().any():
        return {}
    return {
        name: [f"{x:{form}}" if np.isfinite(x) else "" for x in fit[column]]
        for name, column, form in (
            ("Break", "break_compute_pflop_s_days", ".3g"),
            ("Exponent beyond", "exponent_after", ".4f"),
        )
    }


def multipliers(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """The reported multipliers, one row a candidate, metric, convention and loss."""
    table = made_of["multiplier"]
    table = table[table["kind"] == "reported"].reset_index(drop=True)
    judged = [verdict(row) for row in table.to_dict("records")]
    mark = ["$^{*}$" if outside else "" for outside in table["extrapolated"]]
    told = [
        one.refused if np.isfinite(x) else []
        for one, x in zip(judged, table["multiplier"], strict=True)
    ]
    no = [r"$^{\ddagger}$" if why else "" for why in told]
    numbers = _numbers(table, "ci_low", "ci_high")
    better = [_better(row, one) for row, one in zip(table.to_dict("records"), judged, strict=True)]
    bold = [rf"\textbf{{{x}}}" if told else x for (x, _), told in zip(numbers, better, strict=True)]
    text = pd.DataFrame(
        {
            "Candidate": _named(table, "candidate", words),
            "Metric": table["metric"].map(words["metrics"]).map(escape),
            "Convention": table["counted_in"].map(convention_label),
            **_laws(table),
            "Loss": [f"{loss:.4g}{sign}" for loss, sign in zip(table["loss"], mark, strict=True)],
            "Multiplier": [f"{x}{sign}" for x, sign in zip(bold, no, strict=True)],
            "Interval": [interval for _, interval in numbers],
            **_at_once(table),
            "Saving": [saved(*row) for row in _columns(table, "multiplier", "ci_low", "ci_high")],
            "Pairing": table["pairing"],
        }
    )
    confidence = 100 * table["confidence"].iloc[0]
    baseline = escape(words["arms"][table["baseline"].iloc[0]])
    caption = (
        f"Compute multipliers over {baseline} at equal loss ({' or '.join(units(words))}): "
        f"$C_\\mathrm{{baseline}} / C_\\mathrm{{candidate}}$ with pointwise {confidence:g}\\% "
        "intervals. "
        "Saving: $1 - 1 / M$ of the baseline's compute."
    )
    if "All at once" in text:
        caption += (
            f" All at once: intervals that hold for the {table['simultaneous'].iloc[0]} "
            "comparisons of the headline together."
        )
    caption += _untold(table)
    if any(better):
        caption += " Bold: the candidate needs less, and the interval excludes 1."
    if any(mark):
        caption += " $^{*}$Outside the losses that both arms reached."
    if any(no):
        why = dict.fromkeys(why[0] for why in told if why)
        caption += rf" $^{{\ddagger}}$Not to be believed: {escape('. '.join(why))}."
    shares = {
        name: table[column].map(saving)
        for name, column in (
            ("saving", "multiplier"),
            ("saving_low", "ci_low"),
            ("saving_high", "ci_high"),
        )
    }
    return Table(table.assign(**shares), text, caption)


def _better(row: Mapping[str, Any], judged: Verdict) -> bool:
    """Whether the candidate needs less beyond the interval, in a number that may be believed.

    Among several comparisons the interval that holds for all at once must exclude 1, too.
    """
    return judged.headline and "undecided" not in judged.reasons and bool(row["ci_low"] > 1)


def _at_once(table: pd.DataFrame) -> dict[str, list[str]]:
    """Intervals that hold for all comparisons at once, where there are several."""
    if table["simultaneous"].iloc[0] < 2:
        return {}
    numbers = _numbers(table, "ci_low_simultaneous", "ci_high_simultaneous")
    return {"All at once": [interval for _, interval in numbers]}


def _numbers(table: pd.DataFrame, low: str, high: str) -> list[tuple[str, str]]:
    """Multipliers and their intervals in words; empty where there are none."""
    found = []
    for row in _columns(table, "multiplier", low, high):
        number, *ends = shown(*row)
        interval = f"[{ends[0]}, {ends[1]}]" if np.isfinite(row).all() else ""
        found.append((number if np.isfinite(row[0]) else "", interval))
    return found


def choices(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """What all reasonable choices say together, one row a candidate and metric."""
    table, moves = made_of["comparisons"], made_of["moves"]
    most = moves.drop_duplicates(["candidate", "metric"]).set_index(["candidate", "metric"])
    of = [tuple(key) for key in table[["candidate", "metric"]].to_numpy()]
    text = pd.DataFrame(
        {
            "Candidate": table["candidate"].map(words["arms"]).map(escape),
            "Metric": table["metric"].map(words["metrics"]).map(escape),
            "Specifications": [
                f"{used:,} of {all:,}" for used, all in _columns(table, "used", "specifications")
            ],
            "Median": [_shown(x) for x in table["median"]],
            "Saving": [saved(x) for x in table["median"]],
            "Range": [
                f"{_shown(low)} to {_shown(high)}"
                for low, high in _columns(table, "lowest", "highest")
            ],
            "Above 1": [f"{100 * x:.0f}\\%" if np.isfinite(x) else "" for x in table["above_1"]],
            "Moved most by": [_moved(most.loc[[key]]) if key in most.index else "" for key in of],
        }
    )
    caption = (
        "Compute multipliers under every combination of choices: those that can be fitted, their "
        "median, range, and share above 1. In brackets: the share of the variance of $\\log M$ "
        "that is left when all the other choices are fixed."
    )
    return Table(table, text, caption)


def break_even(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """Where the arms need the same compute, a row a crossing of the headline's laws, or none."""
    table = made_of["break_even"]

    def compute(value: float) -> str:
        return f"{value:.3g}" if np.isfinite(value) else ""

    ends = _columns(table, "ci_low_pflop_s_days", "ci_high_pflop_s_days")
    at = table["break_even_pflop_s_days"]
    text = pd.DataFrame(
        {
            "Candidate": table["candidate"].map(words["arms"]).map(escape),
            "Metric": table["metric"].map(words["metrics"]).map(escape),
            "Convention": table["counted_in"].map(convention_label),
            "Range": [
                f"{first:.3g} to {last:.3g}"
                for first, last in _columns(table, "from_pflop_s_days", "to_pflop_s_days")
            ],
            "Break-even": [
                f"{compute(x)}{'$^{*}$' if beyond else ''}" if np.isfinite(x) else "none in range"
                for x, beyond in zip(at, table["extrapolated"], strict=True)
            ],
            "Interval": [
                f"[{compute(low)}, {compute(high)}]" if np.isfinite(x) else ""
                for (low, high), x in zip(ends, at, strict=True)
            ],
        }
    )
    caption = (
        "Compute (PFLOP/s-days of the baseline) where both arms need the same, by the headline's "
        "law; an interval with an empty end is open there."
    )
    if table["extrapolated"].any():
        caption += " $^{*}$Outside what both arms reached."
    return Table(table, text, caption)


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""


def _moved(most: pd.DataFrame) -> str:
    """The choice that moves the multiplier most, and how far."""
    row = most.iloc[0]
    return escape(f"{row['choice'].replace('_', ' ')} ({100 * row['share']:.0f}%)")


# Symbol of a stated quantity, and where it is stated.
STATED = {
    "training_tokens": ("D", "planned"),
    "parameters": ("N", "published"),
    "compute_pflop_s_days": ("C", "logged"),
}


def runs(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """The runs: what their logs hold, what was flagged, and their training compute."""
    headline = words["conventions"][0]
    flops = made_of["flops"]
    flops = flops[flops["convention"] == headline].drop(columns=["training_tokens"])
    table = made_of["quality"].merge(flops, on="run", how="left", validate="one_to_one")
    out = table[~table["used"]]
    stated = made_of["consistency"].pivot(index="run", columns="quantity", values="ratio")
    stated = stated.add_suffix("_ratio").reset_index()
    table = table.merge(stated, on="run", how="left", validate="one_to_one")
    text = pd.DataFrame(
        {
            "Run": table["run"].map(escape) + np.where(table["used"], "", r"$^{\dagger}$"),
            "Values": table["values"].map("{:,}".format),
            "Flagged": table["flagged"].map("{:,}".format),
            "Tokens (B)": [
                f"{x / 1e9:.1f}" if np.isfinite(x) else "" for x in table["last_tokens"]
            ],
            "PFLOP/s-days": [
                f"{x:.4g}" if np.isfinite(x) else "" for x in table["compute_pflop_s_days"]
            ],
        }
        | {
            f"${symbol} / {symbol}_\\mathrm{{{origin}}}$": table[f"{quantity}_ratio"].map(_shown)
            for quantity, (symbol, origin) in STATED.items()
            if f"{quantity}_ratio" in table
        }
    )
    caption = (
        "Runs: logged values, those left out of the fits, tokens and training compute "
        f"({convention_label(headline)})."
    )
    if len(stated.columns) > 1:
        caption += " Ratios: tokens, parameters and compute as counted over those stated."
    if not out.empty:
        why = "; ".join(f"{row.run}: {row.reason.removesuffix('.')}" for row in out.itertuples())
        caption += rf" $^{{\dagger}}$Left out of the fits. {escape(why)}."
    return Table(table, text, caption)


def claims(made_of: Mapping[str, pd.DataFrame], words: Mapping[str, Any]) -> Table:
    """What is published against ours, one row a claim; without what run sheet and logs state."""
    table = made_of["claims"]
    table = table[table["kind"] != "stated"].reset_index(drop=True)
    ours = zip(table["ours"], table["ci_low"], table["ci_high"], strict=True)
    text = pd.DataFrame(
        {
            "Claim": table["claim"].map(escape),
            "Quantity": table["quantity"].map(_plain),
            "Published": table["published"].map(escape),
            "Ours": [f"{value:.4g}" if np.isfinite(value) else "" for value in table["ours"]],
            "Interval": [
                f"[{low:.4g}, {high:.4g}]" if np.isfinite(value) and low < high else ""
                for value, low, high in ours
            ],
            **_savings(table),
            "Outcome": table["verdict"],
        }
    )
    caption = (
        "Published statements against ours: reproduced (equal at the printed precision), "
        "consistent, differs, not told (the data also admit what is excluded) or not testable."
    )
    if "Saving" in text:
        caption += " Saving: $1 - 1 / M$ of a multiplier $M$ of ours."
    return Table(table, text, caption)


def _savings(table: pd.DataFrame) -> dict[str, list[str]]:
    """What our multipliers save, where there are any."""
    if table["saving"].isna().all():
        return {}
    of = table["saving"].notna()
    rows = zip(of, *(table[name] for name in ("ours", "ci_low", "ci_high")), strict=True)
    return {"Saving": [saved(*row) if is_one else "" for is_one, *row in rows]}


TABLES: Mapping[str, Callable[[Mapping[str, pd.DataFrame], Mapping[str, Any]], Table]] = {
    "fits": fits,
    "multipliers": multipliers,
    "choices": choices,
    "break_even": break_even,
    "runs": runs,
    "claims": claims,
}


def write(table: Table, csv: Path, tex: Path) -> None:
    """Write the numbers as CSV and the text as a LaTeX table (booktabs).

    Texts that a spreadsheet would run as a formula begin with an apostrophe in the CSV.
    A word or number that is the same in every row goes from the LaTeX table into its caption.
    """
    with whole(csv) as part:
        numbers = harmless(table.numbers)
        numbers.to_csv(part, index=False, float_format=FLOAT_FORMAT, lineterminator="\n")
    same = [name for name in CAPTIONED if name in table.text and table.text[name].nunique() == 1]
    caption = " ".join([table.caption, *(f"{name}: {table.text[name].iloc[0]}." for name in same)])
    text = table.text.drop(columns=same)
    latex = text.to_latex(
        index=False,
        escape=False,
        caption=caption,
        position="tb",
        column_format="".join("l" if name in WORDS else "r" for name in text),
    )
    narrow = "\\small\n\\setlength{\\tabcolsep}{4pt}\n\\begin{tabular}"
    latex = latex.replace("\\begin{tabular}", narrow, 1)
    with whole(tex) as part:
        part.write_text("% Needs \\usepackage{booktabs}.\n" + latex, encoding="utf-8")


def _several(table: pd.DataFrame) -> bool:
    """Whether there is more than one law or method."""
    return not table["headline_law"].all()


def _laws(table: pd.DataFrame) -> dict[str, Any]:
    """The columns that tell laws and methods apart, where there are several."""
    if not _several(table):
        return {}
    return {"Law": table["law"].map(_plain) + _mark(table), "Method": table["method"].map(_plain)}


def _mark(table: pd.DataFrame) -> Any:
    """A dagger at laws that the points do not tell: where there is one law, at what it is of."""
    return np.where(table["status"] == "converged", "", "$^{\\dagger}$")


def _named(table: pd.DataFrame, column: str, words: Mapping[str, Any]) -> pd.Series:
    """The labels of arms, with the mark of their law where no column tells laws apart."""
    labels = table[column].map(words["arms"]).map(escape)
    return labels if _several(table) else labels + _mark(table)


def _untold(table: pd.DataFrame) -> str:
    """What the mark of a law means, where there is one."""
    marked = (table["status"] != "converged").any()
    return " $^{\\dagger}$The points do not tell this law's parameters." if marked else ""


def _plain(name: str) -> str:
    """`power_floor` as a reader knows it."""
    return escape(name.replace("_", " "))


def _columns(table: pd.DataFrame, *names: str) -> Iterator[Any]:
    return zip(*(table[name] for name in names), strict=True)
