"""The settings of reading: section `log` of a study."""

from dataclasses import dataclass

ROLES = ("step", "tokens", "samples", "compute", "wall_time")  # keys that name a column


@dataclass(frozen=True)
class Reading:
    """The format of a study's logs, and which logged column is which; None: the format's own.

    compute: in PFLOP/s-days. samples: consumed sequences. step_base: the number of a log's first
    step. max_bad_fraction: the share of broken records above which a log is refused.
    """

    format: str
    max_bad_fraction: float
    step: str | None = None
    tokens: str | None = None
    samples: str | None = None
    compute: str | None = None
    wall_time: str | None = None
    step_base: int | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named, by what is in them."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}
