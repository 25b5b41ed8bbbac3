import math

import numpy as np
import pytest
from isoloss.fitting import FitError, fit
from numpy.testing import assert_allclose
from scipy import stats

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
    with pytest.raises(ValueError, match=r"compute\[2\] is"):
        fit([1, 2, bad], [2.0, 1.9, 1.8])


def test_unequal_lengths_are_an_error():
    with pytest.raises(ValueError, match="3 computes for 2 losses"):
        fit([1, 2, 3], [2.0, 1.9])


def test_an_unknown_law_or_method_is_answered_with_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'power'"):
        fit(*MLA, law="powr")
    with pytest.raises(ValueError, match="no method 'ols'"):
        fit(*MLA, method="ols")
