"""FLOPs per token of a model under a convention, and what they are made of."""

from collections.abc import Mapping
from math import nan
from typing import Any

import pandas as pd

from isoloss.flops.architecture import Architecture
from isoloss.flops.config import read_architecture
from isoloss.flops.conventions import CHARGED, CONVENTIONS, Use, charged
from isoloss.flops.keys import did_you_mean

TRAINING = 3  # forward once, backward twice: gradients of activations and of weights


def flop_per_token(
    config: Mapping[str, Any] | None,
    sequence_length: int | None,
    convention: str,
    *,
    parameters: float | None = None,
) -> float:
    """Training FLOPs per token, 3 x the forward pass, under one of `CONVENTIONS`.

    config: a Hugging Face `config.json` or isoloss's own keys; None will do for 6N conventions
        with published `parameters`, and for `logged`.
    sequence_length: tokens in a sequence; None will do where scores are not counted.
    parameters: the published N that 6N conventions charge instead of the count.

    `logged` gives NaN: the compute is what the log says. ValueError, naming key and value, where
    the convention needs what is not given.
    """
    use = usage(convention, sequence_length, parameters)
    model = None if config is None else read_architecture(config)
    return training_flop(model, use)


def training_flop(model: Architecture | None, use: Use) -> float:
    """Training FLOPs per token of an architecture."""
    return TRAINING * sum(CONVENTIONS[use.convention](model, use).values())


def parameters_counted(
    config: Mapping[str, Any] | None, convention: str, *, parameters: float | None = None
) -> float:
    """The N that a 6N convention charges (the published one where given); NaN for the others."""
    use = usage(convention, None, parameters)
    if convention not in CHARGED:
        return nan
    return charged(None if config is None else read_architecture(config), use)


def breakdown(
    config: Mapping[str, Any], sequence_length: int | None, convention: str
) -> pd.DataFrame:
    """FLOPs per token by component: columns component, forward, training."""
    use = usage(convention, sequence_length)
    forward = CONVENTIONS[convention](read_architecture(config), use)
    return pd.DataFrame(
        {
            "component": list(forward),
            "forward": list(forward.values()),
            "training": [TRAINING * flop for flop in forward.values()],
        }
    )


def notes(config: Mapping[str, Any] | None, convention: str) -> tuple[str, ...]:
    """What a reader of the number must know: what could not be counted for this model."""
    usage(convention, None)
    if config is None or convention in CHARGED or convention == "logged":
        return ()
    if read_architecture(config).vocabulary is None:
        return ("vocab_size is not known: the language-model head is not counted",)
    return ()


def conversion(
    config: Mapping[str, Any] | None,
    sequence_length: int | None,
    source: str,
    target: str,
    *,
    parameters: float | None = None,
) -> float:
    """Compute in the `target` convention over compute in the `source` convention.

    Logged compute, declared to be in `source`, times this is compute in `target`.
    """
    before, after = (
        flop_per_token(config, sequence_length, convention, parameters=parameters)
        for convention in (source, target)
    )
    return after / before


def usage(convention: str, sequence_length: int | None, parameters: float | None = None) -> Use:
    """Checked arguments; ValueError names the one that is wrong."""
    if convention not in CONVENTIONS:
        raise ValueError(
            f"convention: {convention!r}: expected one of {', '.join(CONVENTIONS)}"
            + did_you_mean(convention, tuple(CONVENTIONS))
        )
    if sequence_length is not None and (
        isinstance(sequence_length, bool)
        or sequence_length < 1
        or sequence_length != int(sequence_length)
    ):
        raise ValueError(
            f"sequence_length: {sequence_length!r}: expected a whole number, 1 or more"
        )
    if parameters is not None and not 0 < parameters < float("inf"):
        raise ValueError(f"parameters: {parameters!r}: expected a positive number")
    return Use(
        convention=convention,
        lengths=None if sequence_length is None else (int(sequence_length),),
        parameters=parameters,
    )
