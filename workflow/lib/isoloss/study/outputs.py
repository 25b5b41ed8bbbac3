"""Which figures and tables a study has: those that its logs, its arms and its laws can fill."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.fit.request import ISOFLOP
from isoloss.study.validation import InputError, did_you_mean

FROM_LOGS = {"curves", "quality", "flops", "breakdown", "overtaking", "consistency"}
# Losses of the law.
OF_LAW = {"scaling", "curves", "panels", "residuals", "holdout", "gain", "choices"}
OF_LAW |= {"fits", "break_even"}
OF_CANDIDATES = {"multiplier", "positions", "overtake", "multipliers", "gain", "choices"}
OF_CANDIDATES |= {"break_even"}

Made = Mapping[str, Sequence[str]]


def chosen(
    path: Path, settings: Mapping[str, Any], own: Mapping[str, Any], figures: Made, tables: Made
) -> dict[str, list[str]]:
    """The study's `figures` and `tables`.

    Those that go without saying are left out where the study cannot fill them; one that the study
    itself (own) names is refused with the reason. figures, tables: all there are, with the stages
    that they are made from.
    """
    isoflop = settings["fit"]["law"] == ISOFLOP
    if isoflop and "published" in own:
        raise InputError(
            f"{path}: published: law {ISOFLOP} has no loss against compute to check numbers by; "
            "make another law the headline, and this one `also`."
        )
    found = {}
    for section, known in (("figures", figures), ("tables", tables)):
        kept = []
        for name in settings[section]:
            if name not in known:
                raise InputError(
                    f"{path}: {section}: there is no `{name}`.{did_you_mean(name, known)}"
                )
            why = ""
            if settings["points"].get("table") and FROM_LOGS & set(known[name]):
                why = "is made from logs, and the study starts from a table of final points"
            elif isoflop and name in OF_LAW:
                why = (
                    f"shows the headline law, and law {ISOFLOP} has no loss against compute; take "
                    "it out, or make another law the headline"
                )
            elif len(own["arms"]) == 1 and name in OF_CANDIDATES:
                why = "compares arms, and the study has one; take it out, or add the other arm"
            if why and section in own:
                raise InputError(f"{path}: {section}: `{name}` {why}.")
            if not why:
                kept.append(name)
        found[section] = kept
    return found
