"""How often intervals without a law hold the truth, measured on simulated studies.

Writes a table, one row a cell and place: coverage at nominal 95% and its simulation error, median
half width of log M, and the share of studies that have a number. Candidate 1.3 times as good.

measured  a ladder of sizes over a factor 16 of compute, scatter 0.2% of the loss, between points
isoflop   minima of iso-FLOP curves: five budgets over a factor 81, sizes a factor 1.6 apart and
          over a factor 4 either way of the best, L = 1.8 + 480 / N^0.35 + 2100 / D^0.37

Places: the middle and the lower end of the common range of losses.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.laws import chinchilla
from isoloss.fit.settings import Fitting
from isoloss.multiplier.direct import PARABOLA, Rungs, budgets_of, direct, lowest, measured
from isoloss.units import PFLOP_S_DAY

TABLE = Path(__file__).parent / "results" / "coverage_direct.csv"
TIMES = 1.3
SURFACE = (1.8, 480.0, 0.35, 2100.0, 0.37)
FIT = Fitting("power", "least_squares_log", "none", "wild", 100)
PLACES = ("middle", "end")


@dataclass(frozen=True)
class Cell:
    """Studies of one kind. truth: floor of the ladders' law; scatter: of log loss."""

    kind: str
    sizes: int
    correlation: float
    truth: str = "power"
    scatter: float = 2e-3


def cells() -> Iterator[Cell]:
    """All that is measured."""
    for truth in ("power", "floor 1.5"):
        for sizes in (4, 5, 8):
            for correlation in (0.0, 0.95):
                yield Cell("measured", sizes, correlation, truth)
    for scatter in (1e-3, 4e-3):
        for correlation in (0.0, 0.9):
            yield Cell("isoflop", 5, correlation, "surface", scatter)


def pairs_of_errors(random: np.random.Generator, cell: Cell, count: int) -> np.ndarray:
    """Errors of both arms, (2, count), correlated point by point."""
    own = random.normal(size=(2, count))
    own[1] = cell.correlation * own[0] + np.sqrt(1 - cell.correlation**2) * own[1]
    return cell.scatter * own


def ladder(random: np.random.Generator, cell: Cell) -> list[Rungs]:
    """A baseline and a candidate of the same sizes, as points."""
    compute = np.geomspace(1, 16, cell.sizes)
    errors = pairs_of_errors(random, cell, cell.sizes)
    arms = []
    for gain, error in zip((1.0, TIMES), errors, strict=True):
        loss = 2.3 * (compute * gain) ** -0.053
        if cell.truth != "power":
            loss = 1.5 + (2.5 - 1.5) * (compute * gain) ** -0.15
        names = [f"m{i}" for i in range(cell.sizes)]
        points = {"compute_pflop_s_days": compute, "loss": loss * np.exp(error)}
        arms.append(measured(pd.DataFrame(points | {"model": names, "run": names})))
    return arms


def grids(random: np.random.Generator, cell: Cell) -> list[Rungs]:
    """A baseline and a candidate with the same budgets and sizes, as minima."""
    budgets = np.geomspace(1, 81, cell.sizes)
    compute = np.repeat(budgets, 7)
    best = chinchilla.optimal_allocation(compute, *SURFACE[1:])[0]
    n = best * np.tile(1.6 ** np.arange(-3.0, 4.0), cell.sizes)
    errors = pairs_of_errors(random, cell, n.size)
    arms = []
    for gain, error in zip((1.0, TIMES), errors, strict=True):
        # The gain is one of tokens and parameters alike, so that the optimum stays one.
        tokens = compute * PFLOP_S_DAY / 6 / n
        loss = chinchilla.value(n * gain**0.5, tokens * gain**0.5, *SURFACE) * np.exp(error)
        points = {"compute_pflop_s_days": compute, "parameters": n, "loss": loss}
        table = budgets_of(pd.DataFrame(points), PARABOLA, FIT)
        assert table is not None
        arms.append(lowest(table))
    return arms


MADE: dict[str, Callable[[np.random.Generator, Cell], list[Rungs]]] = {
    "measured": ladder,
    "isoflop": grids,
}


def measure(cell: Cell, count: int) -> pd.DataFrame:
    """Rows of one cell: the studies of a seed of its own."""
    exact = MADE[cell.kind](np.random.default_rng(0), Cell(**asdict(cell) | {"scatter": 1e-12}))
    low = max(a.loss.min() for a in exact)
    high = min(a.loss.max() for a in exact)
    # Noise moves the ends of the range: the end is a little inside.
    losses = np.exp(np.log(low) + np.array([0.5, 0.05]) * np.log(high / low))
    random = np.random.default_rng(cell.sizes)
    found = [direct(*MADE[cell.kind](random, cell), losses, confidence=0.95) for _ in range(count)]
    low_, high_ = (np.log([f[end].to_numpy() for f in found]) for end in ("ci_low", "ci_high"))
    there = np.isfinite(low_)
    held = (low_ <= np.log(TIMES)) & (np.log(TIMES) <= high_)
    coverage = held.sum(axis=0) / there.sum(axis=0)
    return pd.DataFrame(
        {
            **asdict(cell),
            "place": PLACES,
            "simulations": count,
            "coverage": coverage,
            "error": np.sqrt(coverage * (1 - coverage) / there.sum(axis=0)),
            "half_width": np.nanmedian((high_ - low_) / 2, axis=0),
            "answered": there.mean(axis=0),
        }
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    table = pd.concat([measure(cell, asked.simulations) for cell in cells()], ignore_index=True)
    table.to_csv(asked.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
