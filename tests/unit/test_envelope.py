import numpy as np
import pandas as pd
import pytest
from isoloss.fit.envelope import BOUND, envelope, envelope_allocation, smooth
from isoloss.fit.fitting import fit
from isoloss.fit.laws.chinchilla import optimal_law
from isoloss.fit.laws.chinchilla import value as chinchilla
from isoloss.fit.laws.power_floor import value as power_floor
from isoloss.fit.problem import FitError
from isoloss.units import PFLOP_S_DAY
from numpy.testing import assert_allclose

TRUTH = (1.8, 400.0, 0.34, 400.0, 0.34)


@pytest.fixture(scope="module")
def curves():
    """Training curves along the surface, as if each point were the end of its schedule."""
    random = np.random.default_rng(0)
    frames = []
    for i, n in enumerate(np.geomspace(1e8, 1e10, 12)):
        d = np.linspace(0.02, 1, 800) * 4 * n
        loss = chinchilla(n, d, *TRUTH) * np.exp(random.normal(0, 2e-3, d.size))
        c = 6 * n * d / PFLOP_S_DAY
        frames.append(
            pd.DataFrame(
                {"run": f"r{i:02}", "parameters": n, "compute_pflop_s_days": c, "loss": loss}
            )
        )
    return pd.concat(frames)


def test_envelope_follows_the_optimal_line_of_the_surface(curves):
    table = envelope(curves)
    inside = table[table["interior"]]
    law = optimal_law(*TRUTH)
    exact = power_floor(inside["compute_pflop_s_days"], *law)
    assert len(inside) > 50
    assert_allclose(inside["loss"], exact, rtol=5e-3)
    assert abs(envelope_allocation(table).parameters_exponent - 0.5) < 0.05
    assert (
        abs(fit(inside["compute_pflop_s_days"], inside["loss"], "power_floor").floor - 1.8) < 0.15
    )


def test_points_of_the_outer_models_are_not_interior(curves):
    table = envelope(curves)
    outer = table["parameters"].isin([curves["parameters"].min(), curves["parameters"].max()])
    assert not table.loc[outer, "interior"].any()
    assert table["reason"].iloc[0] == "held by the smallest model"
    assert (table["interior"] == (table["reason"] == "")).all()


def test_envelope_is_labelled_a_bound(curves):
    assert (envelope(curves)["bound"] == BOUND).all()
    assert np.isnan(envelope_allocation(envelope(curves)).exponent_se)


def test_warm_up_is_left_out(curves):
    spoilt = curves.copy()
    early = spoilt["compute_pflop_s_days"] < 0.05 * spoilt.groupby("run")[
        "compute_pflop_s_days"
    ].transform("max")
    spoilt.loc[early, "loss"] = 0.1
    assert envelope(spoilt)["loss"].min() > 1.8


def test_smoothing_keeps_a_line_in_log_compute_and_averages_noise():
    c = np.geomspace(1, 100, 2000)
    line = 3 - 0.1 * np.log(c)
    at = np.array([1.0, 7.0, 100.0])
    assert_allclose(smooth(c, line, at), 3 - 0.1 * np.log(at), rtol=1e-10)
    noisy = line + np.random.default_rng(0).normal(0, 0.01, c.size)
    assert np.abs(smooth(c, noisy, at) - (3 - 0.1 * np.log(at))).max() < 0.005
    assert np.isnan(smooth(c, line, [0.5, 200.0])).all()


def test_two_sizes_have_no_interior(curves):
    few = curves[curves["run"].isin(["r00", "r01"])]
    with pytest.raises(FitError, match="3 or more sizes; got 2"):
        envelope(few)
    with pytest.raises(ValueError, match="warm_up is 1"):
        envelope(curves, warm_up=1)
