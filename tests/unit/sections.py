"""A small study, and its sections with the defaults that the schema states."""

from pathlib import Path
from typing import Any

from isoloss.multiplier.settings import Gate
from isoloss.study.validation import defaults, read_yaml

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/study.schema.yaml"
DEFAULTS = defaults(read_yaml(SCHEMA))
STUDY = """\
title: New against old
runs: data/s/runs.csv
arms:
  base: {label: Old, role: baseline}
  new: {label: New}
metrics:
  loss: {label: Loss}
compute: {headline: 6n_non_embedding}
"""


def section(name: str, **changes: Any) -> dict[str, Any]:
    """The keys of a section, some of them changed."""
    return {**DEFAULTS[name], **changes}


def gate(**changes: Any) -> Gate:
    """What is believed, some of it changed."""
    return Gate(**section("gate", **changes))
