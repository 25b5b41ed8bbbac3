"""The multiplier across scale, and where the arms need the same compute."""

from dataclasses import asdict
from itertools import product

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fitting import fit
from isoloss.multiplier.equal_loss import arm, multiplier
from isoloss.multiplier.gain import break_even, curve, gains
from isoloss.multiplier.settings import Comparison
from isoloss.paper.captions import SAVING
from isoloss.paper.figures import gain as figure
from isoloss.paper.table import TABLES
from isoloss.study.validation import read_yaml
from numpy.testing import assert_allclose
from sections import section

COMPUTE = np.geomspace(1, 16, 6)


def settings(**changes):
    return Comparison(**section("multiplier", **changes))


def ladder(exponent, at_8, scatter=0.0, seed=0, method="least_squares_log"):
    """An arm whose law has loss 2.0 x at_8 at compute 8."""
    noise = np.random.default_rng(seed).normal(0, scatter, COMPUTE.size) if scatter else 0.0
    loss = 2.0 * at_8 * (COMPUTE / 8) ** -exponent * np.exp(noise)
    points = pd.DataFrame({"compute_pflop_s_days": COMPUTE, "loss": loss})
    points["model"] = [f"m{i}" for i in range(COMPUTE.size)]
    return arm(asdict(fit(COMPUTE, loss, "power", method)), points)


def test_exact_laws_cross_where_they_do():
    table = curve((ladder(0.06, 1.0), ladder(0.05, 1.0)), settings())
    (found,) = break_even(table)
    assert_allclose(found["break_even_pflop_s_days"], 8, rtol=1e-3)
    assert not found["extrapolated"]
    assert found["to_pflop_s_days"] == pytest.approx(160)
    # log M = (b_0 / b_1 - 1) (x - log 8) beyond, with a sign.
    expected = np.exp(np.log(table["compute_pflop_s_days"] / 8) * (1 - 0.06 / 0.05))
    assert_allclose(table["multiplier"], expected, rtol=1e-8)


@pytest.mark.parametrize("change", [{}, {"pair_by": "none"}, {"interval": "jackknife_t"}])
def test_at_a_compute_it_is_the_multiplier_at_the_baselines_loss(change):
    pair = ladder(0.055, 1.0, 2e-3, 1), ladder(0.05, 0.99, 2e-3, 2)
    of = settings(**change)
    row = curve(pair, of).iloc[60]
    expected = multiplier(
        *pair, row["loss"], pair_by=of.pair_by == "model", interval=of.interval
    ).iloc[0]
    names = ["multiplier", "ci_low", "ci_high"]
    assert_allclose(row[names].astype(float), expected[names].astype(float), rtol=1e-9)
    assert_allclose([row["saving"], expected["saving"]], 1 - 1 / row["multiplier"])


@pytest.mark.parametrize("method", ["least_squares_log", "least_squares", "huber_log"])
def test_the_band_is_wider_than_the_interval_and_widens_beyond_the_points(method):
    pair = (ladder(0.055, 1.0, 2e-3, seed, method) for seed in (1, 2))
    table = curve(tuple(pair), settings())
    assert (table["predicted_low"] < table["ci_low"]).all()
    assert (table["predicted_high"] > table["ci_high"]).all()
    width = np.log(table["predicted_high"] / table["predicted_low"])
    beyond = width[table["compute_pflop_s_days"] > 16]
    assert (np.diff(beyond) > 0).all()
    assert beyond.iloc[-1] > 1.5 * width.min()
    assert table["extrapolated"][beyond.index[1:]].all()


def test_another_pair_has_the_error_of_the_residuals_of_both_arms():
    pair = ladder(0.055, 1.0, 2e-3, 1), ladder(0.05, 0.99, 2e-3, 2)
    row = curve(pair, settings()).iloc[60]
    residuals = [a.fit.log_residuals for a in pair]
    spread = np.sum((residuals[0] - residuals[1]) ** 2) / 4 / pair[1].parameters[1] ** 2
    t = 2.7764451
    half = np.log(row["ci_high"] / row["multiplier"])
    expected = np.hypot(half, t * np.sqrt(spread))
    assert_allclose(np.log(row["predicted_high"] / row["multiplier"]), expected, rtol=1e-6)


def test_without_a_crossing_there_is_none_in_range_and_where_the_interval_holds_1():
    (found,) = break_even(curve((ladder(0.05, 1.0), ladder(0.05, 0.99)), settings()))
    assert found["note"] == "none in range"
    assert np.isnan(found["break_even_pflop_s_days"])
    noisy = curve((ladder(0.05, 1.0, 1e-2, 1), ladder(0.05, 0.985, 1e-2, 4)), settings())
    noisy = noisy[noisy["multiplier"] > 1]
    (found,) = break_even(noisy)
    assert found["note"].startswith("none in range; the interval of M holds 1 from ")


def test_a_break_even_has_the_interval_where_the_multipliers_holds_1():
    pair = ladder(0.08, 1.0, 2e-3, 1), ladder(0.05, 1.0, 2e-3, 2)
    table = curve(pair, settings())
    (found,) = break_even(table)
    x = table["compute_pflop_s_days"]
    holds = x[(table["ci_low"] <= 1) & (table["ci_high"] >= 1)]
    step = np.log(x.iloc[1] / x.iloc[0])
    ends = [found["ci_low_pflop_s_days"], found["ci_high_pflop_s_days"]]
    assert ends[0] < found["break_even_pflop_s_days"] < ends[1]
    assert_allclose(np.log(ends), np.log([holds.min(), holds.max()]), atol=1.01 * step)


def test_an_interval_that_never_ends_says_so():
    pair = ladder(0.0502, 1.0, 1e-2, 1), ladder(0.05, 1.0, 1e-2, 2)
    found = next(iter(break_even(curve(pair, settings()))))
    assert "interval" in found["note"]
    if np.isfinite(found["break_even_pflop_s_days"]):
        assert np.isnan([found["ci_low_pflop_s_days"], found["ci_high_pflop_s_days"]]).any()


def test_computes_below_the_candidates_floor_are_left_out():
    loss = 1.9 + 0.3 * COMPUTE**-0.3
    points = pd.DataFrame({"compute_pflop_s_days": COMPUTE, "loss": loss})
    points["model"] = [f"m{i}" for i in range(COMPUTE.size)]
    floor = arm(asdict(fit(COMPUTE, loss, "power_floor")), points)
    table = curve((ladder(0.06, 1.0), floor), settings(extrapolate=100))
    assert table["multiplier"].notna().all()
    assert table["loss"].min() > 1.9


def many(arms, metrics):
    """Fits and points of many arms and metrics."""
    fits, points = [], []
    for number, (metric, name) in enumerate(product(metrics, arms)):
        key = {"metric": metric, "convention": "c", "arm": name}
        loss = 2.0 * COMPUTE**-0.05 * np.exp(np.random.default_rng(number).normal(0, 2e-3, 6))
        fits.append(asdict(fit(COMPUTE, loss)) | key | {"headline_law": True})
        for i, (c, y) in enumerate(zip(COMPUTE, loss, strict=True)):
            row = {"compute_pflop_s_days": c, "loss": y, "model": f"m{i}", "used": True}
            points.append(key | row | {"run": f"{name}-{i}"})
    return pd.DataFrame(fits), pd.DataFrame(points)


@pytest.mark.parametrize(("arms", "metrics"), [(2, 1), (3, 2), (5, 4)])
def test_every_comparison_is_drawn_and_has_its_row(root, arms, metrics):
    names = [f"a{i}" for i in range(arms)]
    losses = [f"l{i}" for i in range(metrics)]
    made = gains(*many(names, losses), baseline="a0", settings=settings())
    words = {
        "arms": {name: name.upper() for name in names},
        "metrics": {name: name.upper() for name in losses},
        "conventions": ["c"],
    }
    plotting = read_yaml(root / "config/plotting.yaml")
    reported = (
        made["gain"]
        .drop_duplicates(["candidate", "metric"])
        .assign(kind="reported", headline_law=True, pairing="paired", n_points=5)
    )
    drawn = figure.draw(made["gain"], reported, words, plotting)
    assert any("n = 5 pairs" in text.get_text() for text in drawn.texts)
    count = (arms - 1) * metrics
    assert len(drawn.axes) == (count if count <= figure.MOST_PANELS else arms - 1)
    table = TABLES["break_even"](made, words)
    assert set(zip(table.text["Candidate"], table.text["Metric"], strict=True)) == set(
        product([name.upper() for name in names[1:]], [name.upper() for name in losses])
    )


def test_the_saving_that_captions_give_as_an_example_is_right():
    assert SAVING.endswith(f"1.16 is {100 * (1 - 1 / 1.16):.0f}% less.")
