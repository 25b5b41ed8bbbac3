"""Texts and numbers as LaTeX prints them."""

import re

import numpy as np

from isoloss.multiplier.saving import saving


def plus_minus(value: float, error: float) -> str:
    """`$2.3085 \\pm 0.0081$`: the error with two significant digits, the value with its places."""
    if not np.isfinite(value):
        return ""
    if not (np.isfinite(error) and error > 0):
        return f"${value:.4g}$"
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"${value:.{places}f} \\pm {error:.{places}f}$"


# Between two signs of which LaTeX would make one: `--` a dash, `<<` and `,,` quotation marks.
_LIGATURES = re.compile(r"(?<=([-`'<>,]))(?=\1)|(?<=[?!])(?=`)")


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    signs = {
        "\\": r"\textbackslash{}",
        "–": "--",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\0": "{}",
    }
    apart = _LIGATURES.sub("\0", text)
    return "".join(signs.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in apart)


def saved(multiplier: float, low: float = np.nan, high: float = np.nan) -> str:
    """How much less compute a multiplier means, 1 - 1/M: `14\\% [12, 15]`; more is negative."""
    if not np.isfinite(multiplier):
        return ""
    shares = [100 * saving(m) for m in (multiplier, low, high)]
    less, first, last = (
        f"{x:.0f}".replace("-", "$-$") if abs(x) < 1e4 else f"${x:.2g}$" for x in shares
    )
    ends = f" [{first}, {last}]" if np.isfinite(shares).all() else ""
    return f"{less}\\%{ends}"
