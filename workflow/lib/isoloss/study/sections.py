"""The sections of a study as the stages take them: typed, frozen, each defined by its stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from isoloss.cleaning.settings import Cleaning, Quality
from isoloss.fit.settings import Fitting
from isoloss.flops.settings import Compute
from isoloss.logs.settings import Reading
from isoloss.multiplier.settings import Comparison, Gate, Varied
from isoloss.points.settings import Selection
from isoloss.study.validation import InputError, did_you_mean

Section = TypeVar("Section")


@dataclass(frozen=True)
class Sections:
    """The sections of one study."""

    log: Reading
    clean: Cleaning
    quality: Quality
    points: Selection
    compute: Compute
    fit: Fitting
    multiplier: Comparison
    gate: Gate
    choices: Varied


def typed(path: Path, settings: Mapping[str, Any]) -> Sections:
    """The sections of complete, schema-checked settings; InputError where values do not agree.

    path: of the study.
    """

    def made(name: str, kind: Callable[..., Section]) -> Section:
        try:
            return kind(**settings[name])
        except ValueError as error:
            raise InputError(f"{path}: {name}.{error}.") from error

    return Sections(
        log=made("log", Reading),
        clean=made("clean", Cleaning),
        quality=made("quality", Quality),
        points=made("points", Selection),
        compute=made("compute", Compute),
        fit=made("fit", Fitting),
        multiplier=made("multiplier", Comparison),
        gate=made("gate", Gate),
        choices=made("choices", Varied),
    )


def check_varied(path: Path, settings: Mapping[str, Any], conventions: Sequence[str]) -> None:
    """Whether the metrics and conventions that `choices` names are in the study; or InputError."""
    for key, known in (("metrics", list(settings["metrics"])), ("conventions", conventions)):
        for name in settings["choices"][key]:
            if name not in known:
                raise InputError(
                    f"{path}: choices.{key}: `{name}` is not in the study."
                    f"{did_you_mean(name, known)}"
                )
