"""nanoGPT's output: `iter 10: loss 8.6285, time 916.34ms, mfu 41.20%`.

`iter` lines hold the loss of the last micro-batch, after as many updates as the number says; `step`
lines hold means over evaluation batches, of train data too: that is another estimator, and stands
in a column of its own. Source: train.py of nanoGPT.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row, Shape
from isoloss.logs.records import Format, Preset, Source

_ITER = Shape(
    "iter",
    re.compile(rb"iter (?P<step>\d+): loss (?P<loss>" + NUMBER + rb"), time [\d.,]+ms"),
    re.compile(rb"iter \S+ loss "),
    re.compile(rb": loss \S+ time |, time [\d.]+ms, mfu "),
)
_EVALUATION = Shape(
    "step",
    re.compile(
        rb"step (?P<step>\d+): train loss (?P<train_loss>"
        + NUMBER
        + rb"), val loss (?P<val_loss>"
        + NUMBER
        + rb")(?![\w.])"
    ),
    re.compile(rb"step \S+ train loss "),
    re.compile(rb": train loss \S+ val loss |, val loss "),
)


def _parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    return chain(_ITER(line), _EVALUATION(line))


def read(file: BinaryIO) -> Source:
    """Train and evaluation losses, and the tokens per step that the log prints at its start."""
    tokens = console.constant(
        console.peek(file), rb"tokens per iteration will be: (" + NUMBER + rb")\s"
    )
    found = console.scan(file, _parse)
    constants = {} if tokens is None else {"tokens_per_step": tokens}
    return found.source({"iter": "last_microbatch"}, constants)


def sniff(head: bytes) -> bool:
    """An `iter` or a `step` line of nanoGPT."""
    return bool(
        re.search(
            rb"^(?:iter \d+: loss \S+, time |step \d+: train loss \S+, val loss )",
            head,
            re.MULTILINE,
        )
    )


FORMATS: tuple[Format, ...] = (
    Format("nanogpt", sniff, read, Preset(train_loss=("loss",), eval_loss=("val_loss",))),
)
