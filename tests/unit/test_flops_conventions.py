"""Conventions against their formulas written out, and what they refuse."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.flops import (
    CONVENTIONS,
    components,
    conversion,
    count_parameters,
    flop_per_token,
    notes,
    parameters_counted,
)

DATA = Path(__file__).parents[1] / "data" / "flops"
COUNTED = [name for name in CONVENTIONS if name != "logged"]
LLAMA_LIKE = {
    "hidden_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 48,
    "intermediate_size": 700,
    "vocab_size": 1000,
}


def config(model, **changes):
    read = json.loads((DATA / "configs" / f"{model}.json").read_text(encoding="utf-8"))
    return read | changes


def flop(model, length, convention, **options):
    return flop_per_token(model, length, convention, recompute="none", **options)


def test_chinchilla_is_appendix_f_written_out():
    length, vocabulary, width, inner, heads, layers = 2048, 32000, 640, 2560, 10, 10
    attention = (
        2 * 3 * length * width * width
        + 2 * length * length * width
        + 3 * heads * length * length
        + 2 * length * length * width
        + 2 * length * width * width
    )
    dense = 2 * length * (width * inner + width * inner)
    forward = 2 * length * vocabulary * width * 2 + layers * (attention + dense)
    model = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "mlp_gated": False,
        "vocab_size": vocabulary,
    }
    assert flop(model, length, "chinchilla") * length == pytest.approx(3 * forward, rel=1e-12)


def test_megatron_is_its_formula_written_out():
    # 12 B s L h^2 ((1 + groups / heads + s / 2h) p + 3/2 f/h + V / 2Lh), p = heads x head / h
    h, layers, heads, groups, head, f, vocabulary, s = 256, 3, 8, 2, 48, 700, 1000, 512
    p = heads * head / h
    inside = (1 + groups / heads + s / h / 2) * p + 1.5 * f / h + vocabulary / (2 * layers * h)
    expected = 12 * layers * h**2 * inside
    assert flop(LLAMA_LIKE, s, "megatron") == pytest.approx(expected, rel=1e-12)


def test_megatron_mixture_leaves_only_the_router_out():
    model = config("mixtral-8x7b-v0.1")
    parts = components(model, 4096, "megatron").set_index("component").training
    causal = components(model, 4096, "matmul_causal").set_index("component").training
    assert parts["router"] == 0
    assert causal["router"] == 6 * 32 * 4096 * 8
    same = ["projections", "feed_forward", "head"]
    assert parts[same].tolist() == causal[same].tolist()
    assert causal["scores"] / parts["scores"] == pytest.approx(4097 / 4096, rel=1e-12)


def test_megatron_linear_states_are_its_formulas_written_out():
    gated = {
        "attention": "gated_deltanet",
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 64,
        "linear_conv_kernel_dim": 4,
    }
    base = {k: v for k, v in LLAMA_LIKE.items() if not k.startswith(("num_att", "num_key", "head"))}
    h, qk, v = 256, 64, 256
    mixer = 2 * (h * (2 * qk + 2 * v + 2 * 4) + 4 * (2 * qk + v) + 4 * 64**2 * 4 + h * v)
    rest = 3 * 2 * 3 * h * 700 + 2 * h * 1000
    expected = 3 * (3 * mixer + rest)
    assert flop(base | gated, 512, "megatron") == pytest.approx(expected, rel=1e-12)
    mamba = {
        "attention": "mamba2",
        "mamba_num_heads": 8,
        "mamba_head_dim": 64,
        "mamba_state_size": 16,
    }
    d_in, state, heads = 2 * h, 16, 8
    mixer = 2 * h * (2 * d_in + 2 * state + heads) + 7 * d_in * state + 2 * d_in * h
    expected = 3 * (3 * mixer + rest)
    assert flop(base | mamba, 512, "megatron") == pytest.approx(expected, rel=1e-12)


def test_palm_is_its_formula_written_out():
    n = count_parameters(LLAMA_LIKE).activated_with_head
    assert flop(LLAMA_LIKE, 512, "palm") == 6 * n + 12 * 3 * 8 * 48 * 512
    assert flop(LLAMA_LIKE, 512, "palm", parameters=1e6) == 6e6 + 12 * 3 * 8 * 48 * 512


def test_kimi_equations_13_and_14():
    model = config("kimi-linear-48b-a3b")
    parts = components(model, 4096, "kimi_eq13").set_index("component").forward
    per_head = 6 * 128**2 + 3 * 64 * 128 + 64**2  # 126,976 a token
    assert parts["state"] == 20 * 32 * per_head
    assert parts["scores"] == 7 * 32 * 2 * 4096 * (192 + 128) / 2
    assert parts["parameters"] == 2 * count_parameters(model).activated_with_head
    mamba = {"attention": "mamba2", "mamba_num_heads": 8, "mamba_head_dim": 64}
    with pytest.raises(ValueError, match="mamba2: convention kimi_eq13 has no formula"):
        flop(LLAMA_LIKE | mamba | {"mamba_state_size": 16}, 512, "kimi_eq13")


def test_the_report_counts_its_chunks_cheaper_than_all_their_products():
    model = config("kimi-linear-48b-a3b")
    report, ours = (
        components(model, 4096, name).set_index("component").forward["state"]
        for name in ("kimi_eq13", "matmul_causal")
    )
    assert 1.05 < ours / report < 1.15


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("6n_non_embedding", "activated_non_embedding"),
        ("6n_with_head", "activated_with_head"),
        ("6n_total", "activated"),
    ],
)
def test_six_n_charges_the_named_count(name, field):
    model = config("mixtral-8x7b-v0.1")
    n = getattr(count_parameters(model), field)
    assert flop_per_token(model, None, name) == 6 * n
    assert parameters_counted(model, name) == n
    assert flop_per_token(model, None, name, parameters=5e8) == 3e9
    assert parameters_counted(model, name, parameters=5e8) == 5e8


def test_parameters_are_counted_only_where_a_convention_charges_them():
    counted = {name for name in CONVENTIONS if not math.isnan(parameters_counted(LLAMA_LIKE, name))}
    assert counted == {"6n_non_embedding", "6n_with_head", "6n_total", "palm", "kimi_eq13"}


def test_logged_says_nothing_about_the_model():
    assert math.isnan(flop_per_token(None, None, "logged"))
    assert math.isnan(parameters_counted(None, "logged"))


def test_hardware_adds_what_is_computed_again():
    parts = components(LLAMA_LIKE, 512, "matmul_causal").set_index("component").forward
    plain, selective, full = (
        flop_per_token(LLAMA_LIKE, 512, "hardware", recompute=policy)
        for policy in ("none", "selective", "full")
    )
    assert plain == flop_per_token(LLAMA_LIKE, 512, "matmul_causal")
    assert selective - plain == pytest.approx(parts["scores"], rel=1e-9)
    assert full - plain == pytest.approx(parts.sum() - parts["head"], rel=1e-9)
    with pytest.raises(ValueError, match="recompute: None: convention hardware needs"):
        flop_per_token(LLAMA_LIKE, 512, "hardware")
    with pytest.raises(ValueError, match=r"recompute: 'ful'.*did you mean full\?"):
        flop_per_token(LLAMA_LIKE, 512, "hardware", recompute="ful")


def test_full_recomputation_routes_again_and_selective_does_not():
    model = config("mixtral-8x7b-v0.1")
    none, selective, full = (
        components(model, 4096, "hardware", recompute=policy).set_index("component").training
        for policy in ("none", "selective", "full")
    )
    assert full["router"] - none["router"] == 2 * 32 * 4096 * 8  # layers x hidden x experts
    assert full["feed_forward"] - none["feed_forward"] == 2 * 32 * 2 * 3 * 4096 * 14336
    assert selective["router"] == none["router"]


@pytest.mark.parametrize("name", COUNTED)
def test_one_document_is_the_sequence(name):
    model = config("kimi-linear-48b-a3b")
    assert flop(model, 4096, name) == flop(model, 4096, name, documents=[4096])
    assert flop(model, 4096, name) == flop(model, None, name, documents=[4096, 4096])


def test_megatron_counts_the_state_of_mamba_1_like_that_of_mamba_2():
    mamba = {"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 4, "state_size": 12}
    state = components(mamba, 512, "megatron").set_index("component").training["state"]
    assert state == 3 * 4 * 7 * (2 * 64) * 12  # 7 a channel and state, forward; 2 * 64 channels


@pytest.mark.parametrize("name", ["palm", "megatron", "matmul_full", "matmul_causal"])
def test_packed_scores_follow_the_sum_of_squares(name):
    documents = [100, 300, 600]
    parts = components(LLAMA_LIKE, 1000, name, documents=documents).set_index("component").forward
    square = sum(n * (n + 1 if name == "matmul_causal" else n) for n in documents)
    half = 1 if name in ("palm", "matmul_full") else 0.5
    assert parts["scores"] == pytest.approx(3 * 8 * 4 * 48 * half * square / 1000, rel=1e-12)


def test_packed_chunks_end_with_their_document():
    model = config("kimi-linear-48b-a3b")
    packed = components(model, 200, "matmul_causal", documents=[70, 130]).forward
    alone = [components(model, n, "matmul_causal").forward * n for n in (70, 130)]
    assert packed.tolist() == pytest.approx(((alone[0] + alone[1]) / 200).tolist(), rel=1e-12)


def test_absorbed_mla_costs_more_scores_and_the_same_projections():
    model = config("deepseek-v3")
    plain, absorbed = (
        components(model | {"mla_absorbed": flag}, 4096, "matmul_causal").set_index("component")
        for flag in (False, True)
    )
    assert absorbed.forward["projections"] == plain.forward["projections"]
    ratio = absorbed.forward["scores"] / plain.forward["scores"]
    assert ratio == pytest.approx((512 + 64 + 512) / (192 + 128), rel=1e-12)


def test_capacity_scales_the_routed_experts_only():
    model = config("deepseek-v3", num_nextn_predict_layers=0)
    padded = model | {"moe_capacity_factor": 1.25}
    routed = 58 * 8 * 3 * 7168 * 2048
    extra = flop(padded, 4096, "matmul_causal") - flop(model, 4096, "matmul_causal")
    assert extra == pytest.approx(0.25 * 6 * routed, rel=1e-9)
    assert flop(padded, None, "6n_with_head") == flop(model, None, "6n_with_head")


@pytest.mark.parametrize(
    "convention", ["matmul_causal", "megatron", "6n_with_head", "palm", "kimi_eq13"]
)
def test_prediction_costs_a_layer_a_join_and_a_head(convention):
    plain = config("deepseek-v3")
    longer = plain | {"num_hidden_layers": 62}
    parts = components(plain | {"multi_token_prediction": 1}, 4096, convention)
    parts = parts.set_index("component").training
    layer = flop(longer, 4096, convention) - flop(plain, 4096, convention)
    vectors = 6 * 3 * 7168 if convention in ("6n_with_head", "palm", "kimi_eq13") else 0
    assert parts["multi_token_prediction"] == pytest.approx(layer + 12 * 7168**2 + vectors)
    assert parts["multi_token_prediction_head"] == 6 * 7168 * 129280


def test_prediction_that_a_config_only_mentions_costs_nothing_and_is_noted():
    model = config("deepseek-v3")
    without = {key: value for key, value in model.items() if key != "num_nextn_predict_layers"}
    for convention in ("matmul_causal", "6n_total"):
        assert flop(model, 4096, convention) == flop(without, 4096, convention)
        assert "`multi_token_prediction` counts it" in notes(model, convention)[0]
        assert notes(without, convention) == ()
        assert notes(model | {"multi_token_prediction": 0}, convention) == ()


def test_prediction_repeats_the_last_layer():
    types = {"num_hidden_layers": 3, "layer_types": ["full", "full", "sliding"]}
    model = LLAMA_LIKE | types | {"sliding_window": 16, "multi_token_prediction": 1}
    inside = components(model, 512, "matmul_full").set_index("component").forward
    wider = components(model | {"sliding_window": 17}, 512, "matmul_full").set_index("component")
    extra = wider.forward["multi_token_prediction"] - inside["multi_token_prediction"]
    assert extra == 2 * 8 * 2 * 48


def test_recomputing_all_layers_does_not_recompute_the_head_of_a_prediction():
    model = LLAMA_LIKE | {"multi_token_prediction": 1}
    parts = components(model, 512, "hardware", recompute="full").set_index("component")
    times = parts.training / parts.forward
    assert times["multi_token_prediction"] == 4
    assert times["multi_token_prediction_head"] == 3


def test_gemma_slides_in_every_second_layer():
    model = config("gemma-2-2b")
    scores = components(model, 8192, "matmul_causal").set_index("component").forward["scores"]
    full = 8192 * 8193 // 2
    window = sum(min(t + 1, 4096) for t in range(8192))
    assert scores == pytest.approx(13 * 2 * 8 * 512 * (full + window) / 8192, rel=1e-12)
    assert "charged like full attention" in notes(model, "palm")[0]


def test_window_of_mistral_gives_way_to_what_attention_says():
    model = config("mistral-7b-v0.1")
    visited = sum(min(t + 1, 4096) for t in range(8192))
    scores = components(model, 8192, "matmul_causal").set_index("component").forward["scores"]
    assert scores == pytest.approx(32 * 2 * 32 * 256 * visited / 8192, rel=1e-12)
    full = model | {"attention": "full"}
    windowless = model | {"sliding_window": None}
    expected = flop(windowless, 8192, "matmul_causal")
    assert flop(full, 8192, "matmul_causal") == expected
    assert flop(windowless | {"layer_types": ["full"] * 32}, 8192, "matmul_causal") == expected


def test_qwen_slides_only_where_it_is_told_to():
    changes = {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 20}
    told = config("qwen2-7b", **changes)
    untold = config("qwen2-7b", **changes | {"use_sliding_window": False})
    full, some = flop(untold, 4096, "matmul_causal"), flop(told, 4096, "matmul_causal")
    skipped = 4096 * 4097 // 2 - sum(min(t + 1, 64) for t in range(4096))
    assert full - some == pytest.approx(8 * 3 * 2 * 28 * 256 * skipped / 4096, rel=1e-9)
    assert full == flop(config("qwen2-7b"), 4096, "matmul_causal")


def test_conversion_is_the_ratio_and_its_own_inverse():
    there = conversion(LLAMA_LIKE, 512, "6n_with_head", "matmul_causal")
    expected = flop(LLAMA_LIKE, 512, "matmul_causal") / flop(LLAMA_LIKE, 512, "6n_with_head")
    assert there == expected
    back = conversion(LLAMA_LIKE, 512, "matmul_causal", "6n_with_head")
    assert there * back == pytest.approx(1, rel=1e-12)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_longer_sequences_never_cost_less(first, second):
    short, long = sorted((first, second))
    for name in COUNTED:
        assert flop(LLAMA_LIKE, short, name) <= flop(LLAMA_LIKE, long, name)
    assert flop(LLAMA_LIKE, long, "matmul_causal") <= flop(LLAMA_LIKE, long, "matmul_full")


def test_a_linear_arm_overtakes_with_length():
    linear, softmax = config("kimi-linear-48b-a3b"), config("moonlight-16b-a3b")
    lengths = [2**n for n in range(10, 21)]
    for name in ("matmul_causal", "matmul_full", "kimi_eq13", "megatron", "palm"):
        ratios = pd.Series([flop(linear, t, name) / flop(softmax, t, name) for t in lengths])
        assert ratios.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("model", "length", "name", "options", "message"),
    [
        (LLAMA_LIKE, 512, "matmul_casual", {}, r"did you mean matmul_causal\?"),
        (LLAMA_LIKE, None, "matmul_causal", {}, "sequence_length: None: convention matmul_causal"),
        (LLAMA_LIKE, 0, "palm", {}, "sequence_length: 0: expected a whole number"),
        (LLAMA_LIKE, 2.5, "palm", {}, "sequence_length: 2.5: expected a whole number"),
        (LLAMA_LIKE, 512, "palm", {"parameters": -1.0}, "parameters: -1.0: expected a positive"),
        (LLAMA_LIKE, 512, "palm", {"parameters": math.nan}, "parameters: nan: expected a positive"),
        (LLAMA_LIKE, 512, "palm", {"documents": [513]}, "513: longer than the sequence_length"),
        (LLAMA_LIKE, 512, "palm", {"documents": []}, "documents: empty"),
        (LLAMA_LIKE, 512, "palm", {"documents": [0]}, "documents: 0: expected a whole number"),
        (None, 512, "matmul_causal", {}, "architecture: None: convention matmul_causal needs"),
        (None, None, "6n_with_head", {}, "architecture: None: convention 6n_with_head needs"),
        (None, 512, "palm", {"parameters": 1e9}, "architecture: None: convention palm needs"),
    ],
)
def test_what_a_convention_needs_is_named(model, length, name, options, message):
    with pytest.raises(ValueError, match=message):
        flop_per_token(model, length, name, **options)


@pytest.mark.parametrize("name", ["6n_with_head", "6n_total", "palm", "kimi_eq13"])
def test_without_a_vocabulary_conventions_that_charge_it_refuse(name):
    unknown = LLAMA_LIKE | {"vocab_size": None}
    with pytest.raises(ValueError, match=f"vocab_size: null: convention {name}"):
        flop(unknown, 512, name)
    assert flop(unknown, 512, name, parameters=1e9) >= 6e9


@pytest.mark.parametrize("name", ["chinchilla", "megatron"])
def test_without_a_vocabulary_conventions_with_a_head_refuse(name):
    with pytest.raises(ValueError, match=f"vocab_size: null: convention {name}"):
        flop(LLAMA_LIKE | {"vocab_size": None}, 512, name)


@pytest.mark.parametrize("name", ["matmul_full", "matmul_causal", "hardware"])
def test_without_a_vocabulary_products_are_counted_without_the_head_and_say_so(name):
    unknown = LLAMA_LIKE | {"vocab_size": None}
    head = 6 * 256 * 1000
    assert flop(LLAMA_LIKE, 512, name) - flop(unknown, 512, name) == head
    assert "head is not counted" in notes(unknown, name)[0]
    assert notes(LLAMA_LIKE, name) == ()


def test_every_convention_has_a_documented_function():
    for function in CONVENTIONS.values():
        assert function.__doc__ is not None
        assert len(function.__doc__) > 60
