"""Softmax attention from the keys of a config: MHA to MLA, with every pattern, and its indexer."""

from isoloss.flops.architecture import (
    Blocks,
    Causal,
    Chunks,
    Indexer,
    Linear,
    Mixer,
    Native,
    Pattern,
    Selected,
    Softmax,
    Window,
)
from isoloss.flops.families.family import Family, window
from isoloss.flops.keys import Keys


def softmax(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """MHA, GQA or MQA: full, sliding, chunked, MoBA or NSA."""
    heads = keys.integer("num_attention_heads", "n_head")
    groups = keys.integer("num_key_value_heads", default=heads)
    if kind == "sliding" and family.window_groups != 1:
        groups = keys.integer("swa_num_key_value_heads", default=family.window_groups * groups)
    if heads % groups:
        raise ValueError(
            f"num_key_value_heads: {groups}: must divide num_attention_heads ({heads})"
        )
    head = keys.integer("head_dim", "attention_head_dim", default=None)
    if head is None:
        if hidden % heads:
            raise ValueError(
                f"num_attention_heads: {heads}: does not divide hidden_size ({hidden}); "
                "give head_dim"
            )
        head = hidden // heads
    value = keys.integer("v_head_dim", default=head)
    qkv_bias = keys.flag(*family.bias_keys, default=family.qkv_bias)
    out_bias = qkv_bias if family.out_bias is None else family.out_bias
    out_bias = keys.flag("attention_out_bias", default=out_bias)
    gate = keys.flag("attn_output_gate", default=family.output_gate)
    pattern, branches = _pattern(keys, kind)
    vectors = query_key_norm(keys, family, heads, groups, head)
    if family.window_groups != 1:
        keys.same("swa_num_attention_heads", heads, "num_attention_heads")
        keys.same("swa_head_dim", head, "head_dim")
        keys.same("swa_v_head_dim", value, "v_head_dim")
        keys.value("attention_chunk_size", default=None)  # for inference
    for name, other in (("swa", "sliding"), ("full", "full")):
        keys.same(f"add_{name}_attention_sink_bias", other in family.sinks, "what its code does")
    return Mixer(
        linears=(
            Linear(hidden, heads * head, qkv_bias),
            *(Linear(hidden, heads * value, qkv_bias and family.gate_bias),) * gate,
            *(Linear(hidden, groups * head, qkv_bias),) * branches,
            *(Linear(hidden, groups * value, qkv_bias),) * branches,
            *(Linear(hidden, 3 * heads),) * (kind == "nsa"),
            Linear(heads * value, hidden, out_bias),
        ),
        cores=(Softmax(heads, head, value, pattern),),
        vectors=vectors + heads * (kind in family.sinks),
    )


def query_key_norm(keys: Keys, family: Family, heads: int, groups: int, head: int) -> int:
    """Parameters of the norms on queries and keys."""
    sizes = {
        "none": 0,
        "head": 2 * head,
        "head_with_bias": 4 * head,
        "projection": (heads + groups) * head,
    }
    wide = keys.choice("qk_norm", among=tuple(sizes), default=family.qk_norm)
    words = {"head": "per_head", "projection": "per_layer"}
    keys.same("qk_norm_type", words.get(wide), "what its code does")
    if "use_qk_norm" not in keys.silent and not family.qk_norm_key:
        keys.same("use_qk_norm", wide != "none", "what its code does")
    if family.qk_norm_key and not keys.flag(family.qk_norm_key, default=True):
        return 0
    return sizes[wide]


def _pattern(keys: Keys, kind: str) -> tuple[Pattern, int]:
    """A kind's pattern, and how many branches have keys and values of their own."""
    match kind:
        case "sliding" | "local" | "shared_local":
            size = window(keys)
            return (Causal() if size is None else Window(size)), 1
        case "chunked":
            return Chunks(keys.integer("attention_chunk_size")), 1
        case "moba":
            return Blocks(keys.integer("moba_chunk_size"), keys.integer("moba_topk")), 1
        case "nsa":
            return native_pattern(keys)
    return Causal(), 1


def native_pattern(keys: Keys) -> tuple[Native, int]:
    """NSA's pattern and how many branches have keys and values of their own (3, or 1 if shared).

    Blocks are compressed by their mean, which has no parameters.
    """
    section = keys.section("nsa_config")
    pattern = Native(
        compress_size=section.integer("compress_block_size"),
        compress_stride=section.integer("compress_block_stride"),
        select_size=section.integer("select_block_size"),
        top=section.integer("select_block_count"),
        window=section.integer("window_size"),
    )
    shared = section.flag("shared_key_values", default=False)
    section.finish()
    return pattern, 1 if shared else 3


def latent(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """MLA (DeepSeek-V2, arXiv 2405.04434, section 2.1), perhaps with an indexer (DeepSeek-V3.2).

    Absorbed (`mla_absorbed`), scores are taken on the latent: heads x (kv_lora_rank + rope)
    against the keys and heads x kv_lora_rank with the values. The up-projections then multiply
    queries and outputs instead of keys and values: as many FLOPs a token.

    kind: `mla`, `indexed` (each query sees `index_topk` keys that an indexer of this layer
    chooses), or `selected` (the keys that an earlier layer chose).
    """
    heads = keys.integer("num_attention_heads")
    rank = keys.integer("kv_lora_rank")
    query_rank = keys.integer("q_lora_rank", default=None)
    nope = keys.integer("qk_nope_head_dim")
    rope = keys.integer("qk_rope_head_dim", least=0)
    value = keys.integer("v_head_dim")
    bias = keys.flag("attention_bias", default=False)
    keys.same("qk_head_dim", nope + rope, "qk_nope_head_dim + qk_rope_head_dim")
    query = (
        (Linear(hidden, heads * (nope + rope)),)
        if query_rank is None
        else (Linear(hidden, query_rank, bias), Linear(query_rank, heads * (nope + rope)))
    )
    pattern = Causal() if kind == "mla" else Selected(keys.integer("index_topk"))
    absorbed = keys.flag("mla_absorbed", default=False)
    core = (
        Softmax(heads, rank + rope, rank, pattern)
        if absorbed
        else Softmax(heads, nope + rope, value, pattern)
    )
    index = indexer(keys, hidden) if kind == "indexed" else Mixer()
    return Mixer(
        linears=(
            *query,
            Linear(hidden, rank + rope, bias),
            Linear(rank, heads * (nope + value)),
            Linear(heads * value, hidden, bias),
            *index.linears,
        ),
        cores=(core, *index.cores),
        vectors=rank + (query_rank or 0) + index.vectors,
    )


def indexer(keys: Keys, hidden: int) -> Mixer:
    """DSA's indexer: queries from the latent, one key for all with a LayerNorm, weights a head."""
    heads, dim = keys.integer("index_n_heads"), keys.integer("index_head_dim")
    return Mixer(
        linears=(
            Linear(keys.integer("q_lora_rank"), heads * dim),
            Linear(hidden, dim),
            Linear(hidden, heads),
        ),
        cores=(Indexer(heads, dim),),
        vectors=2 * dim,
    )


def gemma4(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """Gemma 4: windows (`local`) and full attention with other widths (`global`), where keys may
    be the values too; `shared_` layers take keys and values of an earlier layer. Per-layer inputs
    have a gate, a projection and a norm in each layer, and a share of the matrix that makes them.
    """
    heads = keys.integer("num_attention_heads")
    groups, head = keys.integer("num_key_value_heads"), keys.integer("head_dim")
    same = keys.flag("attention_k_eq_v", default=False) and kind.endswith("global")
    if kind.endswith("global"):
        head, groups = _global_sizes(keys, head, groups, same)
    bias = keys.flag("attention_bias", default=False)
    own = 0 if kind.startswith("shared") else 1 if same else 2
    inner = keys.integer("hidden_size_per_layer_input", default=0, least=0)
    per_layer = (*(Linear(hidden, inner),) * 2, Linear(inner, hidden)) if inner else ()
    return Mixer(
        linears=(
            Linear(hidden, heads * head, bias),
            *(Linear(hidden, groups * head, bias),) * own,
            Linear(heads * head, hidden, bias),
            *per_layer,
        ),
        cores=(Softmax(heads, head, head, _pattern(keys, kind)[0]),),
        vectors=head * (2 if own else 1) + hidden * (inner > 0),
    )


def _global_sizes(keys: Keys, head: int, groups: int, same: bool) -> tuple[int, int]:
    """Head width and key heads of Gemma 4's global layers; new configs list them layer by layer."""
    listed = keys.value("per_layer_config", default=None)
    if listed is None:
        few = keys.integer("num_global_key_value_heads", default=groups)
        return keys.integer("global_head_dim", default=head), few if same else groups
    last = {name: dict(sizes) for name, sizes in listed.items()}.values()
    sizes = Keys(next(iter(last)), "per_layer_config.")
    if any(other != sizes.config for other in last):
        raise ValueError(f"per_layer_config: {listed!r}: expected the same sizes in each layer")
    found = (
        sizes.integer("head_dim", default=head),
        sizes.integer("num_key_value_heads", default=groups),
    )
    sizes.finish()
    return found
