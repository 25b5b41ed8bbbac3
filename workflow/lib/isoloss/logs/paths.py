"""The files that a log path means: the one answer for the run sheet, the jobs and the readers."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from os import PathLike
from pathlib import Path

from isoloss.logs.errors import LogError

# No run has more; looking through as many takes about a second.
MOST = 100_000
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


def entries(paths: Paths, looked: set[str] | None = None) -> list[Entry]:
    """Files and folders that are named, globs resolved, each once, matches in order of name.

    Hidden files and folders that are not named themselves are left out. Raises LogError for what
    does not exist, is not a file or folder, or is a symbolic link, inside a folder or matched by
    a glob, that leads out of that folder; for the whole file system, and for more than MOST files
    and folders to look through. looked: gets the folders that were looked through.
    """
    folders = set[str]() if looked is None else looked
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, (str, PathLike)) else paths:
        path = Path(given)
        if path.is_file():
            found[path] = None
            continue
        if not (matched := matches(path, folders)):
            raise LogError(f"{path.as_posix()}: no such file, folder or match of a pattern")
        for match in matched:
            if match != path:
                _inside(match, _root(path))
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
            tuple(f for f in _walk(path, folders) if f not in files) if path in inside else (path,),
        )
        for path in found
        if path in files or inside.isdisjoint(path.parents)
    ]


def matches(path: Path, looked: set[str] | None = None) -> list[Path]:
    """What a path or a pattern names; a name with wildcards that exists is itself."""
    whole_system = path if "**" not in path.parts else _root(path)
    if whole_system.resolve() == Path(path.anchor or "/"):
        raise LogError(f"{path.as_posix()}: the whole file system; name the folder of the run")
    if path.exists():
        return [path]
    root = _root(path) if glob.has_magic(str(path)) else path
    parts = path.parts[len(root.parts) :]
    looking = _Looked(path, set() if looked is None else looked)
    return sorted({Path(match) for match in _matching(str(root), parts, looking)})


class _Looked:
    """Counts the files and folders that were looked at for a path; adds the folders to a set."""

    def __init__(self, path: Path, folders: set[str]) -> None:
        self.path, self.folders, self.count = path, folders, 0

    def entries(self, folder: str) -> Iterator[tuple[os.DirEntry[str], bool]]:
        """What a folder holds, and whether it is a folder; LogError when that has been too much."""
        self.folders.add(folder or ".")
        try:
            with os.scandir(folder or ".") as found:
                for entry in found:
                    self.count += 1
                    if self.count > MOST:
                        raise LogError(
                            f"{self.path.as_posix()}: more than {MOST:,} files and folders to look "
                            "through; name the folder of the run"
                        )
                    yield entry, entry.is_dir()
        except PermissionError:  # what is in it would be left out without a word
            raise LogError(f"{folder}: no permission to look into this folder") from None
        except OSError:  # gone: as for `glob`
            return


def _matching(folder: str, parts: Sequence[str], looked: _Looked) -> Iterator[str]:
    """What the parts of a pattern match in a folder, as `glob.glob` has it."""
    if not parts:
        if os.path.lexists(folder):
            yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        folders = [folder]
        if not rest and folder != "." and os.path.isdir(folder):
            yield folder
        while folders:
            here = folders.pop()
            if rest:
                yield from _matching(here, rest, looked)
            for entry, is_folder in looked.entries(here):
                if not entry.name.startswith("."):
                    path = os.path.join(here, entry.name)
                    if not rest:
                        yield path
                    if is_folder:
                        folders.append(path)
    elif glob.has_magic(part):
        for entry, is_folder in looked.entries(folder):
            hidden = entry.name.startswith(".") and not part.startswith(".")
            if not hidden and fnmatch(entry.name, part) and (is_folder or not rest):
                yield from _matching(os.path.join(folder, entry.name), rest, looked)
    else:
        looked.folders.add(folder)  # where the name may come to be
        yield from _matching(os.path.join(folder, part), rest, looked)


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


def _walk(root: Path, looked: set[str]) -> list[Path]:
    found, folders, looking = [], [str(root)], _Looked(root, looked)
    while folders:
        for entry, is_folder in looking.entries(folders.pop()):
            if entry.name.startswith("."):
                continue
            if link := entry.is_symlink():
                _inside(Path(entry.path), root)
                looked.add(os.path.dirname(os.path.realpath(entry.path)))
            if is_folder and not link:
                folders.append(entry.path)
            elif os.path.isfile(entry.path) if link else entry.is_file():
                found.append(Path(entry.path))
    return sorted(found)
