"""What moved between two sets of results, by how much of its interval, and what moved it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isoloss import stamps


@dataclass(frozen=True)
class Number:
    """Numbers of a stage table: the columns that name a row, the value, and its error.

    error: the column of a standard error, or two columns, the ends of an interval; none: 0.
    """

    stage: str
    key: tuple[str, ...]
    value: str
    error: tuple[str, ...]

    def read(self, path: Path) -> pd.DataFrame:
        """value and error by key; of several rows of one key, by their order too."""
        table = pd.read_csv(path)
        if self.stage == "multiplier":
            table = table[table["kind"] == "reported"]
        table = table.reindex(columns=list(dict.fromkeys([*self.key, self.value, *self.error])))
        table["order"] = table.groupby(list(self.key)).cumcount()
        errors = [table[name].astype(float) for name in self.error]
        width = (errors[1] - errors[0]) / 2 if len(errors) == 2 else sum(errors)
        given = table.assign(value=table[self.value].astype(float), error=width)
        return given.set_index([*self.key, "order"])[["value", "error"]]


_FITTED = ("arm", "metric", "convention", "law", "method")
_COMPARED = ("candidate", "metric", "convention", "law", "method")
NUMBERS = (
    *(
        Number("multiplier", _COMPARED, value, ("ci_low", "ci_high"))
        for value in ("multiplier", "ci_low", "ci_high")
    ),
    Number("fit", _FITTED, "coefficient", ("coefficient_se",)),
    Number("fit", _FITTED, "exponent", ("exponent_se",)),
    Number("fit", _FITTED, "floor", ("floor_se",)),
    Number("points", ("run", "metric", "convention"), "loss", ("loss_se",)),
    Number("points", ("run", "metric", "convention"), "compute_pflop_s_days", ()),
)
MOST = 12  # lines of one kind


def moved(before: Path, after: Path) -> list[str]:
    """Lines of `isoloss diff`, of two folders of projects or of results."""
    before, after = _results(before), _results(after)
    old, new = (_text(folder / "headline.txt") for folder in (before, after))
    lines = ["headlines"]
    if old == new:
        lines += [f"    {line}" for line in new or ["the same: none"]]
    else:
        lines += [f"  - {line}" for line in old if line not in new]
        lines += [f"  + {line}" for line in new if line not in old]
    numbers = [line for number in NUMBERS for line in _numbers(number, before, after)]
    causes = list(dict.fromkeys(_causes(before, after)))
    lines += ["", "numbers that moved, by half the width of their interval or their standard error"]
    lines += _cut(numbers) or ["    none"]
    return [*lines, "", "what moved them", *(_cut(causes) or ["    nothing that a stamp tells"])]


def _results(folder: Path) -> Path:
    inside = folder / "results"
    found = inside if inside.is_dir() else folder
    if not found.is_dir() or not any(found.glob("*/*.csv")):
        raise ValueError(f"{folder}: no results there; `make` makes them")
    return found


def _text(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _cut(lines: Sequence[str]) -> list[str]:
    shown = [f"    {line}" for line in lines[:MOST]]
    more = len(lines) - MOST
    return [*shown, f"    and {more} more"] if more > 0 else shown


def _numbers(number: Number, before: Path, after: Path) -> Iterator[str]:
    """Of one column of all studies' tables: what moved most, first."""
    found = []
    names = {path.name for folder in (before, after) for path in folder.glob(f"{number.stage}/*")}
    for name in sorted(name for name in names if name.count(".") == 1 and name.endswith(".csv")):
        paths = [folder / number.stage / name for folder in (before, after)]
        study = name.removesuffix(".csv")
        if not all(path.is_file() for path in paths):
            found.append((np.inf, f"{study}: {number.stage} only in one of the two"))
            continue
        a, b = (number.read(path) for path in paths)
        both = a.join(b, how="outer", suffixes=("_a", "_b"))
        same = (both["value_a"] == both["value_b"]) | both[["value_a", "value_b"]].isna().all(
            axis=1
        )
        for key, row in both[~same].iterrows():
            words = [str(part) for part in (key if isinstance(key, tuple) else (key,))][:-1]
            by = abs(row["value_b"] - row["value_a"])
            far = by / row["error_a"] if row["error_a"] > 0 else np.inf
            size = (
                f"{far:.2g} of it" if far < np.inf else f"{by / abs(row['value_a']):.2g} of itself"
            )
            change = f"{row['value_a']:.6g} -> {row['value_b']:.6g}"
            found.append((far, f"{study}: {', '.join(words)}: {number.value} {change} ({size})"))
    for _, line in sorted(found, key=lambda each: -np.nan_to_num(each[0], nan=np.inf)):
        yield line


def _causes(before: Path, after: Path) -> Iterator[str]:
    """What the jobs of both were asked differently: inputs, settings, code."""
    for path in sorted(after.rglob(f".*{stamps.SUFFIX}")):
        old = stamps.read(before / path.relative_to(after))
        new = stamps.read(path)
        if old and new:
            for line in stamps.differences(_own(old), _own(new)):
                yield line.removeprefix("asked.")


def _own(made: dict[str, Any]) -> dict[str, Any]:
    """What a job was asked, and the raw files that it read."""
    raw = {path: known for path, known in made["inputs"].items() if not path.startswith("results")}
    return {"asked": made["asked"], "inputs": raw}
