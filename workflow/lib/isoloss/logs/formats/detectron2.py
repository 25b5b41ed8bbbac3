"""metrics.json of detectron2 (JSONWriter in detectron2/utils/events.py): JSON lines.

Iterations count from 0. Losses are medians of the last 20 iterations.
"""

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from isoloss.logs.formats import jsonl
from isoloss.logs.records import Format, Preset, Source

_NAMES = (b'"iteration": ', b'"total_loss": ', b'"data_time": ')


def _sniff(head: bytes) -> bool:
    lines = head.split(b"\n", 20)[:20]
    return any(all(name in line for name in _NAMES) for line in lines) and jsonl.sniff(head)


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    source = jsonl.read(file) if keep is None else jsonl.read_columns(file, keep)
    blocks = tuple(replace(block, aggregation="window_median(20)") for block in source.blocks)
    return replace(source, blocks=blocks)


FORMATS: tuple[Format, ...] = (
    Format(
        "detectron2",
        _sniff,
        partial(_read, keep=None),
        Preset(
            step=("iteration",),
            train_loss=("total_loss",),
            eval_loss=("validation_loss",),
            step_base=0,
        ),
        read_columns=_read,
    ),
)
