"""Stages fit, multiplier and headline: from points to the line that `make` ends with."""

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fit import fits
from isoloss.fit.fitting import FitError
from isoloss.fit.settings import Fitting
from isoloss.multiplier.digits import shown
from isoloss.multiplier.headline import headline, none_refused
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.quote import quotes
from isoloss.multiplier.saving import in_words
from isoloss.multiplier.settings import Comparison
from isoloss.multiplier.summary import summary
from isoloss.multiplier.verdict import cell, judge, verdict
from sections import gate

SIZES = {"1M": 0.1, "2M": 0.4, "4M": 1.6, "8M": 6.4}


def points(arms=None, noise=0.0, metrics=("loss",), conventions=("x",), sizes=SIZES, seed=0):
    """Points on L = 2.5 (k C)^-0.06, where k of an arm is its true multiplier over `base`."""
    rng = np.random.default_rng(seed)
    rows = [
        (arm, model, metric, convention, c, 2.5 * (k * c) ** -0.06 * np.exp(noise * rng.normal()))
        for metric in metrics
        for convention in conventions
        for arm, k in (arms or {"base": 1.0, "new": 1.25}).items()
        for model, c in sizes.items()
    ]
    names = ["arm", "model", "metric", "convention", "compute_pflop_s_days", "loss"]
    return pd.DataFrame(rows, columns=names).assign(
        run=lambda t: t["arm"] + "-" + t["model"], used=True
    )


FIT = {"law": "power", "method": "least_squares_log", "weight_by": "none"} | {
    "resampling": "wild",
    "draws": 100,
}


def fitted(table, **changes):
    return fits(table, Fitting(**FIT | changes), "model").table("fit", [])


def compared(table, headline="x", **changes):
    settings = {
        "at_loss": [],
        "pair_by": "model",
        "confidence": 0.95,
        "grid": 11,
        "margin": 0.25,
    }
    made = Comparison(**settings | changes)
    return multipliers(
        fitted(table), table, baseline="base", headline=headline, settings=made, gate=gate()
    )


# --- fit


def test_a_law_for_every_arm_metric_and_convention_with_the_true_numbers():
    table = fitted(points(metrics=("loss", "eval"), conventions=("x", "y")))
    assert len(table) == 8
    assert not table.duplicated(["arm", "metric", "convention"]).any()
    np.testing.assert_allclose(table["exponent"], 0.06, rtol=1e-10)
    by = table.set_index(["arm", "metric", "convention"])["coefficient"]
    assert by[("base", "loss", "x")] == pytest.approx(2.5)
    assert by[("new", "eval", "y")] == pytest.approx(2.5 * 1.25**-0.06)


def test_points_that_are_not_used_do_not_enter():
    table = points()
    table.loc[table["model"] == "8M", "used"] = False
    table.loc[table["model"] == "8M", "loss"] = np.nan
    assert list(fitted(table)["n_points"]) == [3, 3]


def test_a_law_that_does_not_exist_names_arm_metric_convention_and_runs():
    table = points()
    table.loc[(table["arm"] == "new") & table["model"].isin(["4M", "8M"]), "used"] = False
    with pytest.raises(
        FitError, match=r"arm new, metric loss, convention x: .*3 or more.*new-1M, new-2M"
    ):
        fitted(table)


# --- multiplier


def test_the_multiplier_of_exact_laws_is_the_true_one_at_every_loss():
    table = compared(points())
    np.testing.assert_allclose(table["multiplier"], 1.25, rtol=1e-9)
    np.testing.assert_allclose(table["ci_low"], 1.25, rtol=1e-6)


def test_the_multiplier_of_an_arm_against_its_twin_is_one():
    table = points({"base": 1.0, "new": 1.0})
    np.testing.assert_allclose(compared(table)["multiplier"], 1, rtol=1e-12)


def test_reported_losses_are_those_of_the_study_the_headline_first():
    table = compared(points(conventions=("x", "y")), at_loss=[2.4, 2.6], headline="y")
    reported = table[table["kind"] == "reported"]
    assert list(reported["loss"]) == [2.4, 2.6, 2.4, 2.6]
    assert list(reported["headline"]) == [False, False, True, False]
    assert not table[table["kind"] == "grid"]["headline"].any()


def test_without_a_loss_the_middle_of_what_both_arms_reached_is_reported():
    p = points()
    by = p.groupby("arm")["loss"]
    low, high = by.min().max(), by.max().min()
    row = compared(p).query("headline").iloc[0]
    assert row["loss"] == round(np.sqrt(low * high), 3)
    assert not row["extrapolated"]


def test_the_curve_covers_the_common_range_and_a_margin_that_is_marked():
    p = points()
    by = p.groupby("arm")["loss"]
    low, high = by.min().max(), by.max().min()
    grid = compared(p, grid=41, margin=0.5).query("kind == 'grid'")
    assert len(grid) == 41
    beyond = 0.5 * np.log(high / low)
    np.testing.assert_allclose(
        np.log(grid["loss"].iloc[[0, -1]]), [np.log(low) - beyond, np.log(high) + beyond]
    )
    np.testing.assert_array_equal(
        grid["extrapolated"], (grid["loss"] < low) | (grid["loss"] > high)
    )
    assert 0 < grid["extrapolated"].sum() < 41


def test_a_reported_loss_outside_is_marked():
    table = compared(points(), at_loss=[2.5, 1.0]).query("kind == 'reported'")
    assert list(table["extrapolated"]) == [False, True]


def test_arms_that_reached_no_common_loss_have_a_number_that_is_marked():
    p = points({"base": 1.0, "new": 1e12})
    row = compared(p).query("headline").iloc[0]
    assert row["multiplier"] == pytest.approx(1e12)
    assert row["extrapolated"]


def test_sizes_pair_the_arms_unless_told_not_to():
    p = points(noise=0.002)
    assert set(compared(p)["pairing"]) == {"paired"}
    assert set(compared(p, pair_by="none")["pairing"]) == {"welch"}
    odd = p.drop(p.index[(p["arm"] == "new") & (p["model"] == "1M")])
    assert set(compared(odd)["pairing"]) == {"partly paired"}
    assert set(compared(odd)["unpaired_models"]) == {"1M"}


def test_more_confidence_makes_a_wider_interval():
    p = points(noise=0.002)
    narrow, wide = (compared(p, confidence=c) for c in (0.68, 0.99))
    np.testing.assert_array_equal(narrow["multiplier"], wide["multiplier"])
    assert (wide["ci_low"] < narrow["ci_low"]).all()
    assert (wide["ci_high"] > narrow["ci_high"]).all()


def test_every_candidate_is_compared_with_the_baseline_wherever_it_stands():
    p = points({"new": 1.25, "base": 1.0, "newer": 2.0})
    table = compared(p).query("headline").set_index("candidate")
    assert set(table.index) == {"new", "newer"}
    assert set(table["baseline"]) == {"base"}
    assert table.loc["newer", "multiplier"] == pytest.approx(2)


def test_a_metric_that_the_baseline_does_not_have_is_named():
    p = pd.concat([points(), points({"new": 1.25}, metrics=("eval",))], ignore_index=True)
    with pytest.raises(ValueError, match=r"(?=.*base)(?=.*eval)"):
        compared(p)


# --- headline


def row(**changes):
    return {
        "candidate": "new",
        "multiplier": 1.1547,
        "ci_low": 1.1341,
        "ci_high": 1.1762,
        "loss": 2.1,
        "confidence": 0.95,
        "convention": "6n_with_head",
        "headline": True,
        "status": "converged",
        "counted_in": "6n_with_head",
        "extrapolated": False,
        "unpaired_models": "",
        "doubts": "",
        "n_runs": 5,
    } | changes


def lines(*rows):
    judged = [one | {"doubts": cell(judge(one, gate(), verdict(one).found))} for one in rows]
    return headline("kimi-linear", pd.DataFrame(judged))


def test_the_headline_is_one_line_with_interval_loss_and_convention():
    assert lines(row(), row(headline=False, multiplier=9.0)) == [
        "kimi-linear: 1.155x at loss 2.1 (95% 1.134 to 1.176, n = 5), 6n_with_head, "
        "13% less compute"
    ]


def test_an_interval_that_holds_1_is_said_not_to_tell():
    assert lines(row(ci_low=0.98))[0].endswith(
        "6n_with_head, 13% less compute; not told from 1 by the data"
    )


def test_sizes_that_lost_their_partner_are_named():
    assert lines(row(unpaired_models="1.4B"))[0].endswith(
        "6n_with_head, 13% less compute; no partner: 1.4B"
    )


def test_an_extrapolated_headline_says_so():
    assert lines(row(extrapolated=True))[0].endswith("; extrapolated")


def test_a_headline_without_an_estimate_says_so():
    nan = float("nan")
    lacking = row(multiplier=nan, ci_low=nan, ci_high=nan)
    assert lines(lacking) == ["kimi-linear: no headline: no estimate"]
    why = "no compute of the baseline reaches loss 1.5: its floor is 1.6"
    assert lines(lacking | {"reason": why}) == [
        f"kimi-linear: no headline: no estimate: {why}; choose a loss that both arms reach"
    ]


def test_a_number_that_cannot_be_is_no_headline_and_the_line_says_what_to_do():
    wrong = row(doubts="order: check both | size_label: run a has 4e+08 parameters; correct it")
    expected = "no headline: run a has 4e+08 parameters; correct it"
    assert lines(wrong) == [f"kimi-linear: {expected}"]
    several = [row(), row(multiplier=1.2, ci_high=1.3), wrong]
    assert lines(*several) == [
        "kimi-linear: 1.15x to 1.20x over 2 metrics (95% 1.13 to 1.30, n = 5), 6n_with_head, "
        "13% to 17% less compute; "
        "no headline in 1 of 3: run a has 4e+08 parameters; correct it"
    ]


def test_what_is_doubtful_alone_stands_beside_the_number():
    line = lines(row(doubts="odd: runs a and b differ; check both"))[0]
    assert line.endswith("6n_with_head, 13% less compute; runs a and b differ; check both")


def test_of_several_warnings_the_one_that_matters_most_is_told():
    doubtful = row(doubts="odd: check both", status="mla at_bound", unpaired_models="1.4B")
    more = "; {} more in results/multiplier/kimi-linear.md"
    assert lines(doubtful)[0].endswith(
        "6n_with_head, 13% less compute; check both" + more.format(2)
    )
    fewer = doubtful | {"doubts": ""}
    assert lines(fewer)[0].endswith(
        "6n_with_head, 13% less compute; law in doubt: mla at_bound" + more.format(1)
    )
    refused = row(doubts="copies: remove it")
    assert lines(fewer, refused)[0].endswith(
        "6n_with_head, 13% less compute; no headline in 1 of 2: remove it" + more.format(2)
    )


def test_the_runs_of_the_arm_that_has_fewer_are_counted():
    assert "to 1.176, n = 3), " in lines(row(n_runs=3))[0]
    assert ", n = 3), " in lines(row(), row(n_runs=3))[0]


def test_a_label_spelt_in_two_ways_is_asked_about():
    line = lines(row(unpaired_models="40M, 80M, 40m"))[0]
    assert line.endswith("; no partner: 40M, 80M, 40m (did you mean `40M` by `40m`?)")


def test_several_metrics_give_a_range_and_how_many_are_weak():
    table = [row(multiplier=m, ci_low=m - 0.1, ci_high=m + 0.1) for m in (0.8, 1.05, 1.3)]
    table[2]["extrapolated"] = True
    assert lines(*table) == [
        "kimi-linear: 0.80x to 1.30x over 3 metrics (95% 0.70 to 1.40, n = 5), 6n_with_head, "
        "25% more to 23% less compute; "
        "extrapolated in 1 of 3; 1 more in results/multiplier/kimi-linear.md"
    ]


def test_several_candidates_have_a_line_each():
    assert [line.split(":")[0] for line in lines(row(), row(candidate="newer"))] == [
        "kimi-linear, new",
        "kimi-linear, newer",
    ]


def test_another_confidence_is_printed():
    assert "(68% " in lines(row(confidence=0.68))[0]


def test_the_best_of_several_candidates_has_the_interval_that_holds_for_all_of_them():
    at_once = {"ci_low_simultaneous": 1.1, "ci_high_simultaneous": 1.2, "simultaneous": 2}
    worse = {"multiplier": 1.05, "ci_low": 1.01, "ci_high": 1.1} | at_once
    worse |= {"ci_low_simultaneous": 0.99, "candidate": "newer"}
    best, other = lines(row(**at_once), row(**worse))
    assert best.endswith("; best of 2, with 1.100 to 1.200 for all 2 comparisons at once")
    assert other.endswith(
        "; one of 2, with 0.99 to 1.20 for all 2 comparisons at once; "
        "not told from 1 among 2 comparisons"
    )


def test_a_refused_headline_is_an_error_where_the_study_is_strict():
    sound, wrong = row(), row(doubts="loss: run a has loss 40; give nats")
    none_refused(lines(sound))
    for rows in ([wrong], [sound, wrong], [sound, wrong | {"candidate": "newer"}]):
        with pytest.raises(ValueError, match=r"run a has loss 40; give nats .*strict: true"):
            none_refused(lines(*rows))


def test_the_summary_has_every_reported_number_with_what_was_found_and_left_out():
    made = compared(points(noise=0.002), at_loss=[2.5, 2.0])
    text = summary("tiny", made, points().assign(used=False, reason="excluded: a | b"))
    head, quoted, found, *_, out = text.split("\n## ")
    assert quoted.startswith(
        "What may be quoted\n\n- new against base, loss: at loss 2.5 new takes"
    )
    assert head.startswith("# tiny: compute multipliers over base\n")
    assert head.count("\n| new | loss | x | power, least_squares_log | 2") == 2
    assert "| 2 | " in head
    assert "new, loss, x, power, least_squares_log, loss 2: extrapolated" in found
    assert out.count("excluded: a") == 8
    assert "nan to nan" not in head


def test_losses_are_given_for_all_metrics_or_by_metric():
    table = points(metrics=("loss", "code"))
    made = compared(table, at_loss={"code": [2.6, 2.4]}).query("kind == 'reported'")
    losses = made.groupby("metric")["loss"].apply(list)
    assert losses["code"] == [2.6, 2.4]
    assert losses["loss"] == compared(points()).query("headline")["loss"].to_list()
    assert list(made[made["headline"]]["loss"]) == [losses["loss"][0], 2.6]


def test_at_a_compute_the_loss_is_that_of_the_law_of_the_baseline():
    made = compared(points(), at_loss=[2.6], at_compute=[0.8, 3.2]).query("kind == 'reported'")
    assert made["loss"].to_list() == pytest.approx([2.6, 2.5 * 0.8**-0.06, 2.5 * 3.2**-0.06])
    assert (made["candidate_compute_pflop_s_days"] * made["multiplier"])[1:].to_list() == (
        pytest.approx([0.8, 3.2])
    )
    assert list(made["headline"]) == [True, False, False]
    alone = compared(points(), at_compute=[0.8]).query("headline").iloc[0]
    assert alone["loss"] == pytest.approx(2.5 * 0.8**-0.06)


def test_without_a_loss_the_number_is_read_where_the_larger_runs_are():
    """From toy sizes to 92 PFLOP/s-days, the middle of all runs lies at 0.02."""
    sizes = {f"m{i}": c for i, c in enumerate(np.geomspace(4e-6, 92, 9))}
    wide = compared(points(sizes=sizes)).query("headline").iloc[0]
    compute = wide["candidate_compute_pflop_s_days"] * wide["multiplier"]
    assert 0.092 < compute < 92
    near = {name: c for name, c in sizes.items() if c > 0.05}  # as many that are alike
    row = compared(points(sizes={**SIZES, **near})).query("headline").iloc[0]
    assert not row["extrapolated"]


def test_with_fewer_than_two_larger_runs_all_are_looked_at():
    sizes = {"1M": 1e-4, "2M": 2e-4, "4M": 4e-4, "8M": 1.0}
    row = compared(points(sizes=sizes)).query("headline").iloc[0]
    compute = row["candidate_compute_pflop_s_days"] * row["multiplier"]
    assert compute == pytest.approx(1e-2, rel=0.5)


def test_the_sentence_to_quote_holds_the_number_and_its_conditions_or_why_there_is_none():
    made = compared(points(noise=0.002), at_loss=[2.5])
    (line,) = quotes(made, points())
    headline = made[made["headline"]].iloc[0]
    numbers = shown(*headline[["multiplier", "ci_low", "ci_high"]])
    runs = points().query("used")
    compute = runs["compute_pflop_s_days"]
    for part in (
        "new against base, loss: at loss 2.5",
        in_words(headline["multiplier"]),
        "a compute multiplier of {} (95% interval {} to {}".format(*numbers),
        "counted as x",
        "power by least_squares_log",
        f"{runs['run'].nunique()} runs of {compute.min():.3g} to {compute.max():.3g} PFLOP/s-days",
        "paired",
    ):
        assert part in line
    weak = made.assign(doubts="undecided: not told from 1 by the data")
    assert "With it goes: not told from 1 by the data" in quotes(weak, points())[0]
    again = made.assign(convention="y", counted_in="y", headline=False)
    assert (
        "Counted otherwise it is {} ({} to {}) as y.".format(*numbers)
        in (quotes(pd.concat([made, again]), points())[0])
    )
    (refused,) = quotes(made.assign(doubts="loss: run a has loss 40"), points())
    assert refused == "new against base, loss: nothing may be quoted; run a has loss 40."
