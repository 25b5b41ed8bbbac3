"""Points -> one fitted law for each arm, metric and convention."""

from dataclasses import asdict

import pandas as pd

from isoloss.fitting import FitError, fit

KEYS = ["metric", "convention", "arm"]


def fits(points: pd.DataFrame, *, law: str, method: str) -> pd.DataFrame:
    """One row an arm, metric and convention; raises FitError naming the three where none exists."""
    rows = []
    for (metric, convention, arm), group in points[points["used"]].groupby(KEYS, sort=False):
        try:
            result = fit(group["compute_pflop_s_days"], group["loss"], law=law, method=method)
        except FitError as error:
            raise FitError(
                f"arm {arm}, metric {metric}, convention {convention}: {error}. "
                f"Its runs: {', '.join(group['run'])}."
            ) from error
        rows.append({"arm": arm, "metric": metric, "convention": convention, **asdict(result)})
    return pd.DataFrame(rows)
