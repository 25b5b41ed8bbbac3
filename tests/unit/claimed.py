"""Studies to hold claims against: a made-up one, and the final points of the papers."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from isoloss.claims.claims import claims
from isoloss.claims.evidence import Evidence
from isoloss.fit.fit import fits
from isoloss.fit.settings import Fitting
from isoloss.study.validation import read_yaml

ROOT = Path(__file__).parents[2]
HEADLINES = {
    "kimi-linear": "6n_with_head",
    "moba-8k": "6n_non_embedding",
    "moba-32k": "6n_non_embedding",
}
NONE = pd.DataFrame(columns=["arm", "metric", "convention"])
NO_MULTIPLIERS = pd.DataFrame(
    columns=["kind", "headline_law", "candidate", "metric", "convention", "loss"]
).astype({"headline_law": bool, "loss": float})


def evidence(points: pd.DataFrame, also: tuple[str, ...] = (), **more: Any) -> Evidence:
    """What points say, by power laws."""
    settings = Fitting(
        law="power",
        method="least_squares_log",
        also=[{"law": law} for law in also],
        weight_by="none",
        resampling="wild",
        draws=2,
    )
    table = fits(points, settings, "model").table("fit", [])
    given = {"confidence": 0.95, "pair_by_model": True} | more
    return Evidence(table, points, NONE, NONE, **given)


def by_hand(points: pd.DataFrame) -> Evidence:
    """The same by straight lines in logs, faster."""
    rows = []
    for arm, mine in points.groupby("arm", sort=False):
        x, y = np.log(mine[["compute_pflop_s_days", "loss"]].to_numpy()).T
        slope, level = np.polyfit(x, y, 1)
        row = {"arm": arm, "metric": "loss", "convention": "x", "law": "power"}
        row |= {"method": "least_squares_log", "coefficient": np.exp(level), "exponent": -slope}
        rows.append(row | {"n_points": len(mine), "headline_law": True, "weighted": False})
    return Evidence(pd.DataFrame(rows), points, NONE, NONE, 0.95, True)


@cache
def of_paper(study: str) -> Evidence:
    """What the final points of a paper's study say."""
    points = pd.read_csv(ROOT / "tests/data/claims/points.csv", dtype={"model": str})
    return evidence(points[points["study"] == study].assign(used=True))


def published(study: str) -> dict[str, Any]:
    """What is published of a paper's study."""
    return read_yaml(ROOT / f"data/{study}/published.yaml")


def ledger(study: str, **sections: Any) -> pd.DataFrame:
    """The ledger of a paper's study with sections of published.yaml in place of its own."""
    accuracies = {k: v for k, v in published(study).items() if k.endswith(("accuracy", "data"))}
    return claims(
        {"source": "Paper"} | accuracies | sections,
        of_paper(study),
        NO_MULTIPLIERS,
        None,
        None,
        baseline="mla" if study == "kimi-linear" else "full",
        headline=HEADLINES[study],
    )


def points(
    laws: dict[str, tuple[float, float]],
    compute: Any = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    *,
    shared: float = 0.0,
    own: float = 1e-4,
    seed: int = 1,
    bend: float = 0.0,
) -> pd.DataFrame:
    """Final points of arms by their laws (coefficient, exponent), with errors of log loss.

    shared: standard deviation of what the arms of a size have in common. own: of the rest.
    """
    rng = np.random.default_rng(seed)
    x = np.log(np.asarray(compute, dtype=np.float64))
    common = rng.normal(0, 1, x.size) * shared
    tables = []
    for arm, (a, b) in laws.items():
        log_loss = np.log(a) - b * x + bend * x**2 / 2 + common + rng.normal(0, 1, x.size) * own
        tables.append(
            pd.DataFrame(
                {
                    "run": [f"{arm}-{c:g}" for c in np.exp(x)],
                    "arm": arm,
                    "model": [f"{c:g}" for c in np.exp(x)],
                    "metric": "loss",
                    "convention": "x",
                    "compute_pflop_s_days": np.exp(x),
                    "loss": np.exp(log_loss),
                    "loss_se": 1e-4,
                    "used": True,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
