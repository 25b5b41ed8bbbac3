"""litgpt: what it prints, and the CSV of its Fabric logger.

Printed: `Epoch 1 | iter 20 step 5 | loss train: 9.451, val: n/a | ...`, where val repeats the last
evaluation; evaluations have lines of their own: `iter 400: val loss 6.2478, val time: ...`. In the
CSV, the logger writes iter - 1 over `step`, so that its steps are micro-batches from 0, and
`tokens` are those of one device. Source: litgpt/pretrain.py.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row, Shape
from isoloss.logs.formats import delimited
from isoloss.logs.records import Format, Preset, Source

_TRAIN = Shape(
    "train",
    re.compile(
        rb"iter \d+ step (?P<step>\d+) \| loss train: (?P<loss>" + NUMBER + rb"), val: [\w./]+ \|"
    ),
    re.compile(rb"iter \S+ step \S+ \| loss train: "),
    re.compile(rb"\| loss train: "),
)
_VAL = Shape(
    "val",
    re.compile(rb"iter \d+: val loss (?P<val_loss>" + NUMBER + rb"), val time: "),
    re.compile(rb"iter \S+ val loss "),
    re.compile(rb", val time: "),
)


def _parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    return chain(_TRAIN(line), _VAL(line))


def read(file: BinaryIO) -> Source:
    """Train and validation losses; an evaluation belongs to the step printed before it."""
    return console.scan(file, _parse).source()


def _sniff_csv(head: bytes) -> bool:
    header = set(head.split(b"\n", 1)[0].strip().split(b","))
    return {b"iter", b"iter_time", b"step", b"total_tokens"} <= header


FORMATS: tuple[Format, ...] = (
    Format(
        "litgpt",
        lambda head: bool(re.search(rb"\| iter \d+ step \d+ \| loss train: ", head)),
        read,
        Preset(eval_loss=("val_loss",)),
    ),
    Format(
        "litgpt-csv",
        _sniff_csv,
        delimited.read,
        Preset(tokens=("total_tokens",), eval_loss=("val_loss",), step_base=0),
        read_columns=delimited.read_columns,
    ),
)
