"""What a study says, in one line."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from isoloss.multiplier.digits import shown
from isoloss.multiplier.saving import in_words
from isoloss.multiplier.verdict import RULES, Verdict, verdict

REFUSED, REFUSED_IN = "no headline: ", "no headline in "


def none_refused(lines: Sequence[str]) -> None:
    """Raise ValueError, with the lines of `headline` that refuse a number, if any do."""
    bad = [line for line in lines if f": {REFUSED}" in line or f"; {REFUSED_IN}" in line]
    if bad:
        raise ValueError("; ".join(bad) + " (an error by `gate: {strict: true}`)")


def headline(study: str, multipliers: pd.DataFrame) -> list[str]:
    """One line a candidate: multiplier, loss, interval, runs, convention, and what weakens it most.

    `kimi-linear: 1.155x at loss 2.1 (95% 1.134 to 1.176, n = 5), 6n_with_head, 13% less compute`, n
    the runs of the arm that has fewer. With several metrics the line gives the range over those
    that may be a headline. Where there is none it says what is wrong and what to do: `tiny: no
    headline: run base-40M has 4e+08 parameters and is called 40M (10 x); correct ...`. Of several
    warnings the line has the first, and how many more there are. multipliers: the multiplier table.
    """
    lines = []
    chosen = multipliers[multipliers["headline"]]
    for candidate, rows in chosen.groupby("candidate", sort=False):
        name = study if chosen["candidate"].nunique() == 1 else f"{study}, {candidate}"
        judged = [verdict(row) for row in rows.to_dict("records")]
        sound = [one.headline for one in judged]
        refused = [one.refused[0] for one in judged if one.refused]
        if not any(sound):
            lines.append(f"{name}: {REFUSED}{refused[0]}")
            continue
        weak = _weak([one for one in judged if one.headline])
        if refused:
            weak.insert(0, f"{REFUSED_IN}{len(refused)} of {len(rows)}: {refused[0]}")
        more = [f"{len(weak) - 1} more in results/multiplier/{study}.md"] * (len(weak) > 1)
        said = [_numbers(rows[sound]), *_of_many(candidate, chosen), *weak[:1], *more]
        lines.append(f"{name}: {'; '.join(said)}")
    return lines


def _of_many(candidate: object, chosen: pd.DataFrame) -> list[str]:
    """Where there are several candidates: which place this one has, by what holds for all."""
    sound = chosen[[verdict(row).headline for row in chosen.to_dict("records")]]
    best = sound.groupby("candidate")["multiplier"].max()
    if chosen["candidate"].nunique() == 1 or "simultaneous" not in chosen:
        return []
    rows = sound[sound["candidate"] == candidate]
    ends = rows["ci_low_simultaneous"].min(), rows["ci_high_simultaneous"].max()
    _, low, high = shown(rows["multiplier"].iloc[0], *ends)
    place = "best of" if best.idxmax() == candidate else "one of"
    return [
        f"{place} {chosen['candidate'].nunique()}, with {low} to {high} for all "
        f"{rows['simultaneous'].iloc[0]} comparisons at once"
    ]


def _numbers(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    ends = rows["ci_low"].min(), rows["ci_high"].max()
    value, low, high = shown(rows["multiplier"].min(), *ends)
    known = f"({100 * first['confidence']:g}% {low} to {high}, n = {rows['n_runs'].min()})"
    if len(rows) == 1:
        line = f"{value}x at loss {first['loss']:g} {known}"
    else:
        most, _, _ = shown(rows["multiplier"].max(), *ends)
        line = f"{value}x to {most}x over {len(rows)} metrics {known}"
    saved = in_words(rows["multiplier"].min(), rows["multiplier"].max())
    return f"{line}, {first['counted_in']}, {saved}"


def _weak(judged: Sequence[Verdict]) -> list[str]:
    """What the data does not carry, by rule, and in how many of the numbers."""
    told = []
    for rule in RULES:
        found = Counter(one.found[rule.name] for one in judged if rule.name in one.found)
        for words, count in found.items():
            everywhere = len(judged) == 1 or rule.name == "no_partner"
            told.append(words if everywhere else f"{words} in {count} of {len(judged)}")
    return told
