"""FLOP accounting: parameters and FLOPs per token of an architecture, by convention."""

from isoloss.flops.conventions import CONVENTIONS
from isoloss.flops.parameters import Parameters, count_parameters
from isoloss.flops.per_token import (
    breakdown,
    conversion,
    flop_per_token,
    notes,
    parameters_counted,
)

__all__ = [
    "CONVENTIONS",
    "Parameters",
    "breakdown",
    "conversion",
    "count_parameters",
    "flop_per_token",
    "notes",
    "parameters_counted",
]
