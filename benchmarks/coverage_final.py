"""How often the standard error of a final loss covers at 1.96, by rows and their autocorrelation.

Writes a table, one row a cell: the share of windows that have a standard error, the coverage of
these and its simulation error, and the coverage that all windows would have without the rule on
effective rows (`unruled`). AR(1) noise about a line over the last 3% of a run.
"""

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from isoloss.points import final as module
from scipy.signal import lfilter

TABLE = Path(__file__).parent / "results" / "coverage_final.csv"
TRUTH, NOISE, WINDOW = 2.0, 0.01, 0.03


def measure(rows: int, phi: float, count: int) -> dict[str, float]:
    """One cell."""
    random = np.random.default_rng([rows, round(100 * phi)])
    compute = np.linspace(1 - WINDOW, 1, rows)
    found = []
    for _ in range(count):
        shocks = np.sqrt(1 - phi**2) * random.normal(size=rows)
        shocks[0] = random.normal()
        loss = TRUTH + NOISE * lfilter([1.0], [1.0, -phi], shocks)
        ruled = module.final(compute, loss, WINDOW, end=1.0)
        with patch.object(module, "ENOUGH", 0):
            every = module.final(compute, loss, WINDOW, end=1.0)
        found.append((ruled.loss, ruled.loss_se, every.loss_se))
    loss, ruled_se, every_se = np.array(found).T
    held = np.abs(loss - TRUTH) <= 1.96 * every_se
    known = np.isfinite(ruled_se)
    coverage = float(held[known].mean()) if known.any() else np.nan
    return {
        "rows": rows,
        "autocorrelation": phi,
        "simulations": count,
        "answered": float(known.mean()),
        "coverage": coverage,
        "error": float(np.sqrt(coverage * (1 - coverage) / max(known.sum(), 1))),
        "unruled": float(held.mean()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    cells = [(rows, phi) for rows in (8, 30, 100, 300) for phi in (0.0, 0.5, 0.9, 0.97)]
    table = pd.DataFrame([measure(*cell, asked.simulations) for cell in cells])
    table.to_csv(asked.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
