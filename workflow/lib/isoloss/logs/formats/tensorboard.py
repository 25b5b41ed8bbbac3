"""TensorBoard event files: scalars logged as `simple_value` or as tensors of one element.

Records that differ in nothing but wall time, step and value are decoded together; the first of
each kind is parsed field by field.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import BinaryIO

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from isoloss.logs.formats.tensor import Event, Number, numbers_of, parse_event, width
from isoloss.logs.formats.tfrecord import FOOTER, HEADER, Window, record_length, windows
from isoloss.logs.formats.wire import WireError
from isoloss.logs.metric import metric_block
from isoloss.logs.quarantine import Quarantine
from isoloss.logs.records import Format, LogError, Open, Preset, Source
from isoloss.logs.runs import choose_run

MAX_TAGS = 10_000
LONGEST = 1024  # A longer record is not one of many like it.
PATIENCE = 64  # Kinds of few records that are decoded together, before records are taken singly.
FEW = 16
KERAS = frozenset({"train", "validation"})  # Folders of the Keras callback: one tag, two curves.
LIGHTNING = re.compile(r"version_\d+")  # Folders of one run and of its resumes.


class _Reader:
    """Collects the scalars of one file by tag: rows of offset, step, wall time and value."""

    def __init__(self, bad: Quarantine) -> None:
        self.bad = bad
        self.pieces: dict[str, list[NDArray[np.float64]]] = {}
        self.singles: dict[str, list[tuple[float, float, float, float]]] = {}
        self.digits: dict[str, int] = {}
        self.plugins: dict[str, str] = {}  # By tag: only its first record needs to name it.
        self.others: Counter[str] = Counter()

    def add(self, window: Window) -> None:
        """Decode the records of a window."""
        data = np.frombuffer(window.data, np.uint8)
        for length in np.unique(window.lengths).tolist():
            starts = window.starts[window.lengths == length]
            patience = PATIENCE if 0 < length <= LONGEST else 0
            while patience and len(starts):
                rows = sliding_window_view(data, length)[starts]
                event = self._parse(window, int(starts[0]), length)
                alike = _alike(event, rows)
                if event:
                    self._together(event, rows[alike], window.base + starts[alike])
                starts = starts[~alike]
                patience -= int(alike.sum() < FEW)
            for start in starts.tolist():
                if event := self._parse(window, start, length):
                    row = (window.base + start - HEADER, event.step, event.wall_time)
                    for number in event.numbers:
                        self.singles[number.tag].append((*row, number.value))

    def _parse(self, window: Window, start: int, length: int) -> Event | None:
        try:
            event = parse_event(window.data[start : start + length])
        except WireError as error:
            head = window.data[start - HEADER : start + length + FOOTER]
            self.bad.add(window.base + start - HEADER, f"not an Event message: {error}", head)
            return None
        self.others.update(event.others)
        for number in event.numbers:
            self._meet(number)
        return event

    def _meet(self, number: Number) -> None:
        tag = number.tag
        if number.plugin:
            self.plugins[tag] = number.plugin
        if number.digits:
            self.digits[tag] = min(number.digits, self.digits.get(tag, number.digits))
        if tag not in self.singles and len(self.singles) >= MAX_TAGS:
            raise LogError(f"more than {MAX_TAGS:,} tags of scalars: not the log of one run")
        self.singles.setdefault(tag, [])
        self.pieces.setdefault(tag, [])

    def _together(self, event: Event, rows: NDArray[np.uint8], starts: NDArray[np.int64]) -> None:
        for kind in event.others:
            self.others[kind] += len(rows) - 1  # The first is counted where it was parsed.
        table = np.empty((len(rows), 4))
        table[:, 0] = starts - HEADER
        table[:, 1] = _steps(rows[:, slice(*event.step_span)])
        first, after = event.wall_span
        table[:, 2] = numbers_of(rows[:, first:after], "<f8") if after else 0.0
        for number in event.numbers:
            table[:, 3] = number.value
            if number.at >= 0:
                raw = rows[:, number.at : number.at + width(number.dtype)]
                table[:, 3] = numbers_of(raw, number.dtype)
            self.pieces[number.tag].append(table.copy())

    def source(self, notes: list[str]) -> Source:
        """What was collected, a block a tag, in the order in which the tags first appear."""
        blocks = []
        for tag in list(self.pieces):
            single = np.array(self.singles.pop(tag), np.float64).reshape(-1, 4)
            table = np.concatenate([*self.pieces.pop(tag), single])
            if (plugin := self.plugins.get(tag, "scalars")) != "scalars":
                self.others[plugin] += len(table)
                continue
            table = table[np.argsort(table[:, 0], kind="stable")]
            digits = self.digits.get(tag)
            blocks.append((table[0, 0], metric_block(tag, table, digits)))
        if self.others:
            counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.others.items()))
            notes.append(f"values that are not scalars were passed over: {counts}")
        return Source(
            tuple(block for _, block in sorted(blocks, key=lambda pair: pair[0])),
            tuple(sorted(self.bad.records, key=lambda record: record.offset)),
            tuple(notes),
        )


def _alike(event: Event | None, rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the (n, length) records equal the first, `event`, in all but its numbers."""
    if event is None:
        return np.equal(np.arange(len(rows)), 0)
    fixed = np.ones(rows.shape[1], bool)
    fixed[slice(*event.wall_span)] = False
    fixed[slice(*event.step_span)] = False
    for number in event.numbers:
        if number.at >= 0:
            fixed[number.at : number.at + width(number.dtype)] = False
    alike: NDArray[np.bool_] = (rows[:, fixed] == rows[0, fixed]).all(axis=1)
    step = rows[:, slice(*event.step_span)]  # A varint: all its bytes but the last have bit 7.
    if step.shape[1]:
        alike &= (step[:, :-1] >= 0x80).all(axis=1) & (step[:, -1] < 0x80)
    return alike


def _steps(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) signed numbers from (n, k) bytes of varints."""
    steps = np.zeros(len(raw), np.uint64)
    for i in range(raw.shape[1]):
        steps |= (raw[:, i] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * i)
    return steps.view(np.int64)


def sniff(head: bytes) -> bool:
    """Begins with a record whose length has a sound checksum, or that names the event format."""
    return record_length(head[:HEADER]) > 0 or b"brain.Event:" in head[:64]


def read(stream: BinaryIO) -> Source:
    """Read one event file: a block a tag, with `offset`, `step`, `wall_time` (s) and the value."""
    bad, notes = Quarantine(), list[str]()
    reader = _Reader(bad)
    for window in windows(stream, bad, notes):
        reader.add(window)
    return reader.source(notes)


def read_all(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """Read the event files of one run; `run` is the folder meant, where there are several.

    A folder below one with event files of its own is `add_scalars`': its path prefixes the tags,
    as do the names of Keras's two folders. Lightning's version_N are one run. Any other folders
    side by side are several runs.
    """
    events = {}
    for path, opened in files.items():
        with opened() as stream:
            if sniff(stream.read(HEADER + 64)):
                events[path] = opened
    homes = _homes({PurePosixPath(path).parent for path in events})
    runs = sorted({home for home, _ in homes.values()})
    if run is not None or not runs or not all(LIGHTNING.fullmatch(home.name) for home in runs):
        chosen = choose_run({str(home): home.name for home in runs}, run, "the folder")
        runs = [PurePosixPath(chosen)]
    sources = {}
    for path, opened in sorted(events.items()):
        home, prefix = homes[PurePosixPath(path).parent]
        if home in runs:
            with opened() as stream:
                sources[path] = _prefixed(read(stream), prefix)
    return sources


def _prefixed(source: Source, prefix: str) -> Source:
    blocks = []
    for block in source.blocks:
        *columns, name = block.table.column_names
        digits = {prefix + column: count for column, count in block.digits.items()}
        table = block.table.rename_columns([*columns, prefix + name])
        blocks.append(replace(block, table=table, digits=digits))
    return replace(source, blocks=tuple(blocks))


def _homes(folders: set[PurePosixPath]) -> dict[PurePosixPath, tuple[PurePosixPath, str]]:
    """For each folder with event files: the folder of its run, and the prefix of its tags."""
    homes = {}
    for folder in folders:
        above = [parent for parent in reversed(folder.parents) if parent in folders]
        pair = {folder.parent / name for name in KERAS}
        home = above[0] if above else folder.parent if folder in pair <= folders else folder
        prefix = folder.relative_to(home).as_posix()
        homes[folder] = (home, "" if prefix == "." else f"{prefix}/")
    return homes


FORMATS = (
    Format(
        "tensorboard",
        sniff,
        read,
        Preset(
            step=("step",),
            tokens=(
                "tokens",
                "train/tokens",
                "tokens_seen",
                "consumed_tokens",
                "num_tokens",
                "train/num_input_tokens_seen",
            ),
            wall_time=("wall_time",),
            train_loss=(
                "train/loss",
                "train_loss",
                "Loss/train",
                "loss/train",
                "train/train_loss",
                "train/ce_loss",
                "lm loss",
                "train/epoch_loss",
                "loss",
                "Loss",
            ),
            eval_loss=(
                "eval/loss",
                "val/loss",
                "valid/loss",
                "validation/loss",
                "test/loss",
                "eval_loss",
                "val_loss",
                "Loss/val",
                "Loss/valid",
                "Loss/validation",
                "Loss/test",
                "loss/val",
                "lm loss validation",
                "validation/epoch_loss",
            ),
        ),
        read_all,
    ),
)
