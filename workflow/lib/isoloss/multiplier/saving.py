"""What a multiplier saves: 1.16 x is 14% less compute, not 16%."""

from math import inf


def saving(multiplier: float) -> float:
    """1 - 1/M: the share of the baseline's compute that the candidate does without."""
    return 1 - 1 / multiplier if multiplier else -inf


def in_words(low: float, high: float | None = None) -> str:
    """`14% less compute`, `5% more compute`; of a range `5% more to 14% less compute`."""
    first, last = _signed(low), _signed(low if high is None else high)
    if first == last:
        return f"{' '.join(first)} compute"
    if first[1] == last[1]:
        return f"{first[0]} to {last[0]} {last[1]} compute"
    return f"{' '.join(first)} to {' '.join(last)} compute"


def _signed(multiplier: float) -> tuple[str, str]:
    share = saving(multiplier)
    return f"{100 * abs(share):.0f}%", "less" if share >= 0 else "more"
