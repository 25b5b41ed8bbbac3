"""From a Hugging Face `config.json` (or isoloss's own keys) to an architecture."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from isoloss.flops.architecture import Architecture, FeedForward, Layer
from isoloss.flops.keys import Keys
from isoloss.flops.layers import Family, dense, experts, mixer

# The model's code decides these: Hugging Face transformers, or the repository of the weights.
_DEEPSEEK_V3 = Family(attention="mla", correction_bias=True)
FAMILIES = {
    "isoloss": Family(),
    "gpt2": Family(
        layer_norm=True,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        tied=True,
        positions=True,
    ),
    "gpt_neox": Family(layer_norm=True, qkv_bias=True, out_bias=True, mlp_bias=True, gated=False),
    "llama": Family(),
    "mistral": Family(key_value_heads=8, sliding="always"),
    "mixtral": Family(key_value_heads=8, experts_are_mlp=True, sliding="always"),
    "qwen2": Family(qkv_bias=True, sliding="from_layer"),
    "qwen3": Family(qk_norm="head", head_dim=128, sliding="from_layer"),
    "qwen3_moe": Family(qk_norm="head", sliding="from_layer"),
    "deepseek_v2": Family(attention="mla"),
    "deepseek_v3": _DEEPSEEK_V3,
    "kimi_k2": _DEEPSEEK_V3,
    "kimi_linear": Family(attention="kda_mla_hybrid", correction_bias=True),
    "olmo2": Family(qk_norm="projection"),
    "gemma2": Family(norms=4, tied=True, head_dim=256, sliding="alternate"),
}
KINDS = ("full", "sliding", "moba", "nsa", "mla", "kda", "gated_deltanet", "mamba2")
_HUGGING_FACE_KINDS = {"full_attention": "full", "sliding_attention": "sliding"}


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a config describes.

    config: the mapping of a Hugging Face `config.json` as it is (its `model_type` is one of
        `FAMILIES`), or isoloss's own keys (no `model_type`); docs/flops.md lists them.

    ValueError, naming the key and its value: a key missing or of the wrong kind, and any key
    that is neither used nor known to be irrelevant to the counts.
    """
    keys = Keys(config)
    for other in ("is_encoder_decoder", "add_cross_attention"):
        if keys.flag(other, default=False):
            raise ValueError(f"{other}: true: expected a decoder-only language model")
    family = FAMILIES[keys.choice("model_type", among=tuple(FAMILIES), default="isoloss")]
    hidden = keys.integer("hidden_size", "n_embd")
    norm = hidden * (2 if family.layer_norm else 1)
    kinds = _kinds(keys, family)
    plain, routed, sparse = _feed_forwards(keys, hidden, family, len(kinds))
    mixers = {kind: mixer(keys, hidden, family, kind) for kind in dict.fromkeys(kinds)}
    counts = Counter(zip(kinds, sparse, strict=True))
    layers = {}
    for kind, is_sparse in counts:
        block = routed if is_sparse else plain
        norms = family.norms if block else family.norms // 2
        layers[kind, is_sparse] = Layer(mixers[kind], block, norms * norm)
    predictors = keys.integer("num_nextn_predict_layers", default=0, least=0)
    architecture = Architecture(
        hidden=hidden,
        vocabulary=_vocabulary(keys),
        layers=tuple((layer, counts[which]) for which, layer in layers.items()),
        final_norm=norm,
        tied=keys.flag("tie_word_embeddings", default=family.tied),
        positions=keys.integer("n_positions") if family.positions else 0,
        predictors=predictors,
        predictor_layer=layers[kinds[-1], sparse[-1]] if predictors else None,
    )
    keys.finish()
    return architecture


def _vocabulary(keys: Keys) -> int | None:
    """`vocab_size`, which must be written, if only as null (not published)."""
    if "vocab_size" not in keys.config:
        raise ValueError("vocab_size: missing; give it, or null where it is not known")
    value: int | None = keys.integer("vocab_size", default=None)
    return value


def _kinds(keys: Keys, family: Family) -> list[str]:
    """The kind of each layer's mixer."""
    count: int = keys.integer("num_hidden_layers", "n_layer")
    default = "mla" if family.attention == "full" and keys.has("kv_lora_rank") else family.attention
    attention = keys.choice("attention", among=(*KINDS, "kda_mla_hybrid"), default=default)
    sliding = _sliding(keys, family, count)
    types = keys.value("layer_types", default=None)
    if types is not None:
        if not isinstance(types, list | tuple) or not all(isinstance(t, str) for t in types):
            raise ValueError(f"layer_types: {types!r}: expected a list of words")
        kinds = [_HUGGING_FACE_KINDS.get(str(kind), str(kind)) for kind in types]
        if len(kinds) != count or not set(kinds) <= set(KINDS):
            raise ValueError(
                f"layer_types: {types!r}: expected num_hidden_layers ({count}) words among "
                f"{', '.join(KINDS)}"
            )
        return kinds
    if attention == "kda_mla_hybrid":
        return _hybrid(keys, count)
    if keys.has("attention"):
        return [attention] * count
    return ["sliding" if slides else attention for slides in sliding]


def _sliding(keys: Keys, family: Family, count: int) -> list[bool]:
    """Which layers a model type's code gives the sliding window of its config."""
    if family.sliding == "never":
        return [False] * count
    window = keys.integer("sliding_window", "sliding_window_size", default=None)
    uses, first = True, 0
    if family.sliding == "from_layer":
        uses = keys.flag("use_sliding_window", default=False)
        if uses and window is not None:
            first = keys.integer("max_window_layers", least=0)
        keys.integer("max_window_layers", default=None, least=0)
    every = 2 if family.sliding == "alternate" else 1
    return [
        window is not None and uses and layer >= first and layer % every == 0
        for layer in range(count)
    ]


def _hybrid(keys: Keys, count: int) -> list[str]:
    """Kimi Linear's layers; its config numbers them from 1."""
    section = keys.section("linear_attn_config")
    full = section.integers("full_attn_layers")
    linear = section.integers("kda_layers")
    if sorted(full + linear) != list(range(1, count + 1)):
        raise ValueError(
            f"linear_attn_config: full_attn_layers {list(full)} and kda_layers {list(linear)}: "
            f"expected each layer from 1 to {count} once"
        )
    return ["mla" if layer in full else "kda" for layer in range(1, count + 1)]


def _feed_forwards(
    keys: Keys, hidden: int, family: Family, count: int
) -> tuple[FeedForward | None, FeedForward | None, list[bool]]:
    """The dense feed-forward, the experts, and which layers have experts."""
    routed = experts(keys, hidden, family)
    first = keys.integer("first_k_dense_replace", default=0, least=0)
    frequency = keys.integer("moe_layer_freq", default=1)
    step = keys.integer("decoder_sparse_step", default=1)
    excepted = keys.integers("mlp_only_layers", default=())
    sparse = [
        routed is not None
        and layer >= first
        and layer % frequency == 0
        and (layer + 1) % step == 0
        and layer not in excepted
        for layer in range(count)
    ]
    if all(sparse):
        keys.value("intermediate_size", default=None)  # written in configs, used by no layer
        return None, routed, sparse
    return dense(keys, hidden, family), routed, sparse
