"""The ledger: its rows, its outcomes, and the statements of every section."""

from math import inf, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claimed import NO_MULTIPLIERS, by_hand, evidence, points
from isoloss import tables
from isoloss.claims.claims import claims
from isoloss.claims.evidence import Where
from isoloss.claims.judge import less, more, number
from isoloss.claims.pairs import judge
from isoloss.claims.sections import SECTIONS
from isoloss.study.validation import read_yaml, table_schema
from numpy.testing import assert_allclose
from scipy.stats import linregress
from scipy.stats import t as student

ROOT = Path(__file__).parents[2]
SCHEMA = table_schema(ROOT / "workflow/schemas/tables/claims.schema.yaml")
# A multiplier of 1.25 with the same exponent: 0.06 log 1.25 is 1.35% of loss.
OLD, NEW = (2.5, 0.06), (2.5 * 1.25**-0.06, 0.06)
POINTS = points({"old": OLD, "new": NEW})
OURS = evidence(POINTS, also=("power_floor",))
FLOPS = pd.DataFrame({"run": ["r"], "convention": ["x"], "compute_pflop_s_days": [1.0]})
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


def checked(ours=OURS, reported=NO_MULTIPLIERS, flops=FLOPS, stated=None, **sections):
    """The ledger of a made-up study."""
    return claims(
        {"source": "Paper"} | sections,
        ours,
        reported,
        flops,
        pd.DataFrame() if stated is None else stated,
        baseline="old",
        headline="x",
    )


def one(section, ours=OURS, **claim):
    """The row of one claim."""
    entry = {"place": "here", "metric": "loss"} | claim
    return checked(ours, **{section: [entry]}).iloc[0]


def law(coefficient="2.50", exponent="0.060", **more):
    return [
        {
            "place": "Figure 5",
            "arm": "old",
            "metric": "loss",
            "coefficient": coefficient,
            "exponent": exponent,
        }
        | more
    ]


# --- outcomes


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
        ("1.6", 1.7, 1.66, 1.8, "differs"),
        ("1.6", 1.5, 1.4, 1.56, "consistent"),
        ("1.6", 1.5, 1.4, 1.54, "differs"),
        ("16", 15.6, 15, 16, "reproduced"),
        ("1.16", nan, nan, nan, "not testable"),
    ],
)
def test_a_number_is_judged_by_printed_digits_then_by_the_interval(
    printed, ours, low, high, expected
):
    assert number(printed, (ours, low, high)).outcome == expected


def test_more_printed_digits_are_held_against_more_of_ours():
    assert number("2.31", (2.3087, 0, 9)).outcome == "reproduced"
    assert number("2.310", (2.3087, 0, 9)).outcome == "consistent"


def test_a_number_is_not_told_where_the_interval_holds_no_effect_as_well():
    assert number("1.16", (1.10, 0.95, 1.2), nothing=1.0).outcome == "not told"
    assert number("1.16", (1.10, 1.01, 1.2), nothing=1.0).outcome == "consistent"
    assert number("1.16", (1.163, 0.95, 1.2), nothing=1.0).outcome == "reproduced"
    assert number("1.0", (1.10, 0.95, 1.2), nothing=1.0).outcome == "consistent"
    assert number("1.5", (1.10, 0.95, 1.2), nothing=1.0).outcome == "differs"


@pytest.mark.parametrize("value", np.linspace(1.05, 1.25, 41))
def test_what_would_be_noticed_is_what_comes_out_as_differs(value):
    found = number("1.16", (1.1549, 1.134, 1.176))
    said = number(f"{value:.3f}", (1.1549, 1.134, 1.176))
    outside = not found.below <= round(value, 3) <= found.above
    if abs(value - found.below) > 0.006 and abs(value - found.above) > 0.006:  # other digits
        assert (said.outcome == "differs") == outside


def test_a_bound_is_not_told_where_it_lies_inside_the_interval():
    assert less((0.5, 0.4, 0.6), 1.0).outcome == "consistent"
    assert less((0.5, 0.4, 1.6), 1.0).outcome == "not told"
    assert less((1.5, 1.4, 1.6), 1.0).outcome == "differs"
    assert less((1.5, 1.0, 1.6), 1.0).outcome == "differs"
    assert less((0.5, nan, nan), 1.0).outcome == "not testable"
    assert less((0.5, 0.4, 0.6), 1.0).below == 0.4
    assert more((1.5, 1.4, 1.6), 1.0).outcome == "consistent"
    assert more((1.5, 0.4, 1.6), 1.0).outcome == "not told"
    assert more((0.5, 0.4, 0.6), 1.0).outcome == "differs"
    assert more((1.5, 1.4, 1.6), 1.0).above == 1.6


# --- rows


def test_every_number_of_a_law_is_a_row_with_its_place():
    table = checked(fits=law())
    assert set(table) == set(SCHEMA["properties"])
    assert list(table["quantity"]) == ["coefficient", "exponent"]
    assert set(table["source"]) == {"Paper, Figure 5"}
    assert list(table["published"]) == ["2.50", "0.060"]
    assert set(table["verdict"]) == {"reproduced"}
    assert_allclose(table["ours"], OLD, rtol=1e-3)
    assert_allclose(table["ratio"], table["ours"] / [2.5, 0.06])


def test_the_intervals_of_a_law_are_those_of_a_straight_line():
    points = POINTS[POINTS["arm"] == "old"]
    x, y = np.log(points[["compute_pflop_s_days", "loss"]].to_numpy()).T
    line, t = linregress(x, y), student.ppf(0.975, 4)
    a, b = (
        checked(fits=law()).set_index("quantity").loc[name] for name in ("coefficient", "exponent")
    )
    assert_allclose([b["ours"], b["ours"] - b["ci_low"]], [-line.slope, t * line.stderr])
    assert_allclose(np.log(a["ci_high"] / a["ours"]), t * line.intercept_stderr)
    assert_allclose(np.log(a["ours"] / a["ci_low"]), t * line.intercept_stderr)


@pytest.mark.parametrize(
    ("exponent", "drawn", "said"),
    [
        ("0.087", "0.0891", True),
        ("0.086", "0.0871", True),
        ("0.078", "0.0782", False),
        ("0.089", "0.0895", False),  # 0.0895 rounds to 0.089 or 0.090
        ("1.5", "1.6", False),  # both may be 1.55
        ("0.0974", "0.097", False),
        ("0.097", None, False),
    ],
)
def test_a_paper_that_draws_another_number_than_it_prints_is_told(exponent, drawn, said):
    more = {} if drawn is None else {"drawn_exponent": drawn}
    row = checked(fits=law(exponent=exponent, **more)).set_index("quantity").loc["exponent"]
    expected = f"the paper draws its line with exponent {drawn}, but prints {exponent}"
    assert (expected in row["note"]) == (expected in row["sentence"]) == said


def test_the_drawn_number_does_not_change_the_verdict():
    plain = checked(fits=law())
    noted = checked(fits=law(drawn_coefficient="2.4", drawn_exponent="0.09"))
    assert list(plain["verdict"]) == list(noted["verdict"])


def test_a_multiplier_is_held_against_the_reported_one_at_its_loss():
    claim = {"place": "arrow", "candidate": "new", "metric": "loss", "loss": 2.1}
    row = checked(reported=MULTIPLIERS, multipliers=[claim | {"multiplier": "1.17"}]).iloc[0]
    assert (row["claim"], row["ours"], row["verdict"]) == ("new loss at 2.1", 1.155, "consistent")


def test_a_claim_is_held_against_its_own_convention_metric_candidate_and_the_headline_law():
    other = MULTIPLIERS.assign
    rows = pd.concat(
        [
            other(multiplier=0.1, headline_law=False),
            other(multiplier=0.2, convention="y"),
            other(multiplier=0.3, metric="eval"),
            other(multiplier=0.4, candidate="old"),
            other(multiplier=0.5, loss=2.2),
            MULTIPLIERS,
        ]
    )
    claim = {"place": "a", "candidate": "new", "metric": "loss", "loss": 2.1, "multiplier": "1.17"}
    entries = [claim | more for more in ({}, {"convention": "y"}, {"metric": "eval"})]
    table = checked(reported=rows, multipliers=entries)
    assert list(table["ours"]) == [1.155, 0.2, 0.3]


def test_a_compute_is_held_against_the_accuracy_to_which_it_is_known():
    def of(text, **more):
        star = [{"place": "star", "run": "r", "compute_pflop_s_days": text}]
        return checked(compute=star, **more)["verdict"].iloc[0]

    assert of("1.0012") == "differs"
    assert of("1.0012", compute_accuracy=0.0015) == "consistent"
    assert of("1.0020", compute_accuracy=0.0015) == "differs"
    assert of("1.00") == "reproduced"


def test_a_compute_that_differs_names_the_conventions_that_it_fits():
    flops = pd.DataFrame(
        {"run": "r", "convention": ["x", "y", "z"], "compute_pflop_s_days": [0.5, 2.0, 2.01]}
    )

    def row(printed, accuracy):
        star = [{"place": "star", "run": "r", "compute_pflop_s_days": printed}]
        return checked(flops=flops, compute=star, compute_accuracy=accuracy).iloc[0]

    assert row("2.000", 0.01)["note"] == "fits y and z"
    assert row("2.000", 0.001)["note"] == "fits y"
    assert row("3.000", 0.01)["note"] == "fits no convention of the study"
    near = row("0.501", 0.01)
    assert (near["verdict"], near["note"]) == ("consistent", "")
    assert (near["ours"], near["ci_low"], near["ci_high"]) == (0.5, 0.495, 0.505)


def test_what_is_stated_of_runs_follows_with_where_it_is_stated():
    stated = pd.DataFrame(
        {
            "run": ["r", "s"],
            "quantity": ["compute_pflop_s_days", "parameters"],
            "convention": "x",
            "stated": [1.25, 1.1e9],
            "ours": [1.5, 1.2e9],
            "ci_low": [1.4, 1.1e9],
            "ci_high": [1.6, 1.3e9],
            "ratio": 1.2,
            "verdict": "differs",
            "note": "",
        }
    )
    found = checked(stated=stated)
    assert list(found["source"]) == ["log", "run sheet"]
    assert list(found["claim"]) == ["r", "s"]
    assert list(found["published"]) == ["1.25", "1100000000"]
    assert set(found) == set(SCHEMA["properties"])


def test_a_study_from_a_table_of_points_has_no_computes_to_hold_claims_against():
    published = {
        "source": "Paper",
        "fits": law(),
        "compute": [{"place": "star", "run": "r", "compute_pflop_s_days": "1"}],
    }
    for computes in ((None, None), (FLOPS, None), (None, pd.DataFrame())):
        table = claims(published, OURS, NO_MULTIPLIERS, *computes, baseline="old", headline="x")
        assert list(table["quantity"]) == ["coefficient", "exponent"]


def test_a_study_without_published_statements_has_an_empty_table_with_its_columns():
    table = claims({}, OURS, NO_MULTIPLIERS, FLOPS, pd.DataFrame(), baseline="old", headline="x")
    assert table.empty
    assert list(tables.check(table, SCHEMA, "claims")) == list(SCHEMA["properties"])


def test_strict_is_of_a_section_unless_an_entry_says_otherwise():
    fits = law() + law(strict=False)
    assert list(checked(fits=fits, strict=["fits"])["strict"]) == [True, True, False, False]
    assert list(checked(fits=law() + law(strict=True))["strict"]) == [False, False, True, True]


# --- statements

WRONG, RIGHT = "differs", "consistent"
BOTH = {"arm": "new", "than": "old"}
TURNED = {"arm": "old", "than": "new"}


@pytest.mark.parametrize(
    ("section", "claim", "expected"),
    [
        ("multipliers", {"candidate": "new", "compute": 4, "multiplier": "1.25"}, "reproduced"),
        ("multipliers", {"candidate": "new", "compute": 4, "multiplier": "1.35"}, WRONG),
        ("multipliers", {"candidate": "new", "compute": 4, "multiplier": "0.80"}, WRONG),
        ("savings", {"candidate": "new", "compute": 4, "saving": "20"}, "reproduced"),
        ("savings", {"candidate": "new", "compute": 4, "saving": "25"}, WRONG),
        ("losses", {"arm": "old", "compute": 4, "loss": "2.30"}, "reproduced"),
        ("losses", {"arm": "new", "compute": 4, "loss": "2.30"}, WRONG),
        ("losses", {"arm": "new", "compute": 4, "loss": "2.30", "within": 0.04}, RIGHT),
        ("ratios", {**BOTH, "compute": 4, "ratio": "0.987"}, "reproduced"),
        ("ratios", {**BOTH, "compute": 4, "ratio": "1.25"}, WRONG),
        ("orderings", BOTH, RIGHT),
        ("orderings", TURNED, WRONG),
        ("orderings", {**BOTH, "from": 0.1, "to": 100}, RIGHT),
        ("differences", {**BOTH, "below": "0.05"}, RIGHT),
        ("differences", {**BOTH, "below": "0.01"}, WRONG),
        ("differences", {**BOTH, "below": "0.05", "of": "sizes"}, RIGHT),
        ("differences", {**BOTH, "below": "0.01", "of": "sizes"}, WRONG),
        ("slopes", {**BOTH, "relation": "parallel"}, RIGHT),
        ("slopes", {**BOTH, "relation": "steeper"}, "not told"),
        ("slopes", {**BOTH, "relation": "flatter"}, "not told"),
        ("crossings", {**BOTH, "compute": "none"}, RIGHT),
        ("crossings", {**BOTH, "compute": "4"}, WRONG),
        ("counts", {"arm": "new", "points": "6"}, "reproduced"),
        ("counts", {"arm": "new", "points": "4"}, WRONG),
        ("ranges", {"of": "compute", "low": "0.5", "high": "16"}, "reproduced"),
        ("ranges", {"of": "compute", "low": "1", "high": "16"}, WRONG),
        ("ranges", {"of": "loss", "low": "2.0", "high": "3.0"}, "reproduced"),
        ("sizes", {**BOTH, "relation": "lower", "sizes": "all"}, "reproduced"),
        ("sizes", {**BOTH, "relation": "higher", "sizes": "all"}, WRONG),
        ("sizes", {**BOTH, "relation": "higher", "sizes": "0"}, "reproduced"),
        ("forms", {"arm": "old", "form": "power_law"}, RIGHT),
        ("forms", {"arm": "old", "form": "straight_semilog"}, WRONG),
        ("surfaces", {"arm": "old", "parameter": "E", "value": "1.69"}, "not testable"),
        ("allocations", {"arm": "old", "of": "tokens", "exponent": "0.5"}, "not testable"),
        ("trends", {**BOTH, "relation": "grows"}, "not testable"),
    ],
)
def test_a_statement_comes_out_as_the_law_behind_the_points_has_it(section, claim, expected):
    row = one(section, **claim)
    assert row["verdict"] in ({expected, "reproduced"} if expected == RIGHT else {expected})
    assert row["kind"] == section
    assert row["sentence"].startswith(row["claim"])


def test_every_section_of_the_schema_is_judged_and_every_judge_has_its_section():
    sections = read_yaml(ROOT / "workflow/schemas/published.schema.yaml")["properties"]
    plain = {"source", "strict", "same_data", "loss_accuracy", "compute_accuracy"}
    assert set(sections) - plain == set(SECTIONS) | {"fits", "compute", "untestable"}
    assert set(sections["strict"]["items"]["enum"]) == set(SECTIONS) | {"fits", "compute"}


def test_few_noisy_points_do_not_tell():
    vague = evidence(points({"old": OLD, "new": NEW}, own=0.02, seed=3))
    for section, claim in (
        ("orderings", BOTH),
        ("orderings", TURNED),
        ("crossings", {**BOTH, "compute": "none"}),
        ("crossings", {**BOTH, "compute": "4"}),
        ("slopes", {**BOTH, "relation": "steeper"}),
        ("differences", {**BOTH, "below": "0.05"}),
    ):
        assert one(section, vague, **claim)["verdict"] == "not told", section


def test_what_arms_share_does_not_blur_their_difference():
    shared = evidence(points({"old": OLD, "new": NEW}, shared=0.02, seed=3))
    assert one("orderings", shared, **BOTH)["verdict"] == "consistent"
    apart = evidence(points({"old": OLD, "new": NEW}, shared=0.02, seed=3), pair_by_model=False)
    assert one("orderings", apart, **BOTH)["verdict"] == "not told"


def test_crossing_laws_cross_where_they_do():
    crossing = evidence(points({"old": (2.5, 0.06), "new": (2.46, 0.05)}))
    at = (2.5 / 2.46) ** (1 / 0.01)  # 5.01
    row = one("crossings", crossing, **BOTH, compute="5")
    assert row["verdict"] == "consistent"
    assert row["ours"] == pytest.approx(at, rel=0.02)
    assert row["ci_low"] < at < row["ci_high"]
    assert one("crossings", crossing, **BOTH, compute="50")["verdict"] == "differs"
    assert one("crossings", crossing, **BOTH, compute="2", factor=3)["verdict"] == "consistent"
    assert one("crossings", crossing, **BOTH, compute="none")["verdict"] == "differs"
    assert one("crossings", crossing, **BOTH, compute="none", **{"to": 2})["verdict"] == RIGHT
    assert one("orderings", crossing, **BOTH, **{"to": 2})["verdict"] == "consistent"
    assert one("orderings", crossing, **BOTH)["verdict"] == "differs"
    assert one("slopes", crossing, **TURNED, relation="steeper")["verdict"] == "consistent"
    assert one("slopes", crossing, **BOTH, relation="steeper")["verdict"] == "differs"
    assert one("slopes", crossing, **BOTH, relation="parallel")["verdict"] == "differs"


def test_laws_that_are_told_apart_where_they_are_said_to_cross_do_not_cross_there():
    """However little is known of where they do: far away the data admit everything."""
    apart = {"old": OLD, "new": (2.45, 0.06)}
    ours = evidence(points(apart, own=0.002))
    assert one("crossings", ours, **BOTH, compute="3")["verdict"] == "differs"
    assert one("crossings", ours, **BOTH, compute="2", factor=2)["verdict"] == "differs"
    assert one("crossings", ours, **BOTH, compute="1000000000")["verdict"] == "consistent"


def test_a_law_that_flattens_is_no_power_law():
    bent = evidence(points({"old": OLD, "new": NEW}, bend=0.01))
    assert one("forms", bent, arm="old", form="flattens")["verdict"] == "consistent"
    assert one("forms", bent, arm="old", form="power_law")["verdict"] == "differs"
    steeper = evidence(points({"old": OLD, "new": NEW}, bend=-0.01))
    assert one("forms", steeper, arm="old", form="flattens")["verdict"] == "differs"


def test_straight_on_semilog_axes_is_not_told_where_a_power_law_is_as_likely():
    vague = evidence(points({"old": OLD, "new": NEW}, own=0.01))
    row = one("forms", vague, arm="old", form="straight_semilog")
    assert row["verdict"] == "not told"
    assert "a power law bends by 0.008" in row["note"]  # 2.3 x 0.06^2


def test_a_floor_that_the_points_do_not_tell_decides_nothing():
    assert one("floors", arm="old", floor="1.7")["verdict"] == "not told"
    row = one("floors", **BOTH)
    assert row["verdict"] == "not told"
    assert row["note"] == "the points do not tell a floor"


def test_a_trend_over_metrics_is_told_by_how_sizes_agree():
    def of(gap, seed=1):
        tables = []
        for i, metric in enumerate(("a", "b", "c", "d")):
            laws = {"old": OLD, "new": (2.5 * np.exp(gap * i), 0.06)}
            tables.append(points(laws, own=0.001, seed=seed + i).assign(metric=metric))
        return evidence(pd.concat(tables))

    def outcome(gap, relation):
        return one("trends", of(gap), **BOTH, relation=relation)["verdict"]

    assert outcome(0.01, "grows") == "consistent"
    assert outcome(0.01, "shrinks") == "differs"
    assert outcome(-0.01, "shrinks") == "consistent"
    assert outcome(0.0, "grows") == "not told"
    some = one("trends", of(0.01), **BOTH, relation="grows", metrics=["a", "b", "c"])
    assert some["ours"] == pytest.approx(0.01, abs=0.001)


def test_beyond_the_points_a_statement_is_marked():
    assert one("losses", arm="old", compute=100, loss="1.90")["note"] == "extrapolated"
    assert one("losses", arm="old", compute=16, loss="2.1")["note"] == ""
    assert one("orderings", **BOTH, to=100)["note"] == "extrapolated"


def test_a_law_that_is_not_there_is_no_error_but_not_testable():
    row = one("losses", arm="old", compute=4, loss="2.3", convention="y")
    assert (row["verdict"], row["note"]) == ("not testable", "the study fits no law of old there")


def test_what_cannot_be_tested_says_why():
    claim = {"place": "page 3", "claim": "it is faster", "reason": "no times are logged"}
    row = checked(untestable=[claim]).iloc[0]
    assert row["verdict"] == "not testable"
    assert row["sentence"] == (
        "it is faster (Paper, page 3) cannot be tested; no times are logged."
    )


def test_the_saving_stands_beside_a_multiplier_and_nowhere_else():
    row = one("multipliers", candidate="new", compute=4, multiplier="1.25")
    assert_allclose(row["saving"], 1 - 1 / row["ours"])
    assert "multiplier 1.25, 20% less compute (Paper" in row["sentence"]
    assert "), 20% less compute;" in row["sentence"]
    other = one("losses", arm="old", compute=4, loss="2.30")
    assert np.isnan(other["saving"])
    assert "less compute" not in other["sentence"]


def test_the_sentence_holds_the_row():
    row = one("multipliers", candidate="new", compute=4, multiplier="1.25")
    for part in ("new loss at 4", "1.25", "Paper, here", "is reproduced", "would be noticed"):
        assert part in row["sentence"]


# --- intervals


def test_the_interval_of_a_loss_is_that_of_a_straight_line():
    mine = POINTS[POINTS["arm"] == "old"]
    x, y = np.log(mine[["compute_pflop_s_days", "loss"]].to_numpy()).T
    at = np.log(np.array([1.0, 30.0]))
    line = linregress(x, y)
    s = np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / 4)
    half = student.ppf(0.975, 4) * s
    half = half * np.sqrt(1 / 6 + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    found = OURS.log_loss("old", Where("loss", "x"), np.exp(at))
    assert_allclose(found.value, line.intercept + line.slope * at)
    assert_allclose(found.high - found.value, half, rtol=1e-6)
    assert_allclose(found.value - found.low, half, rtol=1e-6)


def test_the_band_of_a_gap_covers_the_whole_line_as_often_as_it_says():
    """200 studies: the true gap lies inside at 9 computes at once in 95%, +- 3%."""
    compute, where = np.geomspace(0.25, 32, 9), Where("loss", "x")
    truth = np.log(NEW[0] / OLD[0])
    inside = single = 0
    for seed in range(200):
        ours = by_hand(points({"old": OLD, "new": NEW}, shared=0.01, own=0.003, seed=seed))
        band = ours.gap("new", "old", where, compute)
        inside += bool(((band.low <= truth) & (truth <= band.high)).all())
        each = ours.gap("new", "old", where, compute, at_once=False)
        single += bool(((each.low <= truth) & (truth <= each.high)).all())
    assert inside >= 184
    assert single < 184  # one by one they do not


def test_noticed_of_a_pair_is_where_it_comes_out_as_differs():
    ours = evidence(points({"old": OLD}, own=0.05))
    where = Where("loss", "x")

    def found(coefficient, exponent="0.0600", same=True):
        claim = law(f"{coefficient:.4f}", exponent)[0]
        return judge(claim, [claim], ours, where, same_data=same)[0]

    for same in (False, True):
        ends = found(2.5, same=same)
        for edge in (ends.below, ends.above):
            inner, outer = edge + (2.5 - edge) * 0.1, edge - (2.5 - edge) * 0.1
            assert found(inner, same=same).outcome != "differs"
            assert found(outer, same=same).outcome == "differs"
    assert -inf < found(2.5, same=False).below < found(2.5).below
