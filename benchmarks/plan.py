"""What `isoloss plan` predicts, beside simulated studies that are compared as the pipeline does.

Each cell simulates ladders of two arms, fits and compares them with the library's own intervals.
Writes a table, one row a cell: the middle of the half widths of log M, the share that tells the
multiplier from 1, and that of the plain intervals, which take one scatter for all sizes; each as
predicted and as realised. Simulation error of a share of 80%: 0.6 points with 4,000 ladders; of a
width, `half_error`, by the order statistics about the middle. --widening prints how much the
allowance for scatter that changes with size widens the middle interval (WIDER in
isoloss.multiplier.power).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.laws.power import LAW
from isoloss.multiplier.influence import Influence
from isoloss.multiplier.intervals import Interval, delta
from isoloss.multiplier.mixture import paired_interval
from isoloss.multiplier.power import Design, Errors, ladder, plan

TABLE = Path(__file__).parent / "results" / "plan.csv"
TRUE = 1.05
WIDER = (3, 4, 5, 6, 7, 8, 10, 12, 16, 24)  # sizes of --widening
COEFFICIENT, SPAN = 2.3, 16.0
# Sizes, correlation, seeds, paired, place: the middle of the computes or their end.
CELLS = [
    (5, 0.0, 1, True, None),
    (12, 0.0, 1, True, None),
    (4, 0.9, 1, True, None),
    (5, 0.9, 1, True, None),
    (3, 0.9, 1, True, None),
    (8, 0.9, 1, True, None),
    (5, 0.9, 1, True, SPAN),
    (5, 0.5, 4, True, None),
    (5, 0.0, 1, False, None),
    (8, 0.0, 2, False, None),
]


def influence(x: np.ndarray, loss: np.ndarray, at: float, labels: tuple[str, ...]) -> Influence:
    """An arm's power law by least squares on log loss, as the multiplier takes it."""
    jacobian = np.stack([np.ones_like(x), -x], axis=1)
    projection = np.linalg.pinv(jacobian)
    theta = projection @ np.log(loss)
    losses = np.array([at])

    def curve(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved = theta + shift
        parameters = np.exp(moved[..., 0])[..., None], moved[..., 1][..., None]
        return LAW.log_inverse(losses, *parameters), LAW.inverse_gradient(losses, *parameters)

    estimate, slope = curve(np.zeros(2))
    return Influence(
        residual=np.log(loss) - jacobian @ theta,
        weights=slope @ projection,
        hat=jacobian @ projection,
        size=2,
        labels=labels,
        jacobian=jacobian,
        estimate=estimate,
        curve=curve,
        place=x,
    )


def arms(design: Design, errors: Errors, random: np.random.Generator) -> Iterator[Influence]:
    """Both arms of one simulated study; runs of one size are its seeds."""
    x = np.log(design.computes)
    sizes = np.repeat(np.arange(x.size), design.seeds)
    labels = tuple(f"size {i}" for i in sizes)
    noise = errors.seed_noise
    one, two = np.square(errors.scatter) - noise**2
    shared = errors.correlation * np.prod(errors.scatter)
    of_size = random.multivariate_normal([0, 0], [[one, shared], [shared, two]], x.size)
    middle = np.exp((x[0] + x[-1] + np.log(TRUE)) / 2) if design.at is None else design.at
    loss = COEFFICIENT * middle ** -errors.exponent[0]
    for arm, better in enumerate((1.0, TRUE)):
        own = of_size[sizes, arm] + random.normal(0, noise, sizes.size)
        law = COEFFICIENT * (np.exp(x[sizes]) * better) ** -errors.exponent[0]
        yield influence(x[sizes], law * np.exp(own), loss, labels)


def simulate(design: Design, errors: Errors, studies: int, seed: int) -> dict[str, float]:
    """What is realised: the middle half width with its error, shares that tell, the widening."""
    random = np.random.default_rng(seed)
    half, plain, told, told_plainly = [], [], [], []
    for _ in range(studies):
        a, b = arms(design, errors, random)
        found = paired_interval(a, b, 0.95, pair=design.paired).interval
        half.append(float(found.high[0] - found.low[0]) / 2)
        told.append(_tells(found))
        if design.seeds == 1:
            narrow = delta(a.estimate - b.estimate, a, b, 0.95, paired=design.paired)
            plain.append(float(narrow.high[0] - narrow.low[0]) / 2)
            told_plainly.append(_tells(narrow))
    away = np.sqrt(studies) / 2  # ranks: the standard deviation of how many lie below the middle
    ends = np.sort(half)[[int(studies / 2 - away), int(studies / 2 + away)]]
    return {
        "half": float(np.median(half)),
        "half_error": float(np.ptp(ends)) / 2,
        "power": float(np.mean(told)),
        "power_plain": float(np.mean(told_plainly)) if plain else np.nan,
        "widening": float(np.median(half) / np.median(plain)) if plain else np.nan,
    }


def _tells(found: Interval) -> bool:
    return bool(found.low[0] > 0 or found.high[0] < 0)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--widening", action="store_true")
    asked = parser.parse_args()
    rows = []
    for number, (sizes, correlation, seeds, paired, at) in enumerate(
        [(n, 0.9, 1, True, None) for n in WIDER] if asked.widening else CELLS
    ):
        errors = Errors((0.002, 0.002), correlation, 0.0006, (0.053, 0.053))
        design = Design(ladder(sizes, SPAN), seeds, at, paired)
        expected = plan(design, errors, TRUE)
        found = simulate(design, errors, asked.studies, number)
        rows.append(
            {
                "sizes": sizes,
                "correlation": correlation,
                "seeds": seeds,
                "arms": "paired" if paired else "independent",
                "place": "end" if at else "middle",
                "studies": asked.studies,
                "half_predicted": np.log(expected.ratio),
                "power_predicted": expected.power,
                "power_plain_predicted": expected.power_plain,
                **found,
            }
        )
    table = pd.DataFrame(rows)
    if not asked.widening:
        table.to_csv(asked.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
