"""Whether the formulas in a label can be drawn."""

from matplotlib.mathtext import MathTextParser


def broken(label: str) -> str:
    """What is wrong with the formulas between `$` in a label; empty if nothing is."""
    try:
        MathTextParser("path").parse(label)
    except (ValueError, RuntimeError, RecursionError) as error:
        return str(error).strip().split("\n")[-1][:100] or "it cannot be drawn"
    return ""
