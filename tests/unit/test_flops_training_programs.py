"""Tokens and compute of batches that grow and of training in stages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.flops.training_programs import megatron_ramp, ramped_tokens, training_compute


def test_tokens_follow_a_growing_batch():
    ramp = [(0, 10.0), (100, 20.0), (150, 40.0)]
    assert ramped_tokens([0, 50, 100, 120, 150, 200], ramp).tolist() == [
        0,
        500,
        1000,
        1400,
        2000,
        4000,
    ]


@pytest.mark.parametrize(
    ("steps", "ramp", "message"),
    [
        ([1], [], "tokens_per_step"),
        ([1], [(5, 10.0)], "the first at step 0"),
        ([1], [(0, 10.0), (0, 20.0)], "increasing step"),
        ([1], [(0, -10.0)], "expected positive tokens"),
        ([-1], [(0, 10.0)], "steps: .*at least 0"),
    ],
)
def test_a_wrong_ramp_is_refused(steps, ramp, message):
    with pytest.raises(ValueError, match=message):
        ramped_tokens(steps, ramp)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 400), st.integers(0, 6))
def test_megatron_ramp_is_its_calculator_step_by_step(start, increment, ramp_samples, increments):
    final = start + increments * increment
    consumed, expected = 0, []
    for _ in range(150):
        if increments == 0 or consumed >= ramp_samples:
            size = final
        else:
            size = start + consumed * increments // ramp_samples * increment
        consumed += size
        expected.append(consumed * 16.0)
    ramp = megatron_ramp(start, increment, ramp_samples, final, sequence_length=16)
    assert ramped_tokens(np.arange(1, 151), ramp).tolist() == expected


def test_megatron_ramp_must_reach_the_global_batch():
    with pytest.raises(ValueError, match="rampup-batch-size: 16 16 1000"):
        megatron_ramp(16, 16, 1000, 40, 2048)


def test_compute_of_stages_does_not_overflow():
    stages = [(np.int64(10**13), np.int64(10**12)), (np.int64(10**12), np.int64(2 * 10**12))]
    assert training_compute(stages) == pytest.approx(1.2e25, rel=1e-12)
