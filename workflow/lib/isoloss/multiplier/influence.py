"""What the residuals of a fit do to its estimates, and what becomes of both by other weights."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isoloss.units import Floats


@dataclass(frozen=True, eq=False)
class Influence:
    """What the residuals of one fit do to its estimates; of several fits with leading axes.

    residual: r, (n). weights: an estimate at each of K places moves by weights r, (K, n).
    hat: the hat matrix, (n, n). size: number of parameters p. labels: points with one label share
    their errors, (n). jacobian: of the fitted values, (n, p). estimate: the estimates, (K). curve:
    the estimates, (..., K), and their gradients, (..., K, p), at parameters moved by (..., p).
    place: log C of the points, (n), by which their scatter may change.
    """

    residual: Floats
    weights: Floats
    hat: Floats
    size: int
    labels: tuple[str, ...]
    jacobian: Floats
    estimate: Floats
    curve: Callable[[Floats], tuple[Floats, Floats]]
    place: Floats

    @property
    def single(self) -> bool:
        """Whether every label has one point."""
        return len(set(self.labels)) == len(self.labels)


def products(first: Influence, second: Influence, *, paired: bool) -> tuple[Floats, Floats, Floats]:
    """Sums of squares of the residuals of both, and of their products by label (0 unpaired)."""
    squares = [np.sum(a.residual**2, axis=-1) for a in (first, second)]
    if not paired:
        return squares[0], squares[1], np.zeros_like(squares[0])
    cross = first.residual * second.residual[..., partners(first, second)]
    return squares[0], squares[1], np.sum(cross, axis=-1)


def partners(first: Influence, second: Influence) -> list[int]:
    """Where second has the labels of first."""
    where = {label: i for i, label in enumerate(second.labels)}
    return [where[label] for label in first.labels]


def size_means(a: Influence) -> tuple[Influence, float, int]:
    """The fit to the means of the points with one label.

    With it come the sum of squares of the residuals about these means, and its degrees of freedom.
    """
    if a.single:
        return a, 0.0, 0
    labels = tuple(dict.fromkeys(a.labels))
    member = np.array([[label == each for each in a.labels] for label in labels], dtype=np.float64)
    averaging = member / member.sum(axis=1, keepdims=True)
    within = a.residual - np.einsum("mn,ml,l->n", member, averaging, a.residual)
    return refitted(a, averaging, labels), float(np.sum(within**2)), len(a.labels) - len(labels)


def over(a: Influence, labels: tuple[str, ...]) -> Influence:
    """The fit to the points of these labels alone."""
    return refitted(a, np.eye(len(a.labels))[[a.labels.index(label) for label in labels]], labels)


def refitted(a: Influence, rows: Floats, labels: tuple[str, ...]) -> Influence:
    """The fit to linear combinations of the points, rows (..., M, n), by one step from that to all.

    No row has entries below 0; a combination lies at their mean place.
    """
    jacobian = np.einsum("...mn,np->...mp", rows, a.jacobian)
    residual = np.einsum("...mn,n->...m", rows, a.residual)
    projection = np.linalg.pinv(jacobian)
    shift = np.einsum("...pm,...m->...p", projection, residual)
    estimate, slope = a.curve(shift)
    return Influence(
        residual=residual - np.einsum("...mp,...p->...m", jacobian, shift),
        weights=np.einsum("...kp,...pm->...km", slope, projection),
        hat=np.einsum("...mp,...pl->...ml", jacobian, projection),
        size=a.size,
        labels=labels,
        jacobian=jacobian,
        estimate=estimate,
        curve=lambda further: a.curve(shift + further),
        place=np.einsum("...mn,n->...m", rows, a.place) / rows.sum(axis=-1),
    )
