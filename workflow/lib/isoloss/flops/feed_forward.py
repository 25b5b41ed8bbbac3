"""Feed-forwards and mixtures of experts, from the keys of a config."""

from isoloss.flops.architecture import FeedForward, Linear
from isoloss.flops.families.family import Family
from isoloss.flops.keys import Keys

EXPERTS = (
    "n_routed_experts",
    "num_experts",
    "num_local_experts",
    "moe_num_experts",
)
CHOSEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_k",
    "moe_topk",
    "top_k_experts",
)
PLAIN = ("gelu", "relu", "relu2", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python")
GLU = ("silu", "swish", "swiglu", "geglu", "reglu", "swigluoai")


def mlp(hidden: int, width: int, gated: bool, bias: bool) -> tuple[Linear, ...]:
    """SwiGLU-like (three matrices) or plain (two)."""
    up = (Linear(hidden, width, bias),) * (2 if gated else 1)
    return (*up, Linear(width, hidden, bias))


def is_gated(keys: Keys, family: Family) -> bool:
    """Three matrices or two; of isoloss's own keys, `hidden_act` decides, if `mlp_gated` does not.

    The code of a model type has decided, whatever its activation.
    """
    default = family.gated
    if "model_type" not in keys.config and not keys.has("mlp_gated") and keys.has("hidden_act"):
        act = keys.value("hidden_act")
        if act not in (*GLU, *PLAIN):
            raise ValueError(
                f"hidden_act: {act!r}: does not tell whether the feed-forward has two matrices or "
                "three; give mlp_gated (true: three)"
            )
        default = act in GLU
    return keys.flag("mlp_gated", default=default)


def dense(keys: Keys, hidden: int, family: Family, times: int) -> FeedForward | None:
    """The dense feed-forward, `times` as wide as written; 0 means that there is none."""
    default = 4 * hidden if family.positions else None
    if default is not None:
        width = keys.integer("intermediate_size", "n_inner", default=default)
    else:
        width = keys.integer(*family.dense_width, least=0)
    if keys.flag("block_auto_adjust_ff_dim", default=False):  # LFM2
        width = int(keys.number("block_ffn_dim_multiplier", default=1.0) * (2 * width // 3))
        multiple = keys.integer("block_multiple_of", default=256)
        width = -(-width // multiple) * multiple
    bias = keys.flag(*family.mlp_bias_keys, default=family.mlp_bias)
    width *= times
    return FeedForward(mlp(hidden, width, is_gated(keys, family), bias)) if width else None


def has_experts(keys: Keys) -> bool:
    """Whether the config has experts, and uses them."""
    count: int = keys.integer(*EXPERTS, default=0, least=0)
    used = keys.flag("enable_moe_block", default=True)
    if not used:
        keys.asked.update((*EXPERTS, *CHOSEN, "moe_intermediate_size"))
    return count > 0 and used


def experts(keys: Keys, hidden: int, family: Family) -> FeedForward:
    """The mixture of experts.

    Shared experts are as wide as routed ones, if they have no width of their own, and always
    active. With `moe_latent_size` the routed ones work on so many channels, behind a matrix and
    before another. `moe_capacity_factor` is the padded slots over the tokens routed, for the
    conventions that count what is multiplied.
    """
    count = keys.integer(*EXPERTS)
    active = keys.integer(*CHOSEN)
    if active > count:
        raise ValueError(f"num_experts_per_tok: {active}: more than the {count} experts there are")
    width = keys.integer(family.expert_width)
    number = keys.integer(
        "n_shared_experts",
        "num_shared_experts",
        "moe_num_shared_experts",
        default=family.shared,
        least=0,
    )
    shared = keys.integer(
        *((family.shared_width,) if family.shared_width else ()),
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
        default=number * width,
        least=0,
    )
    gated, bias = is_gated(keys, family), keys.flag(*family.mlp_bias_keys, default=family.mlp_bias)
    inner = keys.integer("moe_latent_size", default=None)
    around = () if inner is None else (Linear(hidden, inner, bias), Linear(inner, hidden, bias))
    if shared and family.shared_gate:
        around = (*around, Linear(hidden, 1))
    corrected = keys.choice(
        "topk_method",
        among=("noaux_tc", "greedy", "group_limited_greedy"),
        default="noaux_tc" if family.correction_bias else "greedy",
    )
    corrects = corrected == "noaux_tc" and keys.flag("use_expert_bias", default=True)
    keys.same("use_routing_bias", corrected == "noaux_tc", "what its code does")
    return FeedForward(
        expert=mlp(inner or hidden, width, gated, family.expert_bias),
        experts=count,
        per_token=active,
        shared=mlp(hidden, shared, gated, bias and family.shared_bias) if shared else (),
        router=Linear(hidden, count, family.router_bias),
        router_vectors=count * corrects + (hidden + count) * family.router_scales,
        capacity_factor=keys.number("moe_capacity_factor", default=1.0),
        projections=around,
    )


def sparse_layers(keys: Keys, count: int) -> list[bool]:
    """Which layers have experts, by any of the keys that say so."""
    words = keys.words("mlp_layer_types")
    first = keys.integer("first_k_dense_replace", "num_dense_layers", default=0, least=0)
    frequency = keys.value("moe_layer_freq", default=1)
    listed = [bool(f) for f in frequency] if isinstance(frequency, list | tuple) else None
    period = 1 if listed else keys.integer("moe_layer_freq", "expert_layer_period", default=1)
    offset = keys.integer("expert_layer_offset", default=0, least=0)
    step = keys.integer(
        "decoder_sparse_step", "moe_layer_interval", "interleave_moe_layer_step", default=1
    )
    start = keys.integer("moe_layer_start_index", default=0, least=0)
    end = keys.integer("moe_layer_end_index", default=-1, least=-1)
    excepted = keys.integers("mlp_only_layers", default=())
    only = keys.integers("moe_layers", default=None)
    if words is None and only is not None:
        return [layer in only for layer in range(count)]
    if words is None and listed:
        words = tuple("sparse" if f else "dense" for f in listed)
    if words is not None:
        if len(words) != count or not set(words) <= {"dense", "sparse"}:
            raise ValueError(
                f"mlp_layer_types: {words!r}: expected num_hidden_layers ({count}) times dense or "
                "sparse"
            )
        return [word == "sparse" for word in words]
    return [
        layer >= max(first, start)
        and layer <= (count - 1 if end == -1 else end)
        and layer % period == offset
        and (layer + 1) % step == 0
        and layer not in excepted
        for layer in range(count)
    ]
