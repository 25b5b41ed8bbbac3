"""Coverage of the multiplier across scale: its interval, the band of another pair, break-evens.

Ladders of two arms over a factor 16 whose power laws cross at 8 x the smallest compute. Writes a
table, one row a cell and quantity, with coverage at nominal 95% and its simulation error:

end, far     the interval of M at the largest compute, and at ten times that
pair         another pair of runs at ten times the largest compute, in the band of prediction
break-even   the interval of a crossing, of the ladders whose laws cross in range
set          whether the interval of M holds 1 at the true crossing
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.fitting import fit
from isoloss.multiplier.equal_loss import Arm, arm
from isoloss.multiplier.gain import break_even, curve
from isoloss.multiplier.settings import Comparison

TABLE = Path(__file__).parent / "results" / "gain.csv"
CELLS = ((5, 0.0), (5, 0.9), (8, 0.9), (5, 0.998))  # sizes, correlation of the errors
EXPONENTS, COEFFICIENT, CROSSING, SPAN = (0.053, 0.048), 2.3, 8.0, 16.0
SETTINGS = Comparison([], "model", 0.95, 41, 0.25, "auto", 10.0)


def ladder(log_loss: np.ndarray, compute: np.ndarray) -> Arm:
    """One arm, fitted."""
    loss = np.exp(log_loss)
    models = [f"m{i}" for i in range(compute.size)]
    points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss, "model": models})
    return arm(vars(fit(compute, loss)), points)


def measure(n: int, correlation: float, count: int) -> pd.DataFrame:
    """The rows of one cell."""
    random = np.random.default_rng(n)
    compute = np.geomspace(1, SPAN, n)
    covariance = 0.002**2 * np.array([[1, correlation], [correlation, 1]])
    held: dict[str, list[bool]] = {n: [] for n in ("end", "far", "pair", "break-even", "set")}
    level = np.log(COEFFICIENT) + (EXPONENTS[1] - EXPONENTS[0]) * np.log([1, CROSSING])

    def law(i: int, x: np.ndarray | float) -> np.ndarray:
        return level[i] - EXPONENTS[i] * np.log(x)

    for _ in range(count):
        noise = random.multivariate_normal([0, 0], covariance, n + 1).T
        one, two = (ladder(law(i, compute) + noise[i, :n], compute) for i in (0, 1))
        table = curve((one, two), SETTINGS)
        x = np.log(table["compute_pflop_s_days"])
        for name, place in {"end": SPAN, "far": 10 * SPAN, "set": CROSSING}.items():
            true = np.log(place) - (level[1] - law(0, place)) / EXPONENTS[1]
            low, high = (
                np.interp(np.log(place), x, np.log(table[e])) for e in ("ci_low", "ci_high")
            )
            held[name].append(bool(low <= true <= high))
            if name == "far":
                seen = true + (noise[0, n] - noise[1, n]) / EXPONENTS[1]
                row = table.iloc[-1]
                ends = np.log([row["predicted_low"], row["predicted_high"]])
                held["pair"].append(bool(ends[0] <= seen <= ends[1]))
        for found in break_even(table):
            if np.isfinite(found["break_even_pflop_s_days"]):
                low, high = (found[f"ci_{end}_pflop_s_days"] for end in ("low", "high"))
                held["break-even"].append(not (low > CROSSING or high < CROSSING))
    table = pd.DataFrame({"sizes": n, "correlation": correlation, "of": list(held)})
    ladders = np.array([len(each) for each in held.values()])
    coverage = np.array([np.mean(each) for each in held.values()])
    error = np.sqrt(coverage * (1 - coverage) / ladders)
    return table.assign(ladders=ladders, coverage=coverage, error=error)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    table = pd.concat([measure(*cell, asked.studies) for cell in CELLS], ignore_index=True)
    table.to_csv(asked.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
