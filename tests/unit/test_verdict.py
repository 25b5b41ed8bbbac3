"""The verdict on a row of the multiplier table."""

import pytest
from isoloss.multiplier.plausible import FINDERS
from isoloss.multiplier.verdict import BETWEEN, RULES, cell, judge, verdict
from sections import gate

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
            ("multiplier", "large"),
            False,
        ),
        ({"multiplier": 10.01, "ci_high": 11, "loss": 2.1}, ("multiplier", "large"), False),
        ({"multiplier": 10.0, "ci_high": 11}, ("large",), True),
        ({"multiplier": 2.5, "ci_high": 3}, (), True),
        ({"multiplier": 0.39, "ci_low": 0.3, "ci_high": 0.5}, ("large",), True),
        ({"multiplier": 1.19}, ("interval",), False),
        ({"multiplier": 1.12}, ("interval",), False),
        ({"ci_low": float("nan")}, ("interval",), False),
        ({"ci_high": float("nan"), "reason": "one size"}, ("interval",), False),
        ({"ci_low": 0.09, "ci_high": 10.1}, ("interval", "undecided"), False),
        ({"ci_low": 0.0, "ci_high": float("inf")}, ("interval", "undecided"), False),
        ({"ci_low": 0.11, "ci_high": 10.1}, ("undecided",), True),
        ({"unpaired_models": "1.4B"}, ("no_partner",), True),
        ({"status": "mla not_identifiable"}, ("status",), True),
        (dict.fromkeys(("multiplier", "ci_low", "ci_high"), float("nan")), ("no_estimate",), False),
        ({"ci_low": 0.9, "extrapolated": True}, ("extrapolated", "undecided"), True),
    ],
)
def test_every_rule_is_found_alone_and_together(changes, reasons, headline):
    found = judge(SOUND | changes, gate(), {})
    assert found.reasons == reasons
    assert found.headline is headline
    assert len(found.words()) == len(reasons)


def test_the_words_are_those_of_the_row():
    found = judge(SOUND | {"ci_low": 0.9, "status": "mla at_bound"}, gate(), {})
    assert found.words() == ["law in doubt: mla at_bound", "not told from 1 by the data"]
    assert found.words("undecided", "extrapolated") == ["not told from 1 by the data"]


def test_a_multiplier_without_an_interval_says_why():
    row = SOUND | dict.fromkeys(("ci_low", "ci_high"), float("nan")) | {"reason": "one size"}
    (words,) = judge(row, gate(), {}).refused
    assert words == "the multiplier 1.15 has no interval: one size; add sizes or seeds"


def test_of_many_models_without_a_partner_five_are_named():
    five, six = (", ".join(f"{i}B" for i in range(1, n)) for n in (6, 7))
    for models, told in ((five, five), (six, f"{five} and 1 more")):
        found = judge(SOUND | {"unpaired_models": models}, gate(), {})
        assert found.words() == [f"no partner: {told}"]


def test_every_doubt_has_its_rule():
    assert set(FINDERS) < {rule.name for rule in RULES}
    found = judge(SOUND, gate(), dict.fromkeys(FINDERS, "what; is: wrong"))
    assert set(found.reasons) == set(FINDERS)
    assert set(found.words()) == {"what; is: wrong"}
    assert len(found.refused) == len(FINDERS) - 3  # order, odd and alike are told


def test_a_verdict_is_read_back_from_its_cell_whatever_runs_are_called():
    for words in ("run a is off", "run a | b: c is off", "run a | b is off: check"):
        found = judge(SOUND | {"extrapolated": True}, gate(), {"odd": words, "copies": words})
        assert cell(found).count(BETWEEN) >= 2
        assert verdict({"doubts": cell(found)}) == found
    assert verdict({"doubts": ""}).reasons == ()


@pytest.mark.parametrize(
    ("changes", "row", "rule"),
    [
        ({"multiplier": [0.5, 2]}, {"multiplier": 2.5, "ci_high": 3, "loss": 2.1}, "multiplier"),
        ({"usual": [0.5, 2]}, {"multiplier": 2.5, "ci_high": 3}, "large"),
        ({"growth": 2}, {"interval": "scatter_t", "scatter_growth": 2.5}, "scatter"),
        ({"lack_of_fit": 0.1}, {"lack_of_fit_p": 0.05}, "lack_of_fit"),
    ],
)
def test_the_limits_of_a_row_are_those_of_the_study(changes, row, rule):
    assert judge(SOUND | row, gate(**changes), {}).reasons == (rule,)
    assert judge(SOUND | row, gate(), {}).reasons == ()


def test_a_range_whose_ends_are_exchanged_is_refused():
    with pytest.raises(ValueError, match=r"multiplier: 10 is not below 0\.1"):
        gate(multiplier=[10, 0.1])
