"""What a row of a table of final points says of compute, parameters and tokens."""

from collections.abc import Mapping
from typing import Any

from isoloss.units import PFLOP_S_DAY

LOGGED = "logged"  # the convention that takes compute as it stands


def axes_of(row: Mapping[str, Any], convention: str) -> tuple[float, float, float]:
    """Compute (PFLOP/s-days), parameters and tokens of a row; NaN where it does not tell.

    A 6 N convention gives C = 6 N D. Under convention logged the compute stands as it is, and with
    it one of N and D gives the other by the same formula.
    """
    nan = float("nan")
    n, d = row.get("parameters", nan), row.get("tokens", nan)
    if convention != LOGGED:
        return 6 * n * d / PFLOP_S_DAY, n, d
    compute = row["compute_pflop_s_days"]
    product = compute * PFLOP_S_DAY / 6
    return compute, n if n == n else product / d, d if d == d else product / n
