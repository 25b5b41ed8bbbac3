"""The CSV that Weights & Biases' web page exports of a chart.

Columns: the x axis, and for each run `<run> - <metric>`, with `__MIN` and `__MAX` of the same: the
page thins a long history out and averages what it joins. Source: issues 5349 and 6005 of wandb.
"""

from collections import Counter
from dataclasses import replace
from typing import BinaryIO

from isoloss.logs.formats import delimited
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.records import Block, Format, Preset, Source

_EXTREMES = ("__MIN", "__MAX")


def _short(name: str) -> str:
    return name.rsplit(" - ", 1)[-1]


def read(file: BinaryIO) -> Source:
    """Values by `<run> - <metric>` and, where only one run has it, by `<metric>`."""
    source = delimited.read(file)
    (block,) = source.blocks
    names = [name for name in block.table.column_names if not name.endswith(_EXTREMES)]
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
    columns = tuple(name for name in source.columns if not name.endswith(_EXTREMES))
    return replace(source, blocks=(Block(table, "sampled"),), notes=tuple(notes), columns=columns)


def _sniff(head: bytes) -> bool:
    line = head.split(b"\n", 1)[0]
    return b" - " in line and b"__MIN" in line and delimited.sniff(head)


FORMATS: tuple[Format, ...] = (
    Format(
        "wandb-chart",
        _sniff,
        read,
        Preset(("Step", *PLAIN.step), train_loss=PLAIN.train_loss, eval_loss=PLAIN.eval_loss),
    ),
)
