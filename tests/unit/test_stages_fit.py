"""Stage fit with several laws: resamples, checks, surfaces; and what the multiplier makes of it."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.diagnose import diagnoses
from isoloss.fit.fit import fits, together_by
from isoloss.fit.fitting import fit
from isoloss.fit.problem import FitError
from isoloss.fit.settings import Fitting
from isoloss.multiplier import multiplier as stage
from isoloss.multiplier.settings import Comparison
from isoloss.points.from_table import tabled_points
from sections import gate

KIMI = {  # losses of data/kimi-linear at the compute of 6N with head
    "mla": [2.2497, 2.1515, 2.0875, 2.0504, 2.0022],
    "kimi": [2.2256, 2.1307, 2.0667, 2.0306, 1.9827],
}
COMPUTE = [1.699, 3.502, 6.454, 9.393, 14.589]
FIT = {"law": "power", "method": "least_squares_log", "weight_by": "none"} | {
    "resampling": "wild",
    "draws": 200,
}
COMPARED = {
    "baseline": "mla",
    "headline": "logged",
    "at_loss": [2.1],
    "pair_by": "model",
    "confidence": 0.95,
    "grid": 5,
    "margin": 0.1,
}


def multipliers(*tables, baseline, headline, **settings):
    """The stage, its settings by name."""
    made = Comparison(**settings)
    return stage.multipliers(
        *tables, baseline=baseline, headline=headline, settings=made, gate=gate()
    )


def ladder(losses=KIMI, loss_se=0.002):
    rows = [
        {
            "run": f"{arm}-{i}",
            "arm": arm,
            "model": f"m{i}",
            "compute_pflop_s_days": c,
            "loss": loss,
            "loss_se": loss_se,
        }
        for arm, row in losses.items()
        for i, (c, loss) in enumerate(zip(COMPUTE, row, strict=True))
    ]
    return tabled_points(rows, {"loss": "loss"}, ["logged"])


def table(found, name):
    return found.table(name, [])


def several(*also, points=None, **changes):
    settings = FIT | {"also": [{"law": law, "method": method} for law, method in also]} | changes
    return Found(ladder() if points is None else points, settings)


class Found:
    """The tables of the stages fit and diagnose."""

    def __init__(self, points, settings):
        settings = Fitting(**settings)
        self.fits = fits(points, settings, "model")
        made = (self.fits.table(name, []) for name in ("fit", "surface"))
        self.diagnosed = diagnoses(points, *made, settings, {"residuals": [], "holdout": []})

    def table(self, name, columns):
        return self.diagnosed[name] if name in self.diagnosed else self.fits.table(name, columns)


@pytest.fixture(scope="module")
def found():
    return several(("power_floor", "least_squares_log"), ("power", "huber_log"))


def test_every_law_and_method_has_a_row_and_one_is_the_headline(found):
    fit_table = table(found, "fit")
    assert len(fit_table) == 6
    headline = fit_table[fit_table["headline_law"]]
    assert list(headline["law"] + " " + headline["method"]) == ["power least_squares_log"] * 2
    assert list(headline["arm"]) == ["mla", "kimi"]


def test_a_floor_of_five_sizes_is_not_identifiable_and_the_table_says_so(found):
    by = table(found, "fit").set_index(["law", "method", "arm"])
    assert set(by.loc["power_floor"]["status"]) == {"not_identifiable"}
    assert set(by.loc["power"]["status"]) == {"converged"}
    assert (
        by.loc[("power_floor", "least_squares_log", "mla"), "aicc"]
        != by.loc[("power", "least_squares_log", "mla"), "aicc"]
    )
    assert np.isnan(by.loc[("power_floor", "least_squares_log", "mla"), "aicc"])
    assert by["holdout_log_error"].notna().all()


def test_only_the_headline_and_what_has_no_standard_errors_is_resampled(found):
    drawn = table(found, "draws").groupby(["law", "method", "arm"], sort=False).size()
    assert dict(drawn) == {
        ("power", method, arm): 200 for method in ("least_squares_log", "huber_log") for arm in KIMI
    }


def test_a_huber_fit_has_the_standard_errors_of_its_draws(found):
    drawn = table(found, "draws").query("method == 'huber_log' and arm == 'mla'")
    row = table(found, "fit").query("method == 'huber_log' and arm == 'mla'").iloc[0]
    assert row["exponent_se"] == pytest.approx(drawn["exponent"].std(), rel=1e-9)


def test_arms_are_resampled_together(found):
    drawn = table(found, "draws").query("method == 'least_squares_log'")
    by = drawn.pivot(index="draw", columns="arm", values="coefficient")
    assert by.corr().iloc[0, 1] > 0.99  # as their residuals are
    apart = fits(ladder(), Fitting(**FIT), "run").table("draws", [])
    by = apart.pivot(index="draw", columns="arm", values="coefficient")
    assert abs(by.corr().iloc[0, 1]) < 0.3


def test_draws_depend_on_the_points_and_on_nothing_else():
    first, again = (table(several(), "draws") for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    moved = ladder({**KIMI, "kimi": [*KIMI["kimi"][:-1], 1.9828]})
    other = table(several(points=moved), "draws")
    mla = [t.query("arm == 'mla'")["coefficient"] for t in (first, other)]
    assert not np.allclose(*mla, rtol=1e-6)


def test_residuals_without_a_point_are_those_of_the_law_fitted_without_it(found):
    rows = table(found, "residuals").query(
        "law == 'power' and method == 'least_squares_log' and arm == 'mla'"
    )
    c, y = np.array(COMPUTE), np.array(KIMI["mla"])
    for i, row in enumerate(rows.itertuples()):
        left = fit(np.delete(c, i), np.delete(y, i))
        expected = np.log(y[i] / (left.coefficient * c[i] ** -left.exponent))
        assert row.log_residual_without == pytest.approx(expected, rel=1e-7)
        assert row.log_residual == pytest.approx((1 - row.leverage) * expected, rel=1e-7)
    assert rows["leverage"].sum() == pytest.approx(2)


def test_held_out_sizes_are_predicted_by_the_law_of_the_smaller_ones(found):
    rows = table(found, "holdout").query(
        "law == 'power' and method == 'least_squares_log' and arm == 'mla'"
    )
    assert list(rows["left_out"]) == [1, 2, 2]
    left = fit(COMPUTE[:3], KIMI["mla"][:3])
    last = rows.iloc[-1]
    assert last["predicted"] == pytest.approx(left.coefficient * COMPUTE[4] ** -left.exponent)
    assert last["reach"] == pytest.approx(COMPUTE[4] / COMPUTE[2])
    assert last["log_error"] == pytest.approx(np.log(KIMI["mla"][4] / last["predicted"]))
    by = table(found, "fit").query("law == 'power' and arm == 'mla'").iloc[0]
    assert rows["log_error"].iloc[0] == pytest.approx(by["holdout_log_error"])


def test_every_law_has_its_multiplier_and_one_is_the_headline(found):
    ratio = multipliers(table(found, "fit"), ladder(), table(found, "draws"), **COMPARED)
    reported = ratio[ratio["kind"] == "reported"].set_index(["law", "method"])
    assert reported["headline"].sum() == 1
    headline = reported.loc[("power", "least_squares_log")]
    assert (headline["interval"], headline["status"]) == ("delta_t", "converged")
    assert reported.loc[("power", "huber_log"), "interval"] == "draws_t"
    floor = reported.loc[("power_floor", "least_squares_log")]
    assert floor["status"] == "mla not_identifiable; kimi not_identifiable"
    assert reported["ci_low"].notna().all()


def test_the_headlines_interval_may_be_that_of_its_draws(found):
    tables = table(found, "fit"), ladder(), table(found, "draws")
    ratio = multipliers(*tables, **COMPARED, interval="percentile")
    reported = ratio[ratio["kind"] == "reported"].set_index(["law", "method"])["interval"]
    assert reported[("power", "least_squares_log")] == "percentile_wild"
    assert reported[("power_floor", "least_squares_log")] == "delta_t"  # not for a floor


def test_points_weigh_by_their_precision_when_told_to():
    points = ladder()
    points.loc[points["model"] == "m0", "loss_se"] = 0.2
    weighted = table(several(points=points, weight_by="loss_se"), "fit").iloc[0]
    without = fit(COMPUTE[1:], KIMI["mla"][1:])
    assert weighted["weighted"]
    assert weighted["exponent"] == pytest.approx(without.exponent, rel=1e-3)


def test_a_weight_that_is_missing_is_named():
    with pytest.raises(FitError, match=r"arm mla, .*weight_by: loss_se.*run mla-0 has none"):
        several(points=ladder(loss_se=float("nan")), weight_by="loss_se")


# --- several candidates


def test_intervals_for_all_candidates_at_once_stand_beside_those_for_one():
    losses = KIMI | {"newer": [loss * 0.99 for loss in KIMI["kimi"]]}
    points = ladder(losses)
    found = several(points=points)
    compare = partial(multipliers, table(found, "fit"), points, table(found, "draws"))
    both, wider = (
        compare(**COMPARED | {"confidence": level}).set_index("kind") for level in (0.95, 0.95**0.5)
    )
    assert set(both["simultaneous"]) == {2}
    assert both.loc["grid", "ci_low_simultaneous"].isna().all()
    for end in ("ci_low", "ci_high"):
        assert both.loc["reported", f"{end}_simultaneous"].equals(wider.loc["reported", end])
    alone = ladder()
    one = several(points=alone)
    single = multipliers(table(one, "fit"), alone, table(one, "draws"), **COMPARED)
    reported = single[single["kind"] == "reported"]
    assert reported["ci_low_simultaneous"].equals(reported["ci_low"])


# --- points that share a run


def test_points_of_one_run_make_clusters():
    points = ladder()
    half = points.assign(compute_pflop_s_days=points["compute_pflop_s_days"] / 2)
    twice = pd.concat([points, half], ignore_index=True)
    twice["loss"] *= np.where(np.arange(len(twice)) < len(points), 1, 2**0.0535)
    found = several(points=twice)
    row = table(found, "fit").iloc[0]
    assert (row["n_points"], row["n_clusters"], row["degrees_of_freedom"]) == (10, 5, 4)
    ratio = multipliers(table(found, "fit"), twice, table(found, "draws"), **COMPARED)
    by_kind = ratio.groupby("kind")["interval"].agg(set)
    assert by_kind["grid"] == {"jackknife_t"}
    assert by_kind["reported"] == {"hull"}  # each run counts twice, and so the points bend
    with pytest.raises(ValueError, match="expected kind 'wild', 'case' or 'jackknife'"):
        several(points=twice, resampling="residual")


def test_checkpoints_of_a_run_are_resampled_together_whatever_they_are_called():
    points = ladder()
    later = points.assign(
        compute_pflop_s_days=2 * points["compute_pflop_s_days"], model=points["model"] + " later"
    )
    found = together_by(pd.concat([points, later], ignore_index=True), "model")
    assert found.tolist() == 2 * points["model"].tolist()
    assert together_by(points, "model").tolist() == points["model"].tolist()


# --- surfaces


@pytest.fixture(scope="module")
def grid(root):
    """The points of tests/data/surface, whose law and multiplier (1.3) are known."""
    rows = pd.read_csv(root / "tests/data/surface/data/surface/points.csv").to_dict("records")
    return tabled_points(rows, {"loss": "loss"}, ["6n_non_embedding"])


@pytest.fixture(scope="module")
def surfaces(grid):
    settings = FIT | {"law": "chinchilla", "method": "huber_log", "also": [{"law": "isoflop"}]}
    return Found(grid, settings)


def test_a_surface_is_recovered_within_its_errors(surfaces):
    row = table(surfaces, "surface").query("arm == 'dense'").iloc[0]
    truth = {"floor": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}
    for name, value in truth.items():
        assert abs(row[name] - value) < 4 * row[f"{name}_se"], name
        assert 0 < row[f"{name}_se"] < 0.02 * value
    assert row["optimal_exponent"] == pytest.approx(0.37 / 0.72, abs=0.002)


def test_the_multiplier_of_surfaces_is_that_along_their_optimal_lines(grid, surfaces):
    changes = {"baseline": "dense", "headline": "6n_non_embedding", "at_loss": [2.6]}
    ratio = multipliers(
        *(table(surfaces, "fit"), grid, table(surfaces, "draws"), table(surfaces, "surface")),
        **COMPARED | changes,
    )
    row = ratio[ratio["headline"]].iloc[0]
    assert row["law"] == "chinchilla"
    assert (row["interval"], row["pairing"]) == ("draws_t", "paired")
    assert row["ci_low"] < 1.3 < row["ci_high"]
    assert row["ci_high"] - row["ci_low"] < 0.05
    assert not row["extrapolated"]


def test_the_best_size_of_every_budget_grows_as_the_surface_says(surfaces):
    rows = table(surfaces, "isoflop").query("arm == 'dense'")
    assert len(rows) == 4
    assert (rows["reason"] == "").all()
    assert rows["parameters_exponent"].iloc[0] == pytest.approx(0.37 / 0.72, abs=0.01)


def test_held_out_budgets_go_as_a_whole(surfaces):
    rows = table(surfaces, "holdout").query("arm == 'dense'")
    assert dict(rows.groupby("left_out").size()) == {1: 6, 2: 12}
    assert rows["log_error"].abs().max() < 0.01


def test_a_law_that_some_convention_counts_no_parameters_for_is_left_out_there(grid):
    blind = grid.assign(convention="matmul_causal", parameters=np.nan)
    both = pd.concat([grid, blind], ignore_index=True)
    settings = FIT | {"law": "chinchilla", "method": "huber_log", "draws": 100}
    made = fits(both, Fitting(**settings), "model")
    assert set(table(made, "fit")["convention"]) == {"6n_non_embedding"}
    with pytest.raises(FitError, match=r"arm dense.*needs the parameters and the tokens"):
        fits(blind, Fitting(**settings), "model")


def test_a_surface_of_logged_compute_is_compared_in_6_n_d(grid):
    """The compute-optimal line knows 6 N D alone; logged compute 1.2 times that moves nothing."""
    logged = grid.assign(
        convention="logged", compute_pflop_s_days=1.2 * grid["compute_pflop_s_days"]
    )
    settings = FIT | {"law": "chinchilla", "method": "least_squares_log", "draws": 100}
    found = []
    for points in (grid, logged):
        made = fits(points, Fitting(**settings), "model")
        changes = {"baseline": "dense", "headline": points["convention"].iloc[0]}
        ratio = multipliers(
            *(table(made, "fit"), points, table(made, "draws"), table(made, "surface")),
            **COMPARED | changes | {"at_loss": []},
        )
        found.append(ratio[ratio["headline"]].iloc[0])
    assert list(f["counted_in"] for f in found) == ["6n_non_embedding", "6nd"]
    for column in ("loss", "candidate_compute_pflop_s_days", "multiplier"):
        assert found[0][column] == pytest.approx(found[1][column], rel=1e-9)
