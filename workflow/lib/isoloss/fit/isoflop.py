"""Iso-FLOP curves: the size of lowest loss at each compute budget, and how it grows with compute.

Approach 2 of Hoffmann et al. 2022 (arXiv:2203.15556): at each budget a parabola (or a cubic) of
loss in log N, whose minimum gives N* and D* = C / (6 N*); over budgets, power laws in C.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from isoloss.fit.inputs import positive
from isoloss.fit.problem import FitError
from isoloss.units import PFLOP_S_DAY, Floats, Values

if TYPE_CHECKING:
    import pandas as pd

ORDERS = {"parabola": 2, "cubic": 3}
# Farther from the lowest loss no polynomial of low degree is the curve. N over that of the lowest
# point, either way.
WINDOW = 4.0
TOLERANCE = 0.1  # relative width of one budget in compute
EDGE = 1 + 1e-9  # for sizes that are a whole factor apart


@dataclass(frozen=True)
class Budget:
    """The loss curve of one budget and its minimum.

    compute_pflop_s_days: geometric mean of the points that were fitted; all points of the budget
    lie between the lowest and the highest compute. n_points: those within the window, of sizes
    from smallest_parameters to largest_parameters. Without a minimum between these, all optimal
    values are NaN and `reason` says why. Standard errors need more points than coefficients.
    optimal_loss_unit: that of optimal_loss over the standard deviation of a point.
    """

    compute_pflop_s_days: float
    curve: str
    n_points: int
    optimal_parameters: float
    optimal_tokens: float
    optimal_loss: float
    optimal_loss_se: float
    optimal_loss_unit: float
    log_parameters_se: float
    rms_residual: float
    degrees_of_freedom: int
    lowest_compute_pflop_s_days: float
    highest_compute_pflop_s_days: float
    smallest_parameters: float
    largest_parameters: float
    reason: str


@dataclass(frozen=True)
class Allocation:
    """N* = parameters_coefficient C^parameters_exponent, and D* likewise; C in PFLOP/s-days.

    As D* = C / (6 N*), the exponents add up to 1 and have one standard error (NaN with two
    budgets).
    """

    curve: str
    parameters_coefficient: float
    parameters_exponent: float
    tokens_coefficient: float
    tokens_exponent: float
    exponent_se: float
    n_budgets: int


def budgets(compute: Values, tolerance: float = TOLERANCE) -> npt.NDArray[np.intp]:
    """Number the budgets of points by compute: the widest gaps part them.

    Points are parted at the widest gap in log compute, then both parts, until none spans more
    than a factor 1 + tolerance. So scattered computes never chain to one budget.
    """
    (c,) = positive(compute=compute)
    order = np.argsort(c, kind="stable")
    logs = np.log(c[order])
    labels = np.empty(c.size, dtype=np.intp)
    whole, number = [(0, c.size)], 0
    while whole:
        low, high = whole.pop()
        if logs[high - 1] - logs[low] <= np.log1p(tolerance):
            labels[order[low:high]] = number
            number += 1
            continue
        middle = low + 1 + int(np.argmax(np.diff(logs[low:high])))
        whole += [(middle, high), (low, middle)]
    return labels


def require_budgets(labels: npt.ArrayLike, curve: str = "parabola") -> None:
    """Raise FitError unless two budgets have a size more than the curve has degrees."""
    if curve not in ORDERS:
        raise ValueError(f"no curve {curve!r}; expected one of {', '.join(ORDERS)}")
    counts = np.unique(labels, return_counts=True)[1]
    needs = ORDERS[curve] + 1
    if np.count_nonzero(counts >= needs) < 2:
        raise FitError(
            f"isoflop with a {curve} needs 2 or more budgets of {needs} or more sizes; got "
            f"{counts.size} of {', '.join(map(str, counts))} sizes"
        )


def fit_budget(
    compute: Values,
    parameters: Values,
    loss: Values,
    curve: str = "parabola",
    *,
    window: float = WINDOW,
) -> Budget:
    """Fit loss = sum_k c_k x^k in x = log N at one budget and find its minimum x*.

    window: points count whose N is within this factor of that of the lowest loss. The minimum is
    where the slope vanishes with a positive second derivative, strictly between the smallest and
    the largest of these. Its standard error is that of the implicit function,
    dx*/dc_k = -k x*^(k-1) / L''(x*); its loss moves as the curve does at x*.
    """
    c, n, y = positive(compute=compute, parameters=parameters, loss=loss)
    if not window > 1:
        raise ValueError(f"window is {window:g}; expected a factor above 1")
    order = ORDERS[curve]
    ends = float(c.min()), float(c.max())
    lowest = n[np.argmin(y)]
    near = (n <= lowest * window * EDGE) & (n * window * EDGE >= lowest)
    c, n, y = c[near], n[near], y[near]
    freedom = y.size - order - 1
    nan = float("nan")
    found = Budget(
        compute_pflop_s_days=float(np.exp(np.log(c).mean())),
        curve=curve,
        n_points=y.size,
        optimal_parameters=nan,
        optimal_tokens=nan,
        optimal_loss=nan,
        optimal_loss_se=nan,
        optimal_loss_unit=nan,
        log_parameters_se=nan,
        rms_residual=nan,
        degrees_of_freedom=max(freedom, 0),
        lowest_compute_pflop_s_days=ends[0],
        highest_compute_pflop_s_days=ends[1],
        smallest_parameters=float(n.min()),
        largest_parameters=float(n.max()),
        reason="",
    )
    if np.unique(n).size <= order:
        near_by = (
            f" within a factor {window:g} of that of the lowest loss" if not near.all() else ""
        )
        reason = f"a {curve} needs {order + 1} sizes{near_by}; got {np.unique(n).size}"
        return replace(found, reason=reason)
    logs = np.log(n)
    centre, half = (logs.max() + logs.min()) / 2, (logs.max() - logs.min()) / 2
    x = (logs - centre) / half
    powers = x[:, None] ** np.arange(order + 1)
    q, r = np.linalg.qr(powers)
    coefficients = np.linalg.solve(r, np.einsum("nk,n->k", q, y))
    residual = y - np.einsum("nk,k->n", powers, coefficients)
    found = replace(found, rms_residual=float(np.sqrt(np.mean(residual**2))))
    minimum = _minimum(coefficients)
    if minimum is None:
        smallest = n[np.argmin(y)]
        reason = f"no minimum between the sizes; the lowest loss is at {smallest:.4g} parameters"
        return replace(found, reason=reason)
    k = np.arange(order + 1)
    bend = float(np.sum(k * (k - 1) * coefficients * minimum ** np.maximum(k - 2, 0)))
    slope = -k * minimum ** np.maximum(k - 1, 0) / bend
    place, level = (np.linalg.norm(np.linalg.solve(r.T, of)) for of in (slope, minimum**k))
    scatter = np.sqrt(np.sum(residual**2) / freedom) if freedom else nan
    best = float(np.exp(centre + half * minimum))
    return replace(
        found,
        optimal_parameters=best,
        optimal_tokens=found.compute_pflop_s_days * PFLOP_S_DAY / (6 * best),
        optimal_loss=float(np.sum(coefficients * minimum**k)),
        optimal_loss_se=float(scatter * level),
        optimal_loss_unit=float(level),
        log_parameters_se=float(half * scatter * place),
    )


def _minimum(coefficients: Floats) -> float | None:
    """Where a polynomial of degree 2 or 3 has its lowest interior minimum on (-1, 1), if any.

    The roots of its slope a x^2 + b x + c are q / a and c / q with q = -(b +- sqrt(b^2 - 4 a c))/2,
    the sign that of b: stable where a is all but 0, as eigenvalues are not.
    """
    c, b, a = (k * float(coefficients[k]) if k < coefficients.size else 0.0 for k in (1, 2, 3))
    inner = b * b - 4 * a * c
    if inner < 0:
        return None
    q = -(b + math.copysign(math.sqrt(inner), b)) / 2
    places = [top / bottom for top, bottom in ((q, a), (c, q)) if bottom != 0]
    inside = [x for x in places if -1 < x < 1 and 2 * a * x + b > 0]
    curve = np.polynomial.Polynomial(coefficients)
    return min(inside, key=curve) if inside else None


def fit_isoflop(
    compute: Values,
    parameters: Values,
    loss: Values,
    budget: npt.ArrayLike | None = None,
    curve: str = "parabola",
    *,
    window: float = WINDOW,
) -> tuple["pd.DataFrame", Allocation]:
    """Fit every budget, and N* and D* over the budgets that have a minimum.

    compute: PFLOP/s-days. budget: a label a point; by default `budgets(compute)`. Returns a row a
    `Budget`, by compute, and the allocation. Raises FitError with fewer than two minima.
    """
    c, n, y = positive(compute=compute, parameters=parameters, loss=loss)
    labels = budgets(c) if budget is None else np.asarray(budget)
    require_budgets(labels, curve)
    fits = [
        fit_budget(c[mine], n[mine], y[mine], curve, window=window)
        for mine in (labels == label for label in np.unique(labels))
    ]
    import pandas as pd  # heavy, and not for those who only check a study

    table = pd.DataFrame([asdict(fit) for fit in fits])
    table = table.sort_values("compute_pflop_s_days", ignore_index=True)
    found = table[table["reason"] == ""]
    if len(found) < 2:
        raise FitError(
            f"isoflop needs 2 or more budgets with a minimum between their sizes; got {len(found)} "
            f"of {len(table)}: {'; '.join(table['reason'][table['reason'] != ''])}"
        )
    where = found["compute_pflop_s_days"].to_numpy(), found["optimal_parameters"].to_numpy()
    return table, allocation(*where, curve=curve)


def allocation(compute: Values, optimal_parameters: Values, curve: str) -> Allocation:
    """Fit N* = k C^a by least squares on log N*, and D* = C / (6 N*)."""
    c, n = positive(compute=compute, optimal_parameters=optimal_parameters)
    x, y = np.log(c), np.log(n)
    centred = x - x.mean()
    spread = float(np.sum(centred**2))
    if spread == 0:
        raise FitError(f"{c.size} optima at one compute; expected 2 or more computes")
    exponent = float(np.sum(centred * y)) / spread
    level = float(y.mean() - exponent * x.mean())
    residual = y - level - exponent * x
    freedom = c.size - 2
    variance = float(np.sum(residual**2)) / freedom / spread if freedom else float("nan")
    return Allocation(
        curve=curve,
        parameters_coefficient=float(np.exp(level)),
        parameters_exponent=exponent,
        tokens_coefficient=float(PFLOP_S_DAY / 6 / np.exp(level)),
        tokens_exponent=1 - exponent,
        exponent_se=float(np.sqrt(variance)),
        n_budgets=c.size,
    )
