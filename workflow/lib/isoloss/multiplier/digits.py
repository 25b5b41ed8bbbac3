"""As many digits of a multiplier as its interval bears."""

import numpy as np

LEAST, MOST = 2, 6  # places: an interval of nothing has no end of them
SMALL, LARGE = 1e-3, 1e4  # outside, three digits: places would show none, or the noise


def places(low: float, high: float) -> int:
    """Decimal places that show the width of an interval, and its lower end, in two digits."""
    known = [x for x in (high - low, low) if np.isfinite(x) and x > 0]
    return int(np.clip(1 - np.floor(np.log10(min(known, default=1.0))), LEAST, MOST))


def shown(value: float, low: float, high: float) -> tuple[str, str, str]:
    """A multiplier and the ends of its interval: 1.252, 1.246 and 1.257."""
    ends = [x for x in (value, low, high) if 0 < x < np.inf]
    if ends and (min(ends) < SMALL or max(ends) > LARGE):
        return f"{value:.3g}", f"{low:.3g}", f"{high:.3g}"
    digits = places(low, high)
    return f"{value:.{digits}f}", f"{low:.{digits}f}", f"{high:.{digits}f}"
