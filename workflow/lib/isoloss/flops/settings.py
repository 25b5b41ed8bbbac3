"""The settings of the FLOPs: section `compute` of a study."""

from collections.abc import Sequence
from dataclasses import dataclass

from isoloss.flops.conventions import RECOMPUTED


@dataclass(frozen=True)
class Compute:
    """Which FLOPs count.

    headline, also: the conventions. logged: the one that compute in the logs was counted in.
    recompute: what the backward pass computes again, for convention `hardware`.

    Raises ValueError where `logged` names itself, or `hardware` has no `recompute`.
    """

    headline: str
    also: Sequence[str] = ()
    logged: str | None = None
    recompute: str | None = None

    def __post_init__(self) -> None:
        if self.logged == "logged":
            raise ValueError(
                "logged: `logged` does not say what the logged compute was counted in; name the "
                "convention, for example 6n_non_embedding"
            )
        if "hardware" in (*self.conventions, self.logged) and self.recompute is None:
            raise ValueError(
                "recompute: convention `hardware` counts what is computed again; say what that "
                f"is, one of {', '.join(RECOMPUTED)}"
            )

    @property
    def conventions(self) -> tuple[str, ...]:
        """The conventions of the study's numbers, the headline first, each once."""
        return tuple(dict.fromkeys((self.headline, *self.also)))
