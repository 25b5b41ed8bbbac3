"""The runs in a folder of logs, as tools leave them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from isoloss.logs import opening, sources
from isoloss.logs.paths import entries
from isoloss.logs.reading import losses
from isoloss.logs.records import LogError, Open
from isoloss.logs.registry import BY_NAME
from isoloss.logs.side_files import is_side, same_run

_STORES = ("mlflow_file", "mlflow_sqlite")
# Names of files that say nothing of the run: its folder has the name.
_GENERIC = re.compile(
    r"(?:log|logs|train|training|trainer|main|metrics?|metrics_step|history|stdout|std|output|out|"
    r"run|trainer_log|trainer_state|logging|console|scalars|losses|progress|results?|slurm|rank|node)"
    r"(?:[-_.]?\d+)*"
)
_CHECKPOINT = re.compile(r"(?:checkpoint|version|step|global_step)[-_]?\d+")
_FOLDERS = re.compile(
    r"logs?|log_?\d\w*|lightning_logs|csv|csv_logs|runs|tensorboard|tb|wandb|files|events"
)
_LISTED = re.compile(r"'([^']*)' \(id ([^)]*)\)")


@dataclass(frozen=True)
class Found:
    """One run: its name, the format of its log, its files, the folder they are in, and whether no
    other run has files there."""

    name: str
    format: str
    files: tuple[Path, ...]
    home: Path
    alone: bool = True


def runs(folder: Path) -> tuple[list[Found], list[str]]:
    """The runs in a folder, by name, and what in it was left out and why.

    Raises LogError where there is no such folder, or nothing in it is a log.
    """
    if not folder.is_dir():
        raise LogError(f"{folder.as_posix()}: not a folder")
    kinds: dict[Path, str] = {}
    left: list[str] = []
    for file in (file for entry in entries(folder) for file in entry.files):
        if is_side(file):
            continue
        try:
            format = sources.recognise(file)
        except LogError as error:
            left.append(str(error))
            continue
        if format is not None:
            kinds[file] = format.name
        elif _is_text(file):
            left.append(f"{file.relative_to(folder).as_posix()}: {_looks(file)}")
    grouped: dict[tuple[str, Path], list[Path]] = {}
    for file, kind in kinds.items():
        grouped.setdefault((kind, _home(file, kind, folder)), []).append(file)
    found: list[Found] = []
    for (kind, home), files in grouped.items():
        # The same run in another format lies beside it, below it or above it.
        near = {
            other: paths
            for (other, place), paths in grouped.items()
            if place == home
            or (home != folder and place.is_relative_to(home))
            or (place != folder and home.is_relative_to(place))
        }
        chosen, dropped = same_run(near, losses)
        if kind in dropped:
            left.append(f"{kind} in {home.relative_to(folder).as_posix()}: the same in {chosen}")
        else:
            found += _named(kind, files, home, folder)
    if not found:
        more = f"; {left[0]}" if left else ""
        raise LogError(f"{folder.as_posix()}: no log of any format in it{more}")
    found = [replace(run, alone=_alone(run, found)) for run in found]
    return _distinct(sorted(found, key=lambda run: run.name)), left


def _alone(run: Found, others: Iterable[Found]) -> bool:
    return not any(
        file.is_relative_to(run.home) for other in others if other != run for file in other.files
    )


def _is_text(file: Path) -> bool:
    return file.suffix in (".log", ".txt", ".out", ".jsonl", ".csv")


def _looks(file: Path) -> str:
    head = opening.head(file) if file.stat().st_size else b""
    return opening.looks_like(head) if head else "an empty file"


def _home(file: Path, kind: str, folder: Path) -> Path:
    """What one run has to itself: a folder, or the file where others lie beside it."""
    if kind in _STORES:
        parts = file.parts
        if kind == "mlflow_file" and "metrics" in parts:
            return Path(*parts[: parts.index("metrics", len(folder.parts))])
        return file
    if kind == "wandb":
        return _up(file.parent, folder)
    if not _GENERIC.fullmatch(file.stem.lower()) and kind != "tensorboard":
        return file
    return _up(file.parent, folder)


def _up(home: Path, folder: Path) -> Path:
    """The folder of a run, of one in it that has no name of its own."""
    while home != folder and (
        _CHECKPOINT.fullmatch(home.name.lower())
        or _FOLDERS.fullmatch(home.name.lower())
        or re.match(r"(?:offline-)?run-\d{8}_\d{6}", home.name)
    ):
        home = home.parent
    return home


def _named(kind: str, files: list[Path], home: Path, folder: Path) -> Iterator[Found]:
    """The runs in the files of one home: several in a store."""
    name = home.name if home.is_dir() else home.stem
    own = home if home.is_dir() else home.parent
    if BY_NAME[kind].read_all is not None and kind != "tensorboard":
        for run, only in _in_store(kind, files, own):
            yield Found(run or name, kind, only, own)
    else:
        yield Found(name if home != folder else folder.name, kind, tuple(files), own)


def _in_store(kind: str, files: list[Path], home: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """The names of the runs of a store, and the files of each."""
    if kind == "wandb":
        by_id: dict[str, list[Path]] = {}
        for file in files:
            by_id.setdefault(file.stem, []).append(file)
        several = len(by_id) > 1
        yield from ((_wandb_name(own) if several else "", tuple(own)) for own in by_id.values())
        return
    if kind == "mlflow_file":
        name = home / "tags" / "mlflow.runName"
        yield (name.read_text(encoding="utf-8").strip() if name.is_file() else ""), (home,)
        return
    names = _names_in(kind, {file.name: partial(opening.opened, file) for file in files})
    yield from ((name, tuple(files)) for name in names or [""])


def _wandb_name(files: Sequence[Path]) -> str:
    for part in reversed(files[0].parts[:-1]):
        if part != "wandb" and not re.match(r"(?:offline-)?run-", part):
            return f"{part}-{files[0].stem.removeprefix('run-')}"
    return files[0].stem


def _names_in(kind: str, files: Mapping[str, Open]) -> list[str]:
    """The names of the runs that a store lists when it is not told which."""
    read_all = BY_NAME[kind].read_all
    assert read_all is not None
    try:
        read_all(files, None)
    except LogError as error:
        found = _LISTED.findall(str(error))
        names = [name for name, _ in found]
        return [name if names.count(name) == 1 and name else key for name, key in found]
    return []


def _distinct(found: Iterable[Found]) -> list[Found]:
    """The runs with names of which none is another's: those that are get their folder's before."""
    found = list(found)
    names = [run.name for run in found]
    for index, run in enumerate(found):
        if names.count(run.name) > 1:
            above = run.home.parent if run.home.name == run.name else run.home
            found[index] = replace(run, name=f"{above.name}-{run.name}")
    seen: dict[str, int] = {}
    for index, run in enumerate(found):
        seen[run.name] = seen.get(run.name, 0) + 1
        if seen[run.name] > 1:
            found[index] = replace(run, name=f"{run.name}-{seen[run.name]}")
    return found
