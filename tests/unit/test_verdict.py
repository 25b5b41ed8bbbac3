"""The verdict on a row of the multiplier table."""

import pytest
from isoloss.multiplier.plausible import BETWEEN, FINDERS
from isoloss.multiplier.verdict import RULES, verdict

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
        ({"multiplier": 0.9, "ci_low": 0.5, "ci_high": 0.999}, (), True),
        ({"multiplier": 0.9, "ci_low": 0.5, "ci_high": 1.0}, ("undecided",), True),
        ({"extrapolated": True}, ("extrapolated",), True),
        (
            {"multiplier": 0.0999, "ci_low": 0.09, "ci_high": 0.11, "loss": 2.1},
            ("multiplier",),
            False,
        ),
        ({"multiplier": 10.01, "ci_high": 11, "loss": 2.1}, ("multiplier",), False),
        ({"multiplier": 10.0, "ci_high": 11}, (), True),
        ({"multiplier": 1.19}, ("interval",), False),
        ({"multiplier": 1.12}, ("interval",), False),
        ({"unpaired_models": "1.4B"}, ("no_partner",), True),
        ({"status": "mla not_identifiable"}, ("status",), True),
        (dict.fromkeys(("multiplier", "ci_low", "ci_high"), float("nan")), ("no_estimate",), False),
        ({"ci_low": 0.9, "extrapolated": True}, ("extrapolated", "undecided"), True),
    ],
)
def test_every_rule_is_found_alone_and_together(changes, reasons, headline):
    found = verdict(SOUND | changes)
    assert found.reasons == reasons
    assert found.headline is headline
    assert len(found.words()) == len(reasons)


def test_the_words_are_those_of_the_row():
    found = verdict(SOUND | {"ci_low": 0.9, "status": "mla at_bound"})
    assert found.words() == ["law in doubt: mla at_bound", "not told from 1 by the data"]
    assert found.words("undecided", "extrapolated") == ["not told from 1 by the data"]


def test_of_many_models_without_a_partner_five_are_named():
    five, six = (", ".join(f"{i}B" for i in range(1, n)) for n in (6, 7))
    assert verdict(SOUND | {"unpaired_models": five}).words() == [f"no partner: {five}"]
    assert verdict(SOUND | {"unpaired_models": six}).words() == [f"no partner: {five} and 1 more"]


def test_every_doubt_has_its_rule():
    assert set(FINDERS) < {rule.name for rule in RULES}
    cell = BETWEEN.join(f"{name}: what; is: wrong" for name in FINDERS)
    found = verdict(SOUND | {"doubts": cell})
    assert set(found.reasons) == set(FINDERS)
    assert set(found.words()) == {"what; is: wrong"}
    assert len(found.refused) == len(FINDERS) - 2  # the order of losses and an odd run are told
