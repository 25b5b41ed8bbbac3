"""The digests of results as they were published, in the form that `sha256sum --check` reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isoloss.stamps import digest

LIST = "config/results.sha256"
OF_ALL = {"results/headline.txt"}  # what is made of all studies together


@dataclass(frozen=True)
class Same:
    """Paths of published results that are here: the same bytes, and others."""

    same: tuple[str, ...]
    other: tuple[str, ...]


def listed(files: Mapping[str, Path] | Iterable[str]) -> list[str]:
    """A line a file, in the order of their names: `<SHA-256>  <path>`."""
    sources = files if isinstance(files, Mapping) else {name: Path(name) for name in files}
    return [f"{digest(path)}  {name}\n" for name, path in sorted(sources.items())]


def compared(folder: Path = Path()) -> Same:
    """The results in a folder against its list; those that are not made, or not listed, count for
    nothing, nor does what is said of all studies, where only some of them are made. Raises
    ValueError where the list is damaged."""
    same, other = list[str](), list[str]()
    path = folder / LIST
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        digests, gap, name = line.partition("  ")
        if not gap or len(digests) != 64:
            raise ValueError(f"{path}, line {number}: expected `<SHA-256>  <path>`: {line[:40]!r}")
        known[name] = digests
    made = {name for name in known if (folder / name).is_file()}
    if made < known.keys():
        made -= OF_ALL
    for name in sorted(made):
        (same if digest(folder / name) == known[name] else other).append(name)
    return Same(tuple(same), tuple(other))


def told(found: Same, most: int = 3) -> list[str]:
    """What `make` ends with: how many results are as published, the first that are not."""
    if not found.same and not found.other:
        return []
    total = len(found.same) + len(found.other)
    line = f"{len(found.same)} of {total} results are the same bytes as those published ({LIST})"
    others = [f"    differs: {name}" for name in found.other[:most]]
    more = len(found.other) - most
    return [line, *others, *([f"    and {more} more"] if more > 0 else [])]
