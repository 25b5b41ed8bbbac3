"""What a study says of its logs: whether that can be true, before any job."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.logs.errors import LogError
from isoloss.logs.settings import OF_RUN, ROLES, Reading
from isoloss.study.validation import InputError, did_you_mean, read_yaml

Run = Mapping[str, Any]
GLANCE = 1 << 20  # bytes of a run's logs that are looked through before any job starts
PRESETS = ("loss", "eval_loss")  # metrics that every format knows, under names of its own


def with_columns(schema: Mapping[str, Any], metrics: Iterable[str]) -> dict[str, Any]:
    """The schema of a row of a run sheet, with `log.<metric>` for each metric of the study."""
    own = {
        OF_RUN + metric: {"type": "string", "description": f"the log column with {metric}"}
        for metric in metrics
    }
    return {**schema, "properties": {**own, **schema["properties"]}}


def check_logged(
    path: Path,
    log: Reading,
    settings: Mapping[str, Any],
    runs: Sequence[Run],
    files: Callable[[Run], Sequence[Path]],
) -> None:
    """Whether the study's patterns can be read, its formats exist and its columns are logged.

    path: the study. log: its section, typed. settings: all sections. files: those of a run's log.
    Raises InputError for the first mistake.
    """
    if log.patterns is not None:
        if not Path(log.patterns).is_file():
            raise InputError(f"{path}: log.patterns: there is no file `{log.patterns}`.")
        read_yaml(Path(log.patterns))
    if log.patterns is not None or log.by_format:
        _formats(path, log, settings["metrics"])
    _names(path, log, settings, runs, files)


def _formats(path: Path, log: Reading, metrics: Iterable[str]) -> None:
    """The formats of the study's own, and those of which it maps columns."""
    from isoloss.logs.registry import BY_NAME  # heavy, and seldom needed
    from isoloss.logs.sources import own_formats

    try:
        known = {**BY_NAME, **own_formats(log.patterns)}
    except LogError as error:
        raise InputError(f"{path}: log.patterns: {error}") from error
    keys = [*ROLES, "step_base", *metrics]
    for name, mapped in (log.by_format or {}).items():
        if name not in known:
            raise InputError(
                f"{path}: log.by_format: there is no log format `{name}`."
                f"{did_you_mean(name, known)}"
            )
        for key, value in mapped.items():
            if key not in keys:
                raise InputError(
                    f"{path}: log.by_format.{name}: `{key}` is neither one of "
                    f"{', '.join(keys[:6])} nor a metric of the study.{did_you_mean(key, keys)}"
                )
            if (key == "step_base") != (value in (0, 1)):
                what = "0 or 1" if key == "step_base" else "the name of a column"
                raise InputError(
                    f"{path}: log.by_format.{name}.{key}: expected {what}, not {value!r}."
                )


def _names(
    path: Path,
    log: Reading,
    settings: Mapping[str, Any],
    runs: Sequence[Run],
    files: Callable[[Run], Sequence[Path]],
) -> None:
    """Whether each column that the study names for all runs occurs in its logs, where a glance can
    tell; of one that a run or a format has otherwise, reading tells.

    That of a metric must be in one log at least, any other in all but those left out. Only small
    plain files are looked at; of the others, reading tells.
    """
    metrics = settings["metrics"]
    named = {f"log.{role}": column for role, column in log.columns.items()}
    losses = {f"metrics.{key}": value.get("column", key) for key, value in metrics.items()}
    own = {key.removeprefix(OF_RUN) for run in runs for key in run if key.startswith(OF_RUN)}
    own |= {key for mapped in (log.by_format or {}).values() for key in mapped}
    named = {
        key: column
        for key, column in (named | losses).items()
        if column not in PRESETS and key.partition(".")[2] not in own
    }
    unseen = named.keys() & losses  # metrics that no log has had so far
    lacking: dict[str, tuple[Path, str, bytes]] = {}
    for run in runs if named else ():
        if run["run"] in settings["exclude"]:
            continue
        its = files(run)
        content = text(its)
        if content is None:
            unseen.clear()
            continue
        for key, column in named.items():
            if re.search(rb"(?<![\w.])" + re.escape(column.encode()) + rb"(?![\w.])", content):
                unseen.discard(key)
            else:
                lacking.setdefault(key, (its[0], run["run"], content))
    for key, (file, name, content) in lacking.items():
        if key in unseen or key not in losses:
            column = named[key]
            words = re.findall(r"[A-Za-z_][\w./-]*", content[:4096].decode())
            hint = (
                did_you_mean(column, set(words))
                if _recognised(file)
                else (" No log format recognises that file; is it the run's log?")
            )
            raise InputError(
                f"{path}: {key}: `{column}` does not occur in {file} (run {name}).{hint}"
            )


def _recognised(file: Path) -> bool:
    """Whether a file is a log, so that its words may be shown."""
    from isoloss.logs.sources import recognise  # heavy, and hardly ever needed

    try:
        return recognise(file) is not None
    except ValueError:
        return True  # of several formats


def text(files: Sequence[Path]) -> bytes | None:
    """The content of a log, where it is small and plain text."""
    if sum(file.stat().st_size for file in files) > GLANCE:
        return None
    content = b"\n".join(file.read_bytes() for file in files)
    return content if content.isascii() and b"\0" not in content else None
