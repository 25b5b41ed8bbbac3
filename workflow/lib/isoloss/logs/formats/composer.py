"""Composer's file logger: `[metric][batch=0]: loss/train/total: 10.9997`, one metric a line.

Code, as the column stands in the line, and its name decides on the step; see console.yaml.
"""

import re
from collections.abc import Iterator

from isoloss.logs.patterns import NUMBER
from isoloss.logs.printed import Broken, Row, value

_TOKENS = "time/token"
_METRIC = re.compile(rb"\[metric\]\[batch=(\d+)\]: ([^:]+): (" + NUMBER.encode() + rb") ?")
_BROKEN = re.compile(rb"\[metric|\]\[batch=|metric\]")


def parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    """The metric of a line."""
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
        yield "metric", {"batch": step, name: value(match[3])}
