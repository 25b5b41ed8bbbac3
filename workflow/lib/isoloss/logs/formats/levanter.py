"""Levanter's JSON tracker: a JSON object behind the prefix of Python's logging, steps from 0.

Code, as the columns are keys of nested objects; see console.yaml.
"""

import re
from collections.abc import Iterator

from isoloss.logs.formats import jsonl
from isoloss.logs.printed import Broken, Row, wall_time

_START = re.compile(rb'\{"tracker": ?')
_HINT = re.compile(rb'"event": ?"log"|json_logger\.py')


def parse(line: bytes) -> Iterator[tuple[str, Row] | Broken]:
    """The records of the tracker in a line."""
    start = _START.search(line)
    if start is None:
        if _HINT.search(line):
            yield Broken("no JSON object of the tracker")
        return
    try:
        objects = jsonl.objects(line[start.start() :])
        for found in objects:
            if found.get("event") == "log":
                time = wall_time(line[: start.start()])
                row: Row = {"step": jsonl.cell(found["step"]), "time": time}
                row.update(
                    (n, jsonl.cell(v))
                    for n, v in jsonl.flat(found["metrics"])
                    if not isinstance(v, str)
                )
                yield "log", row
    except (ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        yield Broken(jsonl.reason(error))
