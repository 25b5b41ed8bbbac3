"""Weights & Biases offline runs (`run-<id>.wandb`), read without wandb.

Source: wandb/proto/wandb_internal.proto: Record, HistoryRecord, HistoryItem, RunRecord.
"""

import json
import re
import struct
from array import array
from collections.abc import Iterator, Mapping
from math import inf, nan
from pathlib import PurePosixPath
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from isoloss.logs.formats.leveldb import records
from isoloss.logs.formats.wire import FIXED64, LENGTH, VARINT, WireError, fields, signed, varint
from isoloss.logs.quarantine import Quarantine
from isoloss.logs.records import Block, Format, LogError, Open, Preset, Source, whole_name
from isoloss.logs.runs import choose_run

HEADER = b":W&B\xe1\xbe\x00"
LATEST = "latest-run"  # W&B's link to the folder of the last run: the same file again.
MAX_KEYS = 10_000  # Keys of a row, and sets of keys of a run.
MAX_TREE = 1 << 20  # A larger JSON object is a table or a picture, not numbers.
_HISTORY, _RUN, _EXIT = 2, 17, 18
_NUM_TAG, _HISTORY_TAG, _SUMMARY_TAG, _STEP_TAG = 0x08, 0x12, 0x1A, 0x12
# An item as wandb writes it: its length, its `key` or `nested_key` fields and, after a tag of two
# bytes and its length, `value_json`: here a number. Possessive and bounded: hostile bytes take
# linear time.
_ITEM = re.compile(rb"\n.([\n\x12].[^\x82]{0,120}+)\x82\x01.([-+.0-9A-Za-z]*+)", re.DOTALL)
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?|NaN|-?Infinity")
_AROUND = 5  # Bytes of an item that are outside the two groups.
_WORDS = {
    b"null": nan,  # What NaN becomes on its way through strict JSON.
    b"true": 1.0,
    b"false": 0.0,
    b'"NaN"': nan,
    b'"Infinity"': inf,
    b'"-Infinity"': -inf,
}


class _History:
    """Rows by the set of keys that they log; wandb writes the keys of a row in any order."""

    def __init__(self) -> None:
        self.kinds: dict[frozenset[str], tuple[list[str], array[float]]] = {}
        self.names: dict[bytes, str] = {}  # By the bytes that hold them in an item.
        self.texts: set[str] = set()

    def add(self, offset: int, data: bytes, at: int, end: int) -> None:
        """Add the row in bytes [at, end), a HistoryRecord; WireError where it is none."""
        row = self._plain_row(data, at, end) or self._any_row(data, at, end)
        kind = frozenset(row)
        if kind not in self.kinds:
            if max(len(self.kinds), len(kind)) >= MAX_KEYS:
                raise LogError(f"{MAX_KEYS:,} keys or sets of keys: not the history of one run")
            self.kinds[kind] = sorted(kind), array("d")
        names, rows = self.kinds[kind]
        rows.append(offset)
        rows.extend([row[name] for name in names])

    def _plain_row(self, data: bytes, at: int, end: int) -> dict[str, float] | None:
        """A row of nothing but plain numbers, among them `_step`; None for any other row."""
        found = _ITEM.findall(data, at, end)
        if not found:
            return None
        heads, texts = zip(*found, strict=True)
        stop = at + sum(map(len, heads)) + sum(map(len, texts)) + _AROUND * len(found)
        step = stop + 1 < end and data[stop] == _STEP_TAG and stop + 2 + data[stop + 1] == end
        if not step and stop != end:
            return None
        try:
            names = [self.names.get(head) or self._name(head) for head in heads]
            row = dict(zip(names, map(float, texts), strict=True))
        except ValueError:  # A text that is no number; or a WireError: no name.
            return None
        return row if "_step" in row else None

    def _name(self, head: bytes) -> str:
        """The name in an item's first bytes; WireError if there is more than that."""
        name, _, more = _item(head, 0, len(head))
        if more:
            raise WireError("other fields than those of a name")
        if len(self.names) < MAX_KEYS:
            self.names[head] = name
        return name

    def _any_row(self, data: bytes, at: int, end: int) -> dict[str, float]:
        """A row, field by field."""
        row: dict[str, float] = {}
        for number, kind, first, after in fields(data, at, end):
            if (number, kind) == (1, LENGTH):
                name, value, _ = _item(data, first, after)
                if isinstance(value, float):
                    row[name] = value
                else:
                    self._add_value(row, name, value)
            elif (number, kind) == (2, LENGTH) and "_step" not in row:
                row["_step"] = 0.0
                for inner, inner_kind, left, right in fields(data, first, after):
                    if (inner, inner_kind) == (1, VARINT):
                        row["_step"] = float(signed(varint(data, left, right)[0]))
        return row

    def _add_value(self, row: dict[str, float], name: str, text: bytes) -> None:
        """Add the numbers of a JSON text: plain, a word, or an object of numbers."""
        for key, value in _numbers(name, text):
            if value is not None:
                row[key] = value
            elif len(self.texts) < MAX_KEYS:
                self.texts.add(key)

    def blocks(self) -> tuple[Block, ...]:
        """A block a set of keys, in the order in which these first appear."""
        blocks = []
        for names, rows in self.kinds.values():
            table = np.frombuffer(rows).reshape(-1, 1 + len(names))
            columns = [pa.array(table[:, 0].astype(np.int64))]
            columns += [pa.array(np.ascontiguousarray(column)) for column in table.T[1:]]
            columned = ["offset (logged)" if name == "offset" else name for name in names]
            blocks.append(Block(pa.table(columns, ["offset", *map(whole_name, columned)])))
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
    elif _NUMBER.fullmatch(text):
        yield name, float(text)
    else:
        raise WireError(f"the value of {name!r} is not JSON: {text[:40]!r}")


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
