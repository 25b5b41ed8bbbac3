"""Coverage of the multiplier across scale: its interval, the band of another pair, break-evens.

Ladders of two arms over a factor 16 whose power laws cross at 8 x the smallest compute. Simulation
error of a coverage of 95%: 0.5 points with 2,000 ladders. `break-even` is over the ladders whose
laws cross in range; `set` over all, whether the interval of M holds 1 at the true crossing.
"""

import argparse

import numpy as np
import pandas as pd
from isoloss.fit.fitting import fit
from isoloss.multiplier.equal_loss import Arm, arm
from isoloss.multiplier.gain import break_even, curve
from isoloss.multiplier.settings import Comparison

EXPONENTS, COEFFICIENT, CROSSING, SPAN = (0.053, 0.048), 2.3, 8.0, 16.0
SETTINGS = Comparison([], "model", 0.95, 41, 0.25, "auto", 10.0)


def ladder(log_loss: np.ndarray, compute: np.ndarray) -> Arm:
    """One arm, fitted."""
    loss = np.exp(log_loss)
    models = [f"m{i}" for i in range(compute.size)]
    points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss, "model": models})
    return arm(vars(fit(compute, loss)), points)


def main() -> None:
    """Print a line a cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    print("sizes corr.   M at the end  M at 10 x  another pair at 10 x  break-even (of)  set")
    for n, correlation in ((5, 0.0), (5, 0.9), (8, 0.9), (5, 0.998)):
        random = np.random.default_rng(n)
        compute = np.geomspace(1, SPAN, n)
        covariance = 0.002**2 * np.array([[1, correlation], [correlation, 1]])
        held: dict[str, list[bool]] = {name: [] for name in ("end", "far", "pair", "even", "set")}
        level = np.log(COEFFICIENT) + (EXPONENTS[1] - EXPONENTS[0]) * np.log([1, CROSSING])

        def law(i: int, x: np.ndarray | float, level: np.ndarray = level) -> np.ndarray:
            return level[i] - EXPONENTS[i] * np.log(x)

        for _ in range(studies):
            noise = random.multivariate_normal([0, 0], covariance, n + 1).T
            pair = (
                ladder(law(0, compute) + noise[0, :n], compute),
                ladder(law(1, compute) + noise[1, :n], compute),
            )
            table = curve(pair, SETTINGS)
            x = np.log(table["compute_pflop_s_days"])
            at = {"end": SPAN, "far": 10 * SPAN, "set": CROSSING}
            for name, place in at.items():
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
                    held["even"].append(not (low > CROSSING or high < CROSSING))
        said = {name: f"{100 * np.mean(each):.1f}" for name, each in held.items()}
        print(
            f"{n:5} {correlation:5} {said['end']:>14} {said['far']:>10} {said['pair']:>21} "
            f"{said['even']:>11} ({len(held['even'])}) {said['set']:>6}",
            flush=True,
        )


if __name__ == "__main__":
    main()
