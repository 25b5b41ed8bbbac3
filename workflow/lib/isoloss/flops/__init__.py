"""FLOP accounting: parameters and FLOPs per token of an architecture, by convention."""

from isoloss.flops.conventions import CONVENTIONS
from isoloss.flops.lengths import cost_ratios, overtaking_length
from isoloss.flops.parameters import Parameters, count_parameters
from isoloss.flops.per_token import (
    breakdown,
    convention_ratios,
    conversion,
    flop_per_token,
    notes,
    parameters_counted,
)
from isoloss.flops.table import flops_table
from isoloss.flops.tokens import megatron_ramp, ramped_tokens, training_compute

__all__ = [
    "CONVENTIONS",
    "Parameters",
    "breakdown",
    "convention_ratios",
    "conversion",
    "cost_ratios",
    "count_parameters",
    "flop_per_token",
    "flops_table",
    "megatron_ramp",
    "notes",
    "overtaking_length",
    "parameters_counted",
    "ramped_tokens",
    "training_compute",
]
