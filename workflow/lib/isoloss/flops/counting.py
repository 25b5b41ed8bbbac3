"""FLOPs per token of the runs of a run sheet, each distinct architecture read and counted once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

from isoloss.flops.architecture import Architecture
from isoloss.flops.config import read_architecture
from isoloss.flops.conventions import CHARGED, CONVENTIONS, charged
from isoloss.flops.per_token import model_notes, training, usage

Run = Mapping[str, Any]
_MAX_BYTES = 1 << 22
LAST = ["last_tokens", "last_compute_pflop_s_days"]  # of the table of runs: the ends of the logs


@dataclass(frozen=True)
class Count:
    """FLOPs per token of a model under a convention, by component.

    parameters: the N of the convention's 6 N; NaN if it has none. note: what was not counted.
    """

    parameters: float
    forward: Mapping[str, float]
    training: Mapping[str, float]
    note: str

    @property
    def flop_per_token(self) -> float:
        """Training FLOPs per token; NaN for `logged`."""
        return sum(self.training.values())


Counter = Callable[[Run, str], Count]


def counter(folder: Path, recompute: str | None = None) -> Counter:
    """A function from a row of a run sheet and a convention to the `Count`.

    It looks at `architecture` (a JSON file, relative to `folder`), `parameters` (the N to charge)
    and `sequence_length`. recompute: the policy of convention `hardware`. It raises ValueError,
    naming the file, where the convention needs what the row or the architecture does not give.
    """

    @cache
    def model(name: str) -> Architecture:
        return read_architecture(_read(folder / name))

    @cache
    def count(
        name: str | None, parameters: float | None, sequence_length: float | None, convention: str
    ) -> Count:
        try:
            architecture = None if name is None else model(name)
            use = usage(convention, sequence_length, parameters, recompute=recompute)
            forward = CONVENTIONS[convention](architecture, use)
            return Count(
                charged(architecture, use) if convention in CHARGED else nan,
                forward,
                training(forward, use),
                "; ".join(() if architecture is None else model_notes(architecture, convention)),
            )
        except ValueError as error:
            raise ValueError(
                f"{'run sheet' if name is None else folder / name}: {error}"
            ) from error

    def of(run: Run, convention: str) -> Count:
        given = (run.get(key) for key in ("architecture", "parameters", "sequence_length"))
        return count(*given, convention)

    return of


def _read(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"over {_MAX_BYTES:,} bytes; no architecture is that long")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply; is it the config of a model?") from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    if not isinstance(config, dict):
        raise ValueError(f"expected an object of keys and values, got {type(config).__name__}")
    return config
