import numpy as np
import pytest
from isoloss.fit.estimators import ESTIMATORS, SMALLEST_SCALE, optimal_scale, rho
from isoloss.fit.laws.broken import Broken
from isoloss.fit.newton import PowerSum, minimise
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

X = np.log(np.geomspace(0.5, 50, 9))


def surface_model():
    terms, floor = np.zeros((2, 9, 5)), np.zeros((9, 5))
    terms[0, :, 0], terms[0, :, 1] = 1, -X
    terms[1, :, 2], terms[1, :, 3] = 1, -(X[::-1] ** 2) / 4
    floor[:, 4] = 1
    return PowerSum(terms, floor)


def shared_exponent_model():
    """Two arms, of 5 and 4 points: (log a_1, log a_2, b)."""
    terms = np.zeros((1, 9, 3))
    terms[0, :5, 0] = terms[0, 5:, 1] = 1
    terms[0, :, 2] = -X
    return PowerSum(terms, np.zeros((9, 3)))


MODELS = {
    "surface": (surface_model(), [[0.1, 0.2, -0.3, 0.4, 1.4], [0.3, 0.1, 0.2, 0.2, 0.0]]),
    "shared": (shared_exponent_model(), [[0.8, 0.7, 0.05], [0.9, 0.1, 0.2]]),
    "broken": (Broken(X), [[0.8, 0.03, 0.08, 1.6, -0.7], [0.5, 0.2, 0.1, 0.4, 0.3]]),
}


@pytest.mark.parametrize("name", MODELS)
def test_first_and_second_derivatives_are_those_of_central_differences(name):
    model, phi = MODELS[name][0], np.array(MODELS[name][1])
    weights = np.random.default_rng(0).normal(size=(2, 9))
    f, slopes, curvature = model.derivatives(phi)
    assert_allclose(f, model.value(phi), rtol=1e-14)
    second = curvature(weights)
    for j in range(model.size):
        step = np.eye(model.size)[j] * 1e-5
        up, down = model.derivatives(phi + step), model.derivatives(phi - step)
        assert_allclose(slopes[j] + 0 * f, (up[0] - down[0]) / 2e-5, rtol=1e-7, atol=1e-9)
        for i in range(model.size):
            moved = np.sum(weights * (up[1][i] - down[1][i]), axis=1) / 2e-5
            assert_allclose(second[:, i, j], moved, rtol=1e-6, atol=1e-8)


def problems(count=6):
    random = np.random.default_rng(1)
    truth = 1.4 + 1.1 * np.exp(-0.15 * X)
    loss = truth * np.exp(random.normal(0, 2e-3, (count, 9)))
    terms, floor = np.zeros((1, 9, 3)), np.zeros((9, 3))
    terms[0, :, 0], terms[0, :, 1], floor[:, 2] = 1, -X, 1
    return PowerSum(terms, floor), loss


def run(model, loss, start, method="huber_log", lower=(-np.inf, -np.inf, 0.0), **options):
    return minimise(
        model,
        loss,
        np.ones(9),
        np.broadcast_to(start, (len(loss), 3)),
        ESTIMATORS[method],
        lower=np.array(lower),
        upper=np.full(3, np.inf),
        **options,
    )


@pytest.mark.parametrize("method", ["least_squares_log", "least_squares", "huber_log"])
def test_a_batch_reaches_what_a_general_optimiser_reaches(method):
    model, loss = problems()
    found = run(model, loss, [0.1, 0.15, 1.4], method)
    estimator = ESTIMATORS[method]
    for y, phi, objective in zip(loss, found.phi, found.objective, strict=True):

        def q(phi, y=y):
            f = model.value(phi[None])[0]
            r = np.log(y / f) if estimator.log else y - f
            return np.sum(rho(r, estimator.delta))

        theirs = optimize.minimize(q, phi, method="Nelder-Mead", options={"fatol": 0})
        assert objective <= theirs.fun * (1 + 1e-9)
        assert_allclose(objective, q(phi), rtol=1e-12)


def test_each_problem_of_a_batch_is_solved_as_if_alone():
    model, loss = problems()
    together = run(model, loss, [0.1, 0.15, 1.4])
    for i in range(len(loss)):
        alone = run(model, loss[i : i + 1], [0.1, 0.15, 1.4])
        assert_array_equal(together.phi[i], alone.phi[0])


def test_bounds_hold_and_the_rest_is_optimal_at_them():
    model, loss = problems()
    bound = run(model, loss, [0.1, 0.15, 1.6], "least_squares_log", lower=(-np.inf, -np.inf, 1.6))
    free = run(model, loss, [0.1, 0.15, 1.4], "least_squares_log")
    held = free.phi[:, 2] < 1.6
    assert held.any()
    assert_array_equal(bound.phi[held, 2], 1.6)
    assert bound.converged.all()
    _, slopes, _ = model.derivatives(bound.phi)
    r = np.log(loss / model.value(bound.phi)) / model.value(bound.phi)
    for j in (0, 1):
        assert_allclose(np.sum(r * slopes[j], axis=1)[held], 0, atol=1e-9)


def test_too_few_iterations_are_told():
    model, loss = problems()
    assert not run(model, loss, [2.0, 1.0, 0.1], iterations=3).converged.any()


def test_rho_is_a_square_near_zero_and_straight_beyond():
    r = np.array([-2e-3, -1e-3, -5e-4, 0, 5e-4, 3e-3])
    expected = [1.5e-6, 5e-7, 1.25e-7, 0, 1.25e-7, 2.5e-6]
    assert_allclose(rho(r, 1e-3), expected, rtol=1e-12, atol=1e-20)
    assert_allclose(rho(r, np.inf), r**2 / 2)


@pytest.mark.parametrize("delta", [1e-3, 1.0])
def test_optimal_scale_minimises_the_likelihood(delta):
    random = np.random.default_rng(0)
    r, w = random.normal(0, 0.01, (3, 40)), random.integers(1, 4, (3, 40)).astype(float)
    for row, weights, scale in zip(r, w, optimal_scale(r, w, delta), strict=True):

        def q(log_scale, row=row, weights=weights):
            return np.sum(weights * (rho(row / np.exp(log_scale), delta) + log_scale))

        best = optimize.minimize_scalar(q, bracket=(np.log(scale) - 1, np.log(scale) + 1)).fun
        assert q(np.log(scale)) <= best + 1e-9 * abs(best)


def test_scale_of_an_exact_fit_is_the_smallest():
    assert_allclose(optimal_scale(np.zeros((1, 5)), np.ones((1, 5)), 1e-3), SMALLEST_SCALE)
