import math

import numpy as np
import pytest
from isoloss.fit.isoflop import allocation, budgets, fit_budget, fit_isoflop, require_budgets
from isoloss.fit.laws.chinchilla import optimal_allocation
from isoloss.fit.laws.chinchilla import value as chinchilla
from isoloss.fit.problem import FitError
from isoloss.units import PFLOP_S_DAY
from numpy.testing import assert_allclose, assert_array_equal

TRUTH = (1.8, 400.0, 0.34, 400.0, 0.34)  # Symmetric: each curve is even in log N about N*.


def curves(computes, spread=8.0, sizes=9, truth=TRUTH):
    c = np.repeat(computes, sizes)
    best = optimal_allocation(np.asarray(computes), *truth[1:])[0]
    n = (best[:, None] * np.geomspace(1 / spread, spread, sizes)).ravel()
    return c, n, chinchilla(n, c * PFLOP_S_DAY / (6 * n), *truth)


@pytest.mark.parametrize("curve", ["parabola", "cubic"])
def test_a_polynomial_in_log_size_is_found_again(curve):
    n = np.geomspace(5e8, 4e9, 7)
    x = np.log(n / 1.3e9)
    loss = 2.5 + 0.02 * x**2 + (0.002 * x**3 if curve == "cubic" else 0)
    budget = fit_budget(np.full(7, 3.0), n, loss, curve)
    assert_allclose(budget.optimal_parameters, 1.3e9, rtol=1e-8)
    assert_allclose(budget.optimal_loss, 2.5, rtol=1e-12)
    assert_allclose(budget.optimal_tokens, 3 * PFLOP_S_DAY / 6 / 1.3e9, rtol=1e-8)
    assert budget.reason == ""


@pytest.mark.parametrize("curve", ["parabola", "cubic"])
def test_the_exponent_of_a_symmetric_surface_is_a_half(curve):
    computes = np.geomspace(0.01, 100, 5)
    table, found = fit_isoflop(*curves(computes), curve=curve)
    assert len(table) == 5
    assert_allclose([found.parameters_exponent, found.tokens_exponent], 0.5, atol=1e-9)
    n, d = optimal_allocation(computes, *TRUTH[1:])
    assert_allclose(table["optimal_parameters"], n, rtol=1e-7)
    assert_allclose(found.tokens_coefficient * computes**found.tokens_exponent, d, rtol=1e-6)


def test_a_cubic_is_nearer_to_an_asymmetric_surface_than_a_parabola():
    truth = (1.8, 400.0, 0.34, 2000.0, 0.25)
    points = curves([1.0, 10.0, 100.0], spread=4, truth=truth)
    best = optimal_allocation(np.array([1.0, 10.0, 100.0]), *truth[1:])[0]
    miss = {
        curve: np.abs(np.log(fit_isoflop(*points, curve=curve)[0]["optimal_parameters"] / best))
        for curve in ("parabola", "cubic")
    }
    assert (miss["cubic"] < miss["parabola"]).all()


def test_standard_error_of_a_minimum_matches_its_scatter():
    c, n, loss = curves([1.0], spread=4)
    random = np.random.default_rng(0)
    fits = [fit_budget(c, n, loss + random.normal(0, 2e-3, n.size)) for _ in range(300)]
    scatter = np.std([math.log(f.optimal_parameters) for f in fits])
    assert_allclose(np.mean([f.log_parameters_se for f in fits]), scatter, rtol=0.15)


def test_the_error_of_the_lowest_loss_matches_its_scatter():
    c, n, loss = curves([1.0], spread=4)
    random = np.random.default_rng(0)
    fits = [fit_budget(c, n, loss + random.normal(0, 2e-3, n.size), window=17) for _ in range(300)]
    assert {f.degrees_of_freedom for f in fits} == {6}
    scatter = np.std([f.optimal_loss for f in fits])
    assert_allclose(np.mean([f.optimal_loss_se for f in fits]), scatter, rtol=0.15)
    assert_allclose([f.optimal_loss_unit for f in fits], scatter / 2e-3, rtol=0.15)


def test_a_window_keeps_what_is_far_from_the_lowest_loss_out_of_the_curve():
    n = 1e9 * 4.0 ** np.array([-2, -1, -0.5, 0, 0.5, 1, 2])
    loss = 2.5 + 0.02 * np.log(n / 1.1e9) ** 2
    loss[[0, -1]] += 0.3
    budget = fit_budget(np.linspace(1, 1.06, 7), n, loss)
    assert_allclose(budget.optimal_parameters, 1.1e9, rtol=1e-8)
    assert budget.n_points == 5
    assert (budget.smallest_parameters, budget.largest_parameters) == (2.5e8, 4e9)
    assert budget.lowest_compute_pflop_s_days == 1
    assert budget.highest_compute_pflop_s_days == 1.06
    assert fit_budget(np.ones(7), n, loss, window=16).n_points == 7
    assert fit_budget(np.ones(7), n, loss, window=1.5).reason == (
        "a parabola needs 3 sizes within a factor 1.5 of that of the lowest loss; got 1"
    )
    with pytest.raises(ValueError, match="window is 1; expected a factor above 1"):
        fit_budget(np.ones(7), n, loss, window=1)


def test_a_minimum_outside_the_sizes_is_not_taken():
    n = np.geomspace(1e8, 1e9, 5)
    budget = fit_budget(np.ones(5), n, 2.5 + 0.02 * np.log(n / 5e9) ** 2)
    assert math.isnan(budget.optimal_parameters)
    assert budget.reason.startswith("no minimum between the sizes; the lowest loss is at 1e+09")


def test_a_curve_bent_the_other_way_has_no_minimum():
    n = np.geomspace(1e8, 1e9, 5)
    budget = fit_budget(np.ones(5), n, 2.5 - 0.02 * np.log(n / 3e8) ** 2)
    assert budget.reason.startswith("no minimum")


def test_budgets_are_told_apart_by_gaps_in_compute():
    assert_array_equal(budgets([1.0, 10.2, 1.05, 10.0, 0.97]), [0, 1, 0, 1, 0])
    assert_array_equal(budgets([1.0, 1.05], tolerance=0.01), [0, 1])


def test_scattered_computes_do_not_chain_to_one_budget():
    c = np.exp(np.random.default_rng(0).uniform(np.log(1), np.log(30), 220))
    labels = budgets(c)
    for label in range(labels.max() + 1):
        mine = c[labels == label]
        assert mine.max() / mine.min() <= 1.1
    grid = np.repeat([1.0, 1.2, 1.44], 40) * np.exp(0.04 * np.random.default_rng(1).random(120))
    assert_array_equal(budgets(grid), np.repeat([0, 1, 2], 40))  # real budgets stay whole


def test_one_budget_is_refused_before_fitting():
    with pytest.raises(FitError, match="needs 2 or more budgets of 3 or more sizes; got 1 of 9"):
        fit_isoflop(*curves([1.0]))
    with pytest.raises(FitError, match="needs 2 or more budgets of 4 or more sizes"):
        require_budgets([0, 0, 0, 1, 1, 1], "cubic")
    with pytest.raises(ValueError, match="no curve 'quartic'"):
        require_budgets([0, 0], "quartic")


def test_budgets_without_a_minimum_do_not_enter_and_are_told_when_too_few():
    c, n, loss = curves([1.0, 10.0, 100.0])
    keep = (c > 1) | (n < np.median(n[c == 1]))
    table, found = fit_isoflop(c[keep], n[keep], loss[keep])
    assert found.n_budgets == 2
    assert math.isnan(found.exponent_se)
    assert table["reason"].ne("").tolist() == [True, False, False]
    keep = (c == 100) | (n < np.where(c == 1, np.median(n[c == 1]), np.median(n[c == 10])))
    with pytest.raises(FitError, match="got 1 of 3: no minimum between the sizes"):
        fit_isoflop(c[keep], n[keep], loss[keep])


def test_allocation_has_the_standard_error_of_linear_regression():
    c = np.geomspace(1, 100, 6)
    n = 1e9 * c**0.5 * np.exp(np.random.default_rng(0).normal(0, 0.1, 6))
    found = allocation(c, n, "parabola")
    slope, covariance = np.polyfit(np.log(c), np.log(n), 1, cov=True)
    assert_allclose(found.parameters_exponent, slope[0])
    assert_allclose(found.exponent_se, math.sqrt(covariance[0, 0]))
