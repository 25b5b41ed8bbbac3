"""The settings of cleaning: sections `clean` and `quality` of a study."""

from dataclasses import dataclass

LONGEST = 0.1  # share of a run whose rows are kept apart, for points at its end
POLICIES = ("exclude", "report")


@dataclass(frozen=True)
class Cleaning:
    """Which logged values are flagged (section `clean`); docs/cleaning.md has the rules.

    spike_mads, divergence_mads and constant_rows switch their rule off where they are 0 (of
    divergence, a run that ends in NaN is still flagged). mads: robust standard deviations.
    """

    warm_up_steps: float
    warm_up_tokens: float
    spike_window: int
    spike_mads: float
    divergence_mads: float
    divergence_rise: float
    constant_rows: int


@dataclass(frozen=True)
class Quality:
    """Which runs are left out of the fits (section `quality`).

    divergence, duplicate, truncated, copied: `exclude` or `report`, else ValueError.
    truncated_fraction: share of the planned tokens that may be missing. copied_rows: equal values
    in a row that make a stretch copied; 0: no such rule.
    """

    divergence: str
    duplicate: str
    truncated: str
    copied: str
    truncated_fraction: float
    copied_rows: int

    def __post_init__(self) -> None:
        for finding in ("divergence", "duplicate", "truncated", "copied"):
            if self.policy(finding) not in POLICIES:
                raise ValueError(
                    f"{finding}: `{self.policy(finding)}` is not one of {', '.join(POLICIES)}"
                )

    def policy(self, finding: str) -> str | None:
        """What becomes of runs with a finding; None where it is always reported."""
        policy: str | None = getattr(self, finding, None)
        return policy
