"""Cost of one model over another against sequence length; recognising a convention."""

import math

import pytest
from isoloss.flops import (
    CONVENTIONS,
    convention_ratios,
    conversion,
    cost_ratios,
    flop_per_token,
    overtaking_length,
)

SOFTMAX = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "head_dim": 128,
    "intermediate_size": 1408,
    "vocab_size": 32000,
}
LINEAR = {name: value for name, value in SOFTMAX.items() if name != "head_dim"} | {
    "attention": "kda",
    "linear_attn_config": {"num_heads": 4, "head_dim": 128, "short_conv_kernel_size": 4},
}


def test_ratios_are_those_of_flop_per_token():
    lengths = [1024, 4096, 2**20]
    for convention in ("6n_with_head", "palm", "matmul_causal", "kimi_eq13"):
        expected = [
            flop_per_token(LINEAR, n, convention) / flop_per_token(SOFTMAX, n, convention)
            for n in lengths
        ]
        assert cost_ratios(LINEAR, SOFTMAX, lengths, convention).tolist() == expected


@pytest.mark.parametrize("convention", ["palm", "matmul_full", "matmul_causal", "kimi_eq13"])
def test_the_linear_model_overtakes_where_the_ratio_falls_below_one(convention):
    length = overtaking_length(LINEAR, SOFTMAX, convention, shortest=64)
    before, after = cost_ratios(LINEAR, SOFTMAX, [length - 1, length], convention)
    assert before >= 1 > after
    assert (cost_ratios(LINEAR, SOFTMAX, [2 * length, 2**20], convention) < 1).all()


def test_a_convention_that_counts_no_scores_knows_no_overtaking():
    assert overtaking_length(LINEAR, SOFTMAX, "6n_with_head") is None
    assert overtaking_length(SOFTMAX, LINEAR, "6n_with_head", shortest=2048) == 2048


def test_a_model_against_itself_costs_the_same_and_never_overtakes():
    assert cost_ratios(LINEAR, LINEAR, [1000, 5000], "matmul_causal").tolist() == [1, 1]
    assert overtaking_length(LINEAR, LINEAR, "matmul_causal") is None


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
