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
class Native:
    """NSA: compressed keys, `top` selected blocks (its own among them) and a sliding window."""

    compress_size: int
    compress_stride: int
    select_size: int
    top: int
    window: int


Pattern: TypeAlias = Causal | Window | Blocks | Native


@dataclass(frozen=True)
class Softmax:
    """Scores and weighted values: `heads` x (`key_dim` + `value_dim`) for each pair."""

    heads: int
    key_dim: int
    value_dim: int
    pattern: Pattern = Causal()


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
    """What mixes tokens: its matrices, its core, its convolution, its `vectors` (norms, decays)."""

    linears: tuple[Linear, ...]
    core: Softmax | DeltaRule | StateSpace
    vectors: int
    convolution: Convolution | None = None


@dataclass(frozen=True)
class FeedForward:
    """A dense feed-forward (no router), or experts of which a token visits `per_token`."""

    expert: tuple[Linear, ...]
    experts: int = 1
    per_token: int = 1
    shared: tuple[Linear, ...] = ()
    router: Linear | None = None
    router_vectors: int = 0
    capacity_factor: float = 1.0


@dataclass(frozen=True)
class Layer:
    """One residual block: a mixer, a feed-forward (if any) and the parameters of its norms."""

    mixer: Mixer
    feed_forward: FeedForward | None
    norms: int


@dataclass(frozen=True, eq=False)  # compared by identity: what is cached by it is found at once
class Architecture:
    """A decoder-only language model.

    layers: distinct layers, each with how many there are.
    vocabulary: None where it is not published; embedding and head are then unknown.
    positions: rows of a learned position embedding (0: none).
    predictors: multi-token-prediction modules, each one layer of its own behind `join`, a
        matrix of 2 x hidden to hidden; embedding and head are those of the model.
    """

    hidden: int
    vocabulary: int | None
    layers: tuple[tuple[Layer, int], ...]
    final_norm: int
    tied: bool = False
    positions: int = 0
    predictors: int = 0
    predictor_layer: Layer | None = None
