"""The conventions: which FLOPs count. Each gives forward FLOPs per token by component."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

from isoloss.flops.architecture import (
    Architecture,
    Core,
    DeltaRule,
    Indexer,
    Layer,
    Scan,
    Softmax,
    StateSpace,
)
from isoloss.flops.costs import PREDICTION, Cost, layer_cost, model_cost, prediction_cost
from isoloss.flops.pairs import full_pairs
from isoloss.flops.parameters import parameters_of, predictor_activated


@dataclass(frozen=True)
class Use:
    """How a model is trained.

    lengths: of the documents that attend only within themselves (one: the sequence).
    parameters: the N to charge instead of the count. recompute: the policy of `hardware`.
    """

    convention: str
    lengths: tuple[int, ...] | None = None
    parameters: float | None = None
    recompute: str | None = None

    def sequences(self) -> tuple[int, ...]:
        """The lengths, or ValueError where none were given."""
        if self.lengths is None:
            raise ValueError(
                f"sequence_length: None: convention {self.convention} counts attention scores; "
                "give the sequence length"
            )
        return self.lengths

    def mean_length(self) -> float:
        """Keys per query without a mask: T, or for packed documents sum(T^2) / sum(T)."""
        lengths = self.sequences()
        return sum(length**2 for length in lengths) / sum(lengths)


Convention = Callable[[Architecture | None, Use], Cost]


def known(model: Architecture | None, use: Use) -> Architecture:
    """The architecture, or ValueError where none was given."""
    if model is None:
        raise ValueError(
            f"architecture: None: convention {use.convention} needs the architecture; give it, or "
            "choose a 6N convention with published parameters, or logged"
        )
    return model


def vocabulary(model: Architecture, use: Use) -> int:
    """The vocabulary, or ValueError where the config does not know it."""
    if model.vocabulary is None:
        raise ValueError(
            f"vocab_size: null: convention {use.convention} counts the language-model head; give "
            "vocab_size, or choose matmul_causal, which leaves the head out with a note"
        )
    return model.vocabulary


def charged(model: Architecture | None, use: Use) -> float:
    """The N that a 6N convention charges: the published one if given, else the count."""
    if use.parameters is not None:
        return float(use.parameters)
    field = CHARGED[use.convention]
    count: int | None = getattr(parameters_of(known(model, use)), field)
    if count is None:
        raise ValueError(
            f"vocab_size: null: convention {use.convention} charges {field}, which needs the "
            "vocabulary; give vocab_size or the published parameters, or choose "
            "6n_non_embedding or matmul_causal"
        )
    return float(count)


def _parameters(model: Architecture | None, use: Use) -> Cost:
    """2 N, and the same of multi-token-prediction modules, if there are any."""
    cost = {"parameters": 2 * charged(model, use)}
    if model is None or not model.predictors:
        return cost
    head = 0 if use.convention == "6n_non_embedding" else vocabulary(model, use) * model.hidden
    inside = 2.0 * model.predictors * predictor_activated(model)
    return cost | dict(zip(PREDICTION, (inside, 2.0 * model.predictors * head), strict=True))


def _parameters_and(
    model: Architecture, use: Use, of: Callable[[Core], Cost], components: tuple[str, ...]
) -> Cost:
    """2 N and what a formula gives for each core, those of prediction modules with the module."""
    cost = _parameters(model, use) | dict.fromkeys(components, 0.0)
    for layer, count in model.layers:
        for core in layer.mixer.cores:
            for component, flop in of(core).items():
                cost[component] += flop * count
    if model.predictor_layer is not None:
        for core in model.predictor_layer.mixer.cores:
            cost[PREDICTION[0]] += model.predictors * sum(of(core).values())
    return cost


def six_n_non_embedding(model: Architecture | None, use: Use) -> Cost:
    """6 N, N the activated parameters without embeddings and head (2 N forward).

    Kaplan et al. 2020, arXiv 2001.08361, section 2.1. Left out: scores and state (the paper adds
    6 x layers x T x width only at large T), head. Of a mixture of
    experts, the shared and the chosen ones; norms and biases are charged as if they were matrices.
    """
    return _parameters(model, use)


def six_n_with_head(model: Architecture | None, use: Use) -> Cost:
    """6 N, N all activated parameters but the input embedding: what multiplies, tied head or not.

    With the Kimi Linear report's tokens this puts all its ten models on their published places.
    Left out: scores and state.
    """
    return _parameters(model, use)


def six_n_total(model: Architecture | None, use: Use) -> Cost:
    """6 N, N all activated parameters, the input embedding too, which multiplies nothing.

    GPT-3, arXiv 2005.14165, table D.1. Left out: scores and state.
    """
    return _parameters(model, use)


def palm(model: Architecture | None, use: Use) -> Cost:
    """6 N + 12 L H Q T (PaLM, arXiv 2204.02311, appendix B): scores over the whole T x T square.

    N is that of `6n_with_head` (PaLM's head is its embedding), Q the mean of key and value width.
    Left out: what sliding windows and sparse patterns save, and the state of linear layers.
    """
    model, length = known(model, use), use.mean_length()

    def square(core: Core) -> Cost:
        if not isinstance(core, Softmax):
            return {}
        return {"scores": 2 * core.heads * (core.key_dim + core.value_dim) * length}

    return _parameters_and(model, use, square, ("scores",))


def chinchilla(model: Architecture | None, use: Use) -> Cost:
    """Chinchilla (arXiv 2203.15556), appendix F: `matmul_full`, embedding and softmax besides.

    The embedding as a matrix, 2 V d, and 3 H T for the softmax. Its table A4 follows only
    without embedding and head (see docs/flops.md); leave these components out to compare. Where
    the appendix knows only multi-head attention and two-matrix feed-forwards, the layer's own
    matrices are taken.
    """
    model, lengths = known(model, use), use.sequences()
    embedding = 2.0 * vocabulary(model, use) * model.hidden
    softmax = sum(
        3 * core.heads * count * sum(full_pairs(core.pattern, length) for length in lengths)
        for core, count in softmax_cores(model)
    )
    cost = model_cost(model, lengths, causal=False)
    return {"embedding": embedding} | cost | {"softmax": softmax / sum(lengths)}


def megatron(model: Architecture | None, use: Use) -> Cost:
    """Megatron-LM's num_floating_point_operations (megatron/training/training.py, 2025).

    Causal half T / 2 in every softmax layer, 4 v^2 multiply-adds in a delta-rule head,
    7 d_inner x state FLOPs in a Mamba scan. Left out: the router, an indexer, Mamba's
    convolution, what windows and sparse patterns save; also, unlike Megatron, padding of the
    vocabulary and the norms of MLA and of prediction modules, which it charges as if they were
    matrices (1e-5).
    """
    model, length = known(model, use), use.mean_length()
    vocabulary(model, use)
    cost = model_cost(model, (1,), causal=True)
    cost |= dict.fromkeys(_MEGATRON, 0.0)
    for layer, count in model.layers:
        for name, flop in _megatron_layer(layer, length).items():
            cost[name] += flop * count
    if model.predictor_layer is None:
        return cost
    layer = model.predictor_layer
    inner = layer_cost(layer, (1,), causal=True) | _megatron_layer(layer, length)
    return cost | prediction_cost(model, sum(inner.values()), cost["head"])


_MEGATRON = ("scores", "state", "router", "short_convolution")


def _megatron_layer(layer: Layer, length: float) -> Cost:
    """What Megatron-LM counts in its own way, of one layer."""
    cost = dict.fromkeys(_MEGATRON, 0.0)
    for core in layer.mixer.cores:
        match core:
            case Softmax(heads, key, value):
                cost["scores"] += heads * (key + value) * length
            case DeltaRule(heads, _, value):
                cost["state"] += 8.0 * heads * value**2
                if layer.mixer.convolution:
                    cost["short_convolution"] += layer.mixer.convolution.flop
            case StateSpace(heads, head_dim, state):
                cost["state"] += 7.0 * heads * head_dim * state
            case Scan(channels, state):
                cost["state"] += 7.0 * channels * state
            case Indexer():
                pass
            case _:
                raise _no_formula(core, "megatron")
    return cost


def _no_formula(core: Core, convention: str) -> ValueError:
    name = type(core).__name__
    return ValueError(
        f"attention: {_NAMES.get(name, name)}: convention {convention} has no formula for it; "
        "choose matmul_causal"
    )


_NAMES = {"StateSpace": "mamba2", "Scan": "mamba1", "Lightning": "lightning attention"}


def kimi_eq13(model: Architecture | None, use: Use) -> Cost:
    """6 N of `6n_with_head`, and equations 13 and 14 of Kimi Linear (arXiv 2510.26692, 6.3).

    A head costs 6 T d^2 + 3 T C d + T C^2 in KDA (13) and 2 T^2 d in softmax attention (14),
    which is the causal half; where keys and values differ in width, d^2 is their product and d
    their mean. Left out: the gate of MoBA, what sliding windows and sparse patterns save.
    """
    model, length = known(model, use), use.mean_length()

    def equation(core: Core) -> Cost:
        match core:
            case Softmax(heads, key, value):
                return {"scores": heads * (key + value) * length}
            case DeltaRule(heads, key, value, chunk):
                per_head = 6 * key * value + 1.5 * chunk * (key + value) + chunk**2
                return {"state": heads * per_head}
            case Indexer():
                return {}
        raise _no_formula(core, "kimi_eq13")

    return _parameters_and(model, use, equation, ("scores", "state"))


def matmul_full(model: Architecture | None, use: Use) -> Cost:
    """Every matrix multiplication, with scores that the causal mask hides.

    Softmax attention: T^2 pairs. In sliding windows, MoBA and NSA each query is charged the keys
    that the last one visits; within chunks of KDA, Gated DeltaNet and Mamba-2, C^2 pairs. Left
    out: elementwise work, softmax, norms, the embedding's look-up, and the head where the
    vocabulary is unknown.
    """
    return model_cost(known(model, use), use.sequences(), causal=False)


def matmul_causal(model: Architecture | None, use: Use) -> Cost:
    """Every matrix multiplication that the causal mask does not make useless.

    Softmax attention: exactly T (T + 1) / 2 pairs; sliding windows, MoBA (with its gate) and NSA
    the keys visited; KDA, Gated DeltaNet and Mamba-2 chunkwise, triangles within a chunk. Left
    out as in `matmul_full`.
    """
    return model_cost(known(model, use), use.sequences(), causal=True)


def hardware(model: Architecture | None, use: Use) -> Cost:
    """`matmul_causal` and, in training, what activation recomputation does again.

    Policies (Korthikanti et al. 2022, arXiv 2205.05198): `none`; `selective`, scores and state
    once more; `full`, the forward pass of every layer once more, not the head.
    """
    if use.recompute not in RECOMPUTED:
        raise ValueError(
            f"recompute: {use.recompute!r}: convention hardware needs the recomputation policy, "
            f"one of {', '.join(RECOMPUTED)}"
        )
    return matmul_causal(model, use)


def logged(model: Architecture | None, use: Use) -> Cost:
    """The compute as it stands in the log: no FLOPs per token follow from the model (NaN)."""
    return {"logged": nan}


def softmax_cores(model: Architecture) -> list[tuple[Softmax, int]]:
    """The model's softmax attentions, each with how many there are."""
    return [
        (core, count)
        for layer, count in model.layers
        for core in layer.mixer.cores
        if isinstance(core, Softmax)
    ]


CONVENTIONS: dict[str, Convention] = {
    "6n_non_embedding": six_n_non_embedding,
    "6n_with_head": six_n_with_head,
    "6n_total": six_n_total,
    "palm": palm,
    "chinchilla": chinchilla,
    "megatron": megatron,
    "matmul_full": matmul_full,
    "matmul_causal": matmul_causal,
    "kimi_eq13": kimi_eq13,
    "hardware": hardware,
    "logged": logged,
}
# The field of `Parameters` that is the N of a convention which charges 6 N.
CHARGED = {
    "6n_non_embedding": "activated_non_embedding",
    "6n_with_head": "activated_with_head",
    "6n_total": "activated",
    "palm": "activated_with_head",
    "kimi_eq13": "activated_with_head",
}
# Components whose forward pass a recomputation policy repeats.
RECOMPUTED = {
    "none": frozenset[str](),
    "selective": frozenset({"scores", "state"}),
    "full": frozenset(
        {
            "projections",
            "scores",
            "state",
            "feed_forward",
            "router",
            "short_convolution",
            "multi_token_prediction",
        }
    ),
}
