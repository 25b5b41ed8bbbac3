"""The settings of the fits: section `fit` of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from isoloss.fit.isoflop import TOLERANCE, WINDOW
from isoloss.fit.request import Request, requests

WEIGHTS = ("none", "loss_se")


@dataclass(frozen=True)
class Fitting:
    """Which laws are fitted, and how.

    law, method: of the headline. also: further laws, mappings with `law` and perhaps `method`.
    weight_by: `none`, or `loss_se`: points by their precision. resampling: how the headline is
    resampled (`resampling.KINDS`), `draws` times. window, budget_tolerance: of iso-FLOP curves
    (`isoflop.fit_budget`, `isoflop.budgets`).

    Raises ValueError for a law and a method that do not go together, and for another weight_by.
    """

    law: str
    method: str
    weight_by: str
    resampling: str
    draws: int
    also: Sequence[Mapping[str, str]] = ()
    window: float = WINDOW
    budget_tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        if self.weight_by not in WEIGHTS:
            raise ValueError(f"weight_by: `{self.weight_by}` is not one of {', '.join(WEIGHTS)}")

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """The laws and methods, the headline first, each once."""
        return requests({"law": self.law, "method": self.method, "also": self.also})
