from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fitting import fit
from isoloss.multiplier.equal_loss import arm, multiplier, overlap
from isoloss.multiplier.intervals import student
from numpy.testing import assert_allclose
from scipy import stats

MODELS = ["653M", "878M", "1.1B", "1.4B", "1.7B"]


def made(compute, loss, model=None, run=None, law="power", method="least_squares_log"):
    points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss})
    points["model"] = model if model is not None else [f"m{i}" for i in range(len(points))]
    if run is not None:
        points["run"] = run
    return arm(asdict(fit(compute, loss, law, method)), points)


@pytest.fixture
def mla():
    """Kimi Linear technical report, Figure 5."""
    return made(
        [1.6973, 3.4983, 6.4504, 9.3864, 14.583], [2.2497, 2.1515, 2.0875, 2.0504, 2.0022], MODELS
    )


@pytest.fixture
def kimi_linear():
    return made(
        [1.756, 3.6388, 6.7612, 9.8731, 15.437], [2.2256, 2.1307, 2.0667, 2.0306, 1.9827], MODELS
    )


def test_kimi_linear_at_loss_2_1_with_its_paired_interval(mla, kimi_linear):
    row = multiplier(mla, kimi_linear, 2.1).iloc[0]
    assert_allclose(
        [row["multiplier"], row["ci_low"], row["ci_high"]], [1.15467, 1.13399, 1.17572], rtol=1e-5
    )
    assert_allclose(row["residual_correlation"], 0.998, atol=5e-4)
    assert (row["pairing"], row["degrees_of_freedom"], row["n_points"]) == ("paired", 3, 5)
    assert not row["extrapolated"]
    assert row["reason"] == ""


@pytest.mark.parametrize("interval", ["delta_t", "jackknife_t"])
def test_order_of_points_within_an_arm_does_not_matter(mla, kimi_linear, interval):
    order = [3, 0, 4, 1, 2]
    models = [MODELS[i] for i in order]
    shuffled = made(kimi_linear.compute[order], kimi_linear.loss[order], models)
    columns = ["multiplier", "ci_low", "ci_high", "residual_correlation"]
    expected = multiplier(mla, kimi_linear, 2.1, interval=interval)[columns]
    assert_allclose(multiplier(mla, shuffled, 2.1, interval=interval)[columns], expected)
    assert_allclose(
        multiplier(shuffled, mla, 2.1, interval=interval)["ci_low"], 1 / expected["ci_high"]
    )


def test_the_arm_with_more_free_parameters_sets_the_degrees_of_freedom():
    c = np.geomspace(0.5, 60, 8)
    noise = np.exp(np.random.default_rng(3).normal(0, 1e-4, 8))
    free = made(c, (1.4 + c**-0.15) * noise, law="power_floor")
    bound = made(c, 2.4 * c**-0.05 * np.exp(-1e-3 * np.log(c) ** 2) * noise, law="power_floor")
    assert (free.fit.free, bound.fit.free) == (3, 2)  # the floor of one is at 0
    for arms in ((free, bound), (bound, free)):
        row = multiplier(*arms, 2.2).iloc[0]
        assert (row["pairing"], row["degrees_of_freedom"]) == ("paired", 8 - 3)


def test_an_arm_against_itself_is_exactly_one_with_no_width(mla):
    table = multiplier(mla, mla, np.geomspace(*overlap(mla, mla), 50))
    assert (table[["multiplier", "ci_low", "ci_high"]] == 1).all(axis=None)


def test_exchanging_the_arms_inverts_multiplier_and_interval(mla, kimi_linear):
    there, back = multiplier(mla, kimi_linear, 2.1), multiplier(kimi_linear, mla, 2.1)
    assert_allclose(there["multiplier"] * back["multiplier"], 1)
    assert_allclose(there["ci_low"] * back["ci_high"], 1)


def test_a_candidate_with_a_constant_saving_has_that_multiplier_at_every_loss():
    c = np.geomspace(1, 30, 6)
    base, cand = made(c, 2.3 * c**-0.05), made(c / 1.25, 2.3 * c**-0.05)
    table = multiplier(base, cand, np.geomspace(*overlap(base, cand), 9))
    assert_allclose(table["multiplier"], 1.25, rtol=1e-11)


def test_arms_with_two_sizes_in_common_are_compared_by_welch(mla, kimi_linear):
    labels = [*MODELS[:2], "3B", "4B", "5B"]
    other = made(kimi_linear.compute, kimi_linear.loss, labels)
    row = multiplier(mla, other, 2.1).iloc[0]
    assert row["pairing"] == "welch"
    assert row["unpaired_models"] == "1.1B, 1.4B, 1.7B, 3B, 4B, 5B"
    assert row["reason"].endswith("; 2 sizes in common: arms taken as independent")
    assert np.isnan(row["residual_correlation"])
    same = multiplier(mla, kimi_linear, 2.1, pair_by=False).iloc[0]
    assert (row["ci_low"], row["ci_high"]) == (same["ci_low"], same["ci_high"])
    assert 3 <= row["degrees_of_freedom"] <= 6


def test_pairing_can_be_refused_and_is_narrower_where_residuals_agree(mla, kimi_linear):
    paired = multiplier(mla, kimi_linear, 2.1).iloc[0]
    welch = multiplier(mla, kimi_linear, 2.1, pair_by=False).iloc[0]
    assert welch["pairing"] == "welch"
    assert welch["multiplier"] == paired["multiplier"]
    assert welch["ci_high"] - welch["ci_low"] > 3 * (paired["ci_high"] - paired["ci_low"])


def test_sizes_of_runs_with_several_points_are_left_out_together():
    c = np.repeat([1.0, 4.0, 16.0, 64.0], 2) * np.tile([1.0, 1.1], 4)
    noise = np.exp(np.random.default_rng(1).normal(0, 2e-3, (2, 8)))
    runs = list("ssmmllxx")
    base, cand = (
        made(c, level * c**-0.05 * e, runs, run=runs)
        for level, e in zip((2.3, 2.2), noise, strict=True)
    )
    row = multiplier(base, cand, 2.1).iloc[0]
    assert (row["interval"], row["pairing"]) == ("jackknife_t", "paired")
    assert row["degrees_of_freedom"] == 3
    refused = multiplier(base, cand, 2.1, interval="delta_t").iloc[0]
    assert np.isnan(refused["ci_low"])
    assert "points share their errors" in refused["reason"]


def test_points_of_one_run_are_left_out_together_where_arms_are_not_paired():
    c = np.repeat([1.0, 4.0, 16.0, 64.0], 2) * np.tile([1.0, 1.1], 4)
    noise = np.exp(np.repeat(np.random.default_rng(1).normal(0, 2e-3, (2, 4)), 2, axis=1))
    runs = list("aabbccdd")
    arms = [
        made(c, level * c**-0.05 * e, [f"{r}{level}" for r in runs], run=runs)
        for level, e in zip((2.3, 2.2), noise, strict=True)
    ]
    row = multiplier(*arms, 2.1).iloc[0]
    assert (row["interval"], row["pairing"]) == ("jackknife_t", "welch")
    assert 3 <= row["degrees_of_freedom"] <= 6


def test_checkpoints_of_a_run_are_left_out_together_though_each_has_a_model_of_its_own():
    """As in Gemstones: what pairs the arms is shape and checkpoint, what shares errors the run."""
    c = np.repeat([1.0, 4.0, 16.0, 64.0], 2) * np.tile([1.0, 1.1], 4)
    noise = np.exp(np.random.default_rng(1).normal(0, 2e-3, (2, 8)))
    runs = list("ssmmllxx")
    checkpoints = [f"{run}-{i % 2}" for i, run in enumerate(runs)]
    rows = []
    for models in (runs, checkpoints):
        arms = (
            made(c, level * c**-0.05 * e, models, run=runs)
            for level, e in zip((2.3, 2.2), noise, strict=True)
        )
        rows.append(multiplier(*arms, 2.1).iloc[0])
    assert rows[1]["pairing"] == "paired"
    assert rows[1]["degrees_of_freedom"] == 3
    pd.testing.assert_series_equal(*rows)


def test_jackknife_interval_is_that_of_refits_without_each_size(mla, kimi_linear):
    row = multiplier(mla, kimi_linear, 2.1, interval="jackknife_t").iloc[0]

    def without(i):
        kept = np.arange(5) != i
        fits = [fit(a.compute[kept], a.loss[kept]) for a in (mla, kimi_linear)]
        return np.subtract(*(np.log(f.coefficient / 2.1) / f.exponent for f in fits))

    left = np.array([without(i) for i in range(5)])
    se = np.sqrt(np.sum((left - np.log(row["multiplier"])) ** 2))
    width = np.log(row["ci_high"] / row["ci_low"]) / 2
    assert_allclose(width, stats.t.ppf(0.975, 4) * se, rtol=0.05)  # To first order in the shifts.


def test_jackknife_interval_by_label_is_that_of_refits_without_each_label():
    c = np.repeat([1.0, 4.0, 16.0, 64.0], 2) * np.tile([1.0, 1.1], 4)
    labels = np.array(list("ssmmllxx"))
    noise = np.exp(np.random.default_rng(1).normal(0, 2e-3, (2, 8)))
    pair = [(c, level * c**-0.05 * e) for level, e in zip((2.3, 2.2), noise, strict=True)]

    def shift(compute, loss, label):
        """Of log C(2.1), linear in log coefficient and exponent: the power law's refit is exact."""
        f, g = fit(compute, loss), fit(compute[labels != label], loss[labels != label])
        moved = np.log(g.coefficient / f.coefficient), g.exponent - f.exponent
        return moved[0] / f.exponent - np.log(f.coefficient / 2.1) / f.exponent**2 * moved[1]

    left = [shift(*pair[0], label) - shift(*pair[1], label) for label in "smlx"]
    row = multiplier(*(made(*each, labels, run=labels) for each in pair), 2.1).iloc[0]
    width = np.log(row["ci_high"] / row["ci_low"]) / 2
    assert_allclose(width, stats.t.ppf(0.975, 3) * np.sqrt(np.sum(np.square(left))), rtol=1e-6)


def test_percentiles_are_those_of_the_multipliers_of_joint_draws(mla, kimi_linear):
    random = np.random.default_rng(0)
    arms = []
    for a in (mla, kimi_linear):
        draws = pd.DataFrame(
            {
                "coefficient": a.parameters[0] * np.exp(random.normal(0, 1e-3, 999)),
                "exponent": a.parameters[1] * np.exp(random.normal(0, 1e-2, 999)),
                "kind": "case",
                "converged": True,
            }
        )
        points = pd.DataFrame({"compute_pflop_s_days": a.compute, "loss": a.loss, "model": a.model})
        arms.append(arm(asdict(fit(a.compute, a.loss)), points, draws))
    row = multiplier(*arms, 2.1, interval="percentile").iloc[0]
    b, c = ((a.draws[:, 0] / 2.1) ** (1 / a.draws[:, 1]) for a in arms)
    assert row["interval"] == "percentile_case"
    assert_allclose([row["ci_low"], row["ci_high"]], np.quantile(b / c, [0.025, 0.975]), rtol=0.01)


def test_draws_that_did_not_converge_or_reach_the_loss_are_told_apart(mla, kimi_linear):
    few = np.tile(mla.parameters, (5, 1))
    few[0] = np.nan  # Not converged: left out.
    few[1, 1] = -0.01  # Rising: never reaches the loss, an infinite multiplier.
    other = np.tile(kimi_linear.parameters, (5, 1))
    arms = (replace(mla, draws=few, drawn="case"), replace(kimi_linear, draws=other, drawn="case"))
    row = multiplier(*arms, 2.1, interval="percentile").iloc[0]
    assert_allclose(row["ci_low"], row["multiplier"])
    assert row["ci_high"] == np.inf


def test_a_weighted_fit_takes_the_standard_errors_of_its_points(mla):
    points = pd.DataFrame(
        {
            "compute_pflop_s_days": mla.compute,
            "loss": mla.loss,
            "model": mla.model,
            "loss_se": mla.loss * [1, 2, 1, 1, 2],
        }
    )
    result = fit(mla.compute, mla.loss, loss_se=points["loss_se"])
    assert_allclose(arm(asdict(result), points).weights, np.array([4, 1, 4, 4, 1]) / 2.8)


def test_an_interval_that_a_huber_fit_does_not_have_says_so(mla, kimi_linear):
    robust = replace(mla, method="huber_log")
    row = multiplier(robust, kimi_linear, 2.1, interval="percentile").iloc[0]
    assert np.isnan(row["ci_low"])
    assert row["reason"] == "no draws of both arms"
    row = multiplier(robust, kimi_linear, 2.1, interval="delta_t").iloc[0]
    assert row["reason"] == "a Huber fit has no interval but draws_t and percentile"


def test_draws_that_do_not_go_together_are_refused(mla, kimi_linear):
    few, many = (
        replace(a, draws=np.tile(a.parameters, (n, 1)), drawn="case")
        for a, n in ((mla, 10), (kimi_linear, 20))
    )
    with pytest.raises(ValueError, match="10 by case, 20 by case"):
        multiplier(few, many, 2.1, interval="percentile")


def test_jackknife_draws_have_no_quantiles(mla):
    drawn = replace(mla, draws=np.tile(mla.parameters, (5, 1)), drawn="jackknife")
    with pytest.raises(ValueError, match="use interval 'jackknife_t'"):
        multiplier(drawn, drawn, 2.1, interval="percentile")


def test_a_law_that_is_not_identifiable_has_no_interval_and_says_so():
    c = np.geomspace(1, 60, 9)
    arm_of = made(c, 2.3 * c**-0.05, law="broken")  # Without a break d and s can be anything.
    flat = replace(arm_of, parameters=(2.3, 0.05, 0.05, 5.0, 0.5))
    row = multiplier(flat, flat, 2.1).iloc[0]
    assert row["multiplier"] == 1
    assert np.isnan(row["ci_low"])
    assert row["reason"] == "the parameters of a fit are not identifiable"


def test_a_fit_on_loss_has_an_interval_like_that_on_log_loss(mla, kimi_linear):
    plain = multiplier(mla, kimi_linear, 2.1).iloc[0]
    on_loss = [
        made(a.compute, a.loss, list(a.model), method="least_squares") for a in (mla, kimi_linear)
    ]
    row = multiplier(*on_loss, 2.1).iloc[0]
    assert row["multiplier"] != plain["multiplier"]
    assert_allclose([row["ci_low"], row["ci_high"]], [plain["ci_low"], plain["ci_high"]], rtol=3e-3)


def test_a_law_with_a_floor_or_a_break_has_its_multiplier():
    c = np.geomspace(0.5, 60, 9)
    for law, loss in (
        ("power_floor", 1.4 + c**-0.15),
        ("broken", 2.3 * c**-0.03 * (1 + (c / 5) ** 2) ** -0.02),
    ):
        noise = np.exp(np.random.default_rng(2).normal(0, 1e-4, 9))
        base, cand = made(c, loss, law=law), made(c / 1.3, loss * noise, law=law)
        table = multiplier(base, cand, np.geomspace(*overlap(base, cand), 5))
        assert_allclose(table["multiplier"], 1.3, rtol=5e-3)
        assert (table["ci_low"] < table["ci_high"]).all()
        assert (multiplier(base, base, 2.0)[["multiplier", "ci_low"]] == 1).all(axis=None)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_half_of_what_an_interval_leaves_out_lies_on_either_side(confidence):
    # With 2 degrees of freedom Student's quantile at q is (2 q - 1) / sqrt(2 q (1 - q)).
    q = (1 + confidence) / 2
    t = (2 * q - 1) / np.sqrt(2 * q * (1 - q))
    found = student(np.ones(1), np.full(1, 9.0), np.full(1, 2.0), confidence, 0.0)
    assert_allclose([found.low[0], found.high[0]], [1 - 3 * t, 1 + 3 * t])


def test_a_higher_confidence_is_wider(mla, kimi_linear):
    wide = multiplier(mla, kimi_linear, 2.1, confidence=0.99)
    narrow = multiplier(mla, kimi_linear, 2.1)
    assert wide["ci_low"].item() < narrow["ci_low"].item()
    with pytest.raises(ValueError, match="confidence is 95"):
        multiplier(mla, kimi_linear, 2.1, confidence=95)


def test_losses_outside_the_common_range_are_extrapolated(mla, kimi_linear):
    assert overlap(mla, kimi_linear) == (2.0022, 2.2256)
    table = multiplier(mla, kimi_linear, [1.99, 2.0022, 2.2256, 2.24])
    assert table["extrapolated"].tolist() == [True, False, False, True]


def test_ranges_that_do_not_meet_have_no_overlap_and_extrapolate_everywhere():
    c = np.geomspace(1, 30, 5)
    base, cand = made(c, 3 * c**-0.02), made(c, 2 * c**-0.02)
    assert overlap(base, cand) is None
    assert multiplier(base, cand, [2.1])["extrapolated"].all()


def test_a_rising_law_reaches_no_loss_and_says_so(mla):
    c = np.geomspace(1, 20, 5)
    rising = made(c, 2 * c**0.01)
    row = multiplier(mla, rising, 2.1).iloc[0]
    assert np.isnan(row[["multiplier", "ci_low", "ci_high"]].astype(float)).all()
    assert row["reason"].startswith("no compute of the candidate reaches loss 2.1: its exponent is")


def test_a_loss_below_a_floor_is_not_reached_and_the_others_are():
    c = np.geomspace(1, 100, 6)
    base = made(c, 1.5 + c**-0.2, law="power_floor")
    table = multiplier(base, base, [1.4, 2.0])
    assert np.isnan(table["multiplier"][0])
    assert table["reason"][0].count("its floor is 1.5") == 2
    assert table["multiplier"][1] == 1


def test_an_impossible_loss_is_an_error(mla):
    with pytest.raises(ValueError, match="finite and above 0"):
        multiplier(mla, mla, [2.1, -1])


def test_points_that_are_not_those_of_the_fit_are_refused(mla):
    points = pd.DataFrame({"compute_pflop_s_days": [1.0], "loss": [2.0], "model": ["a"]})
    with pytest.raises(ValueError, match="a fit to 5 points came with 1"):
        arm(asdict(fit(mla.compute, mla.loss)), points)
