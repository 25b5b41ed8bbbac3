"""The settings of the points: section `points` of a study."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from isoloss.cleaning.settings import LONGEST

CHOICES = {"select": ("final", "last", "curve"), "mid_schedule": ("leave_out", "use")}


@dataclass(frozen=True)
class Selection:
    """Which points of a run enter the fits.

    select: `final` and `last` take one point, at the end of a run; `curve` takes `per_run`, evenly
    spaced in log compute from the share `start` of the run to its end, each like `final`. window:
    the last share of the run (of `curve`, of the run up to each point) that is fitted.
    mid_schedule: `use`, or `leave_out`, points where the learning rate was still to fall. table:
    path of a table of final points to start from, instead of logs.

    Raises ValueError for another word as `select` or `mid_schedule`.
    """

    select: str
    window: float
    per_run: int
    start: float
    mid_schedule: str
    table: str | None = None

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name}: `{value}` is not one of {', '.join(known)}")

    @property
    def at_the_end(self) -> bool:
        """Whether the last rows of a run are enough (`isoloss.cleaning.thinned.tail`)."""
        return self.select != "curve" and self.window <= LONGEST

    @property
    def label(self) -> str:
        """Which points these are, in a few words."""
        if self.table is not None:
            return "table"
        if self.select == "last":
            return "last"
        several = f"{self.per_run} along the run, " if self.select == "curve" else ""
        return f"{several}window {self.window:g}"

    def varied(self, others: Sequence[str | float]) -> "dict[str, Selection]":
        """This selection and others by their labels: `last`, or windows of `final`."""
        if self.table is not None:
            return {self.label: self}
        found = [self]
        for other in others:
            if isinstance(other, str):
                found.append(replace(self, select=other))
            else:
                found.append(replace(self, select="final", window=float(other)))
        return {each.label: each for each in found}
