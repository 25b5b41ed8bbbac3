"""What a model multiplies: matrices, token mixers, feed-forwards and layers, as plain numbers."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Linear:
    """A matrix that multiplies every token once: `inputs` x `outputs`, perhaps with a bias."""

    inputs: int
    outputs: int
    bias: bool = False

    @property
    def weights(self) -> int:
        """Entries of the matrix; a token costs two FLOPs an entry in the forward pass."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Weights and bias."""
        return self.weights + self.outputs * self.bias


@dataclass(frozen=True)
class Causal:
    """Every query sees itself and all earlier keys."""


@dataclass(frozen=True)
class Window:
    """A query sees itself and the `size` - 1 keys before it."""

    size: int


@dataclass(frozen=True)
class Blocks:
    """MoBA: a query sees its own block causally and the `top` - 1 best of the earlier blocks."""

    size: int
    top: int


@dataclass(frozen=True)
class Chunks:
    """Attention within chunks of `size` tokens (Llama 4): a query sees its own chunk causally."""

    size: int


@dataclass(frozen=True)
class Selected:
    """DeepSeek sparse attention: a query sees the `top` keys that an indexer chooses for it."""

    top: int


@dataclass(frozen=True)
class Native:
    """NSA: compressed keys, `top` selected blocks (its own among them) and a sliding window."""

    compress_size: int
    compress_stride: int
    select_size: int
    top: int
    window: int


Pattern: TypeAlias = Causal | Window | Chunks | Selected | Blocks | Native


@dataclass(frozen=True)
class Softmax:
    """Scores and weighted values: `heads` x (`key_dim` + `value_dim`) for each pair."""

    heads: int
    key_dim: int
    value_dim: int
    pattern: Pattern = Causal()


@dataclass(frozen=True)
class Indexer:
    """DSA's indexer: `heads` queries of `dim` against one key, summed with a weight a head."""

    heads: int
    dim: int


@dataclass(frozen=True)
class DeltaRule:
    """Gated delta rule (KDA, Gated DeltaNet), chunkwise in WY form."""

    heads: int
    key_dim: int
    value_dim: int
    chunk: int


@dataclass(frozen=True)
class StateSpace:
    """Mamba-2's state-space duality, chunkwise; B and C are shared within each of `groups`."""

    heads: int
    head_dim: int
    state: int
    groups: int
    chunk: int


@dataclass(frozen=True)
class Lightning:
    """Lightning attention (MiniMax-01): linear, with decay, in blocks of `chunk` tokens."""

    heads: int
    dim: int
    chunk: int


@dataclass(frozen=True)
class Scan:
    """Mamba-1's selective scan: every channel has a state of its own."""

    channels: int
    state: int


Core: TypeAlias = Softmax | Indexer | DeltaRule | StateSpace | Lightning | Scan


@dataclass(frozen=True)
class Convolution:
    """A causal depthwise convolution over time."""

    channels: int
    kernel: int
    bias: bool = False

    @property
    def parameters(self) -> int:
        """Weights and bias."""
        return self.channels * (self.kernel + self.bias)

    @property
    def flop(self) -> int:
        """Forward FLOPs of a token."""
        return 2 * self.channels * self.kernel


@dataclass(frozen=True)
class Mixer:
    """What mixes tokens: matrices, cores, a convolution, and `vectors` (norms, decays, sinks)."""

    linears: tuple[Linear, ...] = ()
    cores: tuple[Core, ...] = ()
    vectors: int = 0
    convolution: Convolution | None = None


@dataclass(frozen=True)
class FeedForward:
    """A dense feed-forward (no router), or experts of which a token visits `per_token`.

    shared: what every token visits besides. projections: matrices around the experts (a gate of
    the shared ones, a latent width). router_vectors: correction biases, scales.
    """

    expert: tuple[Linear, ...]
    experts: int = 1
    per_token: int = 1
    shared: tuple[Linear, ...] = ()
    router: Linear | None = None
    router_vectors: int = 0
    capacity_factor: float = 1.0
    projections: tuple[Linear, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A mixer (perhaps an empty one), a feed-forward (if any) and the parameters of its norms."""

    mixer: Mixer
    feed_forward: FeedForward | None
    norms: int


@dataclass(frozen=True, eq=False)  # compared by identity: what is cached by it is found at once
class Architecture:
    """A decoder-only language model.

    layers: distinct layers, each with how many there are.
    vocabulary: None where it is not published; embedding and head are then unknown.
    positions: rows of a learned position embedding (0: none).
    head_bias: whether the head has one. tables: entries of further input tables.
    predictors: multi-token-prediction modules, each one layer of its own behind a matrix of
        2 x hidden to hidden; embedding and head are those of the model.
    notes: what a reader of any count must know of this model.
    """

    hidden: int
    vocabulary: int | None
    layers: tuple[tuple[Layer, int], ...]
    final_norm: int
    tied: bool = False
    positions: int = 0
    head_bias: bool = False
    tables: int = 0
    predictors: int = 0
    predictor_layer: Layer | None = None
    notes: tuple[str, ...] = ()
