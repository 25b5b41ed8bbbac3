"""Composer's file logger: `[metric][batch=0]: loss/train/total: 10.9997`, one metric a line.

Batches count from 0. `time/token` of a batch is logged before its update, so that it counts the
tokens after the update before; an evaluation at batch n comes after n updates. Source:
composer/loggers/file_logger.py.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row
from isoloss.logs.records import Format, Preset, Source

_TOKENS = "time/token"
_METRIC = re.compile(rb"\[metric\]\[batch=(\d+)\]: ([^:]+): (" + NUMBER + rb") ?")
_BROKEN = re.compile(rb"\[metric|\]\[batch=|metric\]")


def _parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    match = _METRIC.fullmatch(line.rstrip())
    if match is None:
        # Metrics that are no numbers, as the name of an algorithm, are none of ours.
        if _BROKEN.search(line) and not re.match(
            rb"\[metric\]\[batch=\d+\]: [^:\[]+: +[^\d\[]", line
        ):
            yield Broken("not one metric")
        return
    name = match[2].decode("utf-8", "replace")
    before = name == _TOKENS or name.startswith("metrics/")
    step = float(match[1]) - before
    if step >= 0 or name != _TOKENS:
        yield "metric", {"batch": step, name: console.value(match[3])}


def read(file: BinaryIO) -> Source:
    """Every metric."""
    return console.scan(file, _parse).source()


FORMATS: tuple[Format, ...] = (
    Format(
        "composer",
        lambda head: bool(re.search(rb"^\[metric\]\[batch=\d+\]: ", head, re.MULTILINE)),
        read,
        Preset(
            step=("batch",),
            tokens=(_TOKENS,),
            train_loss=("loss/train/total",),
            eval_loss=("metrics/eval/LanguageCrossEntropy", "metrics/*/LanguageCrossEntropy"),
            step_base=0,
        ),
    ),
)
