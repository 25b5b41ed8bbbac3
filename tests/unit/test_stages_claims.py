from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss import tables
from isoloss.claims.claims import claims, outcome
from isoloss.study.validation import table_schema
from scipy.stats import t as student

ROOT = Path(__file__).parents[2]
SCHEMA = table_schema(ROOT / "workflow/schemas/tables/claims.schema.yaml")

FITS = pd.DataFrame(
    [
        {
            "arm": "mla",
            "metric": "loss",
            "convention": "x",
            "law": "power",
            "coefficient": 2.3087,
            "exponent": 0.05347,
            "coefficient_se": 0.002,
            "exponent_se": 0.0004,
            "n_points": 5,
            "degrees_of_freedom": 3,
            "headline_law": True,
        }
    ]
)
MULTIPLIERS = pd.DataFrame(
    [
        {
            "candidate": "new",
            "metric": "loss",
            "convention": "x",
            "kind": kind,
            "loss": 2.1,
            "multiplier": value,
            "ci_low": value - 0.02,
            "ci_high": value + 0.02,
            "headline_law": True,
        }
        for kind, value in (("grid", 9.0), ("reported", 1.155))
    ]
)
FLOPS = pd.DataFrame({"run": ["r"], "convention": ["x"], "compute_pflop_s_days": [1.0]})
OURS = FITS, MULTIPLIERS, FLOPS, pd.DataFrame()  # nothing stated of single runs


def checked(**sections):
    return claims({"source": "Paper"} | sections, *OURS, headline="x", confidence=0.95)


def law(coefficient="2.3092", exponent="0.0536", **more):
    return [
        {
            "place": "Figure 5",
            "arm": "mla",
            "metric": "loss",
            "coefficient": coefficient,
            "exponent": exponent,
        }
        | more
    ]


@pytest.mark.parametrize(
    ("printed", "ours", "low", "high", "expected"),
    [
        ("1.16", 1.1549, 1.134, 1.176, "consistent"),
        ("1.16", 1.164, 1.1, 1.2, "reproduced"),
        ("1.16", 1.1651, 1.1, 1.2, "consistent"),
        ("1.2", 1.16, 1.1, 1.17, "reproduced"),
        ("2.3092", 2.3087, 2.3, 2.32, "consistent"),
        ("2.3092", 2.3087, 2.308, 2.309, "differs"),
        ("1.6", 1.7, 1.64, 1.8, "consistent"),  # the printed 1.6 may be 1.649
        ("1.6", 1.7, 1.648, 1.8, "consistent"),
        ("1.6", 1.7, 1.66, 1.8, "differs"),
        ("1.6", 1.5, 1.4, 1.56, "consistent"),
        ("1.6", 1.5, 1.4, 1.54, "differs"),
        ("16", 15.6, 15, 16, "reproduced"),
    ],
)
def test_a_verdict_is_by_printed_digits_then_by_the_interval(printed, ours, low, high, expected):
    assert outcome(printed, ours, low, high) == expected


def test_without_a_number_of_ours_nothing_is_confirmed():
    nan = float("nan")
    assert outcome("1.16", nan, nan, nan) == "differs"


def test_more_printed_digits_are_held_against_more_of_ours():
    assert outcome("2.31", 2.3087, 0, 9) == "reproduced"
    assert outcome("2.310", 2.3087, 0, 9) == "consistent"


def test_every_number_of_a_law_is_a_row_with_its_place():
    table = checked(fits=law())
    assert set(table) == set(SCHEMA["properties"])
    assert list(table["quantity"]) == ["coefficient", "exponent"]
    assert set(table["source"]) == {"Paper, Figure 5"}
    assert list(table["published"]) == ["2.3092", "0.0536"]
    assert list(table["ours"]) == [2.3087, 0.05347]


def test_intervals_of_a_law_are_students_with_n_minus_2():
    table = checked(fits=law()).set_index("quantity")
    q = student.ppf(0.975, 3)
    exponent, coefficient = table.loc["exponent"], table.loc["coefficient"]
    assert exponent["ci_high"] - exponent["ours"] == pytest.approx(q * 0.0004)
    assert exponent["ours"] - exponent["ci_low"] == pytest.approx(q * 0.0004)
    assert np.log(coefficient["ci_high"] / 2.3087) == pytest.approx(q * 0.002 / 2.3087)
    assert np.log(2.3087 / coefficient["ci_low"]) == pytest.approx(q * 0.002 / 2.3087)


def test_half_of_what_an_interval_of_a_law_leaves_out_lies_on_either_side():
    found = claims(
        {"source": "Paper", "fits": law()}, *OURS, headline="x", confidence=0.5
    ).set_index("quantity")
    # The quartile of Student's distribution with 3 degrees of freedom is 0.76489.
    half = found.loc["exponent", "ci_high"] - 0.05347
    assert half == pytest.approx(0.76489 * 0.0004, rel=1e-4)


@pytest.mark.parametrize(
    ("exponent", "drawn", "said"),
    [
        ("0.087", "0.0891", True),
        ("0.086", "0.0871", True),
        ("0.097", "0.1011", True),
        ("0.078", "0.0782", False),
        ("0.089", "0.0895", False),  # 0.0895 rounds to 0.089 or 0.090
        ("1.5", "1.6", False),  # both may be 1.55
        ("0.097", "0.097", False),
        ("0.0974", "0.097", False),
        ("0.097", None, False),
    ],
)
def test_a_paper_that_draws_another_number_than_it_prints_is_told(exponent, drawn, said):
    more = {} if drawn is None else {"drawn_exponent": drawn}
    row = checked(fits=law(exponent=exponent, **more)).set_index("quantity").loc["exponent"]
    expected = f"the paper draws its line with exponent {drawn}, but prints {exponent}"
    assert row["note"] == (expected if said else "")


def test_the_drawn_number_does_not_change_the_verdict():
    plain = checked(fits=law())
    noted = checked(fits=law(drawn_coefficient="2.4", drawn_exponent="0.06"))
    assert list(plain["verdict"]) == list(noted["verdict"])


def test_a_multiplier_is_held_against_the_reported_one_at_its_loss():
    claim = [
        {"place": "arrow", "candidate": "new", "metric": "loss", "loss": 2.1, "multiplier": "1.17"}
    ]
    row = checked(multipliers=claim).iloc[0]
    assert (row["claim"], row["ours"], row["verdict"]) == ("new loss at 2.1", 1.155, "consistent")


def test_a_compute_is_held_against_the_accuracy_to_which_it_is_known():
    def of(text, **more):
        star = [{"place": "star", "run": "r", "compute_pflop_s_days": text}]
        return checked(compute=star, **more)["verdict"].iloc[0]

    assert of("1.0012") == "differs"
    assert of("1.0012", compute_accuracy=0.0015) == "consistent"
    assert of("1.0020", compute_accuracy=0.0015) == "differs"
    assert of("1.00") == "reproduced"


def test_a_study_without_published_numbers_has_an_empty_table_with_its_columns():
    table = claims({}, *OURS, headline="x", confidence=0.95)
    assert table.empty
    assert list(tables.check(table, SCHEMA, "claims")) == list(SCHEMA["properties"])


def test_the_ratio_is_ours_over_the_published_number():
    row = checked(fits=law(exponent="0.05")).set_index("quantity").loc["exponent"]
    assert row["ratio"] == pytest.approx(0.05347 / 0.05)


def test_a_claim_is_held_against_its_own_arm_metric_convention_and_the_headline_law():
    def other(table, **changes):
        return table.assign(**changes)

    fits = pd.concat(
        [
            other(FITS, exponent=0.1, headline_law=False),
            other(FITS, exponent=0.2, convention="y"),
            other(FITS, exponent=0.3, metric="eval"),
            FITS,
        ]
    )
    claim = {"place": "arrow", "candidate": "new", "metric": "loss", "loss": 2.1}
    multipliers = pd.concat(
        [
            other(MULTIPLIERS, multiplier=0.1, headline_law=False),
            other(MULTIPLIERS, multiplier=0.2, convention="y"),
            other(MULTIPLIERS, multiplier=0.3, metric="eval"),
            other(MULTIPLIERS, multiplier=0.4, candidate="old"),
            other(MULTIPLIERS, multiplier=0.5, loss=2.2),
            MULTIPLIERS,
        ]
    )
    published = {
        "source": "Paper",
        "fits": law() + law(convention="y") + law(metric="eval"),
        "multipliers": [
            claim | {"multiplier": "1.17"} | more
            for more in ({}, {"convention": "y"}, {"metric": "eval"}, {"candidate": "old"})
        ],
    }
    table = claims(published, fits, multipliers, *OURS[2:], headline="x", confidence=0.95)
    ours = {name: list(rows) for name, rows in table.groupby("quantity")["ours"]}
    assert ours["exponent"] == [0.05347, 0.2, 0.3]
    assert ours["multiplier"] == [1.155, 0.2, 0.3, 0.4]


def test_a_compute_that_differs_names_the_conventions_that_it_fits():
    flops = pd.DataFrame(
        {"run": "r", "convention": ["x", "y", "z"], "compute_pflop_s_days": [0.5, 2.0, 2.01]}
    )

    def row(printed, accuracy):
        published = {
            "source": "Paper",
            "compute_accuracy": accuracy,
            "compute": [{"place": "star", "run": "r", "compute_pflop_s_days": printed}],
        }
        stated = pd.DataFrame()
        return claims(
            published, FITS, MULTIPLIERS, flops, stated, headline="x", confidence=0.95
        ).iloc[0]

    assert row("2.000", 0.01)["note"] == "fits y and z"
    assert row("2.000", 0.001)["note"] == "fits y"
    assert row("3.000", 0.01)["note"] == "fits no convention of the study"
    assert row("2.000", 0.0)["note"] == "fits y"
    near = row("0.501", 0.01)
    assert (near["verdict"], near["note"]) == ("consistent", "")
    assert (near["ours"], near["ci_low"], near["ci_high"]) == (0.5, 0.495, 0.505)


def test_what_is_stated_of_runs_follows_with_where_it_is_stated():
    stated = pd.DataFrame(
        {
            "run": ["r", "s"],
            "quantity": ["compute_pflop_s_days", "parameters"],
            "stated": [1.25, 1.1e9],
            "ours": [1.5, 1.2e9],
            "verdict": "differs",
        }
    )
    found = claims({"source": "Paper"}, *OURS[:3], stated, headline="x", confidence=0.95)
    assert list(found["source"]) == ["log", "run sheet"]
    assert list(found["claim"]) == ["r", "s"]
    assert list(found["published"]) == ["1.25", "1100000000"]
    assert list(found["ours"]) == [1.5, 1.2e9]


def test_a_study_from_a_table_of_points_has_no_computes_to_hold_claims_against():
    published = {
        "source": "Paper",
        "fits": law(),
        "compute": [{"place": "star", "run": "r", "compute_pflop_s_days": "1"}],
    }
    for computes in ((None, None), (FLOPS, None), (None, pd.DataFrame())):
        table = claims(published, *OURS[:2], *computes, headline="x", confidence=0.95)
        assert list(table["quantity"]) == ["coefficient", "exponent"]
