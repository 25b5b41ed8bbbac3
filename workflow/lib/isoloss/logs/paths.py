"""The files that a log path means: the one answer for the run sheet, the jobs and the readers."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from os import PathLike
from pathlib import Path

from isoloss.logs.errors import LogError

# No run has more; looking through as many takes about a second. A symbolic link is followed from
# the root of the file system, to see that it does not lead out.
MOST, LINK, DEEPEST = 20_000, 5, 100
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


def cell_files(folder: Path, cell: str, looked: set[str] | None = None) -> list[Path]:
    """Every file that the readers open for a cell of the run sheet; raises LogError.

    looked: gets the folders in which another name could change the answer.
    """
    if looked is None:
        looked = set()
    return [file for entry in entries(cell_paths(folder, cell), looked) for file in entry.files]


@dataclass(frozen=True)
class Logs:
    """The files of cells of a run sheet, which are relative to a folder; each cell once.

    looked: the folders in which another name could change the answer.
    """

    folder: Path
    files: dict[str, list[Path]] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)

    def of(self, cell: str) -> list[Path]:
        """Every file that the readers open for a cell; raises LogError."""
        if cell not in self.files:
            self.files[cell] = cell_files(self.folder, cell, self.looked)
        return self.files[cell]


class _Looked:
    """Counts the files and folders that were looked at for a log; adds the folders to a set."""

    def __init__(self, folders: set[str]) -> None:
        self.folders, self.count = folders, 0

    def look(self, path: Path | str, cost: int = 1) -> None:
        """Count one look; LogError when that has been too much."""
        self.count += cost
        if self.count > MOST:
            raise LogError(
                f"{Path(path).as_posix()}: more than {MOST:,} files and folders to look through "
                f"({LINK} for a symbolic link); name the folder of the run"
            )

    def entries(self, given: Path, folder: str) -> Iterator[tuple[os.DirEntry[str], bool]]:
        """What a folder holds, and whether it is a folder; for the path that was given."""
        self.folders.add(folder or ".")
        if folder.count(os.sep) > DEEPEST:
            raise LogError(f"{given.as_posix()}: folders more than {DEEPEST} deep in one another")
        try:
            with os.scandir(folder or ".") as found:
                for entry in found:
                    self.look(given, LINK if entry.is_symlink() else 1)
                    yield entry, entry.is_dir()
        except PermissionError:  # what is in it would be left out without a word
            raise LogError(f"{folder}: no permission to look into this folder") from None
        except OSError:  # gone: as for `glob`
            return


def entries(paths: Paths, looked: set[str] | None = None) -> list[Entry]:
    """Files and folders that are named, globs resolved, each once, matches in order of name.

    Hidden files and folders that are not named themselves are left out. Raises LogError for what
    does not exist, is not a file or folder, or is a symbolic link, inside a folder or matched by
    a glob, that leads out of that folder; for the whole file system, and for more than MOST files
    and folders to look through. looked: gets the folders that were looked through.
    """
    folders = set[str]() if looked is None else looked
    looking = _Looked(folders)
    real = cache(Path.resolve)  # of folders, which many files share
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, (str, PathLike)) else paths:
        path = Path(given)
        if path.is_file():
            found[path] = None
            continue
        if not (matched := _matches(path, looking)):
            raise LogError(f"{path.as_posix()}: no such file, folder or match of a pattern")
        for match in matched:
            if match != path:
                _inside(match, _root(path), real)
            if match.is_symlink():  # what it leads to may become another
                folders.add(os.path.dirname(os.path.realpath(match)))
            found[match] = None
    inside = {path for path in found if path.is_dir()}
    files = found.keys() - inside
    for path in files:
        if not path.is_file():
            raise LogError(f"{path.as_posix()}: not a regular file")
    # A pattern like `runs/**` matches folders and what is in them.
    return [
        Entry(
            path,
            tuple(f for f in _walk(path, looking, real) if f not in files)
            if path in inside
            else (path,),
        )
        for path in found
        if path in files or inside.isdisjoint(path.parents)
    ]


def matches(path: Path) -> list[Path]:
    """What a path or a pattern names; a name with wildcards that exists is itself."""
    return _matches(path, _Looked(set()))


def _matches(path: Path, looked: _Looked) -> list[Path]:
    looked.look(path)
    whole_system = path if "**" not in path.parts else _root(path)
    if whole_system.resolve() == Path(path.anchor or "/"):
        raise LogError(f"{path.as_posix()}: the whole file system; name the folder of the run")
    if path.exists():
        return [path]
    root = _root(path) if glob.has_magic(str(path)) else path
    parts = path.parts[len(root.parts) :]
    return sorted({Path(match) for match in _matching(path, str(root), parts, looked)})


def _matching(given: Path, root: str, parts: tuple[str, ...], looked: _Looked) -> Iterator[str]:
    """What the parts of a pattern match in a folder, as `glob.glob` has it; some of it twice."""
    todo = [(root, parts)]
    seen = set(todo)  # `**/a/**` comes to a folder by many ways
    while todo:
        folder, parts = todo.pop()
        looked.look(given)
        further: list[tuple[str, tuple[str, ...]]] = []
        if not parts:
            if os.path.lexists(folder):
                yield folder
        elif (part := parts[0]) == "**":
            if parts[1:]:
                further.append((folder, parts[1:]))
            elif folder != "." and os.path.isdir(folder):
                yield folder
            for entry, is_folder in looked.entries(given, folder):
                if not entry.name.startswith("."):
                    path = os.path.join(folder, entry.name)
                    if not parts[1:]:
                        yield path
                    if is_folder:
                        further.append((path, parts))
        elif glob.has_magic(part):
            for entry, is_folder in looked.entries(given, folder):
                hidden = entry.name.startswith(".") and not part.startswith(".")
                if not hidden and fnmatch(entry.name, part) and (is_folder or not parts[1:]):
                    further.append((os.path.join(folder, entry.name), parts[1:]))
        else:
            looked.folders.add(folder)  # where the name may come to be
            further.append((os.path.join(folder, part), parts[1:]))
        todo += (place for place in further if place not in seen)
        seen.update(further)


def _root(pattern: Path) -> Path:
    """The folder of a pattern: its parts before the first wildcard."""
    fixed = [part for part in pattern.parts]
    for index, part in enumerate(fixed):
        if glob.has_magic(part):
            return Path(*fixed[:index])
    return pattern.parent


def _inside(path: Path, root: Path, real: Callable[[Path], Path]) -> None:
    apart = path == root or path.is_symlink() or path.name == ".."
    if not real(path if apart else path.parent).is_relative_to(real(root)):
        raise LogError(
            f"{path.as_posix()}: a symbolic link that leads out of {root.as_posix()}; "
            "copy the file there, or name its true path"
        )


def _walk(root: Path, looked: _Looked, real: Callable[[Path], Path]) -> list[Path]:
    found, folders = [], [str(root)]
    while folders:
        for entry, is_folder in looked.entries(root, folders.pop()):
            if entry.name.startswith("."):
                continue
            if link := entry.is_symlink():
                _inside(Path(entry.path), root, real)
                looked.folders.add(os.path.dirname(os.path.realpath(entry.path)))
            if is_folder and not link:
                folders.append(entry.path)
            elif os.path.isfile(entry.path) if link else entry.is_file():
                found.append(Path(entry.path))
    return sorted(found)
