"""FLOPs per token and parameters of an architecture, by convention."""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "CONVENTIONS": "conventions",
    "Parameters": "parameters",
    "components": "per_token",
    "conversion": "per_token",
    "count_parameters": "parameters",
    "flop_per_token": "per_token",
    "notes": "per_token",
    "parameters_counted": "per_token",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"isoloss.flops.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'isoloss.flops' has no attribute {name!r}")
