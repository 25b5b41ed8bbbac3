"""The files that a log path means: the one answer for the run sheet, the jobs and the readers."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from isoloss.logs.errors import LogError

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


@dataclass(frozen=True)
class Entry:
    """One path of a `log:`: a file, or a folder with the files below it."""

    path: Path
    files: tuple[Path, ...]

    @property
    def is_folder(self) -> bool:
        """Whether files were looked for, so that some of them may be no logs."""
        return self.files != (self.path,)


def cell_parts(cell: str) -> list[str]:
    """The paths and patterns that a cell of the run sheet joins with `;`."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def below(folder: Path, part: str) -> Path:
    """A path or pattern in a folder, in whose own name wildcards mean nothing."""
    path = folder / part
    return path if path.exists() else Path(glob.escape(str(folder))) / part


def cell_paths(folder: Path, cell: str) -> list[Path]:
    """The paths and patterns of a cell of the run sheet, which are relative to a folder."""
    return [below(folder, part) for part in cell_parts(cell)]


def cell_files(folder: Path, cell: str) -> list[Path]:
    """Every file that the readers open for a cell of the run sheet; raises LogError."""
    return [file for entry in entries(cell_paths(folder, cell)) for file in entry.files]


def entries(paths: Paths) -> list[Entry]:
    """Files and folders that are named, globs resolved, each once, matches in order of name.

    Hidden files and folders that are not named themselves are left out. Raises LogError for what
    does not exist, is not a file or folder, or is a symbolic link, inside a folder or matched by
    a glob, that leads out of that folder.
    """
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, (str, PathLike)) else paths:
        path = Path(given)
        if not (matched := matches(path)):
            raise LogError(f"{path.as_posix()}: no such file, folder or match of a pattern")
        for match in matched:
            if match != path:
                _inside(match, _root(path))
            found[match] = None
    for path in found:
        if not path.is_dir() and not path.is_file():
            raise LogError(f"{path.as_posix()}: not a regular file")
    # A pattern like `runs/**` matches folders and what is in them.
    files = {path for path in found if not path.is_dir()}
    return [
        Entry(path, tuple(f for f in _walk(path) if f not in files) if path.is_dir() else (path,))
        for path in found
        if not path.is_dir() or not any(parent in found for parent in path.parents)
    ]


def matches(path: Path) -> list[Path]:
    """What a path or a pattern names; a name with wildcards that exists is itself."""
    if path.exists():
        return [path]
    return sorted(Path(match) for match in glob.glob(str(path), recursive=True))


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
