"""Levanter's JSON tracker: a JSON object behind the prefix of Python's logging, steps from 0.

Tokens are logged in objects of their own. Source: levanter/tracker/json_logger.py.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import Broken, Row
from isoloss.logs.formats import jsonl
from isoloss.logs.records import Format, Preset, Source

_START = re.compile(rb'\{"tracker": ?')
_HINT = re.compile(rb'"event": ?"log"|json_logger\.py')


def _parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    start = _START.search(line)
    if start is None:
        if _HINT.search(line):
            yield Broken("no JSON object of the tracker")
        return
    try:
        objects = jsonl.objects(line[start.start() :])
        for found in objects:
            if found.get("event") == "log":
                time = console.wall_time(line[: start.start()])
                row: Row = {"step": jsonl.cell(found["step"]), "time": time}
                row.update(
                    (n, jsonl.cell(v))
                    for n, v in jsonl.flat(found["metrics"])
                    if not isinstance(v, str)
                )
                yield "log", row
    except (ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        yield Broken(jsonl.reason(error))


def read(file: BinaryIO) -> Source:
    """Every number of the tracker's log events."""
    return console.scan(file, _parse).source()


FORMATS: tuple[Format, ...] = (
    Format(
        "levanter",
        lambda head: bool(re.search(rb'\{"tracker": ?"[^"]*", ?"event": ?"', head)),
        read,
        Preset(
            tokens=("throughput/total_tokens",),
            wall_time=("time",),
            train_loss=("train/loss",),
            eval_loss=("eval/loss",),
            step_base=0,
        ),
    ),
)
