"""What a scaling law is: a frozen value with its formula, derivatives, inverse and fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isoloss.fit.estimators import Estimator
from isoloss.fit.problem import Problem
from isoloss.units import Floats

COMPUTE = ("compute_pflop_s_days",)
Axes = Sequence[Floats]
Parameters = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Law:
    """A law of losses in nats.

    parameters: by name, in the order in which functions take them, (P). logarithmic: those that
        theta has the logarithm of, the scale on which estimates are closest to normal.
    axes: the columns of the points that it is a law of, in the order in which functions take them.
    formula: LaTeX, in the symbols of the docstring. equation: LaTeX with the numbers of the
        parameters, to at most four digits.
    needs: raises FitError unless points with such axes leave a residual to judge the law by.
    problem: the fit to (axes, loss, weights, estimator) as a minimisation over theta.
    value: loss at (*axes, *parameters), which broadcast. gradient: dL / dtheta, (..., P).
    log_inverse: log C at (loss, *parameters), NaN where no compute reaches the loss; of a law of
        several axes the lowest C, on its compute-optimal line.
    inverse_gradient: d log C / dtheta, (..., P).
    optimal: of a law of several axes, the law of compute along its compute-optimal line and that
        law's parameters from its own; None for a law of compute.
    """

    name: str
    parameters: tuple[str, ...]
    logarithmic: frozenset[str]
    axes: tuple[str, ...]
    formula: str
    equation: Callable[[Parameters], str]
    needs: Callable[[Axes], None]
    problem: Callable[[Axes, Floats, Floats, Estimator], Problem]
    value: Callable[..., Floats]
    gradient: Callable[..., Floats]
    log_inverse: Callable[..., Floats]
    inverse_gradient: Callable[..., Floats]
    optimal: "tuple[Law, Callable[..., tuple[Floats | float, ...]]] | None" = None

    def natural(self, theta: Floats) -> Floats:
        """Parameters from theta, (..., P)."""
        logs = np.array([name in self.logarithmic for name in self.parameters])
        return np.where(logs, np.exp(np.where(logs, theta, 0.0)), theta)

    def theta(self, parameters: Sequence[float]) -> Floats:
        """Theta from parameters, (P)."""
        logs = np.array([name in self.logarithmic for name in self.parameters])
        given = np.asarray(parameters, dtype=np.float64)
        return np.where(logs, np.log(np.where(logs, given, 1.0)), given)

    def inverse(self, *arguments: object) -> Floats:
        """Compute (PFLOP/s-days) at (loss, *parameters); NaN where none reaches the loss."""
        return np.exp(self.log_inverse(*arguments))

    @property
    def of_compute(self) -> bool:
        """Whether it is a law of compute alone."""
        return self.axes == COMPUTE

    @property
    def along_compute(self) -> "Law":
        """The law of compute that it is along its compute-optimal line; itself if it is one."""
        return self if self.optimal is None else self.optimal[0]
