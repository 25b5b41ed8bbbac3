"""The files that a log path means, and the format of each by its content."""

import glob
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from isoloss.logs import opening
from isoloss.logs.records import Format, LogError
from isoloss.logs.registry import BY_NAME, FORMATS

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


def expand(paths: Paths) -> tuple[list[Path], list[Path]]:
    """Files that are named, and files found in the folders that are named; globs are resolved.

    A symbolic link inside a folder, or matched by a glob, must not lead out of that folder.
    Hidden files and folders are left out.
    """
    named: dict[Path, None] = {}
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, (str, PathLike)) else paths:
        path = Path(given)
        if path.is_dir():
            found.update(dict.fromkeys(_walk(path)))
        elif path.exists():
            named[path] = None
        elif matches := sorted(glob.glob(str(path), recursive=True)):
            for match in map(Path, matches):
                _inside(match, Path(glob.escape(str(path)) and _root(path)))
                if match.is_dir():
                    found.update(dict.fromkeys(_walk(match)))
                else:
                    named[match] = None
        else:
            raise LogError(f"{path.as_posix()}: no such file, folder or match of a pattern")
    return list(named), [path for path in found if path not in named]


def _root(pattern: Path) -> Path:
    """The folder of a pattern: its parts before the first wildcard."""
    fixed = [part for part in pattern.parts]
    for index, part in enumerate(fixed):
        if glob.has_magic(part):
            return Path(*fixed[:index])
    return pattern.parent


def _inside(path: Path, root: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise LogError(
            f"{path.as_posix()}: a symbolic link that leads out of {root.as_posix()}; "
            "copy the file there, or name its true path"
        )


def _walk(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        if path.is_file() or path.is_symlink():
            _inside(path, root)
        if path.is_file():
            found.append(path)
    return found


def of_name(name: str) -> Format:
    """The format of a name, or a LogError that lists them."""
    if name not in BY_NAME:
        raise LogError(f"no log format {name!r}; there are: auto, {', '.join(sorted(BY_NAME))}")
    return BY_NAME[name]


def recognise(path: Path) -> Format | None:
    """The format of a file by its content; a special format beats a generic one, a tie is an error.

    None if no format recognises it.
    """
    try:
        head = opening.head(path)
    except LogError as error:
        raise LogError(f"{path.as_posix()}: {error}") from error
    hits = [format for format in FORMATS if format.sniff(head)]
    hits = [format for format in hits if not format.generic] or hits
    if len(hits) > 1:
        names = ", ".join(format.name for format in hits)
        raise LogError(f"{path.as_posix()}: looks like {names}; name one of them as `format:`")
    return hits[0] if hits else None


def unknown(path: Path) -> LogError:
    """What to say of a file that no format recognises."""
    if path.stat().st_size == 0:
        return LogError(f"{path.as_posix()}: the file is empty")
    return LogError(
        f"{path.as_posix()}: no log format recognises it; it starts with "
        f"{opening.head(path)[:60]!r}; name its `format:`, one of {', '.join(sorted(BY_NAME))}"
    )


def formats(paths: Paths, name: str) -> tuple[Format, list[Path], list[str]]:
    """The one format of a log, its files, and notes on files that were left out."""
    named, found = expand(paths)
    wanted = None if name == "auto" else of_name(name)
    notes: list[str] = []
    by_format: dict[str, list[Path]] = {}
    for path in named:
        format = wanted or recognise(path)
        if format is None:
            raise unknown(path)
        by_format.setdefault(format.name, []).append(path)
    for path in found:
        if wanted is not None:
            format = wanted if wanted.sniff(opening.head(path)) else None
        else:
            format = recognise(path)
        if format is None:
            what = "no log" if wanted is None else f"not of the format {wanted.name}"
            notes.append(f"{path.as_posix()} is {what} and was left out")
        else:
            by_format.setdefault(format.name, []).append(path)
    if not by_format:
        raise LogError(f"{_text(paths)}: no log found")
    if len(by_format) > 1:
        kinds = "; ".join(f"{kind}: {files[0].as_posix()}" for kind, files in by_format.items())
        raise LogError(f"{_text(paths)}: logs of several formats ({kinds}); name one as `format:`")
    ((kind, files),) = by_format.items()
    return BY_NAME[kind], files, notes


def _text(paths: Paths) -> str:
    if isinstance(paths, (str, PathLike)):
        return Path(paths).as_posix()
    return ", ".join(Path(path).as_posix() for path in paths)
