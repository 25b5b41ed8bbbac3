"""Which logged column is what: the presets of a format, overridden by the study."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from isoloss.logs.records import LogError, Preset


@dataclass(frozen=True)
class Wanted:
    """The columns that a study names; None leaves one to the preset of the format."""

    step: str | None = None
    tokens: str | None = None
    samples: str | None = None
    compute: str | None = None
    wall_time: str | None = None
    metrics: Mapping[str, str] | None = None

    def names(self, preset: Preset) -> frozenset[str]:
        """All the names that could be wanted of a log."""
        names: set[str] = set()
        for role in _ROLES:
            given = getattr(self, role)
            names.update(getattr(preset, role) if given is None else [given])
        if self.metrics is None:
            return frozenset(names | {*preset.train_loss, *preset.eval_loss})
        return frozenset(names | set(self.metrics.values()))

    def resolve(self, preset: Preset, there: Collection[str]) -> "Columns":
        """The columns of a log that has the columns `there`; LogError if a named one is absent."""
        roles = {}
        for role in _ROLES:
            given = getattr(self, role)
            if given is not None and given not in there:
                raise _absent(role, given, there)
            names = getattr(preset, role) if given is None else (given,)
            roles[role] = _first(names, there)
        if self.metrics is not None:
            for metric, name in self.metrics.items():
                if name not in there:
                    raise _absent(f"metric {metric}", name, there)
            return Columns(**roles, metrics=dict(self.metrics))
        loss = _first(preset.train_loss, there)
        if loss is None:
            raise _absent("metric loss", preset.train_loss[0], there)
        late = _first(preset.eval_loss, there)
        return Columns(
            **roles, metrics={"loss": loss} | ({"eval_loss": late} if late is not None else {})
        )


@dataclass(frozen=True)
class Columns:
    """The columns of a log, None where it has none; `metrics`: metric name to column."""

    step: str | None
    tokens: str | None
    samples: str | None
    compute: str | None
    wall_time: str | None
    metrics: Mapping[str, str]


_ROLES = tuple(field.name for field in fields(Columns) if field.name != "metrics")


def _first(names: Iterable[str], there: Collection[str]) -> str | None:
    """The first of the names that is there; one with `*` if it matches one name alone."""
    for name in names:
        if name in there:
            return name
        matches = [other for other in there if fnmatchcase(other, name)] if "*" in name else []
        if len(matches) == 1:
            return matches[0]
    return None


def _absent(role: str, name: str, there: Collection[str]) -> LogError:
    near = difflib.get_close_matches(name, list(there), n=1, cutoff=0.5)
    return LogError(
        f"no column {name!r} for {role}; the log has {', '.join(sorted(there)) or 'none'}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )
