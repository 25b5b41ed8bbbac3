"""What every registered law promises, and what single laws do."""

import re
from dataclasses import asdict

import numpy as np
import pytest
from isoloss.fit import fitting, surface
from isoloss.fit.along import equation
from isoloss.fit.covariance import linearise
from isoloss.fit.estimators import ESTIMATORS
from isoloss.fit.fitted import fit_law, from_row, known_fit, state
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
    if law.optimal is not None:
        with pytest.raises(TypeError, match="along its compute-optimal line"):
            law.inverse(2.0, *values)
        law, values = law.along_compute, law.optimal[1](*values)
    loss = law.value(COMPUTE, *values)
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
        if law.of_compute:
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


@pytest.mark.parametrize("sharpness", [0.02, 1.0])
def test_a_sharp_or_smooth_break_far_from_the_loss_is_inverted(sharpness):
    theta = (2.3, 0.2, 0.01, 5.0, sharpness)
    c = np.geomspace(1e-8, 1e12, 41)
    assert_allclose(LAWS["broken"].inverse(LAWS["broken"].value(c, *theta), *theta), c, rtol=1e-9)
