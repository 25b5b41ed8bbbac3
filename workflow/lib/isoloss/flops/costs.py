"""Forward FLOPs of matrix multiplications, per token and component; one multiply-add is two."""

from collections import defaultdict

from isoloss.flops.architecture import (
    Architecture,
    Causal,
    Core,
    DeltaRule,
    Indexer,
    Layer,
    Lightning,
    Scan,
    Softmax,
    StateSpace,
)
from isoloss.flops.pairs import full_gate_pairs, full_pairs, gate_pairs, visited_pairs

COMPONENTS = (
    "projections",
    "scores",
    "state",
    "feed_forward",
    "router",
    "head",
    "short_convolution",
)
PREDICTION = (
    "multi_token_prediction",
    "multi_token_prediction_head",
)  # where there are such modules
Cost = dict[str, float]


def model_cost(model: Architecture, lengths: tuple[int, ...], causal: bool) -> Cost:
    """Forward FLOPs per token by component, averaged over sequences of these lengths.

    The head is left out where the vocabulary is unknown.
    """
    cost = dict.fromkeys(COMPONENTS, 0.0)
    for layer, count in model.layers:
        for component, flop in layer_cost(layer, lengths, causal).items():
            cost[component] += flop * count
    cost["head"] = 2.0 * model.hidden * (model.vocabulary or 0)
    if model.predictor_layer is None:
        return cost
    inner = sum(layer_cost(model.predictor_layer, lengths, causal).values())
    return cost | prediction_cost(model, inner, cost["head"])


def prediction_cost(model: Architecture, layer: float, head: float) -> Cost:
    """Forward FLOPs of multi-token-prediction modules, if any: joining matrix, layer; head."""
    if not model.predictors:
        return {}
    inside = model.predictors * (4.0 * model.hidden**2 + layer)
    return dict(zip(PREDICTION, (inside, model.predictors * head), strict=True))


def layer_cost(layer: Layer, lengths: tuple[int, ...], causal: bool) -> Cost:
    """Forward FLOPs per token of one layer."""
    mixer, block = layer.mixer, layer.feed_forward
    cost = defaultdict[str, float](float)
    cost["projections"] = 2.0 * sum(linear.weights for linear in mixer.linears)
    for core in mixer.cores:
        for component, flop in core_cost(core, lengths, causal).items():
            cost[component] += flop
    if mixer.convolution:
        cost["short_convolution"] = float(mixer.convolution.flop)
    if block:
        routed = block.per_token * block.capacity_factor
        expert = sum(linear.weights for linear in block.expert)
        always = sum(linear.weights for linear in (*block.shared, *block.projections))
        cost["feed_forward"] = 2.0 * (routed * expert + always)
        if block.router:
            cost["router"] += 2.0 * block.router.weights
    return dict(cost)


def core_cost(core: Core, lengths: tuple[int, ...], causal: bool) -> Cost:
    """Forward FLOPs per token of what mixes tokens."""
    tokens = sum(lengths)
    pairs, gates = (visited_pairs, gate_pairs) if causal else (full_pairs, full_gate_pairs)
    match core:
        case Softmax(heads, key, value, pattern):
            scores = sum(pairs(pattern, length) for length in lengths)
            gate = sum(gates(pattern, length) for length in lengths)
            cost = {"scores": 2 * heads * (key + value) * scores / tokens}
            return cost | ({"router": 2 * heads * key * gate / tokens} if gate else {})
        case Indexer(heads, dim):
            scores = sum(pairs(Causal(), length) for length in lengths)
            return {"router": 2 * heads * (dim + 1) * scores / tokens}
        case Scan(channels, state):
            return {"state": 2.0 * channels * state}
    total = 0
    for length in lengths:
        whole, rest = divmod(length, core.chunk)
        total += whole * chunk_flop(core, core.chunk, causal) + chunk_flop(core, rest, causal)
    return {"state": total / tokens}


def chunk_flop(core: DeltaRule | StateSpace | Lightning, chunk: int, causal: bool) -> int:
    """Forward FLOPs of one chunk of a linear mixer."""
    match core:
        case DeltaRule():
            return delta_rule_flop(core, chunk, causal)
        case StateSpace():
            return state_space_flop(core, chunk, causal)
    pairs = chunk * (chunk + 1) if causal else 2 * chunk**2
    return core.heads * (2 * pairs * core.dim + 4 * chunk * core.dim**2)


def delta_rule_flop(core: DeltaRule, chunk: int, causal: bool) -> int:
    """A chunk of C tokens of the gated delta rule in WY form (Kimi Linear, section 4.1).

    With K, Q of C x k, V of C x v and a state of k x v, for each head:
        A = K K' (strictly lower), T = (I + A)^-1 by forward substitution, W = T K, U = T V,
        V' = U - W S, O = Q S + (Q K') V' (lower), S <- S + K' V'.
    That is 6 C k v for the state, and within the chunk 3 k + 2 v multiply-adds a pair:
    C^2 pairs, or with causal skipping C (C - 1) / 2 (strictly lower) or C (C + 1) / 2.
    The substitution takes row i times the i x i triangle before it.
    """
    k, v = core.key_dim, core.value_dim
    state = 6 * chunk * k * v
    if causal:
        inner = chunk * (chunk - 1) * k + chunk * (chunk + 1) * (2 * k + 2 * v)
        inverse = chunk * (chunk - 1) * (chunk - 2) // 3
    else:
        inner = 2 * chunk**2 * (3 * k + 2 * v)
        inverse = chunk * (chunk - 1) * (2 * chunk - 1) // 3
    return core.heads * (state + inner + inverse)


def state_space_flop(core: StateSpace, chunk: int, causal: bool) -> int:
    """A chunk of C tokens of Mamba-2 (arXiv 2405.21060, section 6).

    G = C B' once a group (C x C x state), G X once a head (lower), then into and out of the
    state: 4 C x state x head_dim. Passing states between chunks is elementwise.
    """
    pairs = chunk * (chunk + 1) if causal else 2 * chunk**2
    inner = pairs * (core.groups * core.state + core.heads * core.head_dim)
    return inner + 4 * chunk * core.heads * core.state * core.head_dim
