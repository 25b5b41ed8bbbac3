"""How often the interval of a power law, of a quadratic and of their hull hold the truth.

Writes a table, one row a cell, place and interval: coverage at nominal 95%, its simulation error
and the median half width of log M; with them how often curvature says that points bend (in all
places of a study the same), and how often 1 lies in the interval of the trend, the change of the
multiplier per tenfold compute, which is 1 in truth. `printed` is the interval that the multiplier
table has: the law's in the middle of the common range, elsewhere or where points bend the hull.

Ladders of one law in both arms, compute over a factor 16, scatter 0.2% of the loss, candidate 1.3
times as good: L = 2.3 C^-0.053, or E + (2.5 - E) C^-0.15 with a floor E.

Places in the common range, in log loss: its middle, where that ends, a quarter, the lower end.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.registry import LAWS
from isoloss.multiplier.curvature import checked
from isoloss.multiplier.equal_loss import Arm, log_interval

TABLE = Path(__file__).parent / "results" / "coverage_law.csv"
TIMES, SIGMA = 1.3, 2e-3
PLACES = {"middle": 0.5, "0.4": 0.4, "0.6": 0.6, "quarter": 0.25, "end": 0.0}


@dataclass(frozen=True)
class Cell:
    """Studies of one kind. floor: of the true law, 0 for a power law; correlation: of the arms."""

    floor: float
    sizes: int
    correlation: float

    def loss(self, compute: np.ndarray) -> np.ndarray:
        """The true law of the baseline."""
        if self.floor:
            return np.asarray(self.floor + (2.5 - self.floor) * compute**-0.15)
        return np.asarray(2.3 * compute**-0.053)


def cells() -> Iterator[Cell]:
    """All that is measured."""
    for floor in (0.0, 1.3, 1.7):
        for sizes, correlations in {4: (0.95,), 5: (0, 0.95, 0.998), 8: (0, 0.95, 0.998)}.items():
            for correlation in correlations:
                yield Cell(floor, sizes, correlation)


def study(cell: Cell, errors: np.ndarray) -> tuple[Arm, Arm]:
    """A baseline and a candidate with errors (2, n) of log loss, fitted."""
    compute = np.geomspace(1, 16, cell.sizes)
    arms = []
    for gain, error in zip((1.0, TIMES), errors, strict=True):
        loss = cell.loss(compute * gain) * np.exp(error)
        slope, constant = np.polyfit(np.log(compute), np.log(loss), 1)
        names = tuple(f"m{i}" for i in range(cell.sizes))
        law = np.exp(constant), -slope
        weights = np.ones_like(loss)
        arms.append(
            Arm(LAWS["power"], "least_squares_log", law, compute, loss, names, names, weights)
        )
    return arms[0], arms[1]


def measure(cell: Cell, count: int) -> pd.DataFrame:
    """Rows of one cell."""
    low, high = np.log([cell.loss(np.array(16.0)), cell.loss(np.array(TIMES))])
    losses = np.exp(low + np.array(list(PLACES.values())) * (high - low))
    random = np.random.default_rng([cell.sizes, round(100 * cell.floor)])
    own = SIGMA * random.normal(size=(count, 2, cell.sizes))
    rho = cell.correlation
    own[:, 1] = rho * own[:, 0] + np.sqrt(1 - rho**2) * own[:, 1]
    found: dict[str, list[np.ndarray]] = {"law": [], "quadratic": [], "printed": []}
    told = []
    for errors in own:
        arms = study(cell, errors)
        bounds = log_interval(arms, losses)[1].interval
        of = checked(arms, losses, np.exp([bounds.low, bounds.high]), 0.95, pair_by=True)
        for name, ends in zip(found, ("law_ci", "quadratic_ci", "ci"), strict=True):
            found[name].append(np.log([of[f"{ends}_low"], of[f"{ends}_high"]]))
        bends = (of["curvature_low"] > 0) | (of["curvature_high"] < 0)
        steady = [(of[f"{t}_low"] <= 1) & (of[f"{t}_high"] >= 1) for t in TRENDS]
        told.append(np.stack([bends, *steady]))
    shares = np.mean(told, axis=0)
    rows = []
    for name, each in found.items():
        bottom, top = np.moveaxis(np.array(each), 1, 0)
        coverage = np.mean((bottom <= np.log(TIMES)) & (np.log(TIMES) <= top), axis=0)
        rows.append(
            pd.DataFrame(
                {
                    **asdict(cell),
                    "place": list(PLACES),
                    "interval": name,
                    "simulations": count,
                    "coverage": coverage,
                    "error": np.sqrt(coverage * (1 - coverage) / count),
                    "half_width": np.nanmedian((top - bottom) / 2, axis=0),
                    "bends": shares[0],
                    **{f"{trend}_coverage": shares[1 + i] for i, trend in enumerate(TRENDS)},
                }
            )
        )
    return pd.concat(rows)


TRENDS = ("trend", "trend_quadratic")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.processes) as pool:
        tables = pool.map(partial(measure, count=asked.simulations), cells())
        table = pd.concat(tables, ignore_index=True)
    table.to_csv(asked.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
