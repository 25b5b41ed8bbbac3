"""Sections of a study with the defaults that the schema states, for tests of the stages."""

from pathlib import Path
from typing import Any

from isoloss.study.validation import defaults, read_yaml

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/study.schema.yaml"
DEFAULTS = defaults(read_yaml(SCHEMA))


def section(name: str, **changes: Any) -> dict[str, Any]:
    """The keys of a section, some of them changed."""
    return {**DEFAULTS[name], **changes}
