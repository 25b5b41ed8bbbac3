"""What a cleaned run comes to in one row."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.clean import RULES
from isoloss.cleaning.curves import curves
from isoloss.units import Floats

DISTINCT = 3  # different values that a log must have before an equal one is no coincidence
NAN = float("nan")
ENDS = {
    **dict.fromkeys(("first_step", "last_step", "last_tokens", "last_compute_pflop_s_days"), NAN),
    **dict.fromkeys(("divergence_step", "divergence_tokens", "final_loss"), NAN),
}


def summary(
    cleaned: pd.DataFrame | None, row: Mapping[str, Any], metrics: Sequence[str]
) -> dict[str, Any]:
    """Values read, kept and flagged (in all and by rule), the ends of what is kept, a digest.

    cleaned: from `isoloss.cleaning.clean`; None where the log cannot be used. row: of the run,
    from `isoloss.logs.ingest`. metrics: of the study; the first one's last kept value is the final
    loss. A value with two reasons counts in both rules' columns and once in `flagged`; values =
    kept + flagged, or AssertionError.
    """
    found: dict[str, Any] = dict.fromkeys(("kept", "flagged", *RULES), 0) | ENDS
    found |= {"without": ";".join(metrics), "digest": ""}
    if cleaned is not None:
        found |= _counts(cleaned) | _ends(cleaned, metrics) | {"digest": digest(cleaned)}
    if row["values"] != found["kept"] + found["flagged"]:
        raise AssertionError(f"values were lost in cleaning: {row} became {found}")
    return {**row, **found}


def _counts(cleaned: pd.DataFrame) -> dict[str, int]:
    reasons = cleaned["reasons"].array
    codes = reasons.codes
    by_reasons = {
        names: int(np.count_nonzero(codes == code)) for code, names in enumerate(reasons.categories)
    }
    kept = by_reasons.pop("", 0)
    by_rule = {
        name: sum(count for names, count in by_reasons.items() if name in names.split(";"))
        for name in RULES
    }
    return {"kept": kept, "flagged": sum(by_reasons.values())} | by_rule


def _ends(cleaned: pd.DataFrame, metrics: Sequence[str]) -> dict[str, Any]:
    kept, reasons = cleaned["kept"].to_numpy(), cleaned["reasons"].array
    of = [code for code, name in enumerate(reasons.categories) if "divergence" in name]
    gone = np.isin(reasons.codes, of) if of else np.zeros(len(kept), bool)
    step, tokens, compute, value = (
        cleaned[name].to_numpy(np.float64)
        for name in ("step", "tokens", "compute_pflop_s_days", "value")
    )
    last = {
        metric: float(value[rows][::-1][np.argmax(kept[rows][::-1])])
        for metric, rows in curves(cleaned)
        if kept[rows].any()
    }
    return {
        "first_step": _extreme(np.fmin, step, kept),
        "last_step": _extreme(np.fmax, step, kept),
        "last_tokens": _extreme(np.fmax, tokens, kept),
        "last_compute_pflop_s_days": _extreme(np.fmax, compute, kept),
        "divergence_step": _extreme(np.fmin, step, gone),
        "divergence_tokens": _extreme(np.fmin, tokens, gone),
        "final_loss": last.get(metrics[0], NAN),
        "without": ";".join(metric for metric in metrics if metric not in last),
    }


def _extreme(kind: np.ufunc, values: Floats, where: NDArray[np.bool_]) -> float:
    """The least or the most of what is known there."""
    return float(kind.reduce(values, where=where, initial=NAN))


def digest(cleaned: pd.DataFrame) -> str:
    """SHA-256 of a run's metrics, steps, tokens and values, in order.

    Empty where fewer than 3 different values are finite: such logs may be equal by chance.
    """
    value = cleaned["value"].to_numpy()
    others = ~np.isnan(value)
    for _ in range(DISTINCT - 1):
        others &= value != value[np.argmax(others)]
    if not others.any():
        return ""
    sha = hashlib.sha256()
    columns = [cleaned[name].to_numpy(np.float64) for name in ("step", "tokens", "value")]
    for metric, rows in curves(cleaned):
        sha.update(f"{metric} {rows.stop - rows.start}\n".encode())
        for column in columns:
            sha.update(np.ascontiguousarray(column[rows]).data)
    return sha.hexdigest()
