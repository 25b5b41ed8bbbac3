"""What a logged column could be, by its name and its numbers."""

import re
from dataclasses import dataclass

import numpy as np

from isoloss.units import Floats


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STEP = _set("step steps iter iters iteration iterations update updates it batch")
_EVAL = _set("val valid validation eval evaluation test tel dev")
_LOSS = _set("loss losses nll ce trl tel crossentropyloss crossentropy xent")
_TIME = _set("time timestamp elapsed seconds wall date")
_RATE = _set("per sec second s rate throughput tps")
_SETTING = _set("scale scaler weight aux lr learning norm gap")
_NO_STEP = _set("total max size skipped nan number warmup")


@dataclass(frozen=True)
class Candidate:
    """A role that a column could play, why, and how sure that is (the larger, the surer)."""

    role: str
    why: str
    score: float


def words(name: str) -> frozenset[str]:
    """The words of a column's name, in small letters."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return frozenset(re.split(r"[\W_\d]+", spaced.lower())) - {""}


def candidates(name: str, values: Floats) -> list[Candidate]:
    """The roles that a column could play, the surest first.

    values: those that are logged, in the order of the file.
    """
    finite = values[np.isfinite(values)]
    of, found = words(name), list[Candidate]()
    if not len(finite):
        return found
    shape, rises, whole = _shape(finite)
    is_rate = bool(of & _RATE)

    def add(role: str, score: float) -> None:
        found.append(Candidate(role, shape, score))

    if of & {"token", "tokens"} and not is_rate:
        if len(np.unique(finite)) == 1 and len(finite) > 1:
            found.append(Candidate("tokens_per_step", "one number: the tokens of a step?", 1.0))
        elif rises and whole:
            add("tokens", 2.0)
    elif of & {"samples", "sequences"} and not is_rate and rises and whole:
        add("samples", 1.5)
    elif of & _LOSS and not of & _SETTING and not of & _STEP:
        if (finite > 0).any() and len(np.unique(finite)) > min(1, len(finite) - 1):
            add("eval_loss" if of & _EVAL else "loss", 2.0)
    elif (of & _TIME and not of & (_RATE | _STEP)) and rises and len(finite) > 1:
        add("wall_time", 1.0)
    elif of & _STEP and not is_rate and whole and (len(finite) == 1 or len(np.unique(finite)) > 1):
        if not of & _NO_STEP:
            add("step", 2.0 if rises else 1.0)
    elif whole and len(finite) > 2 and bool((np.diff(finite) > 0).all()) and not is_rate:
        add("step", 0.5)
    elif "epoch" in of and rises:
        add("step", 0.2)
    return found


def _shape(values: Floats) -> tuple[str, bool, bool]:
    """A column in words; whether its values rise for the most part; whether they are whole."""
    whole = bool((values == np.floor(values)).all())
    kind = "whole numbers" if whole else "numbers"
    change = np.diff(values)
    falls = int(np.count_nonzero(change < 0))
    ends = f"from {values[0]:,.6g} to {values[-1]:,.6g}"
    if len(values) == 1:
        return f"{kind[:-1]} {values[0]:,.6g}, once", True, whole
    if not change.any():
        return f"{values[0]:,.6g} throughout", False, whole
    if falls == 0:
        return f"{kind} {ends} that never fall", True, whole
    return f"{kind} {ends}, falling {falls:,} times", 20 * falls < len(values), whole
