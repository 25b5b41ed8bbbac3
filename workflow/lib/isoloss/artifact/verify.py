"""A bundle made again elsewhere, from its raw logs, and compared byte by byte: `make verify`."""

import json
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.artifact.revision import make
from isoloss.stamps import digest

MANIFEST = "MANIFEST.json"  # of a bundle: what is in it


@dataclass(frozen=True)
class Difference:
    """A result that is not the same bytes, and by how much."""

    path: str
    what: str


@dataclass(frozen=True)
class Verified:
    """What came of a rerun: the number of results compared, and those that differ."""

    results: int
    differences: tuple[Difference, ...]


def verify(bundle: Path) -> Verified:
    """Unpack a bundle, check its digests, make its results again, and compare.

    The rerun sets up an environment of its own and shows its own progress. Raises ValueError
    where the bundle is damaged or its rerun fails.
    """
    with tempfile.TemporaryDirectory(prefix="isoloss-") as name:
        folder = Path(name) / "bundle"
        manifest = unpack(bundle, folder)
        results = [path for path, file in manifest["files"].items() if file["role"] == "result"]
        before = Path(name) / "results"
        (folder / "results").rename(before)
        make(folder)
        inside = [path.removeprefix("results/") for path in results]
        return Verified(len(results), tuple(compare(before, folder / "results", inside)))


def unpack(bundle: Path, folder: Path) -> dict[str, Any]:
    """Unpack a bundle whose every file is as its manifest says, and give the manifest."""
    try:
        with zipfile.ZipFile(bundle) as file:
            manifest: dict[str, Any] = json.loads(file.read(MANIFEST))
            files: Mapping[str, Mapping[str, Any]] = manifest["files"]
            sizes = {info.filename: info.file_size for info in file.infolist()}
            for path, known in files.items():
                if Path(path).is_absolute() or ".." in Path(path).parts:
                    raise ValueError(f"{bundle}: {path}: leads out of the bundle")
                if sizes.get(path) != known["bytes"]:
                    raise ValueError(f"{bundle}: {path}: missing, or not of the size in {MANIFEST}")
            file.extractall(folder, files)
    except (zipfile.BadZipFile, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{bundle}: not a whole bundle of `make bundle` ({error})") from error
    for path, known in files.items():
        if digest(folder / path) != known["sha256"]:
            raise ValueError(f"{bundle}: {path}: not the bytes that {MANIFEST} speaks of")
    return manifest


def compare(before: Path, after: Path, paths: Iterable[str]) -> list[Difference]:
    """The files of two folders that are not the same bytes."""
    found = []
    for path in sorted(paths):
        old, new = before / path, after / path
        if not old.is_file() or not new.is_file():
            found.append(Difference(path, "only in one of the two" if old != new else "missing"))
        elif digest(old) != digest(new):
            found.append(Difference(path, _by_how_much(old, new)))
    return found


def _by_how_much(old: Path, new: Path) -> str:
    """In words, for two files of which the bytes differ."""
    if old.suffix not in (".csv", ".parquet"):
        return f"{old.stat().st_size:,} and {new.stat().st_size:,} bytes"
    a, b = _table(old), _table(new)
    if list(a) != list(b) or len(a) != len(b):
        return f"{len(a)} rows of {a.shape[1]} columns and {len(b)} rows of {b.shape[1]}"
    cells = ~((a == b) | (a.isna() & b.isna()))
    if not cells.to_numpy().any():
        return "the same values, written otherwise"
    numbers = [name for name in a if cells[name].any() and _numeric(a[name]) and _numeric(b[name])]
    far = {name: float(_relative(a[name], b[name]).max()) for name in numbers}
    most = max(far, key=lambda name: far[name], default=None)
    words = f"{int(cells.to_numpy().sum()):,} cells"
    return words + (f", {most} by up to {far[most]:.2g} of its value" if most else ", texts alone")


def _table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and column.dtype != bool


def _relative(a: pd.Series, b: pd.Series) -> pd.Series:
    size = pd.concat([a.abs(), b.abs()], axis=1).max(axis=1).replace(0.0, 1.0)
    return ((a - b).abs() / size).fillna(1.0).where((a != b) & ~(a.isna() & b.isna()), 0.0)
