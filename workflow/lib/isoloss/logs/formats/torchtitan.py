"""torchtitan's output: `step: 10  loss:  8.62847  grad_norm: ...`, with colour codes.

Source: torchtitan/components/metrics.py. No tokens are printed.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row, Shape
from isoloss.logs.records import Format, Preset, Source

_TRAIN = Shape(
    "train",
    re.compile(
        rb"(?<!validate )step: *(?P<step>\d+)  loss: *(?P<loss>"
        + NUMBER
        + rb")  (?:grad_norm: *(?P<grad_norm>"
        + NUMBER
        + rb")  )?memory:"
    ),
    re.compile(rb"(?<!validate )\bstep: *\S+  "),
    re.compile(rb"  grad_norm: "),
)
_VALIDATE = Shape(
    "validate",
    re.compile(
        rb"validate step: *(?P<step>\d+)  loss: *(?P<validation_loss>" + NUMBER + rb")  memory:"
    ),
    re.compile(rb"validate step: "),
)


def _parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    time = console.wall_time(line)
    for record in chain(_VALIDATE(line), _TRAIN(line)):
        if not isinstance(record, Broken):
            record[1]["time"] = time
        yield record


def read(file: BinaryIO) -> Source:
    """Train and validation losses."""
    return console.scan(file, _parse).source()


_SNIFF = re.compile(
    rb"step: *\d+ +(?:\x1b\[[0-9;]*m)?loss: *\S+ +(?:\x1b\[[0-9;]*m)?"
    rb"(?:grad_norm|memory): "
)
FORMATS: tuple[Format, ...] = (
    Format(
        "torchtitan",
        lambda head: bool(_SNIFF.search(head)),
        read,
        Preset(wall_time=("time",), eval_loss=("validation_loss",)),
    ),
)
