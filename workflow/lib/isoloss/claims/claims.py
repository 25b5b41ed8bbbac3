"""Published numbers against ours: reproduced, consistent, or different."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit


def claims(
    published: Mapping[str, Any],
    fits: pd.DataFrame,
    multipliers: pd.DataFrame,
    flops: pd.DataFrame | None,
    consistency: pd.DataFrame | None,
    *,
    headline: str,
    confidence: float,
) -> pd.DataFrame:
    """One row a published number (schema published), with our value, its interval and a verdict.

    After them, what the run sheet and the logs say against what is counted (`consistency`).
    flops, consistency: None for a study that starts from a table of points.

    reproduced: equal at the printed precision. consistent: inside our interval, given half a unit
    of the last printed digit. differs: neither. The interval of a coefficient or an exponent is
    Student's t with the degrees of freedom of the fit (of the coefficient, on its logarithm); that
    of a compute is the accuracy to which the published one is known.
    """
    rows = [
        *_fits(published, fits, headline, confidence),
        *_multipliers(published, multipliers, headline),
    ]
    if flops is not None and consistency is not None:
        rows += [*_compute(published, flops, headline), *_stated(consistency)]
    return pd.DataFrame(rows)


def outcome(printed: str, ours: float, ci_low: float, ci_high: float) -> str:
    """How a printed number compares with ours and its interval."""
    decimals = len(printed.partition(".")[2])
    if f"{ours:.{decimals}f}" == printed:
        return "reproduced"
    value, half = float(printed), 0.5 * 10.0**-decimals
    return "consistent" if ci_low - half <= value <= ci_high + half else "differs"


def _row(
    published: Mapping[str, Any],
    claim: Mapping[str, Any],
    name: str,
    quantity: str,
    convention: str,
    ours: tuple[float, float, float],
) -> dict[str, Any]:
    printed = claim[quantity]
    return {
        "claim": name,
        "source": f"{published['source']}, {claim['place']}",
        "quantity": quantity,
        "convention": convention,
        "published": printed,
        "ours": ours[0],
        "ci_low": ours[1],
        "ci_high": ours[2],
        "ratio": ours[0] / float(printed),
        "verdict": outcome(printed, *ours),
        "note": _drawn(printed, claim.get(f"drawn_{quantity}"), quantity),
    }


def _drawn(printed: str, drawn: str | None, quantity: str) -> str:
    """What to say where the paper prints one number and draws another."""
    if drawn is None:
        return ""
    decimals = [len(text.partition(".")[2]) for text in (printed, drawn)]
    rounding = sum(0.5 * 10.0**-places for places in decimals)
    if abs(float(printed) - float(drawn)) <= rounding * (1 + 1e-9):
        return ""
    return f"the paper draws its line with {quantity} {drawn}, but prints {printed}"


def _fits(
    published: Mapping[str, Any], fits: pd.DataFrame, headline: str, confidence: float
) -> Iterator[dict[str, Any]]:
    by_key = fits[fits["headline_law"]].set_index(["arm", "metric", "convention"])
    for claim in published.get("fits", []):
        convention = claim.get("convention", headline)
        fit = by_key.loc[(claim["arm"], claim["metric"], convention)]
        t = stdtrit(fit["degrees_of_freedom"], 0.5 + confidence / 2)
        name = f"{claim['arm']} {claim['metric']}"
        a, spread = fit["coefficient"], np.exp(t * fit["coefficient_se"] / fit["coefficient"])
        b, half = fit["exponent"], t * fit["exponent_se"]
        for quantity, ours in (
            ("coefficient", (a, a / spread, a * spread)),
            ("exponent", (b, b - half, b + half)),
        ):
            yield _row(published, claim, name, quantity, convention, ours)


def _multipliers(
    published: Mapping[str, Any], multipliers: pd.DataFrame, headline: str
) -> Iterator[dict[str, Any]]:
    reported = multipliers[(multipliers["kind"] == "reported") & multipliers["headline_law"]]
    for claim in published.get("multipliers", []):
        convention = claim.get("convention", headline)
        ours = reported[
            (reported["candidate"] == claim["candidate"])
            & (reported["metric"] == claim["metric"])
            & (reported["convention"] == convention)
            & np.isclose(reported["loss"], claim["loss"], rtol=1e-9)
        ].iloc[0]
        name = f"{claim['candidate']} {claim['metric']} at {claim['loss']:g}"
        interval = (ours["multiplier"], ours["ci_low"], ours["ci_high"])
        yield _row(published, claim, name, "multiplier", convention, interval)


def _compute(
    published: Mapping[str, Any], flops: pd.DataFrame, headline: str
) -> Iterator[dict[str, Any]]:
    by_key = flops.set_index(["run", "convention"])["compute_pflop_s_days"]
    conventions = flops["convention"].unique()
    accuracy = published.get("compute_accuracy", 0.0)
    for claim in published.get("compute", []):
        ours = float(by_key.loc[(claim["run"], headline)])
        interval = (ours, ours * (1 - accuracy), ours * (1 + accuracy))
        row = _row(published, claim, claim["run"], "compute_pflop_s_days", headline, interval)
        if row["verdict"] == "differs":
            printed = float(claim["compute_pflop_s_days"])
            ratios = {name: by_key.loc[(claim["run"], name)] / printed for name in conventions}
            fits = [name for name, ratio in ratios.items() if abs(ratio - 1) <= accuracy]
            row["note"] = (
                f"fits {' and '.join(fits)}" if fits else "fits no convention of the study"
            )
        yield row


def _stated(consistency: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What is stated of single runs."""
    for row in consistency.to_dict("records"):
        source = "log" if row["quantity"] == "compute_pflop_s_days" else "run sheet"
        published = f"{row.pop('stated'):.15g}"
        said = {"claim": row.pop("run"), "source": source, "published": published}
        yield said | row
