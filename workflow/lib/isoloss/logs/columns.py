"""Which logged column is what: the presets of a format, overridden by the study."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase

from isoloss.logs.records import LogError, Preset

_MANY, _LONG = 50, 60


@dataclass(frozen=True)
class Wanted:
    """The columns that a study names; None leaves one to the preset of the format.

    metrics: metric to column. A metric without a column is the column of its own name, else, for
    `loss` and `eval_loss`, the format's train and evaluation loss. None: these two, as far as the
    log has them.
    """

    step: str | None = None
    tokens: str | None = None
    samples: str | None = None
    compute: str | None = None
    wall_time: str | None = None
    metrics: Mapping[str, str | None] | None = None

    def over(self, mapping: Mapping[str, str]) -> "Wanted":
        """These, and over them the columns of a mapping, by role or metric."""
        roles = {key: name for key, name in mapping.items() if key in _ROLES}
        own = {key: name for key, name in mapping.items() if key not in roles}
        metrics = self.metrics
        if own:
            metrics = {**(dict.fromkeys(own) if metrics is None else metrics), **own}
        return replace(self, **roles, metrics=metrics)

    def names(self, preset: Preset) -> frozenset[str]:
        """All the names that could be wanted of a log."""
        names: set[str] = set()
        for role in _ROLES:
            given = getattr(self, role)
            names.update(getattr(preset, role) if given is None else [given])
        if self.metrics is None:
            return frozenset(names | {*preset.train_loss, *preset.eval_loss})
        for metric, column in self.metrics.items():
            names.update(_names(metric, column, preset))
        return frozenset(names)

    def resolve(self, preset: Preset, there: Collection[str], logged: Collection[str]) -> "Columns":
        """The columns of a log with values in the columns `there`, and `logged` that may be empty.

        LogError if a role's column that is named is not logged, or none of the metrics is.
        """
        given = {role: getattr(self, role) for role in _ROLES}
        for role, name in given.items():
            if name is not None and name not in logged:
                raise absent(role, name, logged)
        roles = {
            role: _first(getattr(preset, role), there) if name is None else name
            for role, name in given.items()
        }
        if self.metrics is not None:
            meant = {m: _names(m, column, preset) for m, column in self.metrics.items()}
            found = {m: _first(n, there) or _first(n, logged) for m, n in meant.items()}
            if not any(found.values()):
                metric, names = next(iter(meant.items()))
                raise absent(f"metric {metric}", names[0], logged)
            # One that is not logged has no values.
            return Columns(**roles, metrics={m: found[m] or meant[m][0] for m in meant})
        loss = _first(preset.train_loss, there)
        late = _first(preset.eval_loss, there)
        own = {"loss": loss, "eval_loss": late}
        metrics = {metric: column for metric, column in own.items() if column is not None}
        if not metrics:
            raise absent("metric loss", preset.train_loss[0], logged)
        return Columns(**roles, metrics=metrics)


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


def _names(metric: str, column: str | None, preset: Preset) -> tuple[str, ...]:
    """The names under which a log may hold a metric; the first that is there is meant."""
    if column is not None:
        return (column,)
    own = {"loss": preset.train_loss, "eval_loss": preset.eval_loss}
    return (metric, *own.get(metric, ()))


def _first(names: Iterable[str], there: Collection[str]) -> str | None:
    """The first of the names that is there; one with `*` if it matches one name alone."""
    for name in names:
        if name in there:
            return name
        matches = [other for other in there if fnmatchcase(other, name)] if "*" in name else []
        if len(matches) == 1:
            return matches[0]
    return None


def absent(role: str, name: str, there: Collection[str]) -> LogError:
    """The error of a column that a log does not have, with those that it has."""
    near = difflib.get_close_matches(name, list(there), n=1, cutoff=0.5)
    return LogError(
        f"no column {name!r} for {role}; the log has {listed(there)}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )


def listed(names: Collection[str]) -> str:
    """Names as a message shows them: not too many, none too long, no control characters."""
    shown = [ascii(name)[1:-1][:_LONG] for name in sorted(names)[:_MANY]]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return (", ".join(shown) or "none") + more
