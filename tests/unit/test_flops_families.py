"""Every model type against transformers' own modules; make_families.py measured these."""

import hashlib
import json
from pathlib import Path

import pytest
from isoloss.flops import count_parameters
from isoloss.flops.architecture import DeltaRule, Lightning, Scan, StateSpace, Window
from isoloss.flops.config import read_architecture
from isoloss.flops.costs import core_cost, model_cost
from isoloss.flops.families.defaults import DEFAULTS
from isoloss.flops.families.table import FAMILIES

PATH = Path(__file__).parents[1] / "data" / "flops" / "families.json"
GOLDEN = json.loads(PATH.read_text(encoding="utf-8"))
MODELS, TOKENS = GOLDEN["models"], GOLDEN["tokens"]
# Refused: their defaults do not say the experts chosen, the width of heads, or the layers.
UNSAID = ("deepseek_v2", "glm4_moe", "nemotron_h", "olmo_hybrid")
REFUSED = {
    ("gpt2", "add_cross_attention"): "expected a decoder-only",
    ("gemma3_text", "use_bidirectional_attention"): "causal language model",
    ("mimo_v2_flash", "num_key_value_heads"): "must divide",
}


def of(name, **changes):
    return {"model_type": name} | MODELS[name]["settings"] | changes


def state_as_executed(core):
    """FLOPs of transformers' own code for a linear mixer, where it is not ours.

    It multiplies B and C of Mamba-2 for every head and passes states between chunks by a product;
    torch's counter does not see the triangular solves of the delta rule. All whole chunks.
    """
    match core:
        case StateSpace(heads, head_dim, state, _, chunk):
            n = TOKENS // chunk
            inside = 2 * chunk**2 * (state + head_dim) + 4 * chunk * state * head_dim
            return heads * (n * inside + 2 * (n + 1) ** 2 * state * head_dim)
        case DeltaRule(heads, key, value, chunk):
            n = TOKENS // chunk
            return n * heads * (6 * chunk * key * value + 2 * chunk**2 * (2 * key + value))
    return core_cost(core, (TOKENS,), causal=False)["state"] * TOKENS


def flop_as_executed(config):
    """Our products with the differences of transformers' code, each by its name."""
    model = read_architecture(config)
    flop = sum(model_cost(model, (TOKENS,), causal=False).values()) * TOKENS
    for layer, count in model.layers:
        for core in layer.mixer.cores:
            if isinstance(core, DeltaRule | StateSpace | Lightning | Scan):
                ours = core_cost(core, (TOKENS,), causal=False)["state"] * TOKENS
                flop += count * (state_as_executed(core) - ours)
        if layer.mixer.convolution:  # padded on the left, and cut
            padding = layer.mixer.convolution.kernel - 1
            flop += count * padding * layer.mixer.convolution.flop
        block = layer.feed_forward
        if config["model_type"] == "llama4_text" and block.router:  # it runs all experts
            unchosen = block.experts - block.per_token
            flop += count * unchosen * 2 * TOKENS * sum(m.weights for m in block.expert)
    return flop


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_the_modules(name):
    row = MODELS[name]
    assert count_parameters(of(name)).total == row["parameters"]
    assert count_parameters(row["saved"] | {"model_type": name}).total == row["parameters"]


@pytest.mark.parametrize("name", MODELS)
def test_what_a_config_omits_is_what_the_default_module_has(name):
    parameters = MODELS[name]["default_parameters"]
    if name in UNSAID:
        with pytest.raises(ValueError, match=r"missing|give head_dim"):
            count_parameters({"model_type": name})
    elif parameters is not None:
        assert count_parameters({"model_type": name}).total == parameters


@pytest.mark.parametrize("name", MODELS)
def test_each_setting_changes_parameters_as_it_does_in_the_modules(name):
    for change, parameters in MODELS[name]["changes"]:
        if (name, *change) in REFUSED:
            with pytest.raises(ValueError, match=REFUSED[name, *change]):
                count_parameters(of(name, **change))
        else:
            assert count_parameters(of(name, **change)).total == parameters, change


@pytest.mark.parametrize("name", MODELS)
def test_products_are_those_that_torch_counts(name):
    assert flop_as_executed(of(name)) == pytest.approx(MODELS[name]["forward_flop"], rel=1e-9)


def test_the_defaults_are_as_they_were_written():
    """make_defaults.py writes them from transformers; by hand nothing is changed."""
    text = json.dumps(DEFAULTS, sort_keys=True).encode()
    assert hashlib.sha256(text).hexdigest()[:16] == "c6e1373783ec4387"


def layers(config):
    """Of each layer whether it has a window, and whether its feed-forward has a router."""
    return [
        (isinstance(layer.mixer.cores[0].pattern, Window), bool(layer.feed_forward.router))
        for layer, count in read_architecture(config).layers
        for _ in range(count)
    ]


def test_windows_stand_in_the_layers_that_the_keys_say():
    assert not any(window for window, _ in layers(of("smollm3", sliding_window=None)))
    some = of("smollm3", no_rope_layers=[1, 1, 0, 1], use_sliding_window=True)
    assert sum(window for window, _ in layers(some)) == 1
    for first in (0, 3):
        some = of("qwen2", use_sliding_window=True, max_window_layers=first)
        assert sum(window for window, _ in layers(some)) == 4 - first


def test_every_so_many_layers_are_counted_from_one():
    """Of five layers the third alone is every third."""
    five = {"num_hidden_layers": 5}
    some = of("exaone4", sliding_window_pattern=3, **five)
    assert [window for window, _ in layers(some)].count(False) == 1
    some = of("smollm3", no_rope_layer_interval=3, use_sliding_window=True, **five)
    assert [window for window, _ in layers(some)].count(True) == 1


def test_experts_stand_in_every_so_many_layers_counted_from_one():
    sparse = of("qwen2_moe", decoder_sparse_step=3, num_hidden_layers=5)
    assert sum(router for _, router in layers(sparse)) == 1  # the third


def test_all_experts_may_be_chosen_and_no_more():
    assert count_parameters(of("qwen2_moe", num_experts_per_tok=8))
    with pytest.raises(ValueError, match="9: more than the 8 experts"):
        count_parameters(of("qwen2_moe", num_experts_per_tok=9))


def test_mamba_is_twice_as_wide_where_nothing_says_how_wide():
    config = of("falcon_h1", mamba_d_head="auto", mamba_d_ssm=None, mamba_expand=None)
    assert count_parameters(config).total == MODELS["falcon_h1"]["parameters"]


def test_all_model_types_are_there():
    assert set(MODELS) == set(FAMILIES) - {"kimi_k2"}  # deepseek_v3 under another name


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_of_the_kinds_that_the_modules_save(name):
    # At a length beyond all windows: a saved config lists the kind of every layer, ours does not.
    saved = read_architecture(MODELS[name]["saved"] | {"model_type": name})
    assert model_cost(read_architecture(of(name)), (1 << 16,), causal=True) == pytest.approx(
        model_cost(saved, (1 << 16,), causal=True), rel=1e-12
    )


@pytest.mark.parametrize("types", [["full"] * 3, ["full", "full", "full", "half"]])
def test_each_layer_chooses_its_keys_or_shares_them(types):
    with pytest.raises(ValueError, match=r"indexer_types: .*num_hidden_layers \(4\) times full or"):
        count_parameters(of("glm_moe_dsa", indexer_types=types))


def test_sizes_listed_by_layer_must_be_those_of_full_attention():
    saved = MODELS["gemma4_text"]["saved"]
    other = saved | {"per_layer_config": {"03": {"head_dim": 24}}}
    with pytest.raises(ValueError, match=r"per_layer_config: layers \[3\]: expected those of full"):
        count_parameters(other)
