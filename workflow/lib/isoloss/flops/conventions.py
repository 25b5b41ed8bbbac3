"""The conventions: which FLOPs count. Each gives forward FLOPs per token by component."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

from isoloss.flops.architecture import Architecture
from isoloss.flops.costs import Cost, model_cost
from isoloss.flops.parameters import parameters_of


@dataclass(frozen=True)
class Use:
    """How a model is trained.

    lengths: of the documents that attend only within themselves (one: the sequence).
    parameters: the N to charge instead of the count. recompute: see `hardware`.
    """

    convention: str
    lengths: tuple[int, ...] | None = None
    parameters: float | None = None
    recompute: str = "none"

    def sequences(self) -> tuple[int, ...]:
        """The lengths, or ValueError where none were given."""
        if self.lengths is None:
            raise ValueError(
                f"sequence_length: None: convention {self.convention} counts attention scores; "
                "give the sequence length"
            )
        return self.lengths


Convention = Callable[[Architecture | None, Use], Cost]


def known(model: Architecture | None, use: Use) -> Architecture:
    """The architecture, or ValueError where none was given."""
    if model is None:
        raise ValueError(
            f"architecture: None: convention {use.convention} needs the architecture; give it, or "
            "choose a 6N convention with published parameters, or logged"
        )
    return model


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


def six_n(model: Architecture | None, use: Use) -> Cost:
    """6 N per token (2 N forward), N by name of the convention; no attention scores, no state.

    6n_non_embedding: activated parameters without embeddings and head (Kaplan et al. 2020,
        arXiv 2001.08361, section 2.1, which adds 6 layers x T x width only at large T).
    6n_with_head: all activated but the input embedding: what multiplies. With the Kimi Linear
        report's tokens this puts all its ten models on their published places.
    6n_total: all activated parameters, with the input embedding, which multiplies nothing.

    Norms and biases are charged as if they were matrices; of a mixture of experts, the shared
    and the chosen ones.
    """
    return {"parameters": 2 * charged(model, use)}


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


def logged(model: Architecture | None, use: Use) -> Cost:
    """The compute as it stands in the log: no FLOPs per token follow from the model (NaN)."""
    return {"logged": nan}


CONVENTIONS: dict[str, Convention] = {
    "6n_non_embedding": six_n,
    "6n_with_head": six_n,
    "6n_total": six_n,
    "matmul_full": matmul_full,
    "matmul_causal": matmul_causal,
    "logged": logged,
}
# The field of `Parameters` that is the N of a 6N convention.
CHARGED = {
    "6n_non_embedding": "activated_non_embedding",
    "6n_with_head": "activated_with_head",
    "6n_total": "activated",
}
