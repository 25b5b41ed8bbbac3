"""What a logged cell means: a number, a missing number, or nothing that can be read."""

import math
import re

# Everything that logs write for "the value is not a number"; a blank cell is not among them.
_NAN = frozenset({"nan", "null", "none", "n/a", "na", "-nan", "+nan", "nan(ind)", "-nan(ind)"})
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.IGNORECASE | re.ASCII
)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


def number(text: str) -> float:
    """The number that a cell holds, NaN for `nan`, `NaN`, `null`, `None`; ValueError otherwise.

    Stricter than `float`: no underscores, no digits of other scripts, no comma.
    """
    text = text.strip()
    if text.lower() in _NAN:
        return math.nan
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


def grouped(text: str) -> float:
    """Like `number`, and commas between groups of three digits are left out: `262,144`."""
    text = text.strip()
    return number(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
