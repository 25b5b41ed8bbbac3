"""How often rules that judge a law speak where the law is right: studies of a true law, simulated.

Writes a table, one row a cell: how often `disagree` (a surface against the minima of iso-FLOP
curves, at the middle and near the lower end of the range) and `holdout` (a law fitted without the
runs of most compute) find something, and the simulation error.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from coverage_direct import FIT, SURFACE, TIMES, Cell, pairs_of_errors
from coverage_law import Cell as Ladder
from coverage_law import study
from isoloss.fit.fitted import fit_law
from isoloss.fit.laws import chinchilla
from isoloss.multiplier.direct import PARABOLA, budgets_of, direct, disagree, lowest
from isoloss.multiplier.equal_loss import Arm, arm, multiplier, overlap
from isoloss.multiplier.outliers import holdout
from isoloss.units import PFLOP_S_DAY

TABLE = Path(__file__).parent / "results" / "rules.csv"
BUDGETS, SIZES = 5, 7


def surfaces(random: np.random.Generator, cell: Cell) -> tuple[list[Arm], list[pd.DataFrame]]:
    """Iso-FLOP curves of both arms with their surfaces, and their minima."""
    compute = np.repeat(np.geomspace(1, 81, BUDGETS), SIZES)
    best = chinchilla.optimal_allocation(compute, *SURFACE[1:])[0]
    n = best * np.tile(1.6 ** np.arange(-3.0, 4.0), BUDGETS)
    tokens = compute * PFLOP_S_DAY / 6 / n
    names = [f"m{i}" for i in range(n.size)]
    arms, minima = [], []
    for gain, error in zip((1.0, TIMES), pairs_of_errors(random, cell, n.size), strict=True):
        loss = chinchilla.value(n * gain**0.5, tokens * gain**0.5, *SURFACE) * np.exp(error)
        points = pd.DataFrame({"compute_pflop_s_days": compute, "parameters": n, "tokens": tokens})
        points = points.assign(loss=loss, model=names, run=names)
        found = fit_law("chinchilla", [n, tokens], loss, "least_squares_log").parameters
        row = {"law": "chinchilla", "method": "least_squares_log", "n_points": n.size} | found
        arms.append(arm(row, points))
        table = budgets_of(points, PARABOLA, FIT)
        assert table is not None
        minima.append(table)
    return arms, minima


def disagreeing(cell: Cell, count: int) -> list[bool]:
    """Whether law and measurement disagree, by study and place."""
    random, found = np.random.default_rng(7), []
    for _ in range(count):
        (base, new), minima = surfaces(random, cell)
        low, high = overlap(*(lowest(each) for each in minima)) or (np.nan, np.nan)
        losses = low * (high / low) ** np.array([0.5, 0.05])
        rows = multiplier(base, new, losses).assign(law="chinchilla").to_dict("records")
        checks = direct(*map(lowest, minima), losses, confidence=0.95).to_dict("records")
        found += [bool(disagree(*each)) for each in zip(rows, checks, strict=True)]
    return found


def missing(cell: Ladder, count: int) -> list[bool]:
    """Whether a power law misses the largest size, by study."""
    random = np.random.default_rng(8)
    return [
        bool(holdout(study(cell, 2e-3 * random.normal(size=(2, cell.sizes))))) for _ in range(count)
    ]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--table", type=Path, default=TABLE)
    count = parser.parse_args().simulations
    cells = {
        **{
            ("disagree", f"surface, scatter {scatter:g}, correlation {correlation:g}"): disagreeing(
                Cell("isoflop", BUDGETS, correlation, "surface", scatter), count
            )
            for scatter, correlation in ((1e-3, 0.0), (4e-3, 0.0), (4e-3, 0.9))
        },
        **{
            ("holdout", f"{sizes} sizes, floor {floor:g}"): missing(Ladder(floor, sizes, 0), count)
            for sizes in (5, 8)
            for floor in (0.0, 1.3)
        },
    }
    rows = []
    for (rule, cell), found in cells.items():
        share = float(np.mean(found))
        error = np.sqrt(share * (1 - share) / len(found))
        rows.append([rule, cell, count, share, error])
    table = pd.DataFrame(rows, columns=["rule", "studies", "simulations", "speaks", "error"])
    table.to_csv(parser.parse_args().table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
