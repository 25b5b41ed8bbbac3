"""Any text with `name: value` or `name=value` in it, for logs that no format recognises.

It is used only where a study names it (`log: {format: pairs}`), as nothing but names says what its
columns are; `isoloss explain` proposes it, with those columns.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.patterns import NUMBER
from isoloss.logs.printed import Broken, Found, Row, scan, value
from isoloss.logs.records import Format, Source

_AXES = frozenset(("step", "steps", "iter", "iters", "iteration", "iterations", "it", "epoch"))
_AXES |= frozenset(("update", "updates", "batch", "global_step", "global step"))
_WORD = r"[A-Za-z_][\w./@%-]{0,79}"
# `loss: 3.2`, `'loss': 3.2`, `Train Loss = 3.2`, `Step [100/600]`, `iter 100: loss 3.2`. What is
# repeated is bounded, so that a line takes time in proportion to its length.
_PAIR = re.compile(
    (
        rf"(?<![\w.])(?:(?P<name>{_WORD}(?: {_WORD}){{0,3}})['\"]? ?[:=] *|"
        r"(?P<bare>(?:\w{1,20}[_/])?(?:step|iter|iteration|epoch|batch|update|loss))s? +)"
        rf"['\"\[(]?(?P<value>{NUMBER})(?:/\d+)?(?:ms|s|%)?(?=[\s,;|:)\]}}'\"-]|$)"
    ).encode(),
    re.IGNORECASE,
)
_BETWEEN = b",;:|)]}>-"


def _pairs(text: bytes) -> Row:
    """The numbers of a piece of text by name; a name of several words stands at a field's start."""
    row: Row = {}
    for match in _PAIR.finditer(text):
        name = (match["name"] or match["bare"]).decode()
        before = text[: match.start()].rstrip(b" {[('\"")
        if match["name"] and " " in name and before and before[-1] not in _BETWEEN:
            name = name.rsplit(" ", 1)[1]
        row.setdefault(name, value(match["value"]))
    return row


def _parse(line: bytes, axis: Row) -> Iterator[tuple[str, Row] | Broken]:
    """The record of a line, or of each piece that a carriage return overprints.

    axis: the steps and epochs seen so far: a record without one is that of the last, as rows are
    in which a program prints a step and below it what it measured.
    """
    for piece in line.split(b"\r"):
        row = _pairs(piece)
        axis.update({name: number for name, number in row.items() if name.lower() in _AXES})
        if row.keys() - axis.keys():
            yield "pairs", {**axis, **row}


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    return scan(file, partial(_parse, axis={}), Found(keep)).source()


def read(file: BinaryIO) -> Source:
    """Every number that has a name."""
    return _read(file, None)


def sniff(head: bytes) -> bool:
    """Two lines at least have the same named number."""
    lines = head.split(b"\n")[:2000]
    seen: set[str] = set()
    for line in lines:
        names = _pairs(line[:4096]).keys()
        if seen & names:
            return True
        seen |= names
    return False


FORMATS: tuple[Format, ...] = (
    Format("pairs", sniff, read, PLAIN, read_columns=_read, generic=True, named=True),
)
