"""Tokens of a run whose batch grows, and compute of one whose sequences do."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ramped_tokens(
    steps: ArrayLike, tokens_per_step: Sequence[tuple[int, float]]
) -> NDArray[np.float64]:
    """Tokens consumed after each of `steps` optimizer steps, with a batch that grows.

    tokens_per_step: (step, tokens) pairs: from after that step on, a step takes so many tokens;
        the first pair starts at step 0. Tokens are continuous and piecewise linear in the step.
    """
    starts = np.array([start for start, _ in tokens_per_step], dtype=float)
    rates = np.array([rate for _, rate in tokens_per_step], dtype=float)
    if not len(starts) or starts[0] != 0 or (np.diff(starts) <= 0).any():
        raise ValueError(
            f"tokens_per_step: {list(tokens_per_step)!r}: expected (step, tokens) pairs by "
            "increasing step, the first at step 0"
        )
    if not (rates > 0).all():
        raise ValueError(f"tokens_per_step: {list(tokens_per_step)!r}: expected positive tokens")
    wanted = np.asarray(steps, dtype=float)
    if not (wanted >= 0).all():
        raise ValueError(f"steps: {wanted.min()!r}: expected steps of at least 0")
    before = np.concatenate([[0.0], np.cumsum(np.diff(starts) * rates[:-1])])
    stage = np.searchsorted(starts, wanted, side="right") - 1
    return np.asarray(before[stage] + (wanted - starts[stage]) * rates[stage])


def megatron_ramp(
    start: int, increment: int, ramp_samples: int, final: int, sequence_length: int
) -> list[tuple[int, float]]:
    """Megatron-LM's `--rampup-batch-size start increment ramp_samples` as `ramped_tokens` takes it.

    The batch grows from `start` to `final` sequences by `increment`, each size for an equal share
    of `ramp_samples` (ramp_samples / number of increments), the last step of a size overshooting.
    """
    if increment < 1 or start < 1 or final < start or (final - start) % increment:
        raise ValueError(
            f"rampup-batch-size: {start} {increment} {ramp_samples}: expected increments that "
            f"lead from the start to the global batch size of {final}"
        )
    increments = (final - start) // increment
    stages, step, samples = [(0, float(start * sequence_length))], 0, 0
    for number in range(1, increments + 1):
        size = start + (number - 1) * increment
        while samples * increments < number * ramp_samples:
            needed = -(-(number * ramp_samples - samples * increments) // (size * increments))
            samples, step = samples + needed * size, step + needed
        if step == stages[-1][0]:
            stages.pop()
        stages.append((step, float((size + increment) * sequence_length)))
    return stages


def training_compute(stages: Iterable[tuple[float, float]]) -> float:
    """FLOPs of a training in stages (other sequence lengths, say): sum of tokens x FLOPs a token.

    stages: (tokens, training FLOPs per token) pairs. In floating point: it exceeds 2^63.
    """
    return sum((float(tokens) * float(flop) for tokens, flop in stages), start=0.0)
