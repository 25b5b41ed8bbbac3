"""At equal loss, how much less compute does the new thing need?

The public names resolve on first use, from strings: a package that imported them would make every
digest of code hold the whole library (`isoloss.provenance`).
"""

from importlib import import_module
from types import ModuleType
from typing import Any

_PUBLIC = {
    "read": "logs.reading",
    "count_parameters": "flops.parameters",
    "flop_per_token": "flops.per_token",
    "fit": "fit.fitting",
    "multiplier": "multiplier.equal_loss",
}


class CallablePackage(ModuleType):
    """A package that is called like its main function: `isoloss.fit(...)`, `isoloss.fit.laws`."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function of the package's name."""
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"isoloss.{_PUBLIC[name]}"), name)(*arguments, **keywords)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("isoloss")
    if name in ("fit", "multiplier"):
        return import_module(f"isoloss.{name}")
    if name in _PUBLIC:
        return getattr(import_module(f"isoloss.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'isoloss' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC, "__version__"]
