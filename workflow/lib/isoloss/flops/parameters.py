"""Exact parameter counts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from isoloss.flops.architecture import Architecture, FeedForward, Layer, Linear
from isoloss.flops.config import read_architecture


@dataclass(frozen=True)
class Parameters:
    """Parameter counts; None where they need a vocabulary that the config does not know.

    total: all, a tied head once, without multi-token-prediction modules.
    embedding, position_embedding: the input tables. lm_head: the head's own matrix (0 if tied).
    non_embedding: total without the two tables and the head (Kaplan's and Pythia's).
    activated: those that work on one token: of the experts, the shared and the chosen ones.
    activated_non_embedding: the same without the tables and the head.
    activated_with_head: all activated but the input tables; a tied head's matrix is counted,
        because it multiplies.
    router: of `activated`, the routers' own.
    prediction: multi-token-prediction modules, in none of the other counts.
    """

    total: int | None
    embedding: int | None
    position_embedding: int
    lm_head: int | None
    non_embedding: int
    activated: int | None
    activated_non_embedding: int
    activated_with_head: int | None
    router: int
    prediction: int


def count_parameters(config: Mapping[str, Any]) -> Parameters:
    """Parameters of the model that a Hugging Face `config.json` describes; see `Parameters`."""
    return parameters_of(read_architecture(config))


@lru_cache(maxsize=64)
def parameters_of(model: Architecture) -> Parameters:
    """Parameters of an architecture."""
    matrix = None if model.vocabulary is None else model.vocabulary * model.hidden
    table = None if matrix is None else matrix + model.tables
    positions = model.positions * model.hidden
    body = model.final_norm + sum(layer_total(layer) * n for layer, n in model.layers)
    active = model.final_norm + sum(layer_activated(layer) * n for layer, n in model.layers)
    bias = model.vocabulary if model.vocabulary and model.head_bias else 0
    head = bias if model.tied else None if matrix is None else matrix + bias
    tables = None if table is None or head is None else table + positions + head
    return Parameters(
        total=None if tables is None else body + tables,
        embedding=table,
        position_embedding=positions,
        lm_head=head,
        non_embedding=body,
        activated=None if tables is None else active + tables,
        activated_non_embedding=active,
        activated_with_head=None if matrix is None else active + matrix + bias,
        router=sum(_router(layer.feed_forward) * n for layer, n in model.layers),
        prediction=model.predictors * predictor_total(model),
    )


def layer_total(layer: Layer) -> int:
    """All parameters of a layer."""
    block = layer.feed_forward
    return _outside_experts(layer) + (0 if block is None else block.experts * _sum(block.expert))


def layer_activated(layer: Layer) -> int:
    """Parameters of a layer that work on one token."""
    block = layer.feed_forward
    return _outside_experts(layer) + (0 if block is None else block.per_token * _sum(block.expert))


def predictor_total(model: Architecture) -> int:
    """One multi-token-prediction module: three norms, a joining matrix, a layer (DeepSeek-V3)."""
    return _predictor(model, layer_total)


def predictor_activated(model: Architecture) -> int:
    """Those of one such module that work on one token."""
    return _predictor(model, layer_activated)


def _predictor(model: Architecture, count: Callable[[Layer], int]) -> int:
    layer = model.predictor_layer
    return 0 if layer is None else 3 * model.hidden + 2 * model.hidden**2 + count(layer)


def _outside_experts(layer: Layer) -> int:
    mixer = layer.mixer
    block = layer.feed_forward
    return (
        _sum(mixer.linears)
        + mixer.vectors
        + (mixer.convolution.parameters if mixer.convolution else 0)
        + layer.norms
        + (_sum(block.shared) + _sum(block.projections) if block else 0)
        + _router(block)
    )


def _router(block: FeedForward | None) -> int:
    if block is None or block.router is None:
        return 0
    return block.router.parameters + block.router_vectors


def _sum(linears: Iterable[Linear]) -> int:
    return sum(linear.parameters for linear in linears)
