import numpy as np
import pandas as pd
from isoloss.fit.diagnostics import leave_one_out
from isoloss.fit.fitted import fit_law
from isoloss.fit.fitting import fit
from isoloss.fit.laws.chinchilla import value as chinchilla
from isoloss.fit.surface import fit_surface
from numpy.testing import assert_allclose
from test_fitting import LADDER, MLA


def influence(*points, law="power", method="least_squares_log"):
    """Leave-one-out columns, with the parameters without each point."""
    *axes, loss = points
    fitted = fit_law(law, axes, loss, method)
    table, left = leave_one_out(fitted.solution)
    names = [f"{name}_without" for name in fitted.law.parameters]
    return table.join(pd.DataFrame(fitted.law.natural(left), columns=names))


def test_leverages_add_up_to_the_number_of_parameters_and_peak_at_the_ends():
    table = influence(*MLA)
    assert_allclose(table["leverage"].sum(), 2)
    assert table["leverage"].idxmax() in (0, 4)


def test_leave_one_out_columns_are_fits_without_the_point():
    table = influence(*MLA)
    for i in range(5):
        kept = np.arange(5) != i
        without = fit(np.array(MLA[0])[kept], np.array(MLA[1])[kept])
        assert_allclose(table["exponent_without"][i], without.exponent, rtol=1e-9)
        assert_allclose(table["coefficient_without"][i], without.coefficient, rtol=1e-9)


def test_studentised_residual_is_that_of_a_point_predicted_by_the_others():
    table = influence(*MLA)
    kept = np.arange(5) != 2
    c, y = np.log(MLA[0]), np.log(MLA[1])
    design = np.column_stack([np.ones(4), c[kept]])
    solution, rss, *_ = np.linalg.lstsq(design, y[kept])
    here = np.array([1, c[2]])
    se = np.sqrt(rss[0] / 2 * (1 + here @ np.linalg.inv(design.T @ design) @ here))
    assert_allclose(table["studentised_residual"][2], (y[2] - here @ solution) / se, rtol=1e-7)


def test_a_wild_point_stands_out():
    loss = 2.3 * LADDER**-0.05 * np.exp(np.random.default_rng(0).normal(0, 1e-3, 12))
    loss[7] *= 1.02
    table = influence(LADDER, loss)
    assert table["studentised_residual"].abs().idxmax() == 7
    assert table["cooks_distance"].idxmax() == 7
    assert abs(table["studentised_residual"][7]) > 10


def test_points_without_which_there_is_no_fit_have_none():
    table = influence([1.0, 4.0, 16.0], [2.3, 2.2, 2.08])
    assert np.isfinite(table["exponent_without"]).all()
    table = influence([1.0, 4.0, 16.0, 64.0], [2.3, 2.2, 2.12, 2.06], law="power_floor")
    assert np.isfinite(table["floor_without"]).all()
    assert np.isnan(table["studentised_residual"]).all()


def test_influence_on_a_surface_is_that_of_fits_without_the_point():
    random = np.random.default_rng(0)
    n, d = np.exp(random.uniform(18, 24, 30)), np.exp(random.uniform(21, 26, 30))
    loss = chinchilla(n, d, 1.8, 400, 0.34, 2000, 0.36) * np.exp(random.normal(0, 2e-3, 30))
    table = influence(n, d, loss, law="chinchilla")
    assert_allclose(table["leverage"].sum(), 5)
    for i in (0, 17):
        kept = np.arange(30) != i
        without = fit_surface(n[kept], d[kept], loss[kept], "least_squares_log")
        assert_allclose(table["alpha_without"][i], without.alpha, rtol=1e-7)
        assert_allclose(table["floor_without"][i], without.floor, rtol=1e-7)
