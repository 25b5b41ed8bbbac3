import numpy as np
import pytest
from isoloss.fit.fitting import fit
from isoloss.fit.joint import fit_joint, nested_test, paired_test
from isoloss.fit.problem import FitError
from numpy.testing import assert_allclose
from scipy import stats
from test_fitting import KIMI_LINEAR, LADDER, MLA

ARMS = {"mla": MLA, "kimi-linear": KIMI_LINEAR}


def test_sharing_nothing_gives_each_arm_its_own_fit():
    joint = fit_joint(ARMS, ())
    for name, points in ARMS.items():
        own = fit(*points)
        assert_allclose(joint.parameters[name]["coefficient"], own.coefficient, rtol=1e-10)
        assert_allclose(joint.parameters[name]["exponent"], own.exponent, rtol=1e-10)
    assert joint.n_parameters == 4


def test_a_shared_exponent_stands_in_both_arms_between_their_own():
    joint = fit_joint(ARMS)
    exponents = [joint.parameters[name]["exponent"] for name in ARMS]
    assert exponents[0] == exponents[1]
    assert fit(*KIMI_LINEAR).exponent < exponents[0] < fit(*MLA).exponent
    assert joint.n_parameters == 3


def test_shared_exponent_is_that_of_linear_regression_with_two_intercepts():
    x = np.log(np.concatenate([MLA[0], KIMI_LINEAR[0]]))
    y = np.log(np.concatenate([MLA[1], KIMI_LINEAR[1]]))
    first = np.repeat([1.0, 0.0], 5)
    design = np.column_stack([first, 1 - first, -x])
    solution, rss, *_ = np.linalg.lstsq(design, y)
    joint = fit_joint(ARMS)
    assert_allclose(joint.parameters["mla"]["exponent"], solution[2], rtol=1e-9)
    assert_allclose(joint.rss, rss[0], rtol=1e-9)
    se = np.sqrt(rss[0] / 7 * np.linalg.inv(design.T @ design)[2, 2])
    assert_allclose(joint.standard_errors["mla"]["exponent"], se, rtol=1e-8)


@pytest.mark.parametrize("shared", [("floor",), ("exponent", "floor")])
@pytest.mark.parametrize("method", ["least_squares_log", "huber_log"])
def test_a_shared_floor_is_recovered_without_noise(shared, method):
    arms = {
        name: (c, 1.4 + a * c**-0.15)
        for name, a, c in (("one", 1.1, LADDER), ("other", 0.9, 1.2 * LADDER))
    }
    joint = fit_joint(arms, shared, "power_floor", method)
    for name, a in (("one", 1.1), ("other", 0.9)):
        found = joint.parameters[name]
        assert_allclose(
            [found["coefficient"], found["exponent"], found["floor"]], [a, 0.15, 1.4], rtol=1e-8
        )


def test_nested_test_has_the_size_it_claims_and_finds_a_difference():
    random = np.random.default_rng(0)
    c = np.geomspace(1, 50, 8)

    def p_value(second):
        arms = {
            name: (c, 2.3 * c**-b * np.exp(random.normal(0, 2e-3, 8)))
            for name, b in (("one", 0.05), ("other", second))
        }
        return nested_test(fit_joint(arms), fit_joint(arms, ())).p_value

    same = [p_value(0.05) for _ in range(150)]
    assert 0.01 < np.mean(np.array(same) < 0.05) < 0.11
    assert p_value(0.06) < 1e-3


def test_models_that_are_not_nested_are_refused():
    full = fit_joint(ARMS, ())
    with pytest.raises(ValueError, match="not nested"):
        nested_test(full, full)
    with pytest.raises(ValueError, match="not nested"):
        nested_test(full, fit_joint(ARMS))


def test_paired_test_of_equal_designs_is_that_of_the_differences():
    random = np.random.default_rng(1)
    c = np.geomspace(1, 50, 7)
    common = random.normal(0, 5e-3, 7)
    one, other = (2.3 * c**-0.05 * np.exp(common + random.normal(0, 1e-3, 7)) for _ in range(2))
    line = stats.linregress(np.log(c), np.log(one / other))
    found = paired_test((c, one), (c, other))
    assert_allclose(found.p_value, line.pvalue, rtol=1e-7)
    assert found.degrees_of_freedom == (5.0,)


def test_pairing_sees_a_difference_that_independence_does_not():
    assert paired_test(MLA, KIMI_LINEAR).p_value < 0.05
    assert nested_test(fit_joint(ARMS), fit_joint(ARMS, ())).p_value > 0.5


def test_wrong_requests_name_what_was_asked():
    with pytest.raises(ValueError, match="did you mean 'exponent'"):
        fit_joint(ARMS, ("exponents",))
    with pytest.raises(ValueError, match="2 or more arms; got 1"):
        fit_joint({"mla": MLA})
    with pytest.raises(ValueError, match="5 points against 4"):
        paired_test(MLA, (MLA[0][1:], MLA[1][1:]))
    rising = LADDER, 3.0 * LADDER**-0.05 * np.exp(-0.003 * np.log(LADDER) ** 2)
    with pytest.raises(FitError, match="at its bound"):
        paired_test(rising, rising, "floor", "power_floor")
