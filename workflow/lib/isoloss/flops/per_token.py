"""FLOPs per token of a model under a convention, and what they are made of."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from isoloss.flops.architecture import Architecture, Causal
from isoloss.flops.config import read_architecture
from isoloss.flops.conventions import CHARGED, CONVENTIONS, RECOMPUTED, Use, charged, softmax_cores
from isoloss.flops.costs import Cost
from isoloss.flops.keys import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

TRAINING = 3  # forward once, backward twice: gradients of activations and of weights


def flop_per_token(
    config: Mapping[str, Any] | None,
    sequence_length: int | None,
    convention: str,
    *,
    parameters: float | None = None,
    documents: Sequence[int] | None = None,
    recompute: str | None = None,
) -> float:
    """Training FLOPs per token, 3 x the forward pass, under one of `CONVENTIONS`.

    config: a Hugging Face `config.json` or isoloss's own keys; None will do for 6N conventions
        with published `parameters`, and for `logged`.
    sequence_length: tokens in a sequence; None will do where scores are not counted.
    parameters: the published N that conventions with a 6 N charge instead of the count.
    documents: lengths of the documents packed into sequences, if attention does not cross their
        borders; scores then follow the sum of squared lengths.
    recompute: the policy of convention `hardware`: none, selective or full.

    `logged` gives NaN: the compute is what the log says. ValueError, naming key and value, where
    the convention needs what is not given.
    """
    use = usage(convention, sequence_length, parameters, documents, recompute)
    model = None if config is None else read_architecture(config)
    return training_flop(model, use)


def training_flop(model: Architecture | None, use: Use) -> float:
    """Training FLOPs per token of an architecture."""
    return sum(training(CONVENTIONS[use.convention](model, use), use).values())


def training(forward: Cost, use: Use) -> Cost:
    """Training FLOPs by component: 3 x forward, and what `hardware` computes again."""
    again = RECOMPUTED[use.recompute or "none"] if use.convention == "hardware" else ()
    return {name: (TRAINING + (name in again)) * flop for name, flop in forward.items()}


def parameters_counted(
    config: Mapping[str, Any] | None, convention: str, *, parameters: float | None = None
) -> float:
    """The N in a convention's 6 N (the published one where given); NaN if it has none."""
    use = usage(convention, None, parameters)
    if convention not in CHARGED:
        return nan
    return charged(None if config is None else read_architecture(config), use)


def components(
    config: Mapping[str, Any],
    sequence_length: int | None,
    convention: str,
    *,
    documents: Sequence[int] | None = None,
    recompute: str | None = None,
) -> "pd.DataFrame":
    """FLOPs per token by component: columns component, forward, training; see `flop_per_token`.

    Conventions with a 6 N have it as one component, `parameters`.
    """
    use = usage(convention, sequence_length, None, documents, recompute)
    forward = CONVENTIONS[convention](read_architecture(config), use)
    import pandas as pd  # heavy, and not for those who only check a study

    return pd.DataFrame(
        {
            "component": list(forward),
            "forward": list(forward.values()),
            "training": list(training(forward, use).values()),
        }
    )


def notes(config: Mapping[str, Any] | None, convention: str) -> tuple[str, ...]:
    """What a reader of the number must know: what was not counted for this very model."""
    usage(convention, None)
    return () if config is None else model_notes(read_architecture(config), convention)


def model_notes(model: Architecture, convention: str) -> tuple[str, ...]:
    """The notes on an architecture that is already read."""
    said = list(model.notes)
    if model.vocabulary is None and convention in ("matmul_full", "matmul_causal", "hardware"):
        said.append("vocab_size is not known: the language-model head is not counted")
    if convention in ("palm", "megatron", "kimi_eq13") and any(
        core.pattern != Causal() for core, _ in softmax_cores(model)
    ):
        said.append("sliding windows and sparse patterns are charged like full attention")
    return tuple(said)


def conversion(
    config: Mapping[str, Any] | None,
    sequence_length: int | None,
    source: str,
    target: str,
    *,
    parameters: float | None = None,
    documents: Sequence[int] | None = None,
    recompute: str | None = None,
) -> float:
    """Compute in the `target` convention over compute in the `source` convention.

    Logged compute, declared to be in `source`, times this is compute in `target`; see
    `flop_per_token` for the arguments. ValueError for `logged`, which is no declaration.
    """
    if "logged" in (source, target):
        raise ValueError(
            "convention: 'logged': says nothing that could be converted; declare the convention "
            "that the logged compute is in"
        )
    if source == target:
        return 1.0
    before, after = (
        flop_per_token(
            config,
            sequence_length,
            convention,
            parameters=parameters,
            documents=documents,
            recompute=recompute,
        )
        for convention in (source, target)
    )
    return after / before


def usage(
    convention: str,
    sequence_length: float | None,
    parameters: float | None = None,
    documents: Sequence[int] | None = None,
    recompute: str | None = None,
) -> Use:
    """Checked arguments; ValueError names the one that is wrong."""
    if convention not in CONVENTIONS:
        raise ValueError(
            f"convention: {convention!r}: expected one of {', '.join(CONVENTIONS)}"
            + did_you_mean(convention, tuple(CONVENTIONS))
        )
    if parameters is not None and not 0 < parameters < float("inf"):
        raise ValueError(f"parameters: {parameters!r}: expected a positive number")
    if recompute is not None and recompute not in RECOMPUTED:
        raise ValueError(
            f"recompute: {recompute!r}: expected one of {', '.join(RECOMPUTED)}"
            + did_you_mean(recompute, tuple(RECOMPUTED))
        )
    longest = None if sequence_length is None else whole("sequence_length", sequence_length)
    lengths: tuple[int, ...] | None = None if longest is None else (longest,)
    if documents is not None:
        lengths = tuple(whole("documents", length) for length in documents)
        if not lengths:
            raise ValueError("documents: empty: expected the lengths of the packed documents")
        if longest is not None and max(lengths) > longest:
            raise ValueError(
                f"documents: {max(lengths)}: longer than the sequence_length of {longest}"
            )
    return Use(convention, lengths, parameters, recompute)


def whole(name: str, value: float) -> int:
    """The value as a whole number of at least 1, or ValueError."""
    if isinstance(value, bool) or not value >= 1 or value != int(value):
        raise ValueError(f"{name}: {value!r}: expected a whole number of at least 1")
    return int(value)
