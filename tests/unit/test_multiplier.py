from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from isoloss.fitting import fit
from isoloss.multiplier import arm, loss_grid, multiplier, overlap
from numpy.testing import assert_allclose

MODELS = ["653M", "878M", "1.1B", "1.4B", "1.7B"]


def made(compute, loss, model=None, **changes):
    points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss})
    points["model"] = model if model is not None else [f"m{i}" for i in range(len(points))]
    return arm(asdict(fit(compute, loss)) | changes, points)


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


def test_order_of_points_within_an_arm_does_not_matter(mla, kimi_linear):
    turned = made(kimi_linear.compute[::-1], kimi_linear.loss[::-1], MODELS[::-1])
    columns = ["multiplier", "ci_low", "ci_high"]
    assert_allclose(
        multiplier(mla, turned, 2.1)[columns], multiplier(mla, kimi_linear, 2.1)[columns]
    )


def test_an_arm_against_itself_is_exactly_one_with_no_width(mla):
    table = multiplier(mla, mla, loss_grid(mla, mla))
    assert (table[["multiplier", "ci_low", "ci_high"]] == 1).all(axis=None)


def test_exchanging_the_arms_inverts_multiplier_and_interval(mla, kimi_linear):
    there, back = multiplier(mla, kimi_linear, 2.1), multiplier(kimi_linear, mla, 2.1)
    assert_allclose(there["multiplier"] * back["multiplier"], 1)
    assert_allclose(there["ci_low"] * back["ci_high"], 1)


def test_a_candidate_with_a_constant_saving_has_that_multiplier_at_every_loss():
    c = np.geomspace(1, 30, 6)
    base, cand = made(c, 2.3 * c**-0.05), made(c / 1.25, 2.3 * c**-0.05)
    table = multiplier(base, cand, loss_grid(base, cand, 9))
    assert_allclose(table["multiplier"], 1.25, rtol=1e-11)


def test_arms_of_different_sizes_are_compared_by_welch(mla, kimi_linear):
    fewer = made(kimi_linear.compute[1:], kimi_linear.loss[1:], MODELS[1:])
    row = multiplier(mla, fewer, 2.1).iloc[0]
    assert row["pairing"] == "welch"
    assert np.isnan(row["residual_correlation"])
    assert row["n_points"] == 4
    assert 2 <= row["degrees_of_freedom"] <= 5


def test_pairing_can_be_refused_and_is_narrower_where_residuals_agree(mla, kimi_linear):
    paired = multiplier(mla, kimi_linear, 2.1).iloc[0]
    welch = multiplier(mla, kimi_linear, 2.1, pair_by=False).iloc[0]
    assert welch["pairing"] == "welch"
    assert welch["multiplier"] == paired["multiplier"]
    assert welch["ci_high"] - welch["ci_low"] > 3 * (paired["ci_high"] - paired["ci_low"])


def test_a_repeated_size_is_not_paired():
    c = np.array([1.0, 1.0, 4.0, 16.0])
    loss = np.array([2.3, 2.31, 2.2, 2.08])
    repeated = made(c, loss, ["s", "s", "m", "l"])
    assert multiplier(repeated, repeated, 2.2)["pairing"].item() == "welch"


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
    assert loss_grid(base, cand).size == 0
    assert multiplier(base, cand, [2.1])["extrapolated"].all()


def test_a_rising_law_reaches_no_loss_and_says_so(mla):
    c = np.geomspace(1, 20, 5)
    rising = made(c, 2 * c**0.01)
    row = multiplier(mla, rising, 2.1).iloc[0]
    assert np.isnan(row[["multiplier", "ci_low", "ci_high"]].astype(float)).all()
    assert row["reason"].startswith("no compute of the candidate reaches loss 2.1: its exponent is")


def test_a_loss_below_a_floor_is_not_reached_and_the_others_are():
    c = np.geomspace(1, 100, 6)
    se = {"floor": 1.5, "floor_se": 0.01, "exponent": 0.2, "exponent_se": 0.01}
    se |= {"coefficient": 1.0, "coefficient_se": 0.01, "law": "power_floor"}
    se |= {"covariance_log_coefficient_floor": 0.0, "covariance_exponent_floor": 0.0}
    base = made(c, 1.5 + c**-0.2, **se)
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
