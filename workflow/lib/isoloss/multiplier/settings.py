"""The settings of the comparison: section `multiplier` of a study."""

from collections.abc import Sequence
from dataclasses import dataclass

CHOICES = {
    "pair_by": ("model", "none"),
    "interval": ("auto", "delta_t", "draws_t", "jackknife_t", "percentile"),
}


@dataclass(frozen=True)
class Comparison:
    """At which losses arms are compared, and with which intervals.

    at_loss: losses in nats, the headline first; without any, the geometric middle of the losses
    that both arms reached. pair_by: `model`, or `none`: errors are independent. interval: that of
    the headline law, at `confidence`. grid: losses of the curve, over the range of both arms and
    `margin` of its length in log loss beyond either end.

    Raises ValueError for another word as `pair_by` or `interval`.
    """

    at_loss: Sequence[float]
    pair_by: str
    confidence: float
    grid: int
    margin: float
    interval: str = "auto"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name}: `{value}` is not one of {', '.join(known)}")
