"""From a Hugging Face `config.json` (or isoloss's own keys) to an architecture."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from isoloss.flops.architecture import Architecture, Layer, Mixer
from isoloss.flops.attention import gemma4, latent, softmax
from isoloss.flops.families.defaults import DEFAULTS
from isoloss.flops.families.family import Family
from isoloss.flops.families.table import FAMILIES, TEXT
from isoloss.flops.feed_forward import dense, experts
from isoloss.flops.keys import Keys, did_you_mean
from isoloss.flops.kinds import layer_kinds
from isoloss.flops.recurrent import (
    gated_delta,
    kimi_delta,
    lightning,
    parallel,
    selective_scan,
    short_convolution,
    state_space,
)

MIXERS: dict[str, Callable[[Keys, int, Family, str], Mixer]] = {
    **dict.fromkeys(("full", "sliding", "chunked", "moba", "nsa"), softmax),
    **dict.fromkeys(("mla", "indexed", "selected"), latent),
    **dict.fromkeys(("local", "global", "shared_local", "shared_global"), gemma4),
    "kda": kimi_delta,
    "gated_deltanet": gated_delta,
    "mamba1": selective_scan,
    "mamba2": state_space,
    "lightning": lightning,
    "short_convolution": short_convolution,
    "parallel": parallel,
    "none": lambda keys, hidden, family, kind: Mixer(),
}
PREDICTORS = (
    "num_nextn_predict_layers",
    "num_mtp_layers",
    "num_mtp_modules",
    "mtp_num_hidden_layers",
)
# Sizes that configs write even where no layer has such a part.
WITHOUT_USE = ("num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size")
_MEND = "give flop_per_token in the run sheet"


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a config describes.

    config: the mapping of a Hugging Face `config.json` as it is (its `model_type`, or that of its
        `text_config`, is one of `FAMILIES`), or isoloss's own keys (no `model_type`);
        docs/flops.md lists them. What a file omits is what transformers takes.

    ValueError, naming the key and its value: a key missing or of the wrong kind, and any key
    that is neither used nor known to be irrelevant to the counts.
    """
    config, notes = _language_model(config)
    keys, family = _family(config)
    for other in ("is_encoder_decoder", "add_cross_attention", "use_bidirectional_attention"):
        if keys.value(other, default=False) not in (False, "vision"):
            raise ValueError(
                f"{other}: {str(keys.value(other)).lower()}: expected a decoder-only, causal "
                "language model"
            )
    hidden = keys.integer("hidden_size", "n_embd")
    norm = hidden * family.norm_vectors
    kinds = layer_kinds(keys, family)
    counts = Counter(kinds)
    layers = {which: _layer(keys, hidden, family, *which) for which in counts}
    per_layer = keys.integer("hidden_size_per_layer_input", default=0, least=0)
    predictors = keys.integer("multi_token_prediction", default=0, least=0)
    written = keys.integer(*PREDICTORS, default=0, least=0)
    if written and not keys.has("multi_token_prediction"):
        notes += (
            f"num_nextn_predict_layers: {written}: multi-token prediction is not counted, since "
            "transformers writes this key for models without such a module; "
            "`multi_token_prediction` counts it",
        )
    architecture = Architecture(
        hidden=hidden,
        vocabulary=_vocabulary(keys),
        layers=tuple((layers[which], count) for which, count in counts.items()),
        final_norm=norm + per_layer,
        tied=family.may_tie
        and keys.flag("tie_word_embeddings", "tie_embedding", default=family.tied),
        positions=keys.integer("n_positions") if family.positions else 0,
        tables=per_layer
        * len(kinds)
        * keys.integer("vocab_size_per_layer_input", default=0, least=0),
        head_bias=keys.flag("lm_head_bias", default=family.head_bias),
        predictors=predictors,
        predictor_layer=layers[kinds[-1]] if predictors else None,
        notes=notes,
    )
    for unused in WITHOUT_USE:
        keys.value(unused, default=None)
    keys.finish()
    return architecture


def _language_model(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The part of a multimodal config that is the language model, and what to say about it."""
    outer = config.get("model_type")
    inner = config.get("text_config")
    if inner is None:
        text = {"model_type": TEXT[str(outer)]} if outer in TEXT else {}
        return {**config, **text}, ()
    if not isinstance(inner, Mapping):
        raise ValueError(f"text_config: {inner!r}: expected a mapping")
    tied = "tie_word_embeddings"
    outside = {tied: config[tied]} if config.get(tied) is not None else {}
    if inner.get(tied, outside.get(tied)) != outside.get(tied, inner.get(tied)):
        raise ValueError(
            f"{tied}: {config[tied]!r}, text_config.{tied}: {inner[tied]!r}: keep one of them"
        )
    kind = str(inner.get("model_type", outer))
    text = {"model_type": TEXT.get(kind, kind)}
    note = "text_config: only the language model is counted, without encoders of images or sound"
    return {**outside, **inner, **text}, (note,)


def _family(config: Mapping[str, Any]) -> tuple[Keys, Family]:
    """The keys of a config, with what its model type takes for those that are not there."""
    name = config.get("model_type")
    if name is None:
        return Keys(config), Family()
    if name not in FAMILIES:
        hint = did_you_mean(name, tuple(FAMILIES))
        raise ValueError(
            f"model_type: {name!r}: not among those that isoloss knows{hint}; {_MEND}, or describe "
            "the model in isoloss's own keys (docs/flops.md)"
        )
    family = FAMILIES[name]
    keys = Keys(config, "", {**DEFAULTS.get(name, {}), **family.assumes}, family.names)
    keys.value("model_type")
    return keys, family


def _vocabulary(keys: Keys) -> int | None:
    """`vocab_size`, which must be written, if only as null (not published)."""
    if "vocab_size" not in keys.config and "vocab_size" not in keys.silent:
        raise ValueError("vocab_size: missing; give it, or null where it is not known")
    value: int | None = keys.integer("vocab_size", default=None)
    return value


def _layer(keys: Keys, hidden: int, family: Family, mixer: str, block: str) -> Layer:
    """A layer of one kind; one with a mixer or a feed-forward alone has half of the norms."""
    feed_forward = None
    if block == "sparse":
        feed_forward = experts(keys, hidden, family)
    elif block != "none":
        feed_forward = dense(keys, hidden, family, 2 if block == "wide" else 1)
    norms = family.norms
    if feed_forward is None or mixer == "none":
        norms //= 2
    vectors = family.norm_vectors * (norms + family.sparse_norms * (block == "sparse"))
    return Layer(
        MIXERS[mixer](keys, hidden, family, mixer),
        feed_forward,
        vectors * hidden + family.layer_vectors,
    )
