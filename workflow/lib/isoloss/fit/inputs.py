"""Checks of what a fit is given, shared by all laws."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from isoloss.fit.estimators import ESTIMATORS, Estimator
from isoloss.fit.problem import FitError
from isoloss.units import Floats, Values


def positive(**columns: Values) -> list[Floats]:
    """Return named columns as float arrays of one length, all finite and above 0.

    A ValueError names the column, the index and the value that has no logarithm.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    for name, array in arrays.items():
        if array.ndim != 1:
            raise ValueError(f"{name} has shape {array.shape}; expected one value a point")
        bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
        if bad.size:
            raise ValueError(
                f"{name}[{bad[0]}] is {array[bad[0]]:g}; expected a finite number above 0 "
                f"({bad.size} of {array.size} values are not)"
            )
    if len({array.size for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{array.size} of {name}" for name, array in arrays.items())
        raise ValueError(f"columns of unequal length: {sizes}; expected one of each a point")
    return list(arrays.values())


def one_of(kind: str, name: str, known: Iterable[str]) -> str:
    """Return name if it is known; otherwise a ValueError offers the nearest."""
    names = list(known)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no {kind} {name!r}; expected one of {', '.join(names)}{hint}")
    return name


def weighted(loss: Floats, loss_se: Values | None, method: str) -> tuple[Estimator, Floats]:
    """Return the estimator of a method and the weights of its residuals.

    Weights are 1 / se^2 on the scale of the residuals with a mean of 1; 1 without loss_se.
    """
    estimator = ESTIMATORS[one_of("method", method, ESTIMATORS)]
    if loss_se is None:
        return estimator, np.ones_like(loss)
    y, se = positive(loss=loss, loss_se=loss_se)
    weights = (y / se) ** 2 if estimator.log else se**-2
    return estimator, np.asarray(weights / weights.mean())


def linked(*labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """A number a point, equal where points share a label of any kind, or are linked by others."""
    codes = [np.unique(each, return_inverse=True)[1] for each in labels]
    number = np.arange(codes[0].size)
    while True:
        before = number
        for code in codes:
            least = np.full(code.max() + 1, code.size)
            np.minimum.at(least, code, number)
            number = least[code]
        if (number == before).all():
            return number


def distinct(law: str, parameters: int, axes: Sequence[Floats]) -> None:
    """Raise FitError unless a law of compute has a distinct compute more than parameters."""
    sizes = np.unique(axes[0]).size
    if sizes <= parameters:
        raise FitError(
            f"law {law!r} has {parameters} parameters and needs {parameters + 1} or more distinct "
            f"computes; got {sizes}"
        )
