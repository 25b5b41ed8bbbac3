"""The settings of the comparison: sections `multiplier`, `gate` and `choices` of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CHOICES = {
    "pair_by": ("model", "none"),
    "interval": ("auto", "delta_t", "draws_t", "jackknife_t", "percentile"),
}
LAW, HULL = "power", "hull"  # the law that a quadratic stands beside, and the interval of both
# Where the law stands alone, of the common range in log loss: with arms correlated by 0.998 it
# covers 80% at a quarter.
MIDDLE = (0.4, 0.6)


@dataclass(frozen=True)
class Comparison:
    """At which losses arms are compared, and with which intervals.

    at_loss: losses in nats, the headline first, for all metrics or by metric. at_compute: of the
    baseline, PFLOP/s-days, at whose losses they are compared besides. Without either, in the middle
    of the losses that the larger runs of both arms reached. pair_by: `model`, or `none`: errors are
    independent. interval: that of the headline law, at `confidence`. grid: losses of the curve,
    over the range of both arms and `margin` of its length in log loss beyond either end.
    extrapolate: how far the gain is followed across scale, as a multiple of the baseline's largest
    compute.

    Raises ValueError for another word as `pair_by` or `interval`.
    """

    at_loss: Sequence[float] | Mapping[str, Sequence[float]]
    pair_by: str
    confidence: float
    grid: int
    margin: float
    interval: str = "auto"
    at_compute: Sequence[float] = ()
    extrapolate: float = 10.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name}: `{value}` is not one of {', '.join(known)}")

    def losses(self, metric: str) -> list[float]:
        """The losses of `at_loss` for a metric."""
        of = self.at_loss
        return list(of.get(metric, ()) if isinstance(of, Mapping) else of)


@dataclass(frozen=True)
class Gate:
    """What is still believed of two arms; each ratio holds either way.

    strict: whether a number that is no headline is an error. multiplier: lowest and highest;
    usual: beyond them it is told.
    compute: of a run, PFLOP/s-days. tokens_per_parameter: of a run. loss: the highest, nats.
    label: N over the size in `model`. parameters, tokens, compute_of_model: of one model in two
    arms. losses: of two arms at equal compute. per_6nd: C / 6 N D among runs. exponent: of L(C).
    growth: of the scatter from the smallest to the largest size. lack_of_fit: probability that
    seeds alone explain what the laws miss. same_compute: of two runs that count as one budget;
    other_size: N of two runs that are of different sizes; budget: of loss, relative, between sizes
    at one budget; budgets: the share of an arm's runs that may have such a neighbour. rise: of
    loss, relative, from one run to one of more compute. odd: of loss, relative, off what the other
    pairs of runs say; odd_scatter: the same in units of the scatter of the others. alike: of loss,
    relative: arms that agree so well at every size have the same logs.

    Raises ValueError for a range whose ends are not in order.
    """

    strict: bool
    multiplier: Sequence[float]
    usual: Sequence[float]
    compute: Sequence[float]
    tokens_per_parameter: Sequence[float]
    loss: float
    label: float
    parameters: float
    tokens: float
    compute_of_model: float
    losses: float
    per_6nd: float
    exponent: Sequence[float]
    growth: float
    lack_of_fit: float
    same_compute: float
    other_size: float
    budget: float
    budgets: float
    rise: float
    odd: float
    odd_scatter: float
    alike: float

    def __post_init__(self) -> None:
        for name in ("multiplier", "usual", "compute", "tokens_per_parameter", "exponent"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"{name}: {low:g} is not below {high:g}; give `[lowest, highest]`")


LEAVE_OUT = ("model", "none")
DIRECT = "direct"  # of `Varied.points`


@dataclass(frozen=True)
class Varied:
    """What is varied to see how far the multiplier hangs on it, besides the study's own choices.

    metrics, conventions: of the study; all where none is named. laws, methods: each law by each
    method. points: `last`, the window of a line at the end of a run, as a share of it, or `direct`:
    no law is fitted to the study's own points, but arms are compared between them. at_loss:
    places in the range of losses that both arms reached, 0 its low end (in log loss). at_compute:
    the losses that the baseline's law has at these shares of its largest compute. leave_out:
    `model`, each size left out of both arms in turn, or `none`. pair_by: as in `Comparison`.

    Raises ValueError for another word as `leave_out` or `pair_by`.
    """

    metrics: Sequence[str]
    conventions: Sequence[str]
    laws: Sequence[str]
    methods: Sequence[str]
    points: Sequence[str | float]
    at_loss: Sequence[float]
    at_compute: Sequence[float]
    leave_out: str
    pair_by: Sequence[str]

    def __post_init__(self) -> None:
        if self.leave_out not in LEAVE_OUT:
            raise ValueError(f"leave_out: `{self.leave_out}` is not one of {', '.join(LEAVE_OUT)}")
        for value in self.pair_by:
            if value not in CHOICES["pair_by"]:
                raise ValueError(
                    f"pair_by: `{value}` is not one of {', '.join(CHOICES['pair_by'])}"
                )

    @property
    def selections(self) -> list[str | float]:
        """The selections of points to which laws are fitted."""
        return [each for each in self.points if each != DIRECT]
