"""Of which kind each layer of a config is: its mixer and its feed-forward."""

from isoloss.flops.families.family import Family, kimi_layers
from isoloss.flops.feed_forward import has_experts, sparse_layers
from isoloss.flops.keys import REQUIRED, Keys

MOST_LAYERS = 10_000
KINDS = ("full", "sliding", "moba", "nsa", "mla", "kda", "gated_deltanet", "mamba2")
_MIXERS = (*KINDS, "chunked", "indexed", "global", "local", "mamba1", "lightning", "parallel")
_KNOWN = {*_MIXERS, "short_convolution", "mlp", "moe"}
# Hugging Face's words; what full, sliding and linear attention are, the model type says.
_WORDS = {
    "attention": "full_attention",
    "indexed_attention": "full_attention",
    "deepseek_sparse_attention": "full_attention",
    "mamba": "linear_attention",
    "chunked_attention": "chunked",
    "conv": "short_convolution",
    "hybrid": "parallel",
}
# Keys that say again what `layer_types` says.
_RULES = (
    "attn_layer_indices",
    "attn_layer_offset",
    "attn_layer_period",
    "full_attention_interval",
    "full_attn_idxs",
    "global_attn_every_n_layers",
    "max_window_layers",
    "no_rope_layer_interval",
    "no_rope_layers",
    "sliding_window",
    "sliding_window_pattern",
    "use_sliding_window",
)
_LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}  # Nemotron-H's
_ONE_PART = {"mlp": ("none", "dense"), "moe": ("none", "sparse")}


def layer_kinds(keys: Keys, family: Family) -> list[tuple[str, str]]:
    """The mixer (full, sliding, mla, ..., none) and the feed-forward of each layer.

    The feed-forward is dense, wide (dense, and twice as wide), sparse or none.
    """
    mixers = _mixers(keys, family)
    if family.one_part:
        return [_ONE_PART.get(mixer, (mixer, "none")) for mixer in mixers]
    if not family.feed_forward:
        return [(mixer, "none") for mixer in mixers]
    some = has_experts(keys)
    sparse = [some and listed for listed in sparse_layers(keys, len(mixers))]
    wide = keys.flag("use_double_wide_mlp", default=False)
    return [
        (mixer, "sparse" if yes else "wide" if wide and mixer.startswith("shared") else "dense")
        for mixer, yes in zip(mixers, sparse, strict=True)
    ]


def _mixers(keys: Keys, family: Family) -> list[str]:
    words = _written(keys, family)
    count = keys.integer("num_hidden_layers", "n_layer", default=len(words) if words else REQUIRED)
    if count > MOST_LAYERS:
        raise ValueError(f"num_hidden_layers: {count}: expected at most {MOST_LAYERS:,}")
    own = _own(keys, family, count)
    words = words or own
    if words:
        keys.asked.update(_RULES)
    words = words or tuple(family.kinds(keys, count))
    special = {"full_attention": family.attention, "sliding_attention": family.sliding}
    special["linear_attention"] = family.linear or "linear_attention"
    mixers = [special.get(_WORDS.get(word, word), _WORDS.get(word, word)) for word in words]
    if len(mixers) != count or not set(mixers) <= _KNOWN:
        raise ValueError(
            f"layer_types: {list(words)!r}: expected num_hidden_layers ({count}) words among "
            f"{', '.join(KINDS)}"
        )
    if family.attention == "indexed":
        shared = _shared_choices(keys, count)
        return ["selected" if yes else mixer for mixer, yes in zip(mixers, shared, strict=True)]
    if keys.has("per_layer_config"):
        listed = {int(layer) for layer in keys.value("per_layer_config")}
        if listed != {layer for layer, mixer in enumerate(mixers) if mixer == "global"}:
            raise ValueError(
                f"per_layer_config: layers {sorted(listed)}: expected those of full attention"
            )
    unshared = count - keys.integer("num_kv_shared_layers", default=0, least=0)
    return [mixer if layer < unshared else f"shared_{mixer}" for layer, mixer in enumerate(mixers)]


def _written(keys: Keys, family: Family) -> tuple[str, ...] | None:
    """The kinds that the config lists, or None."""
    words = keys.words("layer_types") or keys.words("layers_block_type")
    kinds = keys.integers("attn_type_list", default=None)  # MiniMax's
    if words is None and kinds is not None:
        return tuple("attention" if kind == 1 else "linear_attention" for kind in kinds)
    pattern = keys.value("hybrid_override_pattern", default=None) if family.one_part else None
    if words or pattern is None:
        return words
    if not isinstance(pattern, str) or not set(pattern) <= set(_LETTERS):
        raise ValueError(
            f"hybrid_override_pattern: {pattern!r}: expected letters among {' '.join(_LETTERS)}"
        )
    return tuple(_LETTERS[letter] for letter in pattern)


def _own(keys: Keys, family: Family, count: int) -> tuple[str, ...] | None:
    """What isoloss's own `attention` says, or None."""
    latent = "model_type" not in keys.config and keys.has("kv_lora_rank")
    attention = keys.choice(
        "attention", among=(*KINDS, "kda_mla_hybrid", ""), default="mla" if latent else ""
    )
    if attention == "kda_mla_hybrid":
        names = {"full_attention": "mla", "linear_attention": "kda"}
        return tuple(names[word] for word in kimi_layers(keys, count))
    return (attention,) * count if attention else None


def _shared_choices(keys: Keys, count: int) -> list[bool]:
    """Which layers take the keys that the indexer of an earlier layer chose (GLM-5.2)."""
    words = keys.words("indexer_types")
    pattern = keys.value("index_topk_pattern", default=None)
    frequency = keys.integer("index_topk_freq", default=1)
    offset = keys.integer("index_skip_topk_offset", default=2, least=0)
    if words is None and pattern is not None:
        names = {"F": "full", "S": "shared"}
        words = tuple(names.get(word, word) for word in pattern)
    if words is None:
        return [max(layer - offset + 1, 0) % frequency > 0 for layer in range(count)]
    if len(words) != count or not set(words) <= {"full", "shared"}:
        raise ValueError(
            f"indexer_types: {list(words)!r}: expected num_hidden_layers ({count}) times full or "
            "shared"
        )
    return [word == "shared" for word in words]
