"""The tokens that a run had seen at each logged value, and where they are known from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloss.units import Floats

Ints = npt.NDArray[np.int64]

TOKENS_FROM = ("", "log", "samples x sequence_length", "step x tokens_per_step")
_LOG, _SAMPLES, _STEPS = 1, 2, 3


@dataclass(frozen=True)
class Units:
    """The number of the first update, and what turns samples and steps into tokens."""

    step_base: int
    sequence_length: float | None
    tokens_per_step: float | None

    def with_constants(self, constants: Mapping[str, float], notes: list[str]) -> "Units":
        """These, and what they leave open as the log itself says it."""
        mine = {"sequence_length": self.sequence_length, "tokens_per_step": self.tokens_per_step}
        for name, logged in constants.items():
            given = mine[name]
            if given is None:
                mine[name] = logged
            elif given != logged:
                notes.append(f"the log says {name} {logged:,g}; the given {given:,g} is used")
        return Units(self.step_base, **mine)


@dataclass(frozen=True)
class Logged:
    """Records of a file that log a step and a count."""

    step: Floats
    offset: Ints
    count: Floats

    @classmethod
    def of(cls, parts: Sequence["Logged"]) -> "Logged":
        """The records of all parts, by step, then by offset."""
        step = np.concatenate([part.step for part in parts])
        offset = np.concatenate([part.offset for part in parts])
        count = np.concatenate([part.count for part in parts])
        order = np.lexsort((offset, step))
        return cls(step[order], offset[order], count[order])

    def at(self, step: Floats, offset: Ints) -> Floats:
        """The count logged at each step, the last before an offset or else the first after it; NaN
        where no record has the step. The records must be sorted, as `of` does it."""
        if len(self.step) == 0:
            return np.full(len(step), np.nan)
        known, first = np.unique(self.step, return_index=True)
        number = np.searchsorted(known, step)
        # Step and offset in one sortable number.
        span = max(int(self.offset.max()), int(offset.max(initial=0))) + 2
        sizes = np.diff([*first.tolist(), len(self.step)])
        keys = np.repeat(np.arange(len(known)), sizes) * span + self.offset
        near = np.searchsorted(keys, number * span + offset, side="right") - 1
        near = np.clip(near, first[np.minimum(number, len(known) - 1)], len(self.step) - 1)
        return np.where(self.step[near] == step, self.count[near], np.nan)

    def rate(self, factor: float) -> float | None:
        """Tokens a step, if at least two records log them and all agree."""
        after = self.step > 0
        rates = np.unique(self.count[after] * factor / self.step[after])
        return float(rates[0]) if len(rates) == 1 and len(np.unique(self.step[after])) > 1 else None


def tokens(
    step: Floats,
    offset: Ints,
    logged: Floats,
    samples: Floats,
    units: Units,
    others: Callable[[str], Logged],
    notes: list[str],
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """The tokens of each row, and where they are from: a position in TOKENS_FROM.

    logged, samples: what the row itself logs, or NaN.
    others: all records of the file that log `tokens` or `samples`. Those need not be the ones that
        log a loss: a row takes what any record says of its step. If that leaves rows open, no
        tokens_per_step is given and all records agree on one, at least two, that one is used.
    """
    found = logged
    origin = np.where(np.isnan(logged), np.int8(0), np.int8(_LOG))

    def fill(code: int, count: Floats, factor: float) -> None:
        nonlocal found
        absent = (origin == 0) & ~np.isnan(count)
        if absent.any():
            found = np.where(absent, count * factor, found)
            origin[absent] = code

    length, each = units.sequence_length, units.tokens_per_step
    if length is not None:
        fill(_SAMPLES, samples, length)
    for code, role, factor in ((_LOG, "tokens", 1.0), (_SAMPLES, "samples", length)):
        if factor is not None and (origin == 0).any():
            records = others(role)
            fill(code, records.at(step, offset), factor)
            if each is None and (origin == 0).any():
                each = records.rate(factor)
                if each is not None:
                    notes.append(
                        f"where no tokens are logged: {each:,g} a step, as everywhere else"
                    )
    if each is not None:
        fill(_STEPS, step, each)
    return found, origin
