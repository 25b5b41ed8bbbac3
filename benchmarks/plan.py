"""What `isoloss plan` predicts, beside simulated studies that are compared as the pipeline does.

Each cell simulates ladders of two arms, fits and compares them with the library's own intervals,
and prints the middle of their widths and the share that tells the multiplier from 1, with the
predicted ones. Simulation error: of a share of 80% 0.9 points with 2,000 ladders, of a width about
2% with 5 sizes. --widening prints how much the allowance for scatter that changes with size widens
the middle interval (WIDER in isoloss.multiplier.power).
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from isoloss.fit.laws.power import LAW
from isoloss.multiplier.influence import Influence
from isoloss.multiplier.intervals import delta
from isoloss.multiplier.mixture import paired_interval
from isoloss.multiplier.power import Design, Errors, ladder, plan

TRUE = 1.05
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


def simulate(design: Design, errors: Errors, studies: int, seed: int) -> dict[str, Any]:
    """The middle of the ratios of the intervals, of the plain ones, and the share that tell."""
    random = np.random.default_rng(seed)
    half, plain, told = [], [], []
    for _ in range(studies):
        a, b = arms(design, errors, random)
        found = paired_interval(a, b, 0.95, pair=design.paired).interval
        half.append(float(found.high[0] - found.low[0]) / 2)
        told.append(bool(found.low[0] > 0 or found.high[0] < 0))
        if design.seeds == 1:
            narrow = delta(a.estimate - b.estimate, a, b, 0.95, paired=design.paired)
            plain.append(float(narrow.high[0] - narrow.low[0]) / 2)
    widening = np.median(half) / np.median(plain) if plain else np.nan
    return {"half": float(np.median(half)), "widening": widening, "power": float(np.mean(told))}


def main() -> None:
    """Print a line a cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--widening", action="store_true")
    given = parser.parse_args()
    cells = CELLS
    if given.widening:
        cells = [(n, 0.9, 1, True, None) for n in (3, 4, 5, 6, 7, 8, 10, 12, 16, 24)]
    print(
        "sizes corr. seeds paired at    width: predicted realised ratio  power: predicted realised"
    )
    for number, (sizes, correlation, seeds, paired, at) in enumerate(cells):
        errors = Errors((0.002, 0.002), correlation, 0.0006, (0.053, 0.053))
        design = Design(ladder(sizes, SPAN), seeds, at, paired)
        expected = plan(design, errors, TRUE)
        found = simulate(design, errors, given.studies, number)
        half = float(np.log(expected.ratio))
        line = (
            f"{sizes:5} {correlation:5} {seeds:5} {paired!s:6} {'end' if at else 'middle':6}"
            f"{half:17.4f} {found['half']:8.4f} {found['half'] / half:5.3f}"
            f"{100 * expected.power:17.1f} {100 * found['power']:8.1f}"
        )
        print(line + f"  widening {found['widening']:.3f}" * given.widening)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
