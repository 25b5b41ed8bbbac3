"""llm.c: what it prints (steps count from 1) and its `main.log` (from 0).

A `tel` line of main.log is the evaluation after as many updates as the number says, a `trl` line
the loss of the update of that number. Source: train_gpt2.cu and llmc/logger.h of llm.c.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row, Shape
from isoloss.logs.records import Format, Preset, Source

_STEP = Shape(
    "step",
    re.compile(
        rb"step +(?P<step>\d+)/\d+ ?[|:] (?:train )?loss +(?P<loss>" + NUMBER + rb")(?: \([^)]*\))?"
        rb"\s*(?:\||\()"
    ),
    re.compile(rb"step +\d+/\d+ ?[|:]"),
    re.compile(rb"\| norm +\S+ |MFU \| \d+ tok/s"),
)
_VAL = Shape(
    "val",
    re.compile(rb"^val loss:? (?P<val_loss>" + NUMBER + rb")\s*$"),
    re.compile(rb"^val loss"),
)
_TRL = Shape(
    "trl",
    re.compile(rb"s:(?P<step>\d+) trl:(?P<trl>" + NUMBER + rb")(?=\s|$)(?: lr:\S+)?(?: norm:\S+)?"),
    re.compile(rb"s:\d+ trl:"),
    re.compile(rb"^s:\d+ t(?!el:)| trl:| lr:\S+ norm:"),
)
_TEL = Shape(
    "tel",
    re.compile(rb"s:(?P<step>\d+) tel:(?P<tel>" + NUMBER + rb")(?=\s|$)"),
    re.compile(rb"s:\d+ tel:"),
    re.compile(rb" tel:"),
)


def _printed(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    return chain(_STEP(line), _VAL(line))


def _logged(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    yield from _TRL(line)
    for record in _TEL(line):
        if not isinstance(record, Broken) and record[1]["step"] is not None:
            # After n updates; the update before it has the number n - 1.
            record[1]["step"] -= 1
        yield record


def read_printed(file: BinaryIO) -> Source:
    """The standard output, with the tokens per step that it prints at its start."""
    tokens = console.constant(console.peek(file), rb"total_batch_size ?[=|] ?(\d+)\s")
    constants = {} if tokens is None else {"tokens_per_step": tokens}
    return console.scan(file, _printed).source(constants=constants)


def read_logged(file: BinaryIO) -> Source:
    """The file main.log."""
    return console.scan(file, _logged).source()


FORMATS: tuple[Format, ...] = (
    Format(
        "llmc",
        lambda head: bool(re.search(rb"^step +\d+/\d+ ?[|:] (?:train )?loss ", head, re.MULTILINE)),
        read_printed,
        Preset(eval_loss=("val_loss",)),
    ),
    Format(
        "llmc-main",
        lambda head: bool(re.search(rb"^s:\d+ t[re]l:", head, re.MULTILINE)),
        read_logged,
        Preset(train_loss=("trl",), eval_loss=("tel",), step_base=0),
    ),
)
