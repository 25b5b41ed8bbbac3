import math

import numpy as np
import pytest
from isoloss.points.final import _correlated_square, last
from isoloss.points.final import final as final_of
from numpy.testing import assert_allclose
from scipy.linalg import toeplitz


def final(compute, loss, window=0.03, **more):
    return final_of(compute, loss, window, **more)


def run(rng, rho, sigma=0.01, rows=2000):
    """A run of loss 2 C^-0.05 with AR(1) noise; its true final loss is 2."""
    c = np.linspace(1 / rows, 1, rows)
    noise = rng.normal(0, sigma * math.sqrt(1 - rho**2), rows)
    noise[0] /= math.sqrt(1 - rho**2)
    for i in range(1, rows):
        noise[i] += rho * noise[i - 1]
    return c, 2 * c**-0.05 + noise


def test_a_line_in_log_compute_is_evaluated_at_its_end():
    c = np.linspace(0.01, 3, 500)
    y = 2 - 0.1 * np.log(c)
    point = final(c, y)
    assert_allclose(point.loss, y[-1], rtol=1e-13)
    assert point.rows == np.count_nonzero(c >= 0.97 * 3)


def test_the_end_may_lie_beyond_the_last_row_of_the_metric():
    c = np.linspace(0.01, 2.97, 500)
    assert_allclose(final(c, 2 - 0.1 * np.log(c), end=3).loss, 2 - 0.1 * math.log(3), rtol=1e-13)


def test_order_of_rows_does_not_matter():
    c, y = run(np.random.default_rng(1), 0.5)
    turned = final(c[::-1], y[::-1])
    assert turned == final(c, y)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_standard_error_matches_the_scatter_of_repeated_runs(rho):
    rng = np.random.default_rng(7)
    points = [final(*run(rng, rho), window=0.1) for _ in range(400)]
    z = [(p.loss - 2) / p.loss_se for p in points if math.isfinite(p.loss_se)]
    assert len(z) > 390  # the others have too few effective rows
    assert abs(np.mean(z)) < 3 / math.sqrt(400)
    assert 0.9 < np.std(z) < 1.15
    assert_allclose(
        np.mean([p.effective_rows for p in points]), 200 * (1 - rho) / (1 + rho), rtol=0.15
    )


def test_the_autocorrelation_is_corrected_for_its_bias(monkeypatch):
    monkeypatch.setattr("isoloss.points.final.ENOUGH", 1)
    # Noise at right angles to every line: r = -1/8, rho = (r + 2/8) / (1 - 4/8) = 1/4.
    x = np.arange(-7, 1) / 1000
    noise = np.array([1, -1, -1, 1, 1, -1, -1, 1]) / 100
    point = final(np.exp(x), 2 - x + noise)
    assert_allclose([point.loss, point.effective_rows], [2, 8 * 0.75 / 1.25], rtol=1e-9)
    line = np.column_stack([np.ones(8), x])
    hat = line @ np.linalg.pinv(line)
    correlated = toeplitz(0.25 ** np.arange(8.0))
    variance = 8e-4 / np.trace(correlated - hat @ correlated) * hat[-1] @ correlated @ hat[-1]
    assert_allclose(point.loss_se, math.sqrt(variance), rtol=1e-9)


def test_few_effective_rows_are_said():
    point = final(*run(np.random.default_rng(3), 0.9), window=0.03)
    assert point.rows == 61
    assert "too few effective rows, " in point.reason
    assert point.reason.endswith(" of 61")
    assert math.isnan(point.loss_se)
    assert final(*run(np.random.default_rng(3), 0.0), window=0.1).reason == ""


def test_a_log_of_one_row_gives_that_row():
    point = final([14.583], [2.0022])
    assert (point.loss, point.rows, point.reason) == (2.0022, 1, "")
    assert math.isnan(point.loss_se)


def test_too_few_rows_for_a_line_give_the_last_row_and_say_so():
    point = final([0.1, 0.5, 0.98, 1.0], [3, 2.5, 2.2, 2.1])
    assert point.loss == 2.1
    assert math.isnan(point.loss_se)
    assert point.reason == "last row: 2 in the last 0.03 of the run"
    assert (point.rows, point.effective_rows) == (1, 1)


@pytest.mark.parametrize("compute", [[0.98, 0.98, 1.0], [0.98, 1.0, 1.0]])
def test_rows_of_equal_compute_still_carry_a_line(compute):
    assert_allclose(final(compute, 2 - np.log(compute)).loss, 2, rtol=1e-12)


def test_rows_that_all_have_one_compute_carry_no_line():
    point = final([0.5, 1.0, 1.0, 1.0], [2.5, 2.3, 2.2, 2.1])
    assert (point.loss, point.rows) == (2.1, 1)
    assert point.reason == "last row: 3 in the last 0.03 of the run"


def test_a_line_through_few_rows_has_no_standard_error():
    point = final([0.98, 0.99, 1.0, 0.5], [2.1, 2.11, 2.1, 2.5])
    assert point.rows == 3
    assert math.isnan(point.loss_se)
    assert "3 rows" in point.reason


def test_seven_rows_tell_no_autocorrelation_and_eight_do():
    rng = np.random.default_rng(0)
    for rows, known in ((7, False), (8, True)):
        point = final(np.linspace(0.98, 1, rows), rng.normal(2, 0.1, rows))
        assert math.isfinite(point.effective_rows) == known
        assert math.isnan(point.loss_se)
        assert point.reason.startswith("no standard error: 7 rows") == (not known)


def test_rows_exactly_on_a_line_have_no_standard_error_and_nothing_to_say():
    point = final(np.linspace(0.98, 1, 8), np.zeros(8))
    assert (point.loss, point.rows, point.reason) == (0, 8, "")
    assert math.isnan(point.loss_se)


def test_thirty_effective_rows_are_enough():
    for rows, enough in ((28, False), (30, True)):
        point = final(np.linspace(0.98, 1, rows), 2 + 0.01 * (-1.0) ** np.arange(rows))
        assert (point.effective_rows, point.reason == "") == (rows, enough)
        assert math.isfinite(point.loss_se) == enough


def test_residuals_that_alternate_count_as_independent_and_a_wave_as_nearly_one_row():
    x = np.linspace(0.98, 1, 100)
    assert final(x, 2 + 0.01 * (-1.0) ** np.arange(100)).effective_rows == 100
    wave = final(x, 2 + 0.01 * np.cos(np.linspace(0, 2 * np.pi, 100)))
    assert_allclose(wave.effective_rows, 100 * 0.01 / 1.99)


def test_a_metric_that_stops_before_the_end_has_no_final_loss():
    point = final([0.2, 1.0, 1.8], [3, 2.5, 2.2], end=2.0)
    assert math.isnan(point.loss)
    assert (point.rows, point.effective_rows) == (0, 0)
    assert point.reason == "no row in the last 0.03 of the run: the last is at 0.9 of it"


def test_last_takes_the_row_of_largest_compute():
    point = last([1, 3, 2], [2.3, 2.1, 2.2])
    assert (point.loss, point.rows, point.effective_rows) == (2.1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [2.0, np.nan]), r"loss\[1\] is nan"),
        (([0, 2], [2.0, 2.0]), r"compute\[0\] is 0"),
        (([], []), "expected rows of both"),
        (([1, 2], [2.0]), "expected rows of both"),
        (([1, 2], [2.0, 2.0], 3.0), "window is 3"),
        (([1, 2], [2.0, 2.0], 1.0), "window is 1"),
        (([1, 2], [2.0, 2.0], 0.0), "window is 0"),
        (([1, 2], [2.0, 2.0], 0.1, math.inf), "end is inf"),
        (([[1, 2]], [[2.0, 2.0]]), "expected rows of both"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    rows, window, end = arguments[:2], arguments[2:3], arguments[3:]
    with pytest.raises(ValueError, match=message):
        final(*rows, *window, **dict(zip(["end"], end, strict=False)))


def test_an_end_before_the_last_row_is_an_error():
    with pytest.raises(ValueError, match="end is 1; expected at least the last compute, 2"):
        final([1, 2], [2.0, 2.0], end=1)


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.95])
def test_correlated_square_is_the_quadratic_form_of_an_ar1_matrix(rho):
    w = np.random.default_rng(0).normal(size=300)
    assert_allclose(
        _correlated_square(w, rho), w @ toeplitz(rho ** np.arange(300.0)) @ w, rtol=1e-10
    )
