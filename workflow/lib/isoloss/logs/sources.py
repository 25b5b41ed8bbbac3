"""The format of a log by the content of its files, and how to open them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path

from isoloss.logs import opening
from isoloss.logs.formats import programs
from isoloss.logs.paths import Entry, Paths, entries
from isoloss.logs.records import Format, LogError, Open
from isoloss.logs.registry import BY_NAME, FORMATS
from isoloss.logs.side_files import Losses, is_side, same_run

_ALIASES = {"tsv": "csv"}
_NONE: Mapping[str, Format] = {}


def openers(entry: Entry) -> dict[str, Open]:
    """How to open each file of an entry, by its path below the folder."""
    home = entry.path if entry.is_folder else entry.path.parent
    return {
        file.relative_to(home).as_posix(): partial(opening.opened, file) for file in entry.files
    }


def own_formats(path: str | PathLike[str] | None) -> Mapping[str, Format]:
    """The formats of a study's own file of patterns, by name.

    Raises LogError for a mistake in it, and where a format has the name of one that comes along.
    """
    if path is None:
        return {}
    try:
        found = programs.own(Path(path), Path(path).read_bytes())
    except OSError as error:
        raise LogError(f"{Path(path).as_posix()}: {error.strerror}") from error
    for name in found:
        if name in BY_NAME or name in (*_ALIASES, "auto"):
            raise LogError(
                f"{Path(path).as_posix()}: format {name}: isoloss has a format of that name; give "
                "yours another one"
            )
    return found


def of_name(name: str, own: Mapping[str, Format] = _NONE) -> Format:
    """The format of a name, or a LogError that lists them. own: formats of the study."""
    known = {**BY_NAME, **own}
    name = _ALIASES.get(name, name)
    if name not in known:
        raise LogError(f"no log format {name!r}; there are: auto, {', '.join(sorted(known))}")
    return known[name]


def recognise(path: Path, own: Mapping[str, Format] = _NONE) -> Format | None:
    """The format of a file by its content; a special format beats a generic one, a tie is an error.

    own: formats of the study, which beat all others. None if no format recognises it.
    """
    hits = _sniffed(path, own.values()) if own else []
    hits = hits or _sniffed(path, [format for format in FORMATS if not format.named])
    hits = [format for format in hits if not format.generic] or hits
    if len(hits) > 1:
        names = ", ".join(format.name for format in hits)
        raise LogError(f"{path.as_posix()}: looks like {names}; name one of them as `format:`")
    return hits[0] if hits else None


def _sniffed(path: Path, formats: Iterable[Format]) -> list[Format]:
    """Those of the formats that recognise the start of a file; only if none does, a longer one."""
    for size in (opening.HEAD, opening.LONG_HEAD):
        head = _head(path, size)
        hits = [format for format in formats if format.sniff(head)]
        if hits or len(head) < size:
            return hits
    return []


def _head(path: Path, size: int = opening.HEAD) -> bytes:
    try:
        return opening.head(path, size)
    except (LogError, OSError) as error:
        raise LogError(f"{path.as_posix()}: {error}") from error


def _unknown(path: Path) -> LogError:
    """What to say of a file that no format recognises."""
    if path.stat().st_size == 0:
        return LogError(f"{path.as_posix()}: the file is empty")
    head = _head(path)
    kind = opening.looks_like(head)
    pairs = "; it has numbers with names, which format `pairs` reads" if _has_pairs(head) else ""
    return LogError(
        f"{path.as_posix()}: no log format recognises it; it looks like {kind}{pairs}; see "
        f"`isoloss explain {path.as_posix()}`, describe its lines (`log: {{patterns: ...}}`, see "
        f"docs/logs.md), or name its `format:`, one of {', '.join(sorted(BY_NAME))}"
    )


def _has_pairs(head: bytes) -> bool:
    return opening.looks_like(head).startswith("text") and BY_NAME["pairs"].sniff(head)


def chosen(
    paths: Paths, name: str, notes: list[str], losses: Losses, own: Mapping[str, Format] = _NONE
) -> tuple[Format, list[Entry]]:
    """The one format of a log, and the entries with the files of that format.

    An entry of a format that reads all files at once keeps them all. `notes` takes what files in
    folders were left out. losses: see `same_run`. own: formats of the study.
    """
    wanted = None if name == "auto" else of_name(name, own)
    kinds: dict[str, list[Path]] = {}
    left_out: list[Path] = []
    all_entries = entries(paths)
    for entry in all_entries:
        for file in entry.files:
            if entry.is_folder and wanted is None and is_side(file):
                continue
            format = recognise(file, own) if wanted is None else wanted
            if wanted is not None and entry.is_folder and not _sniffed(file, [wanted]):
                format = None
            if format is not None:
                kinds.setdefault(format.name, []).append(file)
            elif entry.is_folder:
                left_out.append(file)
            else:
                raise _unknown(file)
    if not kinds:
        where = text(paths)
        message = f"{where}: no log of {'any' if wanted is None else name} format found"
        if left_out:
            first = left_out[0].as_posix()
            message += (
                f"; {first} looks like {opening.looks_like(_head(left_out[0]))}; see `isoloss "
                f"explain {first}`"
            )
        raise LogError(message)
    if len(kinds) > 1:
        kind, again = same_run(kinds, losses)
        for other in again:
            of_it = kinds.pop(other)
            notes.append(f"{of_it[0].as_posix()} ({other}) is the same run again, left out")
    if len(kinds) > 1:
        which = "; ".join(f"{kind}: {files[0].as_posix()}" for kind, files in kinds.items())
        raise LogError(f"{text(paths)}: logs of several formats ({which}); name one as `format:`")
    ((kind, files),) = kinds.items()
    format = of_name(kind, own)
    if format.read_all is not None:
        return format, all_entries
    what = "no log" if wanted is None else f"not of the format {name}"
    notes += [f"{file.as_posix()} is {what} and was left out" for file in left_out]
    kept = set(files)
    return format, [
        replace(entry, files=tuple(file for file in entry.files if file in kept))
        for entry in all_entries
    ]


def text(paths: Paths) -> str:
    """Paths as a message names them."""
    if isinstance(paths, (str, PathLike)):
        return Path(paths).as_posix()
    return ", ".join(Path(path).as_posix() for path in paths)
