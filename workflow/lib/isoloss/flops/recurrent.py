"""Mixers that carry a state, from the keys of a config."""

from isoloss.flops.architecture import (
    Convolution,
    DeltaRule,
    Lightning,
    Linear,
    Mixer,
    Scan,
    StateSpace,
)
from isoloss.flops.attention import softmax
from isoloss.flops.families.family import Family
from isoloss.flops.keys import Keys


def kimi_delta(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """KDA (Kimi Linear, arXiv 2510.26692, section 4): channel-wise decay and output gate are
    low-rank (rank = head_dim), beta is one number a head, queries, keys and values are convolved.
    """
    if keys.has("linear_attn_config"):
        section = keys.section("linear_attn_config")
        heads = section.integer("num_heads")
        head = section.integer("head_dim")
        kernel = section.integer("short_conv_kernel_size")
        chunk = section.integer("chunk_size", default=64)
        section.value("full_attn_layers", default=None)
        section.value("kda_layers", default=None)
        section.finish()
    else:
        heads = keys.integer("linear_num_heads")
        head = keys.integer("linear_head_dim")
        kernel = keys.integer("linear_conv_kernel_dim")
        chunk = keys.integer("linear_chunk_size", default=64)
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
        cores=(DeltaRule(heads, head, head, chunk),),
        vectors=heads + width + head,  # A_log, dt_bias, norm of the output
        convolution=Convolution(3 * width, kernel),
    )


def gated_delta(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
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
        cores=(DeltaRule(heads, key, value, chunk),),
        vectors=2 * heads + value,  # A_log, dt_bias, norm of the output
        convolution=Convolution(2 * key_heads * key + heads * value, kernel),
    )


def state_space(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """Mamba-2 (arXiv 2405.21060) under any of the names that model types have for its keys."""
    heads = keys.integer("mamba_num_heads", "mamba_n_heads")
    head = keys.value("mamba_head_dim", "mamba_d_head")
    inner = keys.integer("mamba_d_ssm", default=None)
    expand = keys.integer("mamba_expand", default=None)
    if inner is None and expand is not None:
        inner = expand * hidden
    if head == "auto":
        inner = inner or 2 * hidden
        head = inner // heads
    else:
        head = keys.integer("mamba_head_dim", "mamba_d_head")
    if inner not in (None, heads * head):
        raise ValueError(f"mamba_d_head: {head}: expected inner width / heads ({inner} / {heads})")
    inner = heads * head
    groups = keys.integer("mamba_n_groups", default=1)
    state = keys.integer("mamba_state_size", "mamba_d_state")
    kernel = keys.integer("mamba_conv_kernel", "mamba_d_conv", default=4)
    chunk = keys.integer("mamba_chunk_size", default=256)
    conv_bias = keys.flag("mamba_use_conv_bias", "mamba_conv_bias", default=True)
    bias = keys.flag("mamba_proj_bias", default=False)
    out_bias = keys.flag("projectors_bias", default=bias)
    norm = keys.flag("mamba_rms_norm", default=True)
    convolved = inner + 2 * groups * state
    return Mixer(
        linears=(Linear(hidden, inner + convolved + heads, bias), Linear(inner, hidden, out_bias)),
        cores=(StateSpace(heads, head, state, groups, chunk),),
        vectors=3 * heads + inner * norm,  # A_log, D, dt_bias, gated norm
        convolution=Convolution(convolved, kernel, conv_bias),
    )


def selective_scan(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """Mamba-1 (arXiv 2312.00752); Jamba has norms on the step, on B and on C."""
    inner = keys.integer("mamba_expand") * hidden
    state = keys.integer("mamba_d_state")
    rank = keys.value("mamba_dt_rank", default="auto")
    rank = -(-hidden // 16) if rank == "auto" else keys.integer("mamba_dt_rank")
    bias = keys.flag("mamba_proj_bias", default=False)
    return Mixer(
        linears=(
            Linear(hidden, 2 * inner, bias),  # input and gate
            Linear(inner, rank + 2 * state),  # step, B, C
            Linear(rank, inner, True),
            Linear(inner, hidden, bias),
        ),
        cores=(Scan(inner, state),),
        vectors=inner * (state + 1) + (rank + 2 * state) * family.scan_norms,  # A, D
        convolution=Convolution(
            inner, keys.integer("mamba_d_conv"), keys.flag("mamba_conv_bias", default=True)
        ),
    )


def lightning(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """Lightning attention (MiniMax-01, arXiv 2501.08313): an output gate, a norm of all heads."""
    heads = keys.integer("num_attention_heads")
    head = keys.integer("head_dim", default=hidden // heads)
    width = heads * head
    return Mixer(
        linears=(*(Linear(hidden, width),) * 4, Linear(width, hidden)),
        cores=(Lightning(heads, head, keys.integer("block_size")),),
        vectors=width,
    )


def short_convolution(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """LFM2: a convolution of what two gates let through."""
    bias = keys.flag("conv_bias", default=False)
    return Mixer(
        linears=(*(Linear(hidden, hidden, bias),) * 3, Linear(hidden, hidden, bias)),
        convolution=Convolution(hidden, keys.integer("conv_L_cache"), bias),
    )


def parallel(keys: Keys, hidden: int, family: Family, kind: str) -> Mixer:
    """Falcon-H1: attention and Mamba-2 side by side."""
    one, other = softmax(keys, hidden, family, "full"), state_space(keys, hidden, family, kind)
    return Mixer(
        linears=one.linears + other.linears,
        cores=one.cores + other.cores,
        vectors=one.vectors + other.vectors,
        convolution=other.convolution,
    )
