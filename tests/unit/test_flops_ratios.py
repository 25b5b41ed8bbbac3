"""Recognising the convention of an observed cost, and converting between conventions."""

import math

import pytest
from isoloss.flops import (
    CONVENTIONS,
    convention_ratios,
    conversion,
    flop_per_token,
)

SOFTMAX = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "head_dim": 128,
    "intermediate_size": 1408,
    "vocab_size": 32000,
}


@pytest.mark.parametrize("convention", ["6n_total", "palm", "megatron", "matmul_full"])
def test_an_observed_cost_is_recognised(convention):
    observed = 1.01 * flop_per_token(SOFTMAX, 4096, convention)
    ratios = convention_ratios(SOFTMAX, 4096, observed)
    assert ratios[convention] == pytest.approx(1.01, rel=1e-12)
    assert set(ratios) == set(CONVENTIONS) - {"logged", "hardware"}


def test_only_conventions_that_apply_are_compared():
    ratios = convention_ratios(None, None, 6.06e9, parameters=1e9)
    assert set(ratios) == {"6n_non_embedding", "6n_with_head", "6n_total"}
    assert all(math.isclose(ratio, 1.01) for ratio in ratios.values())


def test_logged_compute_converts_only_from_a_declared_convention():
    with pytest.raises(ValueError, match=r"'logged': .*declare the convention"):
        conversion(SOFTMAX, 4096, "logged", "matmul_causal")
    assert conversion(None, None, "palm", "palm") == 1.0
