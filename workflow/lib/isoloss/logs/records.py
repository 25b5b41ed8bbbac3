"""What every log reader returns: blocks of logged columns, broken records and notes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from isoloss.logs.errors import LogError as LogError

Open = Callable[[], BinaryIO]


def whole_name(name: str) -> str:
    """A logged name as a column can have it: halves of characters, which JSON can hold, spelt."""
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class Block:
    """Rows of one kind out of one file.

    table: an int64 column `offset` (1-based line, or byte for binary formats) and one float64
        column a logged name; null = not logged in this row, NaN = logged, but not a number.
    aggregation: what a value stands for: `step`, `window_mean(k)`, `last_microbatch`, `sampled`.
    digits: significant digits that the log prints, by column (absent: full precision).
    """

    table: pa.Table
    aggregation: str = "step"
    digits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Bad:
    """One record that could not be read: where it is, why, and its first 200 bytes."""

    offset: int
    reason: str
    head: bytes


@dataclass(frozen=True)
class Source:
    """One file as read.

    columns: names that it logs, those that were left out of the blocks too.
    constants: what the log says once of the whole run: `sequence_length`, `tokens_per_step`.
    """

    blocks: tuple[Block, ...]
    quarantine: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Preset:
    """Which logged names a format uses, the first match wins; `step_base` is its first step.

    A name with `*` in it stands for the one logged name that it matches.
    """

    step: tuple[str, ...] = ("step",)
    tokens: tuple[str, ...] = ("tokens",)
    samples: tuple[str, ...] = ()
    compute: tuple[str, ...] = ()
    wall_time: tuple[str, ...] = ()
    train_loss: tuple[str, ...] = ("loss",)
    eval_loss: tuple[str, ...] = ("eval_loss",)
    step_base: int = 1


@dataclass(frozen=True)
class Format:
    """One log format: its name, how to recognise it by content, how to read it.

    sniff: takes the first 64 KiB (decompressed) and says whether they are of this format.
    read: takes the decompressed file, seekable, opened for reading bytes.
    read_all: for formats in which a path names a column, or one store holds several runs. Takes
        every file below one `log:` entry (path relative to it, with `/` -> how to open it,
        decompressed) and the name or id of the run that is meant (None: the only one). Gives the
        sources of that run, each under the name that its rows are listed by; files that are not
        of the run are left out. Absent: every file is read by itself, with `read`.
    read_columns: the same, for the given names only: what keeps a wide log small in memory.
    generic: yields to any other format that recognises the file, as CSV does to Lightning's.
    named: it is used only where it is named, as it would recognise far too much.
    cumulative: each file repeats the history from the first step on; what two files have in common
        is read once.
    """

    name: str
    sniff: Callable[[bytes], bool]
    read: Callable[[BinaryIO], Source]
    preset: Preset = Preset()
    read_all: Callable[[Mapping[str, Open], str | None], dict[str, Source]] | None = None
    read_columns: Callable[[BinaryIO, frozenset[str]], Source] | None = None
    generic: bool = False
    named: bool = False
    cumulative: bool = False
