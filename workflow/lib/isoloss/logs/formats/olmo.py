"""OLMo's and OLMo-core's output: records of several lines.

A line with `[step=10/2000,epoch=0]`, or the name of an evaluation, and under it indented lines
`train/CrossEntropyLoss=8.628`. Evaluations have no step of their own: they belong to the one
before. Numbers have four digits. Code, as records have several lines; see console.yaml.
"""

import re
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from isoloss.logs import console, lines
from isoloss.logs.patterns import Console
from isoloss.logs.printed import Found, Row, plain, value, wall_time
from isoloss.logs.records import Bad, Format, Source

_STEP = re.compile(rb"\[step=(\d+)/[^\]]*\]")
_HEAD = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_VALUE = re.compile(rb"    ([\w/.-][\w/. ()*+-]*)=(\S+)")
_LOSS = re.compile(r"loss$|tokens$|^throughput/total|^eval/", re.IGNORECASE)


class _Records:
    """Collects the lines of each record; a record that the file ends in keeps its whole lines."""

    def __init__(self, keep: frozenset[str] | None) -> None:
        self.found = Found(keep, ["step"])
        self.kind: str | None = None
        self.row: Row = {}
        self.offset = 0

    def line(self, offset: int, line: bytes, torn: bool) -> None:
        """Take one line in."""
        if (match := _VALUE.fullmatch(line)) and self.kind:
            if torn:
                self.found.notes.append(lines.torn_note(offset))
            else:
                self._value(offset, line, match)
        elif self.kind and line.startswith(b"    ") and b"=" in line:
            self.found.quarantine.append(Bad(offset, "not name=number", line[:200]))
        elif _HEAD.search(line) or _STEP.search(line):
            self.close()
            step = _STEP.search(line)
            self.kind, self.offset = "train" if step else "eval", offset
            self.row = {"time": wall_time(line)}
            if step:
                self.row["step"] = float(step[1])
        elif torn and line.strip():
            self.found.notes.append(lines.torn_note(offset))
        else:
            self.close()

    def _value(self, offset: int, line: bytes, match: re.Match[bytes]) -> None:
        name = match[1].decode()
        try:
            self.row[name] = value(match[2])
        except ValueError:
            if _LOSS.search(name):
                self.found.quarantine.append(Bad(offset, f"{name} is no number", line[:200]))

    def close(self) -> None:
        """End the record; one without values is no record."""
        if self.kind and not set(self.row) <= {"time", "step"}:
            self.found.add(self.kind, self.offset, self.row)
        self.kind = None


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    records = _Records(keep)
    for block in lines.blocks(file):
        for offset, raw in block:
            records.line(offset, plain(raw), offset == block.torn)
    records.close()
    return records.found.source()


def described(table: Console) -> Format:
    """The format; the offset of a record is its first line."""
    return replace(console.described(table), read=partial(_read, keep=None), read_columns=_read)
