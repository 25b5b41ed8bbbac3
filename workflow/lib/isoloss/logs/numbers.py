"""What a logged cell means: a number, a missing number, or nothing that can be read."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

# What logs write for "the value is not a number", and for "there is no value"; a blank cell is
# among neither. Which of the two a null is, the rest of its row says: see `settled`.
_NULL = frozenset({"null", "none", "n/a", "na"})
_NAN = frozenset({"nan", "-nan", "+nan", "nan(ind)", "-nan(ind)"}) | _NULL
# Words of names of columns that say where a record is, not what was measured.
_AXES = frozenset(("step", "steps", "iter", "iters", "iteration", "iterations", "update", "batch"))
_AXES |= {"updates", "epoch", "epochs", "token", "tokens", "sample", "samples", "sequences"}
_AXES |= {"time", "timestamp", "seconds"}
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.IGNORECASE | re.ASCII
)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


def number(text: str) -> float:
    """The number that a cell holds, NaN for `nan`, `NaN`, `null`, `None`; ValueError otherwise.

    Stricter than `float`: no underscores, no digits of other scripts, no comma.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lower() in _NAN:
        return math.nan
    raise ValueError(text)


def is_null(cell: object) -> bool:
    """Whether a cell says that it has no value: null, None, N/A."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _NULL)


@lru_cache(maxsize=10_000)
def is_axis(name: str) -> bool:
    """Whether a column says where a record is (step, epoch, tokens, time)."""
    return not _AXES.isdisjoint(re.split(r"[\W_\d]+", name.lower()))


def settled(row: dict[str, float], nulls: Iterable[str], there: Iterable[str]) -> dict[str, float]:
    """The row with its nulls: NaN where it measured nothing else, else not logged.

    Writers that know no NaN write null for it; others write null for each column that a record
    does not have. there: the columns of the record that hold numbers, wanted or not.
    """
    if nulls := list(nulls):
        if all(is_axis(name) for name in there):
            return row | dict.fromkeys(nulls, math.nan)
        return {name: value for name, value in row.items() if name not in nulls}
    return row


def grouped(text: str) -> float:
    """Like `number`, and commas between groups of three digits are left out: `262,144`."""
    text = text.strip()
    return number(text.replace(",", "") if _GROUPED.fullmatch(text) else text)


def seconds(text: str) -> float:
    """An ISO 8601 date and time in seconds since 1970, UTC if it names no zone; else ValueError."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class Kinds:
    """Columns that do not hold numbers: dates and times, which become seconds, and other text."""

    times: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sample: Mapping[str, Iterable[str]]) -> "Kinds":
        """From a sample of the texts in each column: those of which none is a number."""
        times: set[str] = set()
        texts: set[str] = set()
        for name, cells in sample.items():
            words = [cell for cell in cells if cell.strip()]
            if words and not any(_is(number, word) for word in words):
                is_time = 2 * sum(_is(seconds, word) for word in words) > len(words)
                (times if is_time else texts).add(name)
        return cls(frozenset(times), frozenset(texts))

    def read(self, name: str, text: str) -> float:
        """The number that a cell of a column stands for, or ValueError."""
        try:
            return number(text)
        except ValueError:
            if name not in self.times:
                raise
        return seconds(text)

    def notes(self, keep: frozenset[str]) -> list[str]:
        """What to say of wanted columns that hold text."""
        return [f"column {name!r} holds text and is not used" for name in sorted(self.texts & keep)]


def _is(parse: Callable[[str], float], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
