"""Parameters and FLOPs of one model, for a person or a program: what `isoloss flops` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from isoloss.flops.conventions import CONVENTIONS
from isoloss.flops.parameters import count_parameters
from isoloss.flops.per_token import components, flop_per_token, notes, parameters_counted


def report(
    config: Mapping[str, Any],
    sequence_length: int,
    documents: Sequence[int] | None,
    recompute: str,
    detail: str,
) -> dict[str, Any]:
    """Parameters, FLOPs per token in every convention, and the breakdown in one of them.

    A convention that does not apply to this model has `error` instead of numbers.
    """
    conventions: dict[str, Any] = {}
    for name in CONVENTIONS:
        if name == "logged":
            continue
        try:
            flop = flop_per_token(
                config, sequence_length, name, documents=documents, recompute=recompute
            )
            n = parameters_counted(config, name)
            conventions[name] = {
                "flop_per_token": flop,
                "parameters_counted": n if isfinite(n) else None,
                "notes": list(notes(config, name)),
            }
        except ValueError as error:
            conventions[name] = {"error": str(error)}
    parts = components(config, sequence_length, detail, documents=documents, recompute=recompute)
    return {
        "sequence_length": sequence_length,
        "parameters": asdict(count_parameters(config)),
        "conventions": conventions,
        "breakdown": {"convention": detail, "components": parts.to_dict("records")},
    }


def lines(made: Mapping[str, Any]) -> list[str]:
    """The report as a person reads it."""
    out = ["parameters"]
    for name, value in made["parameters"].items():
        out.append(f"  {name:<24}{'unknown' if value is None else f'{value:,}':>22}")
    out += ["", f"training FLOPs per token at {made['sequence_length']:,} tokens"]
    said: list[str] = []
    for name, numbers in made["conventions"].items():
        if "error" in numbers:
            out.append(f"  {name:<24}{'-':>22}  {numbers['error']}")
            continue
        said += [f"  {name}: {note}" for note in numbers["notes"]]
        out.append(f"  {name:<24}{numbers['flop_per_token']:>22,.0f}")
    parts = made["breakdown"]["components"]
    total = sum(part["training"] for part in parts)
    out += ["", f"breakdown in {made['breakdown']['convention']}: forward, training, share"]
    for part in parts:
        if part["training"]:
            share = f"{part['training'] / total:.1%}"
            name, forward, training = part["component"], part["forward"], part["training"]
            out.append(f"  {name:<24}{forward:>22,.0f}{training:>22,.0f}{share:>8}")
    return out + (["", "notes", *said] if said else [])
