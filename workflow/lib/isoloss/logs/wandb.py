"""Weights & Biases offline runs (`run-<id>.wandb`), read without wandb.

Source: wandb/proto/wandb_internal.proto: Record, HistoryRecord, HistoryItem, RunRecord.
"""

import json
import re
import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, nan
from operator import itemgetter
from pathlib import PurePosixPath
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from isoloss.logs.leveldb import records
from isoloss.logs.quarantine import Quarantine
from isoloss.logs.records import Block, Format, LogError, Open, Preset, Source
from isoloss.logs.runs import choose_run
from isoloss.logs.wire import FIXED64, LENGTH, VARINT, WireError, fields, signed, varint

HEADER = b":W&B\xe1\xbe\x00"
LATEST = "latest-run"  # W&B's link to the folder of the last run: the same file again.
MAX_KINDS = 10_000
MAX_TREE = 1 << 20  # A larger JSON object is a table or a picture, not numbers.
_REMEMBERED = 10_000
_HISTORY, _RUN, _EXIT = 2, 17, 18
_NUM_TAG, _HISTORY_TAG, _SUMMARY_TAG, _STEP_TAG = 0x08, 0x12, 0x1A, 0x12
# An item as wandb writes it: its length, its `key` or `nested_key` fields and, after a tag of two
# bytes and its length, `value_json`. In a row of plain numbers no text can be taken for a tag.
_ITEM = re.compile(rb"\n.([\n\x12].[^\x82]*)\x82\x01.([^\n\x12]*)", re.DOTALL)
_AROUND = 5  # Bytes of an item that are outside the two groups.
_WORDS = {
    b"null": nan,  # What NaN becomes on its way through strict JSON.
    b"true": 1.0,
    b"false": 0.0,
    b'"NaN"': nan,
    b'"Infinity"': inf,
    b'"-Infinity"': -inf,
}


@dataclass(frozen=True)
class _Plan:
    """How to read rows whose items have the same keys in the same order, all plain numbers.

    pick: (offset, values...) -> a row; size: the bytes of the items less those of the values.
    """

    rows: "array[float]"
    pick: Callable[[tuple[float, ...]], tuple[float, ...]]
    size: int

    def fits(self, data: bytes, at: int, end: int) -> bool:
        """Whether the items, and `step` after them, are all there is up to `end`."""
        stop = at + self.size
        return stop == end or (
            stop + 1 < end and data[stop] == _STEP_TAG and stop + 2 + data[stop + 1] == end
        )


class _History:
    """Rows by the set of keys that they log; keys come in any order, so each order is mapped."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, ...], array[float]] = {}
        self.orders: dict[tuple[str, ...], tuple[array[float], list[int]]] = {}
        self.plans: dict[tuple[bytes, ...], _Plan | None] = {}
        self.texts: set[str] = set()

    def add(self, offset: int, data: bytes, at: int, end: int) -> None:
        """Add the row in bytes [at, end), a HistoryRecord; WireError where it is none."""
        if found := _ITEM.findall(data, at, end):
            heads, texts = zip(*found, strict=True)
            if heads not in self.plans:
                if len(self.plans) >= _REMEMBERED:
                    self.plans.clear()
                self.plans[heads] = self._plan(heads)
            plan = self.plans[heads]
            if plan and plan.fits(data, at + sum(map(len, texts)), end):
                try:
                    plan.rows.extend(plan.pick((offset, *map(float, texts))))
                except ValueError:  # Not a plain number.
                    pass
                else:
                    return
        self._add_fields(offset, data, at, end)

    def _plan(self, heads: tuple[bytes, ...]) -> "_Plan | None":
        """How to read rows whose items begin so; None for those to be read field by field."""
        names = []
        for head in heads:
            try:
                name, _, odd = _item(head, 0, len(head))
            except WireError:
                return None
            if odd:
                return None
            names.append(name)
        if "_step" not in names:
            return None
        rows, order = self._order(tuple(names))
        return _Plan(rows, itemgetter(*order), sum(len(head) + _AROUND for head in heads))

    def _order(self, names: tuple[str, ...]) -> "tuple[array[float], list[int]]":
        """The rows with these keys, and where in (offset, values...) each of their columns is."""
        if names not in self.orders:
            last = {name: i for i, name in enumerate(names, start=1)}
            kind = tuple(sorted(last))
            if kind not in self.kinds and len(self.kinds) >= MAX_KINDS:
                raise LogError(f"rows with more than {MAX_KINDS:,} different sets of keys")
            if len(self.orders) >= _REMEMBERED:
                self.orders.clear()
            rows = self.kinds.setdefault(kind, array("d"))
            self.orders[names] = rows, [0, *(last[name] for name in kind)]
        return self.orders[names]

    def _add_fields(self, offset: int, data: bytes, at: int, end: int) -> None:
        """Add a row field by field."""
        names: list[str] = []
        values: list[float] = [offset]
        for number, kind, first, after in fields(data, at, end):
            if (number, kind) == (1, LENGTH):
                name, value, _ = _item(data, first, after)
                if isinstance(value, float):
                    names.append(name)
                    values.append(value)
                else:
                    self._add_value(name, value, names, values)
            elif (number, kind) == (2, LENGTH) and "_step" not in names:
                step = 0
                for inner, inner_kind, left, right in fields(data, first, after):
                    if (inner, inner_kind) == (1, VARINT):
                        step = signed(varint(data, left, right)[0])
                names.append("_step")
                values.append(float(step))
        rows, order = self._order(tuple(names))
        rows.extend([values[i] for i in order])

    def _add_value(self, name: str, text: bytes, names: list[str], values: list[float]) -> None:
        """Add the numbers of a JSON text that is not a plain number: words, objects of numbers."""
        for key, value in _numbers(name, text):
            if value is None:
                if len(self.texts) < _REMEMBERED:
                    self.texts.add(key)
            else:
                names.append(key)
                values.append(value)

    def blocks(self) -> tuple[Block, ...]:
        """A block a set of keys, in the order in which these first appear."""
        blocks = []
        for kind, rows in self.kinds.items():
            if not rows:  # Every row of this kind had something else than a plain number.
                continue
            table = np.frombuffer(rows).reshape(-1, 1 + len(kind))
            columns = [pa.array(table[:, 0].astype(np.int64))]
            columns += [pa.array(np.ascontiguousarray(column)) for column in table.T[1:]]
            names = ["offset (logged)" if name == "offset" else name for name in kind]
            blocks.append(Block(pa.table(columns, ["offset", *names])))
        return tuple(blocks)


def _item(data: bytes, at: int, end: int) -> tuple[str, float | bytes, bool]:
    """Name and value of a HistoryItem, a number or a JSON text; and if it has other fields than the
    name's."""
    path: list[str] = []
    key, more = "", False
    value: float | bytes = b'""'
    for number, kind, first, after in fields(data, at, end):
        if number in (1, 2) and kind == LENGTH:
            text = data[first:after].decode("utf-8", "backslashreplace")
            key = text if number == 1 else key
            path += [text] if number == 2 else []
            continue
        more = True
        if number in (8, 16) and kind == LENGTH:
            value = data[first:after]
        elif number in (3, 4, 5) and kind == VARINT:
            bits = varint(data, first, after)[0]
            zigzag = (bits >> 1) ^ -(bits & 1)  # Signed numbers of type sint64.
            value = nan if number == 3 else float(bits if number == 4 else zigzag)
        elif (number, kind) == (6, FIXED64):
            value = float(struct.unpack_from("<d", data, first)[0])
    return ".".join(path) or key, value, more


def _numbers(name: str, text: bytes) -> Iterator[tuple[str, float | None]]:
    """The numbers in a JSON text by dotted name; None for what is not a number."""
    text = text.strip()
    if text in _WORDS:
        yield name, _WORDS[text]
    elif text[:1] in (b'"', b"[") or len(text) > MAX_TREE:
        yield name, None
    elif text[:1] == b"{":
        try:
            tree = json.loads(text, parse_int=float)
        except (ValueError, RecursionError) as error:
            raise WireError(f"the value of {name!r} is not JSON: {error}") from error
        yield from _leaves(name, tree)
    else:
        try:
            yield name, float(text)
        except ValueError as error:
            raise WireError(f"the value of {name!r} is not JSON: {text[:40]!r}") from error


def _leaves(name: str, tree: dict[str, object]) -> Iterator[tuple[str, float | None]]:
    """The numbers of a nested object; one with a `_type` is a picture, a histogram or the like."""
    branches: list[tuple[str, object]] = [(name, tree)]
    while branches:
        path, value = branches.pop()
        if isinstance(value, dict) and "_type" not in value:
            branches += [(f"{path}.{key}", child) for key, child in value.items()]
        elif isinstance(value, (bool, float)):
            yield path, float(value)
        else:
            word = "null" if value is None else f'"{value}"' if isinstance(value, str) else ""
            yield path, _WORDS.get(word.encode("utf-8", "replace"))


class _Run:
    """One file as it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.bad = Quarantine()
        self.history = _History()
        self.notes: list[str] = []
        self.id, self.name, self.ended = "", "", False
        if stream.read(len(HEADER)) != HEADER:
            raise LogError("not a .wandb file of version 0: it does not begin with :W&B e1 be 00")
        for offset, data in records(stream, self.bad, self.notes):
            try:
                self._add(offset, data)
            except WireError as error:
                self.bad.add(offset, f"not a Record message: {error}", data)
        if not self.ended:
            self.notes.append("no record of the run's exit: it was killed, or is being written")
        if self.history.texts:
            shown = sorted(self.history.texts)
            more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
            self.notes.append(f"keys that do not hold numbers: {', '.join(shown[:20])}{more}")

    def _add(self, offset: int, data: bytes) -> None:
        end = len(data)
        if end > 16 and data[0] == _NUM_TAG:  # The usual record: its number, then one message.
            at = 1
            while data[at] >= 0x80 and at < 11:
                at += 1
            if data[at + 1] == _SUMMARY_TAG:
                return  # Two records in three: they repeat what the history says.
            if data[at + 1] == _HISTORY_TAG:
                length, first = varint(data, at + 2, end)
                if first + length == end:
                    self.history.add(offset, data, first, end)
                    return
        for number, kind, first, after in fields(data, 0, end):
            if kind == LENGTH and number == _HISTORY:
                self.history.add(offset, data, first, after)
            elif kind == LENGTH and number == _RUN:
                for inner, inner_kind, left, right in fields(data, first, after):
                    text = data[left:right].decode("utf-8", "backslashreplace")
                    if (inner, inner_kind) == (1, LENGTH):
                        self.id = text
                    elif (inner, inner_kind) == (8, LENGTH):
                        self.name = text
            elif kind == LENGTH and number == _EXIT:
                self.ended = True

    def source(self) -> Source:
        return Source(self.history.blocks(), tuple(self.bad.records), tuple(self.notes))


def sniff(head: bytes) -> bool:
    """Begins with W&B's header."""
    return head.startswith(HEADER)


def read(stream: BinaryIO) -> Source:
    """Read one `.wandb` file: a block a set of keys, with the columns as they were logged."""
    return _Run(stream).source()


def read_all(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """Read the files of one run, by its id or name; a resumed run has a file a start."""
    runs = {}
    for path, opened in sorted(files.items()):
        if LATEST in PurePosixPath(path).parts and len(files) > 1:
            continue
        with opened() as stream:
            if sniff(stream.read(len(HEADER))):
                stream.seek(0)
                runs[path] = _Run(stream)
    ids = {path: read.id or PurePosixPath(path).stem for path, read in runs.items()}
    names = {ids[path]: read.name for path, read in runs.items()}
    chosen = choose_run(names, run, "the folder")
    return {path: read.source() for path, read in runs.items() if ids[path] == chosen}


FORMATS = (
    Format(
        "wandb",
        sniff,
        read,
        Preset(
            # `_step` counts calls of `wandb.log` and starts again in a resumed run: it comes last.
            step=(
                "iter",
                "iteration",
                "train/global_step",
                "trainer/global_step",
                "global_step",
                "train/step",
                "step",
                "_step",
            ),
            tokens=(
                "tokens",
                "train/tokens",
                "tokens_seen",
                "consumed_tokens",
                "num_tokens",
                "train/num_input_tokens_seen",
                "throughput/total_tokens",
            ),
            wall_time=("_timestamp",),
            train_loss=("train/loss", "train_loss", "train/CrossEntropyLoss", "train.loss", "loss"),
            eval_loss=(
                "val/loss",
                "eval/loss",
                "valid/loss",
                "validation/loss",
                "test/loss",
                "val_loss",
                "eval_loss",
            ),
        ),
        read_all,
    ),
)
