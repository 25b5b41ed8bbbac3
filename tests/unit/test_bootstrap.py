import math
import os
import subprocess
import sys
from pathlib import Path

import isoloss
import numpy as np
import pytest
from isoloss.fit.covariance import solved
from isoloss.fit.fitting import FitError, fit, problem
from isoloss.fit.resampling import resample, spread
from numpy.testing import assert_allclose, assert_array_equal
from test_fitting import KIMI_LINEAR, LADDER, MLA

MODELS = ["653M", "878M", "1.1B", "1.4B", "1.7B"]


@pytest.mark.parametrize("kind", ["case", "residual", "wild", "jackknife"])
def test_every_kind_finds_the_standard_errors_of_a_long_ladder(kind):
    c = np.geomspace(0.1, 100, 60)
    loss = 2.3 * c**-0.05 * np.exp(np.random.default_rng(0).normal(0, 2e-3, 60))
    draws = resample(solved(problem(c, loss)), np.arange(60), kind, 2000)
    result = fit(c, loss)
    assert_allclose(math.sqrt(spread(draws, draws.phi)[1, 1]), result.exponent_se, rtol=0.2)
    assert draws.converged.all()


@pytest.mark.parametrize("kind", ["wild", "residual"])
def test_residuals_that_are_drawn_are_freed_of_their_leverage(kind):
    # A power law is linear in logs: the covariance of the draws is known, HC2 for wild.
    x = np.column_stack([np.ones(5), -np.log(MLA[0])])
    inverse = np.linalg.inv(x.T @ x)
    hat = x @ inverse @ x.T
    residual = (np.eye(5) - hat) @ np.log(MLA[1]) / np.sqrt(1 - np.diag(hat))
    variance = residual**2 if kind == "wild" else np.full(5, residual.var())
    expected = inverse @ x.T @ np.diag(variance) @ x @ inverse
    draws = resample(solved(problem(*MLA)), MODELS, kind, 20000)
    assert_allclose(spread(draws, draws.phi), expected, rtol=0.05)


def test_jackknife_leaves_each_group_out_once():
    draws = resample(solved(problem(*MLA)), MODELS, "jackknife")
    order = np.argsort(MODELS)
    for row, left in zip(draws.phi, order, strict=True):
        kept = np.arange(5) != left
        expected = fit(np.array(MLA[0])[kept], np.array(MLA[1])[kept])
        assert_allclose(row[1], expected.exponent, rtol=1e-10)


@pytest.mark.parametrize("kind", ["case", "wild"])
def test_arms_with_the_same_models_are_drawn_jointly(kind):
    turned = [values[::-1] for values in MLA]
    there = resample(solved(problem(*MLA)), MODELS, kind, 50)
    back = resample(solved(problem(*turned)), MODELS[::-1], kind, 50)
    assert_allclose(there.phi, back.phi, rtol=1e-9)


def test_residual_draws_of_paired_arms_take_the_same_models():
    one, other = (
        resample(solved(problem(*p)), MODELS, "residual", 500).phi for p in (MLA, KIMI_LINEAR)
    )
    assert np.corrcoef(one[:, 1], other[:, 1])[0, 1] > 0.99


def test_arms_with_other_labels_are_drawn_apart():
    one = resample(solved(problem(*MLA)), MODELS, "case", 500).phi
    other = resample(solved(problem(*MLA)), [f"other-{m}" for m in MODELS], "case", 500).phi
    assert abs(np.corrcoef(one[:, 1], other[:, 1])[0, 1]) < 0.15


def test_the_seed_decides_the_draws():
    first, again, other = (
        resample(solved(problem(*MLA)), MODELS, "case", 20, s).phi for s in (1, 1, 2)
    )
    assert_array_equal(first, again)
    assert (first != other).any()


def test_case_draws_always_leave_enough_groups_for_an_estimate():
    draws = resample(solved(problem(MLA[0][:3], MLA[1][:3])), list("abc"), "case", 2000)
    assert np.isfinite(draws.phi).all()


def test_draws_of_runs_of_one_size_alone_have_no_fit_and_do_not_count():
    c = np.array([1.0, 1.0, 1.0, 4.0, 16.0])
    loss = 2.3 * c**-0.05 * np.exp([1e-3, -1e-3, 0, 2e-3, -1e-3])
    draws = resample(solved(problem(c, loss)), list("abcde"), "case", 2000)
    assert 0.9 < draws.converged.mean() < 1
    assert np.isnan(draws.phi[~draws.converged]).all()
    assert np.isfinite(spread(draws, draws.phi)).all()


def test_groups_are_drawn_whole():
    c = np.repeat(np.geomspace(1, 64, 6), 2) * np.tile([0.9, 1.0], 6)
    loss = 2.3 * c**-0.05 * np.exp(np.random.default_rng(4).normal(0, 2e-3, 12))
    runs = np.repeat(np.arange(6), 2)
    by_run = resample(solved(problem(c, loss)), runs, "jackknife").phi
    assert len(by_run) == 6
    with pytest.raises(ValueError, match="12 points in 6 groups"):
        resample(solved(problem(c, loss)), runs, "residual")


def test_a_resample_takes_the_lower_of_two_minima():
    loss = 1.4 + 1.1 * LADDER**-0.15
    noise = np.exp(np.random.default_rng(2).normal(0, 5e-3, 12))
    stated = problem(LADDER, loss * noise, "power_floor")
    draws = resample(solved(stated), list("abcdefghijkl"), "jackknife")
    for left, phi in enumerate(draws.phi):
        kept = np.arange(12) != left
        best = fit(LADDER[kept], stated.loss[kept], "power_floor")
        assert_allclose([phi[1], phi[2]], [best.exponent, best.floor], rtol=1e-6)


def test_too_few_groups_and_unknown_kinds_are_refused():
    with pytest.raises(FitError, match="needs more groups than that; got 2"):
        resample(solved(problem(*MLA)), list("aabbb"), "case")
    with pytest.raises(ValueError, match="did you mean 'jackknife'"):
        resample(solved(problem(*MLA)), MODELS, "jacknife")
    with pytest.raises(ValueError, match="2 group labels for 5 points"):
        resample(solved(problem(*MLA)), ["a", "b"], "case")


def test_results_are_the_same_bytes_on_one_core_and_on_two():
    code = """
import hashlib, numpy as np
from isoloss.fit.resampling import resample
from isoloss.fit.covariance import solved
from isoloss.fit.fitted import state
from isoloss.fit.registry import LAWS
rng = np.random.default_rng(0)
n, d = np.exp(rng.uniform(18, 24, 200)), np.exp(rng.uniform(20, 26, 200))
y = (1.8 + 400 / n**0.34 + 2000 / d**0.36) * np.exp(rng.normal(0, 0.01, 200))
stated = state(LAWS["chinchilla"], [n, d], y, "huber_log")
draws = resample(solved(stated), np.arange(200), "case", 300)
print(hashlib.sha256(draws.phi.tobytes()).hexdigest())
"""
    library = str(Path(isoloss.__file__).parents[1])
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OPENBLAS_NUM_THREADS": cores, "PYTHONPATH": library},
            capture_output=True,
            check=True,
        ).stdout
        for cores in "12"
    ]
    assert digests[0] == digests[1]
