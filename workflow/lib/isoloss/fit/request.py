"""Which laws a study asks for, and whether its points can carry them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from isoloss.fit import isoflop
from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.inputs import one_of
from isoloss.fit.problem import FitError
from isoloss.fit.registry import LAWS

ISOFLOP = "isoflop"  # no law of loss: the best size at each budget
DEFAULT = next(iter(ESTIMATORS))  # the method of a study that names none
# What the study's schema takes, where it says `law` and `method`.
NAMES = {"law": [*LAWS, ISOFLOP], "method": [*ESTIMATORS, *isoflop.ORDERS]}
VARIED = {"laws": [*LAWS], "methods": [*ESTIMATORS]}  # and where its `choices` say so


@dataclass(frozen=True)
class Request:
    """One law by one method."""

    law: str
    method: str

    @property
    def surface(self) -> bool:
        """Whether it is a law of parameters and tokens, not of compute alone."""
        return self.law == ISOFLOP or not LAWS[self.law].of_compute


def requests(fit: Mapping[str, Any]) -> tuple[Request, ...]:
    """The laws and methods of a study's `fit` section, the headline first, each once.

    An entry of `also` without a method takes the headline's; isoflop a parabola, where no other
    curve is named. Raises ValueError for a law and a method that do not go together.
    """
    found = []
    usual = {"law": fit["law"], "method": fit["method"]}
    if fit["law"] == ISOFLOP and fit["method"] == DEFAULT:
        del usual["method"]
    for entry in [usual, *fit.get("also", [])]:
        law = entry["law"]
        known = list(isoflop.ORDERS if law == ISOFLOP else ESTIMATORS)
        shared = fit["method"] if fit["method"] in known else known[0]
        method = entry.get("method", known[0] if law == ISOFLOP else shared)
        found.append(Request(law, one_of(f"method of law {law}:", method, known)))
    return tuple(dict.fromkeys(found))


def require(
    request: Request,
    compute: Sequence[float],
    parameters: Sequence[float] = (),
    tokens: Sequence[float] = (),
    *,
    tolerance: float = isoflop.TOLERANCE,
) -> None:
    """Raise FitError, saying what is needed, unless points can carry a law.

    compute: PFLOP/s-days. parameters, tokens: for laws of them; NaN where a point does not tell.
    tolerance: of iso-FLOP budgets.
    """
    if request.surface and not all(map(isfinite, (*parameters, *tokens))):
        raise FitError(f"law {request.law} needs the parameters and the tokens of every run")
    if request.law == ISOFLOP:
        isoflop.require_budgets(isoflop.budgets(compute, tolerance), request.method)
        return
    given = {"compute_pflop_s_days": compute, "parameters": parameters, "tokens": tokens}
    law = LAWS[request.law]
    law.needs([np.asarray(given[name], dtype=np.float64) for name in law.axes])
