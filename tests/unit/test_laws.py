"""What every registered law promises, and what single laws do."""

import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from isoloss.fit import fitting, surface
from isoloss.fit.along import band, counted_in, equation, on_axis
from isoloss.fit.covariance import linearise
from isoloss.fit.estimators import ESTIMATORS, rho
from isoloss.fit.fitted import fit_law, from_row, known_fit, state
from isoloss.fit.laws import chinchilla
from isoloss.fit.problem import FitError
from isoloss.fit.registry import LAWS
from matplotlib.mathtext import MathTextParser
from numpy.testing import assert_allclose

PARAMETERS = {
    "power": (2.3, 0.053),
    "power_floor": (1.1, 0.15, 1.4),
    "broken": (2.3, 0.03, 0.08, 5.0, 0.5),
    "chinchilla": (1.8, 400.0, 0.34, 2000.0, 0.36),
}
COMPUTE = np.geomspace(0.1, 100, 7)
AXES = {  # of points that carry every law of these axes
    ("compute_pflop_s_days",): [np.geomspace(0.05, 200, 12)],
    ("parameters", "tokens"): [
        np.repeat(np.geomspace(1e8, 3e10, 5), 4),
        np.tile(np.geomspace(2e9, 1e12, 4), 5),
    ],
}
NONLINEAR = {"power": [1], "power_floor": [1], "broken": [3, 4], "chinchilla": [2, 4]}  # of theta
LEAST = {"power": 3, "power_floor": 4, "broken": 6}  # distinct computes


def points(name):
    """Axes and exact losses of a law."""
    law = LAWS[name]
    return AXES[law.axes], law.value(*AXES[law.axes], *PARAMETERS[name])


def moved(law, theta, j, by):
    """Parameters with the j-th of theta moved."""
    return law.natural(law.theta(theta) + by * (np.arange(len(theta)) == j))


def test_every_law_is_tried_here():
    assert set(LAWS) == set(PARAMETERS)


@pytest.mark.parametrize("name", LAWS)
def test_theta_and_parameters_convert_into_each_other(name):
    law, values = LAWS[name], PARAMETERS[name]
    assert_allclose(law.natural(law.theta(values)), values, rtol=1e-14)
    assert len(law.parameters) == len(values)
    assert law.logarithmic <= set(law.parameters)


@pytest.mark.parametrize("name", LAWS)
def test_inverse_returns_the_compute_of_a_loss(name):
    law, values = LAWS[name], PARAMETERS[name]
    line, of = law.optimal or (law, lambda *same: same)
    loss = line.value(COMPUTE, *of(*values))
    assert_allclose(law.inverse(loss, *values), COMPUTE, rtol=1e-12)
    assert_allclose(law.log_inverse(loss, *values), np.log(COMPUTE), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_derivatives_are_those_of_central_differences(name):
    law, values = LAWS[name], PARAMETERS[name]
    axes, loss = points(name)
    for j in range(len(values)):
        up, down = moved(law, values, j, 1e-6), moved(law, values, j, -1e-6)
        slope = (law.value(*axes, *up) - law.value(*axes, *down)) / 2e-6
        assert_allclose(law.gradient(*axes, *values)[:, j], slope, rtol=1e-6, atol=1e-8)
        slope = (law.log_inverse(loss, *up) - law.log_inverse(loss, *down)) / 2e-6
        assert_allclose(law.inverse_gradient(loss, *values)[:, j], slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", LAWS)
def test_the_problem_has_the_law_and_its_derivatives_at_theta(name):
    law, values = LAWS[name], PARAMETERS[name]
    axes, loss = points(name)
    stated = state(law, axes, loss, "least_squares_log")
    theta = law.theta(values)[None, :]
    f, slopes, curvature = stated.model.derivatives(theta)
    assert_allclose(stated.model.value(theta)[0], loss, rtol=1e-12)
    assert_allclose(f[0], loss, rtol=1e-12)
    assert_allclose(np.stack(slopes, axis=-1)[0], law.gradient(*axes, *values), rtol=1e-9)
    weights = np.linspace(1, 2, loss.size)[None, :]
    for j in range(len(values)):
        up, down = moved(law, values, j, 1e-5), moved(law, values, j, -1e-5)
        second = (law.gradient(*axes, *up) - law.gradient(*axes, *down)) / 2e-5
        expected = (weights[0, :, None] * second).sum(axis=0)
        assert_allclose(curvature(weights)[0, j], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_recovered_without_noise_by_every_method(name, method):
    found = fit_law(name, *points(name), method)
    assert_allclose(found.values, PARAMETERS[name], rtol=1e-6)
    assert found.status == "converged"
    assert_allclose(found.predict(*found.axes), found.loss, rtol=1e-9)


@pytest.mark.parametrize("name", LAWS)
def test_a_row_and_a_fit_convert_into_each_other(name):
    axes, loss = points(name)
    noisy = loss * np.exp(np.random.default_rng(1).normal(0, 1e-3, loss.size))
    found = fit_law(name, axes, noisy, loss_se=loss * np.linspace(1, 2, loss.size))
    summary = fitting.row if LAWS[name].of_compute else surface.row
    row = asdict(summary(found)) | {"law": name}
    again = from_row(row, axes, noisy, loss_se=loss * np.linspace(1, 2, loss.size))
    assert_allclose(again.values, found.values, rtol=1e-14)
    for key, value in asdict(summary(again)).items():
        number = isinstance(value, float)
        assert row[key] == (pytest.approx(value, rel=1e-7, nan_ok=True) if number else value), key


@pytest.mark.parametrize("name", LAWS)
def test_a_parameter_at_its_bound_costs_no_degree_of_freedom_and_does_not_move(name):
    law = LAWS[name]
    axes, loss = points(name)
    stated = state(law, axes, loss, "least_squares_log")
    inner = law.theta(PARAMETERS[name])
    for j in np.flatnonzero(np.isfinite(stated.lower) | np.isfinite(stated.upper)):
        for bound in (stated.lower[j], stated.upper[j]):
            if not np.isfinite(bound):
                continue
            theta = np.where(np.arange(inner.size) == j, bound, inner)
            written = [float(f"{value:.10g}") for value in law.natural(theta)]  # as in a table
            found = known_fit(law, "least_squares_log", axes, stated, written)
            assert found.free == inner.size - 1
            assert {part.shape[0] for part in vars(found.solution.minimum).values()} == {1}
            assert found.degrees_of_freedom == loss.size - (inner.size - 1)
            assert found.status == "at_bound"
            assert np.isnan(found.covariance[j]).all()
            moves, hat = found.influence(np.eye(inner.size))
            assert (moves[j] == 0).all()
            assert_allclose(np.trace(hat), inner.size - 1, rtol=1e-6)
    assert linearise(stated, inner).free.all()


@pytest.mark.parametrize("name", LAWS)
def test_the_equation_is_the_law(name):
    """Read as arithmetic, the text gives the law's losses to its digits; and it is mathtext."""
    law, values = LAWS[name], PARAMETERS[name]
    text = law.equation(dict(zip(law.parameters, values, strict=True)))
    for form in (text, law.formula):
        MathTextParser("path").parse(f"${form}$")
    sum_ = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", text.replace(r"\times", "*"))
    sum_ = re.sub(r"(\)|\d) *\(", r"\1 * (", sum_)
    axes, loss = points(name)
    names = dict(zip("ND" if len(axes) == 2 else "C", axes, strict=True))
    assert_allclose(eval(sum_, {}, names), loss, rtol=3e-3)


def test_the_equation_of_a_broken_law_shows_its_break_and_its_second_exponent():
    row = dict(zip(LAWS["broken"].parameters, PARAMETERS["broken"], strict=True))
    text = equation(row | {"law": "broken"})
    assert "C / 5" in text
    assert "-0.025" in text  # (0.08 - 0.03) x 0.5


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_a_law_of_compute_needs_one_size_more_than_it_has_parameters(name, least):
    with pytest.raises(FitError, match=f"needs {least} or more distinct computes; got {least - 1}"):
        LAWS[name].needs([np.arange(1.0, least)])
    LAWS[name].needs([np.arange(1.0, least + 1)])


@pytest.mark.parametrize(
    ("n", "d"),
    [([1, 1, 2, 2, 3], [1, 2, 3, 1, 2]), ([1, 1, 2, 2, 1, 2], [1, 2, 3, 1, 2, 3])],
)
def test_a_surface_needs_six_runs_of_three_sizes_and_token_counts(n, d):
    with pytest.raises(FitError, match=f"got {len(n)} runs, {len(set(n))} sizes"):
        LAWS["chinchilla"].needs([np.array(n, float), np.array(d, float)])
    LAWS["chinchilla"].needs([np.array([1.0, 1, 2, 2, 3, 3]), np.array([1.0, 2, 3, 1, 2, 3])])


def test_intervals_of_parameters_are_students_on_the_scale_of_theta():
    """t(3) at 97.5% is 3.1824; of the coefficient on its logarithm."""
    c = np.geomspace(1, 16, 5)
    found = fit_law("power", [c], 2.3 * c**-0.05 * np.exp([1e-3, -2e-3, 0, 2e-3, -1e-3]))
    errors, ends = found.standard_errors, found.interval(0.95)
    b = found.parameters["exponent"]
    assert_allclose(ends["exponent"], b + 3.182446 * errors["exponent"] * np.array([-1, 1]))
    a = found.parameters["coefficient"]
    spread = np.exp(3.182446 * errors["coefficient"] / a)
    assert_allclose(ends["coefficient"], [a / spread, a * spread], rtol=1e-7)


def test_a_floor_of_zero_is_the_power_law():
    assert_allclose(
        LAWS["power_floor"].value(COMPUTE, 2.3, 0.05, 0.0), LAWS["power"].value(COMPUTE, 2.3, 0.05)
    )


def test_a_loss_that_no_compute_reaches_has_no_inverse():
    law = LAWS["power_floor"]
    assert np.isnan(law.inverse([1.4, 1.0], 1.1, 0.15, 1.4)).all()
    assert np.isnan(law.inverse([2.0, 2.0], 1.1, [0.0, -0.1], 1.4)).all()
    assert np.isnan(law.inverse_gradient([1.0], 1.1, 0.15, 1.4)).all()


def test_parameters_broadcast_against_compute():
    coefficient = np.array([[2.0], [3.0]])
    assert LAWS["power"].value(COMPUTE, coefficient, 0.05).shape == (2, 7)
    assert LAWS["power_floor"].gradient(COMPUTE, coefficient, 0.05, 0.0).shape == (2, 7, 3)


@pytest.mark.parametrize("name", LAWS)
def test_a_table_of_points_gives_a_table_of_losses_and_derivatives(name):
    law, values = LAWS[name], PARAMETERS[name]
    axes, loss = points(name)
    table = [axis.reshape(4, -1) for axis in axes]
    losses = law.value(*table, *values)
    assert_allclose(losses, loss.reshape(4, -1), rtol=1e-14)
    shape = (*losses.shape, len(values))
    gradient = law.gradient(*table, *values)
    assert gradient.shape == shape
    assert_allclose(gradient, law.gradient(*axes, *values).reshape(shape), rtol=1e-14)
    if law.of_compute:
        gradient = law.inverse_gradient(losses, *values)
        assert gradient.shape == shape
        assert_allclose(gradient, law.inverse_gradient(loss, *values).reshape(shape), rtol=1e-9)


def test_a_broken_law_has_one_exponent_on_each_side_of_its_break():
    law, theta = LAWS["broken"], PARAMETERS["broken"]

    def exponent(c):
        return -(np.log(law.value(c * 1.01, *theta)) - np.log(law.value(c, *theta))) / np.log(1.01)

    assert_allclose([exponent(1e-5), exponent(1e7)], theta[1:3], rtol=1e-5)
    assert theta[1] < exponent(5.0) < theta[2]


def test_a_broken_law_of_equal_exponents_is_a_power_law():
    assert_allclose(
        LAWS["broken"].value(COMPUTE, 2.3, 0.05, 0.05, 5, 0.5),
        LAWS["power"].value(COMPUTE, 2.3, 0.05),
    )


def test_a_broken_law_that_rises_on_one_side_has_no_inverse():
    assert np.isnan(LAWS["broken"].inverse([2.0], 2.3, 0.05, -0.01, 5.0, 0.5)).all()
    assert np.isnan(LAWS["broken"].inverse([2.0], 2.3, -0.05, 0.05, 5.0, 0.5)).all()


def test_a_broken_law_that_is_flat_on_one_side_has_no_inverse_beyond():
    """Losses stay above about 2.3 5^-0.05 = 2.1, or below 2.3."""
    assert np.isnan(LAWS["broken"].inverse([1e-9], 2.3, 0.05, 0.0, 5.0, 0.5)).all()
    assert np.isnan(LAWS["broken"].inverse([5.0], 2.3, 0.0, 0.05, 5.0, 0.5)).all()


@pytest.mark.parametrize("sharpness", [0.02, 1.0])
def test_a_sharp_or_smooth_break_far_from_the_loss_is_inverted(sharpness):
    theta = (2.3, 0.2, 0.01, 5.0, sharpness)
    c = np.geomspace(1e-8, 1e12, 41)
    assert_allclose(LAWS["broken"].inverse(LAWS["broken"].value(c, *theta), *theta), c, rtol=1e-9)


def noisy(name, method="least_squares_log"):
    """A law's problem, with points that are uncertain, each in its own measure."""
    axes, loss = points(name)
    random = np.random.default_rng(5)
    loss = loss * np.exp(random.normal(0, 0.02, loss.size))
    return state(LAWS[name], axes, loss, method, loss * random.uniform(0.1, 3, loss.size))


@pytest.mark.parametrize("name", LAWS)
def test_a_start_on_the_nonlinear_parameters_of_exact_points_is_their_law(name):
    law, axes = LAWS[name], points(name)[0]
    starts = noisy(name).starts
    for start in (starts[0], starts[len(starts) // 2]):
        theta = law.theta(PARAMETERS[name])
        theta[NONLINEAR[name]] = start[NONLINEAR[name]]
        loss = law.value(*axes, *law.natural(theta))
        again = state(law, axes, loss, "least_squares_log")
        assert_allclose(again.starts[0], theta, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["least_squares_log", "least_squares", "huber_log"])
@pytest.mark.parametrize("name", LAWS)
def test_starts_are_within_the_bounds_and_the_best_comes_first(name, method):
    stated = noisy(name, method)
    assert (stated.lower <= stated.starts).all()
    assert (stated.starts <= stated.upper).all()
    f = stated.model.value(stated.starts)
    r = np.log(stated.loss / f) if stated.estimator.log else stated.loss - f
    objective = (stated.weights * rho(r, stated.estimator.delta)).sum(axis=1)
    assert (np.diff(objective) >= 0).all()
    assert objective[0] < objective[-1]


def test_starts_of_a_broken_law_are_weighted_regressions_of_log_loss():
    """Of log a and both exponents: their normal equations hold."""
    stated = noisy("broken")
    f, slopes, _ = stated.model.derivatives(stated.starts)
    parts = stated.weights * np.log(stated.loss / f) * np.stack(slopes[:3]) / f
    assert (np.abs(parts.sum(axis=2)) < 1e-6 * np.abs(parts).sum(axis=2)).all()


def test_a_break_lies_between_the_second_compute_and_the_last_but_one():
    stated = noisy("broken")
    (c,) = AXES["compute_pflop_s_days",]
    assert_allclose([stated.lower[3], stated.upper[3]], np.log([c[1], c[-2]]))
    assert_allclose([stated.lower[4], stated.upper[4]], np.log([0.01, 3.0]))


@pytest.mark.parametrize("name", ["power_floor", "chinchilla"])
def test_a_floor_is_not_negative_and_nothing_else_is_bounded(name):
    stated = noisy(name)
    floor = np.array(LAWS[name].parameters) == "floor"
    assert_allclose(stated.lower, np.where(floor, 0.0, -np.inf))
    assert_allclose(stated.upper, np.inf)


def test_laws_at_hand_computed_places():
    """100^-0.5 = 0.1; at the break the change is s log 2; 1e8^-0.5 = 1e-4 and 1e9^-1/3 = 1e-3."""
    assert_allclose(LAWS["power"].value(100.0, 3.0, 0.5), 0.3)
    assert_allclose(LAWS["power_floor"].value(100.0, 3.0, 0.5, 1.4), 1.7)
    assert_allclose(LAWS["broken"].value(100.0, 3.0, 0.5, 0.7, 100.0, 0.5), 0.3 * 2**-0.1)
    assert_allclose(LAWS["chinchilla"].value(1e8, 1e9, 1.8, 400.0, 0.5, 2000.0, 1 / 3), 3.84)


def test_allocation_is_the_published_one():
    """Hoffmann et al. 2022, eq. 4 and 10: E, A, B, alpha, beta = 1.69, 406.4, 410.7, 0.34, 0.28."""
    law = LAWS["chinchilla"]
    theta = (1.69, 406.4, 0.34, 410.7, 0.28)
    compute = np.array([1e-2, 1.0, 1e3])
    product = compute * 1e15 * 86400 / 6
    n, d = chinchilla.optimal_allocation(compute, *theta[1:])
    assert_allclose(n * d, product)
    assert_allclose(n, (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62) * product ** (0.28 / 0.62))
    for by in (0.99, 1.01):
        assert (law.value(n * by, d / by, *theta) > law.value(n, d, *theta)).all()
    line, of = law.optimal
    along = dict(zip(line.parameters, of(*theta), strict=True))
    assert along["floor"] == 1.69
    assert along["exponent"] == pytest.approx(0.34 * 0.28 / 0.62)
    assert_allclose(line.value(compute, *along.values()), law.value(n, d, *theta))


def test_only_a_surface_counts_what_was_logged_as_six_n_d():
    assert counted_in("chinchilla", "logged") == "6nd"
    assert counted_in("chinchilla", "other") == "other"
    assert counted_in("power", "logged") == "logged"
    assert counted_in("power", "other") == "other"


def test_points_of_a_surface_are_put_at_six_n_d():
    """6 x 1e10 x 1.44e13 = 8.64e23 FLOPs are 1e4 PFLOP/s-days, and more than 2^63."""
    table = pd.DataFrame(
        {"parameters": [10**10], "tokens": [144 * 10**11], "compute_pflop_s_days": [7.0]}
    )
    assert on_axis("chinchilla", "logged", table)["compute_pflop_s_days"].item() == 1e4
    assert on_axis("chinchilla", "6nd", table) is table
    assert on_axis("power", "logged", table) is table


def test_a_band_holds_the_middle_of_the_draws_that_converged():
    """Of losses 0, 0.1, ..., 10 the middle 90% end at 0.5 and 9.5, and at a tenth of that."""
    draws = pd.DataFrame({"coefficient": np.r_[np.arange(101) / 10, 1e6], "exponent": 0.5})
    draws = draws.assign(law="power", converged=draws["coefficient"] < 1e6)
    low, high = band(draws, np.array([1.0, 100.0]), 0.9)
    assert_allclose(low, [0.5, 0.05])
    assert_allclose(high, [9.5, 0.95])
    assert_allclose(band(draws[30:31], np.array([1.0, 100.0]), 0.9), [[3.0, 0.3]] * 2)
    with_floor = draws.assign(law="chinchilla", floor=1.5)  # L(C) along its compute-optimal line
    assert_allclose(band(with_floor, np.array([100.0]), 0.9), [[1.55], [2.45]])


def clustered(law="power", **more):
    """A fit to six points of three runs."""
    c = np.geomspace(1, 32, 6)
    loss = 2.3 * c**-0.05 * np.exp([1e-3, -2e-3, 0, 2e-3, -1e-3, 1e-3])
    return fit_law(law, [c], loss, **more)


def test_points_that_share_a_run_leave_a_degree_of_freedom_less_than_runs():
    found = clustered(cluster=["a", "a", "b", "b", "c", "c"])
    assert (found.clusters, found.clustered, found.degrees_of_freedom) == (3, True, 2)
    alone = clustered(cluster=list("fedcba"))
    assert (alone.clusters, alone.clustered, alone.degrees_of_freedom) == (6, False, 4)
    assert alone.standard_errors == clustered().standard_errors
    assert found.standard_errors != alone.standard_errors
    with pytest.raises(FitError, match="needs 3 or more"):
        clustered(cluster=["a", "a", "a", "b", "b", "b"])
    with pytest.raises(ValueError, match="5 cluster labels for 6 points"):
        clustered(cluster=list("abcde"))


def test_residuals_are_logarithms_of_loss_over_law():
    found = fit_law("power", [[1.0, 10.0, 100.0]], [2.0, 1.0, 0.5 * np.e])
    a, b = found.values
    expected = np.log([2.0 / a, 1.0 / (a * 10**-b), 0.5 * np.e / (a * 100**-b)])
    assert_allclose(found.log_residuals, expected)
    assert_allclose(expected.sum(), 0, atol=1e-9)  # a regression with a constant


def test_influence_is_that_of_linear_regression():
    """The slope of three points moves by (-1/2, 0, 1/2) over their distance, here log 10."""
    found = fit_law("power", [[1.0, 10.0, 100.0]], [2.0, 1.0, 0.7])
    moves, hat = found.influence(np.eye(2))
    assert_allclose(moves[1], np.array([1, 0, -1]) / (2 * np.log(10)), atol=1e-9)
    assert_allclose(hat, np.array([[5, 2, -1], [2, 2, 2], [-1, 2, 5]]) / 6, atol=1e-9)


def test_a_fit_whose_parameters_are_one_has_no_influence():
    """Two floors: an exponent of 1e-9 is told from the floor by nothing."""
    law = LAWS["power_floor"]
    axes, _ = points("power_floor")
    stated = state(law, axes, law.value(*axes, 1.0, 1e-9, 1.0), "least_squares_log")
    flat = known_fit(law, "least_squares_log", axes, stated, (1.0, 1e-9, 1.0))
    assert flat.influence(np.eye(3)) is None
    assert flat.status == "not_identifiable"
    assert np.isnan(list(flat.standard_errors.values())).all()


def test_a_row_with_other_points_than_its_own_is_refused():
    axes, loss = points("power")
    row = asdict(fitting.row(fit_law("power", axes, loss))) | {"law": "power"}
    assert from_row(row | {"status": "max_iterations"}, axes, loss).status == "max_iterations"
    with pytest.raises(ValueError, match="a fit to 12 points came with 11 points"):
        from_row(row, [axes[0][1:]], loss[1:])
