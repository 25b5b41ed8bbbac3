import numpy as np
import pytest
from isoloss.fit.functions import LAWS
from numpy.testing import assert_allclose

PARAMETERS = {
    "power": (2.3, 0.053),
    "power_floor": (1.1, 0.15, 1.4),
    "broken": (2.3, 0.03, 0.08, 5.0, 0.5),
}
COMPUTE = np.geomspace(0.1, 100, 7)


@pytest.mark.parametrize("name", LAWS)
def test_inverse_returns_the_compute_of_a_loss(name):
    law, theta = LAWS[name], PARAMETERS[name]
    loss = law.value(COMPUTE, *theta)
    assert_allclose(law.inverse(loss, *theta), COMPUTE, rtol=1e-12)
    assert_allclose(law.log_inverse(loss, *theta), np.log(COMPUTE), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_derivatives_are_those_of_central_differences(name):
    law, theta = LAWS[name], PARAMETERS[name]
    loss = law.value(COMPUTE, *theta)

    def moved(j, by):
        """theta with its j-th entry, or the logarithm of it, moved."""
        changed = np.exp(by) * theta[j] if law.parameters[j] in law.logarithmic else theta[j] + by
        return (*theta[:j], changed, *theta[j + 1 :])

    for j in range(len(theta)):
        up, down = moved(j, 1e-6), moved(j, -1e-6)
        slope = (law.value(COMPUTE, *up) - law.value(COMPUTE, *down)) / 2e-6
        assert_allclose(law.gradient(COMPUTE, *theta)[:, j], slope, rtol=1e-7, atol=1e-9)
        slope = (law.log_inverse(loss, *up) - law.log_inverse(loss, *down)) / 2e-6
        assert_allclose(law.inverse_gradient(loss, *theta)[:, j], slope, rtol=1e-6, atol=1e-7)


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
