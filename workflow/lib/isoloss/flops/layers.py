"""Building a layer's mixer and feed-forward from the keys of a config."""

from dataclasses import dataclass

from isoloss.flops.architecture import (
    Blocks,
    Causal,
    Convolution,
    DeltaRule,
    FeedForward,
    Linear,
    Mixer,
    Native,
    Pattern,
    Softmax,
    StateSpace,
    Window,
)
from isoloss.flops.keys import Keys


@dataclass(frozen=True)
class Family:
    """What a model type's code fixes and its config does not say, or says only by default.

    norms: norms of width `hidden` in a layer. qk_norm: norms on queries and keys, one `head`
    wide (shared by all heads), or as wide as the `projection`. sliding: which layers
    `sliding_window` is for, unless `attention` or `layer_types` say.
    """

    layer_norm: bool = False
    norms: int = 2
    qk_norm: str = "none"
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    gated: bool = True
    tied: bool = False
    positions: bool = False
    attention: str = "full"
    key_value_heads: int | None = None
    head_dim: int | None = None
    sliding: str = "never"
    experts_are_mlp: bool = False
    correction_bias: bool = False


def softmax(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """MHA, GQA or MQA with full, sliding, MoBA or NSA pattern."""
    heads = keys.integer("num_attention_heads", "n_head")
    groups = keys.integer("num_key_value_heads", default=family.key_value_heads or heads)
    if heads % groups:
        raise ValueError(
            f"num_key_value_heads: {groups}: must divide num_attention_heads ({heads})"
        )
    head = keys.integer("head_dim", default=family.head_dim)
    if head is None:
        if hidden % heads:
            raise ValueError(
                f"num_attention_heads: {heads}: does not divide hidden_size ({hidden}); "
                "give head_dim"
            )
        head = hidden // heads
    value = keys.integer("v_head_dim", default=head)
    asked = keys.value("attention_bias", default=None)
    qkv_bias = family.qkv_bias if asked is None else keys.flag("attention_bias", default=False)
    out_bias = family.out_bias if asked is None else qkv_bias
    qk_norm = keys.choice("qk_norm", among=("none", "head", "projection"), default=family.qk_norm)
    vectors = {"none": 0, "head": 2 * head, "projection": (heads + groups) * head}[qk_norm]
    pattern: Pattern = Causal()
    branches = 1
    gates: tuple[Linear, ...] = ()
    if kind == "sliding":
        pattern = Window(keys.integer("sliding_window", "sliding_window_size"))
    elif kind == "moba":
        pattern = Blocks(keys.integer("moba_chunk_size"), keys.integer("moba_topk"))
    elif kind == "nsa":
        pattern, branches = native_pattern(keys)
        gates = (Linear(hidden, 3 * heads),)
    return Mixer(
        linears=(
            Linear(hidden, heads * head, qkv_bias),
            *(Linear(hidden, groups * head, qkv_bias),) * branches,
            *(Linear(hidden, groups * value, qkv_bias),) * branches,
            *gates,
            Linear(heads * value, hidden, out_bias),
        ),
        core=Softmax(heads, head, value, pattern),
        vectors=vectors,
    )


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


def latent(keys: Keys, hidden: int) -> Mixer:
    """MLA (DeepSeek-V2, arXiv 2405.04434, section 2.1).

    Absorbed (`mla_absorbed`), scores are taken on the latent: heads x (kv_lora_rank + rope)
    against the keys and heads x kv_lora_rank with the values. The up-projections then multiply
    queries and outputs instead of keys and values: as many FLOPs a token.
    """
    heads = keys.integer("num_attention_heads")
    rank = keys.integer("kv_lora_rank")
    query_rank = keys.integer("q_lora_rank", default=None)
    nope = keys.integer("qk_nope_head_dim")
    rope = keys.integer("qk_rope_head_dim", least=0)
    value = keys.integer("v_head_dim")
    bias = keys.flag("attention_bias", default=False)
    if keys.integer("qk_head_dim", default=nope + rope) != nope + rope:
        raise ValueError(
            f"qk_head_dim: {keys.config['qk_head_dim']}: expected qk_nope_head_dim + "
            f"qk_rope_head_dim ({nope + rope})"
        )
    query = (
        (Linear(hidden, heads * (nope + rope)),)
        if query_rank is None
        else (Linear(hidden, query_rank, bias), Linear(query_rank, heads * (nope + rope)))
    )
    absorbed = keys.flag("mla_absorbed", default=False)
    return Mixer(
        linears=(
            *query,
            Linear(hidden, rank + rope, bias),
            Linear(rank, heads * (nope + value)),
            Linear(heads * value, hidden, bias),
        ),
        core=Softmax(heads, rank + rope, rank) if absorbed else Softmax(heads, nope + rope, value),
        vectors=rank + (query_rank or 0),
    )


def kimi_delta(keys: Keys, hidden: int) -> Mixer:
    """KDA (Kimi Linear, arXiv 2510.26692, section 4): channel-wise decay and output gate are
    low-rank (rank = head_dim), beta is one number a head, queries, keys and values are convolved.
    """
    section = keys.section("linear_attn_config")
    heads = section.integer("num_heads")
    head = section.integer("head_dim")
    kernel = section.integer("short_conv_kernel_size")
    chunk = section.integer("chunk_size", default=64)
    section.value("full_attn_layers", default=None)
    section.value("kda_layers", default=None)
    section.finish()
    width = heads * head
    low_rank = (Linear(hidden, head), Linear(head, width))
    return Mixer(
        linears=(
            *(Linear(hidden, width),) * 3,
            *low_rank,  # decay
            *low_rank,  # output gate
            Linear(hidden, heads),  # beta
            Linear(width, hidden),
        ),
        core=DeltaRule(heads, head, head, chunk),
        vectors=heads + width + head,  # A_log, dt_bias, norm of the output
        convolution=Convolution(3 * width, kernel),
    )


def gated_delta(keys: Keys, hidden: int) -> Mixer:
    """Gated DeltaNet (arXiv 2412.06464) with Qwen3-Next's key names; keys may have fewer heads."""
    heads = keys.integer("linear_num_value_heads")
    key_heads = keys.integer("linear_num_key_heads", default=heads)
    if heads % key_heads:
        raise ValueError(
            f"linear_num_key_heads: {key_heads}: must divide linear_num_value_heads ({heads})"
        )
    key = keys.integer("linear_key_head_dim")
    value = keys.integer("linear_value_head_dim")
    kernel = keys.integer("linear_conv_kernel_dim")
    chunk = keys.integer("linear_chunk_size", default=64)
    return Mixer(
        linears=(
            *(Linear(hidden, key_heads * key),) * 2,
            *(Linear(hidden, heads * value),) * 2,  # values, output gate
            *(Linear(hidden, heads),) * 2,  # beta, decay
            Linear(heads * value, hidden),
        ),
        core=DeltaRule(heads, key, value, chunk),
        vectors=2 * heads + value,  # A_log, dt_bias, norm of the output
        convolution=Convolution(2 * key_heads * key + heads * value, kernel),
    )


def state_space(keys: Keys, hidden: int) -> Mixer:
    """Mamba-2 (arXiv 2405.21060) with the key names of Hugging Face's Mamba2Config."""
    head = keys.integer("mamba_head_dim")
    heads = keys.integer("mamba_num_heads")
    groups = keys.integer("mamba_n_groups", default=1)
    state = keys.integer("mamba_state_size")
    kernel = keys.integer("mamba_conv_kernel", default=4)
    chunk = keys.integer("mamba_chunk_size", default=256)
    conv_bias = keys.flag("mamba_use_conv_bias", default=True)
    inner = heads * head
    convolved = inner + 2 * groups * state
    return Mixer(
        linears=(Linear(hidden, inner + convolved + heads), Linear(inner, hidden)),
        core=StateSpace(heads, head, state, groups, chunk),
        vectors=3 * heads + inner,  # A_log, D, dt_bias, gated norm
        convolution=Convolution(convolved, kernel, conv_bias),
    )


def mixer(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """The mixer of one kind: full, sliding, moba, nsa, mla, kda, gated_deltanet or mamba2."""
    if kind in ("full", "sliding", "moba", "nsa"):
        return softmax(keys, hidden, family, kind)
    builders = {
        "mla": latent,
        "kda": kimi_delta,
        "gated_deltanet": gated_delta,
        "mamba2": state_space,
    }
    # MLA and linear mixers have no such sizes or other keys for them, but configs write these.
    for unused in ("num_attention_heads", "num_key_value_heads", "head_dim"):
        keys.integer(unused, default=None)
    return builders[kind](keys, hidden)


def mlp(hidden: int, width: int, gated: bool, bias: bool) -> tuple[Linear, ...]:
    """SwiGLU-like (three matrices) or plain (two)."""
    up = (Linear(hidden, width, bias),) * (2 if gated else 1)
    return (*up, Linear(width, hidden, bias))


def dense(keys: Keys, hidden: int, family: Family) -> FeedForward | None:
    """The dense feed-forward; an `intermediate_size` of 0 means that there is none."""
    default = 4 * hidden if family.positions else None
    if default is not None:
        width = keys.integer("intermediate_size", "n_inner", default=default)
    else:
        width = keys.integer("intermediate_size", least=0)
    gated = keys.flag("mlp_gated", default=family.gated)
    bias = keys.flag("mlp_bias", default=family.mlp_bias)
    return FeedForward(mlp(hidden, width, gated, bias)) if width else None


def experts(keys: Keys, hidden: int, family: Family) -> FeedForward | None:
    """The mixture of experts, or None where the config has none.

    Shared experts are as wide as routed ones and always active. `moe_capacity_factor` is the
    padded slots over the tokens routed, for the conventions that count what is multiplied.
    """
    count = keys.integer("n_routed_experts", "num_experts", "num_local_experts", default=None)
    if count is None:
        return None
    active = keys.integer("num_experts_per_tok", "num_experts_per_token")
    if active > count:
        raise ValueError(f"num_experts_per_tok: {active}: more than the {count} experts there are")
    width = keys.integer(
        "moe_intermediate_size", *(("intermediate_size",) if family.experts_are_mlp else ())
    )
    shared = keys.integer("n_shared_experts", "num_shared_experts", default=0, least=0)
    gated = keys.flag("mlp_gated", default=family.gated)
    corrected = keys.choice(
        "topk_method",
        among=("noaux_tc", "greedy", "group_limited_greedy"),
        default="noaux_tc" if family.correction_bias else "greedy",
    )
    return FeedForward(
        expert=mlp(hidden, width, gated, False),
        experts=count,
        per_token=active,
        shared=mlp(hidden, shared * width, gated, False) if shared else (),
        router=Linear(hidden, count),
        router_vectors=count if corrected == "noaux_tc" else 0,
        capacity_factor=keys.number("moe_capacity_factor", default=1.0),
    )
