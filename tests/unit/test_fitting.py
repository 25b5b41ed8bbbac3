import math

import numpy as np
import pytest
from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitting import FitError, fit, problem
from isoloss.fit.problem import refit, solve
from isoloss.fit.registry import LAWS
from numpy.testing import assert_allclose
from scipy import optimize, stats

# Kimi Linear technical report, Figure 5: where the stars are drawn.
MLA = (
    [1.6973, 3.4983, 6.4504, 9.3864, 14.583],
    [2.2497, 2.1515, 2.0875, 2.0504, 2.0022],
)
KIMI_LINEAR = (
    [1.756, 3.6388, 6.7612, 9.8731, 15.437],
    [2.2256, 2.1307, 2.0667, 2.0306, 1.9827],
)


def test_the_published_points_of_kimi_linear_give_its_published_fits():
    mla, kimi = fit(*MLA), fit(*KIMI_LINEAR)
    assert_allclose([mla.coefficient, mla.exponent], [2.30853, 0.053457], rtol=1e-5)
    assert_allclose([kimi.coefficient, kimi.exponent], [2.28726, 0.052495], rtol=1e-5)
    assert mla.status == "converged"


def test_power_law_is_recovered_exactly_without_noise():
    c = np.geomspace(0.5, 50, 6)
    result = fit(c, 2.5 * c**-0.07)
    assert_allclose([result.coefficient, result.exponent], [2.5, 0.07], rtol=1e-13)
    assert result.rms_log_residual < 1e-14
    assert math.isnan(result.floor)


def test_standard_errors_are_those_of_linear_regression():
    result = fit(*MLA)
    line = stats.linregress(np.log(MLA[0]), np.log(MLA[1]))
    assert_allclose(result.exponent_se, line.stderr, rtol=1e-10)
    assert_allclose(result.coefficient_se / result.coefficient, line.intercept_stderr, rtol=1e-10)
    x = np.column_stack([np.ones(5), -np.log(MLA[0])])
    s2 = 5 * result.rms_log_residual**2 / 3
    assert_allclose(
        result.covariance_log_coefficient_exponent, s2 * np.linalg.inv(x.T @ x)[0, 1], rtol=1e-9
    )


def test_order_of_points_does_not_matter():
    turned = fit(MLA[0][::-1], MLA[1][::-1])
    assert_allclose(turned.exponent, fit(*MLA).exponent, rtol=1e-12)


def test_two_sizes_are_not_enough_even_if_repeated():
    with pytest.raises(FitError, match="needs 3 or more distinct computes; got 2"):
        fit([1, 1, 2, 2], [2.2, 2.21, 2.1, 2.11])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_value_without_logarithm_is_named(bad):
    with pytest.raises(ValueError, match=r"loss\[1\] is"):
        fit([1, 2, 3], [2.0, bad, 1.8])
    with pytest.raises(ValueError, match=r"compute_pflop_s_days\[2\] is"):
        fit([1, 2, bad], [2.0, 1.9, 1.8])


def test_unequal_lengths_are_an_error():
    with pytest.raises(ValueError, match="3 of compute_pflop_s_days, 2 of loss"):
        fit([1, 2, 3], [2.0, 1.9])


def test_an_unknown_law_or_method_is_answered_with_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'power'"):
        fit(*MLA, law="powr")
    with pytest.raises(ValueError, match="no method 'ols'"):
        fit(*MLA, method="ols")


TRUTH = {
    "power": (2.3, 0.053),
    "power_floor": (1.1, 0.15, 1.4),
    "broken": (2.3, 0.03, 0.08, 5.0, 0.5),
}
LADDER = np.geomspace(0.1, 100, 12)


def parameters(result):
    return [getattr(result, name) for name in LAWS[result.law].parameters]


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("law", TRUTH)
def test_every_law_is_recovered_without_noise_by_every_method(law, method):
    result = fit(LADDER, LAWS[law].value(LADDER, *TRUTH[law]), law, method)
    assert_allclose(parameters(result), TRUTH[law], rtol=1e-8)
    assert result.status == "converged"


@pytest.mark.parametrize("method", ["least_squares_log", "least_squares", "huber_log"])
@pytest.mark.parametrize("law", TRUTH)
def test_estimates_are_unbiased_over_a_thousand_draws_of_noise(law, method):
    truth = LAWS[law].value(LADDER, *TRUTH[law])
    noise = np.random.default_rng(5).normal(0, 2e-4, (1000, LADDER.size))
    stated = problem(LADDER, truth, law, method)
    found = refit(stated, truth * np.exp(noise), stated.weights[None, :], solve(stated).phi[0])
    assert found.converged.mean() > 0.99
    error = LAWS[law].natural(found.phi) - TRUTH[law]
    assert (np.abs(error.mean(axis=0)) < 4 * error.std(axis=0) / math.sqrt(1000)).all()


def test_standard_errors_match_the_scatter_of_repeated_ladders():
    truth = LAWS["power_floor"].value(LADDER, *TRUTH["power_floor"])
    random = np.random.default_rng(6)
    fits = [
        fit(LADDER, truth * np.exp(random.normal(0, 1e-3, 12)), "power_floor") for _ in range(200)
    ]
    for name in ("coefficient", "exponent", "floor"):
        scatter = np.std([getattr(f, name) for f in fits])
        assert_allclose(np.mean([getattr(f, f"{name}_se") for f in fits]), scatter, rtol=0.15)


@pytest.mark.parametrize("points", [MLA, KIMI_LINEAR])
def test_five_sizes_do_not_identify_a_floor_and_the_result_says_so(points):
    plain, floor = fit(*points), fit(*points, law="power_floor")
    assert floor.status == "not_identifiable"
    assert math.isnan(floor.aicc)
    assert plain.status == "converged"
    assert math.isfinite(plain.aicc)
    # Left without the largest size, the floor predicts it worse than the plain power law.
    assert 0.001 < plain.holdout_log_error < 0.002
    assert -0.007 < floor.holdout_log_error < -0.006


def test_holdout_error_is_that_of_a_fit_without_the_largest_size():
    kept = fit(MLA[0][:-1], MLA[1][:-1])
    predicted = kept.coefficient * MLA[0][-1] ** -kept.exponent
    assert_allclose(fit(*MLA).holdout_log_error, math.log(MLA[1][-1] / predicted), rtol=1e-9)
    assert math.isnan(fit(MLA[0][:3], MLA[1][:3]).holdout_log_error)


def test_aicc_is_the_corrected_criterion_with_the_variance_counted():
    result = fit(*MLA)
    rss = 5 * result.rms_log_residual**2
    assert_allclose(result.aicc, 5 * math.log(rss / 5) + 6 + 24, rtol=1e-10)
    assert math.isnan(fit(MLA[0][:4], MLA[1][:4]).aicc)


def test_aicc_prefers_the_law_that_made_the_points():
    noise = np.exp(np.random.default_rng(2).normal(0, 1e-3, 12))
    for law in ("power", "power_floor"):
        loss = LAWS[law].value(LADDER, *TRUTH[law]) * noise
        aicc = {other: fit(LADDER, loss, other).aicc for other in ("power", "power_floor")}
        assert min(aicc, key=aicc.__getitem__) == law


def test_a_floor_that_the_points_push_below_zero_stays_there_and_is_marked():
    loss = 3.0 * LADDER**-0.05 * np.exp(-0.003 * np.log(LADDER) ** 2)
    result = fit(LADDER, loss, "power_floor")
    assert result.floor == 0
    assert result.status == "at_bound"
    assert math.isnan(result.floor_se)
    assert result.degrees_of_freedom == 10
    assert_allclose(result.exponent, fit(LADDER, loss).exponent, rtol=1e-9)
    assert_allclose(result.exponent_se, fit(LADDER, loss).exponent_se, rtol=1e-6)


def test_losses_with_small_standard_errors_weigh_more():
    loss = np.array(MLA[1]) * [1.02, 1, 1, 1, 1]
    trusted = fit(MLA[0], loss, loss_se=loss * [1, 1e-4, 1e-4, 1e-4, 1e-4])
    assert_allclose(trusted.exponent, fit(MLA[0][1:], MLA[1][1:]).exponent, rtol=1e-5)
    equal = fit(MLA[0], loss, loss_se=2 * loss)
    assert_allclose(equal.exponent, fit(MLA[0], loss).exponent, rtol=1e-12)
    assert_allclose(equal.exponent_se, fit(MLA[0], loss).exponent_se, rtol=1e-9)
    with pytest.raises(ValueError, match=r"loss_se\[0\] is nan"):
        fit(MLA[0], loss, loss_se=[np.nan] * 5)


def test_huber_ignores_one_wild_loss_and_least_squares_does_not():
    loss = LAWS["power"].value(LADDER, 2.3, 0.053)
    loss[3] *= 1.5
    assert abs(fit(LADDER, loss, method="huber_log").exponent / 0.053 - 1) < 0.02
    assert abs(fit(LADDER, loss).exponent / 0.053 - 1) > 0.1


def test_huber_with_a_wide_delta_would_be_least_squares():
    loss = LAWS["power_floor"].value(LADDER, *TRUTH["power_floor"])
    loss = loss * np.exp(np.random.default_rng(1).normal(0, 1e-4, 12))  # All within delta.
    robust, plain = fit(LADDER, loss, "power_floor", "huber_log"), fit(LADDER, loss, "power_floor")
    assert_allclose(parameters(robust), parameters(plain), rtol=1e-11)  # polished minima
    # log(loss / law) of residuals r is known to eps / r, whatever the minimum.
    assert_allclose(
        robust.objective, plain.objective, rtol=4 * np.finfo(float).eps / plain.rms_log_residual
    )


def test_huber_methods_have_no_standard_errors_of_their_own():
    result = fit(*MLA, method="huber_log")
    assert math.isnan(result.exponent_se)
    assert math.isnan(result.covariance_log_coefficient_exponent)


def test_minimum_is_not_above_that_of_a_general_optimiser():
    random = np.random.default_rng(8)
    for _ in range(5):
        loss = LAWS["power_floor"].value(LADDER, *TRUTH["power_floor"])
        loss = loss * np.exp(random.normal(0, 3e-3, 12))
        ours = fit(LADDER, loss, "power_floor").objective

        def objective(phi, loss=loss):
            value = LAWS["power_floor"].value(LADDER, math.exp(phi[0]), phi[1], phi[2])
            return np.sum(np.log(loss / value) ** 2) / 2

        theirs = optimize.minimize(
            objective, [0.1, 0.15, 1.4], method="Nelder-Mead", options={"maxiter": 4000, "fatol": 0}
        )
        assert ours <= theirs.fun * (1 + 1e-9)


def test_clusters_widen_the_standard_error_of_points_that_share_errors():
    compute = np.geomspace(1, 64, 6)
    shared = np.exp(np.random.default_rng(4).normal(0, 3e-3, 6))
    c = (compute[:, None] * [0.7, 0.8, 0.9, 1.0]).ravel()
    loss = 2.3 * c**-0.05 * np.repeat(shared, 4)
    runs = np.repeat([f"r{i}" for i in range(6)], 4)
    apart, together = fit(c, loss), fit(c, loss, cluster=runs)
    assert together.exponent == apart.exponent
    assert together.exponent_se > 1.5 * apart.exponent_se
    assert (together.n_points, together.n_clusters, together.degrees_of_freedom) == (24, 6, 5)
    with pytest.raises(ValueError, match="6 cluster labels for 24 points"):
        fit(c, loss, cluster=runs[:6])


def test_clusters_of_one_point_are_no_clusters():
    assert fit(*MLA, cluster=list("abcde")).exponent_se == fit(*MLA).exponent_se


def test_cluster_jackknife_leaves_each_cluster_out():
    compute = np.repeat(np.geomspace(1, 64, 5), 2) * np.tile([0.8, 1.0], 5)
    loss = 2.3 * compute**-0.05 * np.exp(np.random.default_rng(3).normal(0, 2e-3, 10))
    runs = np.repeat(np.arange(5), 2)
    result = fit(compute, loss, cluster=runs)
    left = np.array([fit(compute[runs != g], loss[runs != g]).exponent for g in range(5)])
    assert_allclose(result.exponent_se, math.sqrt(np.sum((left - result.exponent) ** 2)), rtol=1e-8)
