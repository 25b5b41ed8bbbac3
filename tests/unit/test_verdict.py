"""The verdict on a row of the multiplier table."""

import pytest
from isoloss.multiplier.verdict import RULES, TOLD, verdict

SOUND = {
    "multiplier": 1.15,
    "ci_low": 1.13,
    "ci_high": 1.18,
    "extrapolated": False,
    "status": "converged",
}


@pytest.mark.parametrize(
    ("changes", "reasons", "headline"),
    [
        ({}, (), True),
        ({"ci_low": 0.99}, ("undecided",), True),
        ({"ci_low": 1.0}, ("undecided",), True),
        ({"ci_low": 0.5, "ci_high": 0.999}, (), True),
        ({"ci_low": 0.5, "ci_high": 1.0}, ("undecided",), True),
        ({"extrapolated": True}, ("extrapolated",), True),
        ({"status": "mla not_identifiable"}, ("status",), True),
        (dict.fromkeys(("multiplier", "ci_low", "ci_high"), float("nan")), ("no_estimate",), False),
        ({"ci_low": 0.9, "extrapolated": True}, ("undecided", "extrapolated"), True),
    ],
)
def test_every_rule_is_found_alone_and_together(changes, reasons, headline):
    found = verdict(SOUND | changes)
    assert found.reasons == reasons
    assert found.headline is headline
    assert len(found.words()) == len(reasons)


def test_the_words_of_the_line_are_among_the_rules():
    assert set(TOLD) <= {rule.name for rule in RULES}
    found = verdict(SOUND | {"ci_low": 0.9, "status": "mla at_bound"})
    assert found.words(*TOLD) == ["not told from 1 by the data"]
    assert len(found.words()) == 2
