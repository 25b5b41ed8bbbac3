"""Cost per token of one model over another against the length of the sequences."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoloss.flops.config import read_architecture
from isoloss.flops.per_token import training_flop, usage


def cost_ratios(
    candidate: Mapping[str, Any],
    baseline: Mapping[str, Any],
    sequence_lengths: Iterable[int],
    convention: str,
    *,
    recompute: str | None = None,
) -> NDArray[np.float64]:
    """FLOPs per token of the candidate over those of the baseline, one for each length."""
    models = read_architecture(candidate), read_architecture(baseline)
    uses = [usage(convention, length, recompute=recompute) for length in sequence_lengths]
    costs = [[training_flop(model, use) for model in models] for use in uses]
    return np.array([own / other for own, other in costs], dtype=np.float64)


def overtaking_length(
    candidate: Mapping[str, Any],
    baseline: Mapping[str, Any],
    convention: str,
    *,
    shortest: int = 1024,
    longest: int = 2**20,
    recompute: str | None = None,
) -> int | None:
    """The first length from which the candidate costs less per token; None up to `longest`.

    Looks at lengths that double, then halves the interval in which the ratio falls below 1; with
    chunked mixers the ratio has steps of a chunk, so the length is exact to about one chunk.
    """

    def cheaper(length: int) -> bool:
        ratio = cost_ratios(candidate, baseline, [length], convention, recompute=recompute)
        return bool(ratio[0] < 1)

    below, above = 0, shortest
    while not cheaper(above):
        if above >= longest:
            return None
        below, above = above, min(2 * above, longest)
    if not below:
        return shortest
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if cheaper(middle) else (middle, above)
    return above
