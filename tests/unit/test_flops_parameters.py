"""Parameter counts of published models, and configs that must be refused."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.flops import count_parameters, flop_per_token, notes

DATA = Path(__file__).parents[1] / "data" / "flops"
PUBLISHED = pd.read_csv(DATA / "published_parameters.csv")


def config(model, **changes):
    read = json.loads((DATA / "configs" / f"{model}.json").read_text(encoding="utf-8"))
    return read | changes


@pytest.mark.parametrize(
    ("model", "field", "value"), PUBLISHED[["model", "field", "value"]].to_numpy().tolist()
)
def test_count_is_the_published_one(model, field, value):
    assert getattr(count_parameters(config(model)), field) == value


def test_every_config_has_a_published_count():
    names = {path.stem for path in (DATA / "configs").glob("*.json")}
    assert names == set(PUBLISHED.model)


def test_moonlight_without_embeddings_is_2_24b_of_15_29b():
    counted = count_parameters(config("moonlight-16b-a3b"))
    assert round(counted.activated_non_embedding / 1e9, 2) == 2.24
    assert round(counted.non_embedding / 1e9, 2) == 15.29


@pytest.mark.parametrize("model", ["gpt2", "llama-3-8b", "deepseek-v3", "gemma-2-2b"])
def test_parts_make_the_whole(model):
    p = count_parameters(config(model))
    tables = p.embedding + p.position_embedding
    assert p.total == p.non_embedding + tables + p.lm_head
    assert p.activated == p.activated_non_embedding + tables + p.lm_head
    assert p.activated_with_head == p.activated_non_embedding + p.embedding
    assert all(isinstance(value, int) for value in astuple(p))


def test_tied_head_is_no_parameter_of_its_own_but_is_charged():
    tied = count_parameters(config("llama-3.2-1b"))
    untied = count_parameters(config("llama-3.2-1b", tie_word_embeddings=False))
    assert (tied.lm_head, untied.lm_head) == (0, 128256 * 2048)
    assert tied.total + untied.lm_head == untied.total
    assert tied.activated_with_head == untied.activated_with_head


def test_positions_of_gpt2_are_counted_apart():
    assert count_parameters(config("gpt2")).position_embedding == 1024 * 768


def test_prediction_modules_are_counted_apart():
    counted = count_parameters(config("deepseek-v3", multi_token_prediction=1))
    assert counted.prediction == pytest.approx(11.5e9, rel=0.01)  # README_WEIGHTS: 11.5B own
    assert counted.total == count_parameters(config("deepseek-v3")).total


def test_router_counts_matrix_and_correction_bias():
    assert count_parameters(config("deepseek-v3")).router == 58 * (7168 * 256 + 256)
    assert count_parameters(config("mixtral-8x7b-v0.1")).router == 32 * 4096 * 8


def test_mla_may_be_without_rotary_dimensions():
    without = count_parameters(config("moonlight-16b-a3b", qk_rope_head_dim=0))
    rope = 27 * 64 * (2048 + 16 * 2048)
    assert count_parameters(config("moonlight-16b-a3b")).total - without.total == rope


def test_moba_has_no_parameters_of_its_own():
    plain = count_parameters(config("llama-3-8b"))
    moba = config("llama-3-8b", attention="moba", moba_chunk_size=512, moba_topk=3)
    assert count_parameters(moba) == plain


@pytest.mark.parametrize("model", ["mistral-7b-v0.1", "mixtral-8x7b-v0.1"])
def test_what_a_config_does_not_say_is_what_its_code_takes(model):
    silent = config(model)
    assert silent.pop("num_key_value_heads") == 8
    assert count_parameters(silent) == count_parameters(config(model))


def full_costs(config):
    return flop_per_token(config, 4096, "matmul_causal"), count_parameters(config)


@pytest.mark.parametrize(
    ("needed", "default"),
    [
        (
            {
                "attention": "mamba2",
                "mamba_num_heads": 8,
                "mamba_head_dim": 64,
                "mamba_state_size": 16,
            },
            {
                "mamba_n_groups": 1,
                "mamba_conv_kernel": 4,
                "mamba_chunk_size": 256,
                "mamba_use_conv_bias": True,
            },
        ),
        (
            {
                "attention": "gated_deltanet",
                "linear_num_value_heads": 8,
                "linear_key_head_dim": 64,
                "linear_value_head_dim": 64,
                "linear_conv_kernel_dim": 4,
            },
            {"linear_num_key_heads": 8, "linear_chunk_size": 64},
        ),
    ],
)
def test_what_is_not_said_of_a_linear_mixer_is_what_its_code_takes(needed, default):
    sizes = {"hidden_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8}
    plain = sizes | {"intermediate_size": 1024, "vocab_size": 1000} | needed
    assert full_costs(plain | default) == full_costs(plain)
    for key, value in default.items():
        other = plain | {key: not value if value is True else value // 2 or 2}
        assert full_costs(other) != full_costs(plain), key


def test_layers_are_dense_or_sparse_as_the_config_says():
    all_sparse = count_parameters(config("qwen3-30b-a3b")).total
    one_dense = count_parameters(config("qwen3-30b-a3b", mlp_only_layers=[3])).total
    expert, router, dense = 3 * 2048 * 768, 2048 * 128, 3 * 2048 * 6144
    assert all_sparse - one_dense == 128 * expert + router - dense
    every_other = count_parameters(config("qwen3-30b-a3b", decoder_sparse_step=2)).total
    assert all_sparse - every_other == 24 * (128 * expert + router - dense)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_key_value_head": 8}, r"num_key_value_head: 8.*did you mean num_key_value_heads\?"),
        ({"cross_layers": 2}, "cross_layers: 2"),
        ({"num_local_experts": 8}, "num_experts_per_tok: missing"),
        ({"model_type": "lama"}, r"model_type: 'lama'.*did you mean llama\?"),
        ({"num_key_value_heads": 5}, "num_key_value_heads: 5: must divide"),
        ({"num_attention_heads": 33, "num_key_value_heads": 33}, "33: does not divide hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size: '4096': expected a whole number"),
        ({"hidden_size": True}, "hidden_size: True: expected a whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: 0: expected a whole number of at least 1"),
        ({"hidden_size": None}, "hidden_size: missing"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings: 'no': expected true or false"),
        ({"attention": "mobba"}, r"attention: 'mobba'.*did you mean moba\?"),
        ({"attention": "moba", "moba_topk": 3}, "moba_chunk_size: missing"),
        ({"attention": "nsa", "nsa_config": 7}, "nsa_config: 7: expected a mapping"),
        ({"n_embd": 4095}, "hidden_size: 4096, n_embd: 4095: these name one thing"),
        ({"layer_types": ["full"] * 3}, "layer_types: .*expected num_hidden_layers"),
        ({"layer_types": [["full"]] * 32}, "layer_types: .*expected a list of words"),
        ({"layer_types": ["softmax"] * 32}, "layer_types: .*expected num_hidden_layers"),
        ({"sliding_window": 4096}, "sliding_window: 4096: not known for this model"),
        ({"mlp_only_layers": [0.5]}, "mlp_only_layers: .*list of whole numbers"),
    ],
)
def test_a_key_that_would_change_the_count_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        count_parameters(config("llama-3-8b", **changes))


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("mixtral-8x7b-v0.1", {"num_experts_per_tok": 9}, "more than the 8 experts"),
        ("qwen2-7b", {"use_sliding_window": True, "max_window_layers": None}, "_layers: missing"),
        (
            "gpt2",
            {"add_cross_attention": True},
            "add_cross_attention: true: expected a decoder-only",
        ),
        ("deepseek-v3", {"qk_head_dim": 128}, "qk_head_dim: 128: expected .*192"),
        ("deepseek-v3", {"topk_method": "auto"}, "topk_method: 'auto'"),
        ("deepseek-v3", {"moe_capacity_factor": -1}, "moe_capacity_factor: -1"),
        ("kimi-linear-48b-a3b", {"num_hidden_layers": 28}, "each layer from 1 to 28 once"),
        ("gpt2", {"n_positions": None}, "n_positions: missing"),
    ],
)
def test_inconsistent_configs_are_refused(model, changes, message):
    with pytest.raises(ValueError, match=message):
        count_parameters(config(model, **changes))


def test_unknown_key_inside_a_section_is_named_with_its_section():
    changed = config("kimi-linear-48b-a3b")
    changed["linear_attn_config"]["heads"] = 4
    with pytest.raises(ValueError, match=r"linear_attn_config\.heads: 4"):
        count_parameters(changed)


def test_vocabulary_must_be_given_or_null():
    without = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with pytest.raises(ValueError, match="vocab_size: missing"):
        count_parameters(without | {"intermediate_size": 128})
    unknown = count_parameters(config("llama-3-8b", vocab_size=None))
    assert (unknown.total, unknown.embedding, unknown.activated_with_head) == (None, None, None)
    assert unknown.non_embedding == count_parameters(config("llama-3-8b")).non_embedding


def test_a_config_may_keep_keys_that_change_nothing():
    kept = config("llama-3-8b", rope_theta=1e6, torch_dtype="float16", hidden_act="gelu")
    assert count_parameters(kept) == count_parameters(config("llama-3-8b"))
    nulls = config("llama-3-8b", sliding_window=None, num_experts=None)
    assert count_parameters(nulls) == count_parameters(config("llama-3-8b"))


def test_sizes_may_be_numpy_integers_and_do_not_overflow():
    sizes = {"hidden_size": np.int32(4096), "vocab_size": np.int32(128256)}
    assert count_parameters(config("llama-3-8b", **sizes)).total == 8030261248


@pytest.mark.parametrize(
    ("act", "matrices"), [("silu", 3), ("swiglu", 3), ("gelu", 2), ("relu2", 2), (None, 3)]
)
def test_the_activation_decides_two_or_three_matrices_of_our_own_keys(act, matrices):
    own = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 320}
    model = own | {"intermediate_size": 256, "hidden_act": act}
    without = count_parameters(own | {"intermediate_size": 0}).total
    assert count_parameters(model).total - without == matrices * 64 * 256 + 64
    gated = count_parameters(model | {"mlp_gated": True}).total
    assert gated - without == 3 * 64 * 256 + 64


def test_an_activation_that_does_not_tell_is_refused_with_the_mend():
    own = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 320}
    with pytest.raises(ValueError, match=r"hidden_act: 'mish': .*mlp_gated"):
        count_parameters(own | {"intermediate_size": 256, "hidden_act": "mish"})


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("deepseek-v3", "first_k_dense_replace"),
        ("mistral-7b-v0.1", "sliding_window"),
        ("qwen3-30b-a3b", "num_experts_per_tok"),
        ("gemma-2-2b", "head_dim"),
    ],
)
def test_keys_that_a_config_omits_take_the_defaults_of_its_model_type(model, key):
    silent = config(model)
    silent.pop(key)
    assert full_costs(silent) == full_costs(config(model))


def test_null_is_not_the_default_of_a_model_type():
    assert full_costs(config("mistral-7b-v0.1", sliding_window=None)) == full_costs(
        config("mistral-7b-v0.1", attention="full", sliding_window=None)
    )


def test_windows_of_qwen3_moe_are_in_every_layer_or_in_none():
    model = config("qwen3-30b-a3b", sliding_window=1024, max_window_layers=48)
    everywhere = config("qwen3-30b-a3b", attention="sliding", sliding_window=1024)
    assert full_costs(model) == full_costs(config("qwen3-30b-a3b"))
    assert full_costs(model | {"use_sliding_window": True}) == full_costs(
        everywhere | {"use_sliding_window": True}
    )


@pytest.mark.parametrize(
    "flags",
    [
        {"use_mrope": False, "pruned_heads": {}, "qkv_bias": False, "is_llama_config": True},
        {"cross_attention_layers": [], "adapter": ""},
    ],
)
def test_flags_that_say_nothing_are_no_reason_to_refuse(flags):
    assert count_parameters(config("llama-3-8b", **flags)) == count_parameters(config("llama-3-8b"))


def test_a_misspelt_flag_is_refused_though_false():
    with pytest.raises(ValueError, match=r"atention_bias: False.*did you mean attention_bias"):
        count_parameters(config("llama-3-8b", atention_bias=False))


def test_the_language_model_of_a_multimodal_file_is_found():
    text = config("llama-3-8b")
    whole = {"model_type": "llava", "text_config": text, "vision_config": {"hidden_size": 1024}}
    assert count_parameters(whole) == count_parameters(text)
    assert "only the language model" in notes(whole, "matmul_causal")[0]
    tied = whole | {"tie_word_embeddings": True}
    del tied["text_config"]["tie_word_embeddings"]
    assert count_parameters(tied).lm_head == 0
    text["tie_word_embeddings"] = False
    with pytest.raises(ValueError, match=r"text_config.tie_word_embeddings: False: keep one"):
        count_parameters(tied)
    with pytest.raises(ValueError, match="text_config: 7: expected a mapping"):
        count_parameters(whole | {"text_config": 7})


def test_a_text_config_without_a_type_has_that_of_the_whole():
    sizes = {"num_hidden_layers": 4, "hidden_size": 256, "vocab_size": 1000}
    whole = count_parameters({"model_type": "gemma3", "text_config": sizes})
    assert whole == count_parameters(sizes | {"model_type": "gemma3_text"})


def test_an_unknown_model_type_is_told_what_to_do():
    with pytest.raises(ValueError, match=r"model_type: 'rwkv7': .*give flop_per_token in the run"):
        count_parameters({"model_type": "rwkv7"})
