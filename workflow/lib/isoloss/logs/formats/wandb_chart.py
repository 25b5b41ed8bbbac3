"""The CSV that Weights & Biases' web page exports of a chart.

Columns: the x axis, and for each run `<run> - <metric>`, with `__MIN` and `__MAX` of the same: the
page thins a long history out and averages what it joins. Source: issues 5349 and 6005 of wandb.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO

from isoloss.logs.formats import delimited
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.records import Block, Format, LogError, Open, Preset, Source

_EXTREMES = ("__MIN", "__MAX")
_SPLIT = " - "


def _run_of(name: str) -> str:
    """The run of a column, "" of one that is not a run's."""
    return name.rpartition(_SPLIT)[0]


def _short(name: str) -> str:
    return name.rpartition(_SPLIT)[2]


def read(file: BinaryIO, run: str | None = None) -> Source:
    """Values by `<run> - <metric>` and, where only one run has it, by `<metric>`.

    run: whose values alone are read, if the chart has it.
    """
    source = delimited.read(file)
    (block,) = source.blocks
    names = [name for name in block.table.column_names if not name.endswith(_EXTREMES)]
    columns = [name for name in source.columns if not name.endswith(_EXTREMES)]
    if run is not None and run in map(_run_of, columns):
        names = [name for name in names if _run_of(name) in ("", run)]
        columns = [name for name in columns if _run_of(name) in ("", run)]
    table = block.table.select(names)
    count = Counter(map(_short, names))
    for name in names:
        if _short(name) != name and count[_short(name)] == 1:
            table = table.append_column(_short(name), table[name])
    notes = list(source.notes)
    for name in names:
        low, high = (name + end for end in _EXTREMES)
        if {low, high} <= set(block.table.column_names) and block.table[low] != block.table[high]:
            notes.append(f"{name} is averaged between points: minimum and maximum differ")
    return replace(
        source, blocks=(Block(table, "sampled"),), notes=tuple(notes), columns=tuple(columns)
    )


def _read_all(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """The charts among the files, of them the columns of a run; LogError if it is not said which.

    A run that no chart has gets them all, by their whole names.
    """
    found: dict[str, Source] = {}
    runs: set[str] = set()
    for name, opened in files.items():
        with opened() as file:
            if _sniff(file.read(1 << 16)):
                file.seek(0)
                found[name] = read(file, run)
                runs |= {_run_of(column) for column in found[name].columns} - {""}
    if run is None and len(runs) > 1:
        listed = ", ".join(f"{name!r} (id {name})" for name in sorted(runs))
        raise LogError(f"a chart of several runs: {listed}; name the run that is meant")
    return found


def _sniff(head: bytes) -> bool:
    line = head.split(b"\n", 1)[0]
    return b" - " in line and b"__MIN" in line and delimited.sniff(head)


FORMATS: tuple[Format, ...] = (
    Format(
        "wandb-chart",
        _sniff,
        read,
        Preset(("Step", *PLAIN.step), train_loss=PLAIN.train_loss, eval_loss=PLAIN.eval_loss),
        read_all=_read_all,
    ),
)
