"""Runs that are off what the others of their arm say, and sizes on which a number hangs."""

import re

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fitted import fit_law
from isoloss.multiplier.equal_loss import arm, multiplier
from isoloss.multiplier.outliers import holdout, leans, off_law
from sections import gate

COMPUTE = np.geomspace(0.1, 25.6, 8)
NOISE = 1e-3 * np.random.default_rng(3).normal(size=(2, 8))


def pair(off=0.0, run=3, law="power", method="least_squares_log"):
    """Two arms, M = 1.25; one run of the second is off by a share of its loss."""
    arms = []
    for i, (name, k) in enumerate((("base", 1.0), ("new", 1.25))):
        loss = 2.6 * (k * COMPUTE) ** -0.06 * np.exp(NOISE[i])
        loss[run] *= 1 + i * off
        fit = fit_law(law, [COMPUTE], loss, method)
        row = {"law": law, "method": method, "n_points": 8} | fit.parameters
        points = pd.DataFrame({"compute_pflop_s_days": COMPUTE, "loss": loss})
        points["model"] = [f"m{j}" for j in range(8)]
        arms.append(arm(row, points.assign(run=[f"{name}-{j}" for j in range(8)])))
    return arms[0], arms[1]


@pytest.mark.parametrize("run", range(8))
@pytest.mark.parametrize("off", [0.05, -0.06])
def test_the_run_that_is_off_the_law_of_the_others_is_named_with_how_far(run, off):
    words = off_law(pair(off, run), gate())
    found = re.match(rf"run new-{run} has a loss ([\d.]+)% (above|below) what the other", words)
    assert float(found[1]) == pytest.approx(100 * abs(np.log1p(off)), rel=0.15)
    assert found[2] == ("above" if off > 0 else "below")


def test_its_distance_is_that_from_the_law_fitted_without_it():
    base, new = pair(0.05, 7)
    others = fit_law("power", [new.compute[:7]], new.loss[:7])
    off = np.log(new.loss[7] / others.predict(new.compute[7:])[0])
    assert f" {100 * off:.2g}% above" in off_law((base, new), gate())


@pytest.mark.parametrize("law", ["power", "power_floor"])
def test_runs_on_their_law_and_small_errors_are_not_named(law):
    assert off_law(pair(law=law), gate()) == ""
    assert off_law(pair(0.03, law=law), gate()) == ""  # below 4%
    assert off_law(pair(0.05), gate(odd_scatter=1000)) == ""
    assert off_law(pair(0.03), gate(odd=0.02)) != ""


@pytest.mark.parametrize("method", ["least_squares_log", "huber_log"])
def test_a_size_without_which_the_number_leaves_its_interval_is_named_with_what_is_left(method):
    arms = pair(0.02, 7, method=method)
    row = {"loss": 2.3, "ci_low": 0.5, "ci_high": 2.0}
    assert leans(arms, row, pair_by=True) == ""
    whole = pair(method=method)
    others = float(multiplier(*whole, 2.3)["multiplier"].iloc[0])
    words = leans(arms, row | {"ci_high": 0.99 * others}, pair_by=True)
    run = 7 if method == "least_squares_log" else r"\d"  # Huber's fit hardly sees the odd one
    assert re.match(rf"without base-({run}) and new-\1 the multiplier is ", words)
    assert float(words.split(" is ")[1].split(",")[0]) == pytest.approx(others, rel=0.03)
    alone = leans(arms, row | {"ci_high": 0.99 * others}, pair_by=False)
    assert re.match(rf"without (base|new)-{run} the multiplier is ", alone)


def test_where_too_few_points_would_be_left_nothing_is_said():
    base, new = (each for each in pair())
    few = []
    for each in (base, new):
        fit = fit_law("power", [each.compute[:3]], each.loss[:3])
        row = {"law": "power", "method": "least_squares_log", "n_points": 3} | fit.parameters
        points = {"compute_pflop_s_days": each.compute[:3], "loss": each.loss[:3]}
        few.append(arm(row, pd.DataFrame(points | {"model": each.model[:3]})))
    row = {"loss": 2.8, "ci_low": 1.3, "ci_high": 1.3}
    assert leans((few[0], few[1]), row, pair_by=True) == ""


@pytest.mark.parametrize("end", [0.0, float("nan")])
def test_where_a_loss_is_not_reached_nothing_is_said(end):
    assert leans(pair(), {"loss": 2.3, "ci_low": end, "ci_high": end}, pair_by=True) == ""


def with_floor(floor):
    base, new = pair()
    arms = []
    for a, k in ((base, 1.0), (new, 1.25)):
        noise = np.log(a.loss / (2.6 * (k * COMPUTE) ** -0.06)) / 10
        loss = (floor + (2.6 - floor) * (k * COMPUTE) ** -0.15) * np.exp(noise)
        fit = fit_law("power", [COMPUTE], loss, "least_squares_log")
        row = {"law": "power", "method": "least_squares_log", "n_points": 8} | fit.parameters
        points = pd.DataFrame({"compute_pflop_s_days": COMPUTE, "loss": loss, "model": a.model})
        arms.append(arm(row, points.assign(run=a.run)))
    return arms


def test_a_law_that_misses_its_largest_run_when_fitted_without_it_says_by_how_much():
    arms = with_floor(1.7)
    words = holdout(tuple(arms))
    found = re.match(r"the law misses run (\w+)-7, of most compute, by ([\d.]+)% of loss", words)
    a = arms[0] if found[1] == "base" else arms[1]
    smaller = fit_law("power", [a.compute[:7]], a.loss[:7], "least_squares_log")
    off = np.log(a.loss[7] / smaller.predict(a.compute[7:])[0])
    assert float(found[2]) == pytest.approx(100 * off, rel=0.03)
    compute = float(re.search(r"\(([\d.]+)% of compute\)", words)[1])
    assert compute == pytest.approx(100 * np.expm1(off / a.parameters[1]), rel=0.15)


def test_a_law_that_holds_misses_nothing_and_too_few_points_tell_nothing():
    assert holdout(pair()) == ""
    assert holdout(pair(law="power_floor")) == ""
