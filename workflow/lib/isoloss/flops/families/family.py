"""A model type as data: what its code fixes, and which layers are of which kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from isoloss.flops.keys import Keys

Rule = Callable[[Keys, int], list[str]]


def all_full(keys: Keys, count: int) -> list[str]:
    """Full attention in every layer."""
    return ["full_attention"] * count


def windows(keys: Keys, count: int) -> list[str]:
    """A sliding window in every layer, if the config has one."""
    keys.value("max_window_layers", default=None)
    return [_sliding(window(keys) is not None)] * count


def windows_from(keys: Keys, count: int) -> list[str]:
    """A sliding window from layer `max_window_layers` on."""
    if window(keys) is None:
        keys.value("max_window_layers", default=None)
        return all_full(keys, count)
    first = keys.integer("max_window_layers", least=0)
    return [_sliding(layer >= first) for layer in range(count)]


def every(period: int, others: str = "sliding_attention", key: str | None = None) -> Rule:
    """Full attention in every `period`-th layer (which `key` may change), `others` between."""

    def rule(keys: Keys, count: int) -> list[str]:
        step = keys.integer(key, default=period) if key else period
        return [others if (layer + 1) % step else "full_attention" for layer in range(count)]

    return rule


def every_from_zero(period: int) -> Rule:
    """Full attention in layers 0, `period`, 2 x `period`, ..., windows between."""
    return lambda keys, count: [_sliding(layer % period > 0) for layer in range(count)]


def every_or_first(period: int) -> Rule:
    """Full attention in layer 0 and in every `period`-th, windows between (MiMo)."""

    def rule(keys: Keys, count: int) -> list[str]:
        slides = keys.integers("hybrid_layer_pattern", default=None) or [
            layer > 0 and (layer + 1) % period > 0 for layer in range(count)
        ]
        return [_sliding(bool(yes)) for yes in slides]

    return rule


def alternate_from_zero(keys: Keys, count: int) -> list[str]:
    """Full attention in layers 0, 2, 4, ... and linear attention between (MiniMax-01)."""
    return ["linear_attention" if layer % 2 else "full_attention" for layer in range(count)]


def chunks_with_rope(keys: Keys, count: int) -> list[str]:
    """Chunks in layers with rotary positions, full attention in those without (Llama 4)."""
    interval = keys.integer("no_rope_layer_interval", default=4)
    with_rope = keys.integers("no_rope_layers", default=())
    with_rope = with_rope or tuple((layer + 1) % interval for layer in range(count))
    return ["chunked_attention" if rope else "full_attention" for rope in with_rope]


def windows_without_rope(keys: Keys, count: int) -> list[str]:
    """A window, if there is one, in layers without rotary positions (SmolLM3)."""
    with_window = window(keys) is not None
    interval = keys.integer("no_rope_layer_interval", default=4)
    with_rope = keys.integers("no_rope_layers", default=())
    with_rope = with_rope or tuple((layer + 1) % interval for layer in range(count))
    return [_sliding(with_window and not rope) for rope in with_rope]


def listed(key: str, others: str, default: tuple[int, ...] | None) -> Rule:
    """Full attention in the layers that a key lists from 0, `others` elsewhere.

    default: without the key: these layers; None: all.
    """

    def rule(keys: Keys, count: int) -> list[str]:
        full = keys.integers(key, default=tuple(range(count)) if default is None else default)
        return ["full_attention" if layer in full else others for layer in range(count)]

    return rule


def periodic(keys: Keys, count: int) -> list[str]:
    """Attention in every `attn_layer_period`-th layer, from `attn_layer_offset` on (Jamba)."""
    period = keys.integer("attn_layer_period")
    offset = keys.integer("attn_layer_offset", least=0)
    return [
        "full_attention" if layer % period == offset else "linear_attention"
        for layer in range(count)
    ]


def kimi_layers(keys: Keys, count: int) -> list[str]:
    """Kimi Linear's layers; its config numbers them from 1."""
    if not keys.has("linear_attn_config"):
        return [
            "full_attention" if layer and layer % 4 == 0 else "linear_attention"
            for layer in range(count)
        ]
    section = keys.section("linear_attn_config")
    full = section.integers("full_attn_layers")
    linear = section.integers("kda_layers")
    if sorted(full + linear) != list(range(1, count + 1)):
        raise ValueError(
            f"linear_attn_config: full_attn_layers {list(full)} and kda_layers {list(linear)}: "
            f"expected each layer from 1 to {count} once"
        )
    return [
        "full_attention" if layer in full else "linear_attention" for layer in range(1, count + 1)
    ]


def all_of(word: str) -> Rule:
    """One kind in every layer."""
    return lambda keys, count: [word] * count


def window(keys: Keys) -> int | None:
    """The keys that a query sees in a layer with a window; None where it is switched off."""
    uses = keys.flag("use_sliding_window", default=True)
    size: int | None = keys.integer("sliding_window", "sliding_window_size", default=None)
    before = keys.integer("window_before", default=None)  # without the query's own
    if not uses:
        return None
    return size if before is None else before + 1


def _sliding(yes: bool) -> str:
    return "sliding_attention" if yes else "full_attention"


@dataclass(frozen=True)
class Family:
    """What a model type's code fixes and its config does not say; the defaults are Llama's.

    norms, norm_vectors: norms of width `hidden` in a layer with mixer and feed-forward (half of
        them in one with only one of both); parameters a channel (RMSNorm 1, LayerNorm 2).
    attention, linear: the mixers that configs call full_attention and linear_attention (or mamba).
    kinds: the kind of each layer where the config has no `layer_types`.
    qk_norm: norms on queries and keys, one `head` wide (shared by all heads), or as wide as the
        `projection`; qk_norm_key: the key that switches them.
    bias_keys, qkv_bias, out_bias: the keys that decide on biases of the attention, and what holds
        without them; out_bias: that of the output, None where it goes with the others.
    output_gate: a gate as wide as the heads, made with the queries. sinks: the kinds of layers
        with a parameter a head. window_groups: key heads in windows over those elsewhere.
    gated, mlp_bias: three matrices or two; biases of the feed-forward.
    expert_width: the key of it. expert_bias, router_bias: biases. shared: experts that every token
        visits besides, where the config does not count them; shared_gate: hidden x 1 for these.
    correction_bias: of the router, a buffer in some models and a parameter in others.
    renamed: for a kind of layer, the keys that it reads under other names.
    assumes: what the code takes for keys that its config class does not have.
    """

    norms: int = 2
    norm_vectors: int = 1
    tied: bool = False
    may_tie: bool = True
    positions: bool = False
    feed_forward: bool = True
    one_part: bool = False
    head_bias: bool = False
    attention: str = "full"
    sliding: str = "sliding"
    linear: str | None = None
    kinds: Rule = all_full
    qk_norm: str = "none"
    qk_norm_key: str | None = None
    bias_keys: tuple[str, ...] = ("attention_bias",)
    qkv_bias: bool = False
    out_bias: bool | None = None
    output_gate: bool = False
    gate_bias: bool = True
    sinks: tuple[str, ...] = ()
    scan_norms: bool = False
    window_groups: int = 1
    gated: bool = True
    mlp_bias_keys: tuple[str, ...] = ("mlp_bias",)
    mlp_bias: bool = False
    dense_width: tuple[str, ...] = ("intermediate_size",)
    expert_width: str = "moe_intermediate_size"
    expert_bias: bool = False
    router_bias: bool = False
    shared: int = 0
    shared_width: str | None = None
    shared_gate: bool = False
    shared_bias: bool = False
    correction_bias: bool = False
    sparse_norms: int = 0
    router_scales: bool = False
    layer_vectors: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    assumes: Mapping[str, Any] = field(default_factory=dict)
