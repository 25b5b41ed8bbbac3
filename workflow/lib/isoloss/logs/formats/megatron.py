"""Megatron-LM's and Megatron-DeepSpeed's output, one line of `name: number |` a logged iteration.

The losses are means over the iterations since the last line. A loss that is not above zero, NaN
among them, is not printed at all; a skipped update has no loss, or 0.0. Source: training_log and
evaluate_and_print_results in megatron/training/training.py.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from isoloss.logs import console
from isoloss.logs.console import NUMBER, Broken, Row
from isoloss.logs.records import Format, Preset, Source

_LOSS, _SKIPPED, _NAN = "lm loss", "number of skipped iterations", "number of nan iterations"
_START = re.compile(rb"\biteration +\d+/ *\d+ \|")
_HINT = re.compile(rb"\| consumed samples: |\| elapsed time per iteration|\| global batch size: ")
_FIELD = re.compile(rb" *([^:|]*[^:| ]) *: *(\S+) *")
_VALIDATION = re.compile(
    rb"validation loss at (?:iteration )?(\d+)(?: on (validation|test) set)? \| "
    rb"(?:.*\| )?lm loss value: (" + NUMBER + rb") \|"
)


class _Parser:
    def __init__(self) -> None:
        self.names: set[str] = set()

    def __call__(self, line: bytes) -> Iterator[tuple[str, Row] | Broken]:
        if b"validation loss at" in line and b"value: " in line:
            yield self._validation(line)
        starts = [match.start() for match in _START.finditer(line)]
        if not starts and _HINT.search(line):
            yield Broken("an iteration whose number is broken")
        time = console.wall_time(line[: starts[0]]) if starts else None
        for start, end in pairwise([*starts, len(line)] if starts else []):
            try:
                yield "train", {**self._iteration(line[start:end]), "time": time}
            except ValueError as error:
                yield Broken(str(error))

    def _validation(self, line: bytes) -> tuple[str, Row] | Broken:
        match = _VALIDATION.search(line)
        if match is None:
            return Broken("not a whole validation record")
        name = f"lm loss {(match[2] or b'validation').decode()}"
        return "validation", {"iteration": float(match[1]), name: console.value(match[3])}

    def _iteration(self, record: bytes) -> Row:
        head, *fields = record.split(b"|")
        row: Row = {"iteration": float(head.split()[1].rstrip(b"/"))}
        # What stands before the next record that is glued to this one is no field.
        if fields[-1].strip() and not re.fullmatch(rb" *\[[\d\-:. ]+\] *", fields[-1]):
            raise ValueError("an iteration that is cut off")
        for text in fields[:-1]:
            match = _FIELD.fullmatch(text)
            if match is None:
                raise ValueError(f"no field: {text[:40]!r}")
            name = match[1].decode("utf-8", "replace")
            try:
                row[name] = console.value(match[2])
            except ValueError:
                if _LOSS in name or "consumed" in name:
                    raise ValueError(f"{name} is no number: {match[2][:40]!r}") from None
        known = self.names or set(row)
        if _LOSS not in row and not set(row) <= known:
            raise ValueError(f"no {_LOSS}, but unknown fields: {sorted(set(row) - known)}")
        if not any(name.startswith("elapsed time per iteration") for name in row):
            raise ValueError("an iteration without its elapsed time")
        self.names |= set(row)
        skipped = (row.get(_SKIPPED) or 0) > 0
        if _LOSS not in row:
            if not skipped or (row.get(_NAN) or 0) > 0:
                row[_LOSS] = math.nan
        elif row[_LOSS] == 0 and skipped:
            del row[_LOSS]
        return row


def read(file: BinaryIO) -> Source:
    """Every field of the iteration lines, and the validation losses."""
    start = console.peek(file)
    length = console.constant(start, rb"\bseq_length \.+ (\d+)\s")
    window = console.constant(start, rb"\blog_interval \.+ (\d+)\s")
    found = console.scan(file, _Parser())
    rows = found.rows.get("train", [])
    if window is None:
        steps = [row["iteration"] or 0 for row in rows]
        gaps = Counter(b - a for a, b in pairwise(steps) if b > a)
        window = gaps.most_common(1)[0][0] if gaps else 1
    for name, what in ((_SKIPPED, "skipped updates"), (_NAN, "NaN losses")):
        if count := sum(row.get(name) or 0 for row in rows):
            found.notes.append(f"the log counts {count:g} {what}")
    return found.source(
        {"train": f"window_mean({window:g})"} if window > 1 else {},
        {} if length is None else {"sequence_length": length},
    )


def sniff(head: bytes) -> bool:
    """An iteration line with its elapsed time."""
    return bool(re.search(rb"\biteration +\d+/ *\d+ \|.*elapsed time per iteration", head))


FORMATS: tuple[Format, ...] = (
    Format(
        "megatron",
        sniff,
        read,
        Preset(
            step=("iteration",),
            tokens=("consumed tokens",),
            samples=("consumed samples",),
            wall_time=("time",),
            train_loss=(_LOSS,),
            eval_loss=(f"{_LOSS} validation",),
        ),
    ),
)
