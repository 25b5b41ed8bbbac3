"""The settings of reading: section `log` of a study, and the columns `log.*` of its run sheet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROLES = ("step", "tokens", "samples", "compute", "wall_time")  # keys that name a column
OF_RUN = "log."  # what the columns of a run sheet start with that go before these for one run

Mapped = Mapping[str, str | int]


@dataclass(frozen=True)
class Reading:
    """The format of a study's logs, and which logged column is which; None: the format's own.

    compute: in PFLOP/s-days. samples: consumed sequences. step_base: the number of a log's first
    step. max_bad_fraction: the share of broken records above which a log is refused. patterns: the
    file of the study's own formats. by_format: of a format, by its name, the columns of roles and
    metrics and the `step_base` that go before those of the study.
    """

    format: str
    max_bad_fraction: float
    step: str | None = None
    tokens: str | None = None
    samples: str | None = None
    compute: str | None = None
    wall_time: str | None = None
    step_base: int | None = None
    patterns: str | None = None
    by_format: Mapping[str, Mapped] | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named, by what is in them."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}

    def of(
        self, run: Mapping[str, Any], metrics: Mapping[str, str | None] | None
    ) -> dict[str, Any]:
        """What `isoloss.logs.read` is to take of one run: its roles, metrics and `by_format`.

        run: a row of the run sheet, of which `log.step`, `log.<metric>`, ... go before all else.
        """
        own = {
            key.removeprefix(OF_RUN): name
            for key, name in run.items()
            if key.startswith(OF_RUN) and name is not None
        }
        if "step_base" in own:
            own["step_base"] = int(own["step_base"])
        roles: dict[str, Any] = {role: own[role] for role in ROLES if role in own}
        if metrics is not None:
            metrics = {metric: own.get(metric, column) for metric, column in metrics.items()}
        return {
            "step_base": own.get("step_base", self.step_base),
            **self.columns,
            **roles,
            "metrics": metrics,
            "by_format": {
                name: {**mapped, **own} for name, mapped in (self.by_format or {}).items()
            },
        }

    def names(self, role: str, runs: Iterable[Mapping[str, Any]]) -> bool:
        """Whether anything names the column of a role, if only for some format or run."""
        mapped = any(role in mapping for mapping in (self.by_format or {}).values())
        return mapped or role in self.columns or any(OF_RUN + role in run for run in runs)
