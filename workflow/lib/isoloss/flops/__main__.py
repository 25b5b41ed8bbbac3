"""`python -m isoloss.flops config.json --sequence-length 4096`: parameters and FLOPs of a model."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from isoloss.flops.conventions import CONVENTIONS, RECOMPUTED
from isoloss.flops.parameters import count_parameters
from isoloss.flops.per_token import breakdown, flop_per_token, notes, parameters_counted


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
    parts = breakdown(config, sequence_length, detail, documents=documents, recompute=recompute)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report of one config; 2 if the config or an argument is wrong."""
    parser = argparse.ArgumentParser(prog="python -m isoloss.flops", description=__doc__)
    parser.add_argument("config", type=Path, help="a Hugging Face config.json")
    parser.add_argument("--sequence-length", type=int, required=True, metavar="TOKENS")
    parser.add_argument(
        "--documents", type=int, nargs="+", metavar="TOKENS", help="lengths of packed documents"
    )
    parser.add_argument("--recompute", choices=tuple(RECOMPUTED), default="none")
    parser.add_argument(
        "--breakdown",
        choices=tuple(name for name in CONVENTIONS if name != "logged"),
        default="matmul_causal",
        metavar="CONVENTION",
        help="the convention to break down (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args(arguments)
    try:
        config = json.loads(given.config.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"expected a JSON object, not {type(config).__name__}")
        made = report(
            config, given.sequence_length, given.documents, given.recompute, given.breakdown
        )
    except (OSError, ValueError) as error:
        print(f"{given.config}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(made, indent=1) if given.json else "\n".join(lines(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
