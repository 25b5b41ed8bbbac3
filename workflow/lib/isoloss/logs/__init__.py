"""Training logs of any format as one long table."""

from importlib import import_module
from typing import Any

_PUBLIC = {"Log": "reading", "detect": "reading", "read": "reading", "LogError": "records"}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"isoloss.logs.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'isoloss.logs' has no attribute {name!r}")
