"""Intervals of Huber fits and of surfaces."""

from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fitted import fit_law
from isoloss.fit.fitting import fit
from isoloss.fit.newton import Minima
from isoloss.fit.registry import LAWS
from isoloss.fit.surface import fit_surface
from isoloss.multiplier import draws_t
from isoloss.multiplier.equal_loss import arm, multiplier
from numpy.testing import assert_allclose
from scipy import stats

COMPUTE = np.geomspace(1, 16, 6)
SHARED, FIRST, SECOND = np.random.default_rng(5).normal(0, 2e-3, (3, 6))
NAMES = ["multiplier", "ci_low", "ci_high"]


def ladder(advantage, error, model=None, method="huber_log", compute=COMPUTE, law="power"):
    loss = 2.3 * (advantage * compute) ** -0.053 * np.exp(error)
    points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss})
    points["model"] = model or [f"m{i}" for i in range(len(points))]
    return arm(asdict(fit(compute, loss, law, method)), points)


def pair(method="huber_log", apart=0.1, law="power"):
    return (
        ladder(1, SHARED + apart * FIRST, method=method, law=law),
        ladder(1.3, SHARED + apart * SECOND, method=method, law=law),
    )


def half_width(row):
    return np.log(row["ci_high"] / row["ci_low"]) / 2


def row(first, second, loss=2.1, **settings):
    return multiplier(first, second, loss, **settings).iloc[0]


# --- scatter of draws, times t


def test_of_a_least_squares_fit_it_is_that_of_the_delta_method_within_its_error():
    """Of 100 draws the error is 7%; a normal quantile would be 29% too narrow, no pairing 10 x."""
    for arms in (pair("least_squares_log"), pair("least_squares_log", apart=1.0)):
        drawn, by_formula = row(*arms, interval="draws_t"), row(*arms, interval="delta_t")
        assert half_width(drawn) == pytest.approx(half_width(by_formula), rel=0.22)
        assert drawn["degrees_of_freedom"] == by_formula["degrees_of_freedom"] == 4
        assert drawn["residual_correlation"] == pytest.approx(by_formula["residual_correlation"])


def test_the_width_grows_with_confidence_as_students_t_with_n_minus_p():
    arms = pair()
    ratio = half_width(row(*arms)) / half_width(row(*arms, confidence=0.5))
    assert ratio == pytest.approx(stats.t.ppf(0.975, 4) / stats.t.ppf(0.75, 4))


def test_what_the_arms_share_cancels_where_they_are_paired():
    paired, apart = row(*pair()), row(*pair(), pair_by=False)
    assert (paired["interval"], paired["pairing"]) == ("draws_t", "paired")
    assert (apart["interval"], apart["pairing"]) == ("draws_t", "welch")
    assert half_width(paired) < half_width(apart) / 3


def test_the_scatter_is_that_about_the_estimate(monkeypatch):
    """Draws that all lie off the estimate by as much have no scatter about their mean."""

    def off(problem, loss, weights, optimum):
        phi = np.tile(optimum + np.array([0.01, 0.0]), (len(loss), 1))
        return Minima(phi, np.zeros(len(loss)), np.ones(len(loss), dtype=bool))

    arms = pair()
    monkeypatch.setattr(draws_t, "refit", off)
    moved = 0.01 / arms[0].parameters[1] - 0.01 / arms[1].parameters[1]
    assert half_width(row(*arms)) == pytest.approx(stats.t.ppf(0.975, 4) * abs(moved))


def test_draws_that_did_not_converge_do_not_count(monkeypatch):
    arms = pair()
    refit = draws_t.refit

    def partly(*stated, every=2):
        found = refit(*stated)
        lost = np.arange(len(found.phi)) % every == 0
        return replace(found, phi=np.where(lost[:, None], 9.0, found.phi), converged=~lost)

    expected = half_width(row(*arms))
    monkeypatch.setattr(draws_t, "refit", partly)
    assert half_width(row(*arms)) == pytest.approx(expected, rel=0.4)
    monkeypatch.setattr(draws_t, "refit", partial(partly, every=1))
    assert row(*arms)["reason"] == "only 0 of 100 refits to drawn errors converged"


def test_a_huber_fit_is_known_less_well_than_least_squares():
    robust, plain = row(*pair(apart=1.0)), row(*pair("least_squares_log", apart=1.0))
    assert plain["interval"] == "scatter_t"  # Up to a tenth of the width is for growing scatter.
    assert 0.9 < half_width(robust) / half_width(plain) < 2


def test_the_same_numbers_come_out_again_in_any_order_and_either_way_round():
    first, second = pair()
    order = [3, 0, 5, 1, 4, 2]
    turned = ladder(
        1.3, (SHARED + 0.1 * SECOND)[order], [f"m{i}" for i in order], compute=COMPUTE[order]
    )
    expected = multiplier(first, second, 2.1)[NAMES]
    assert multiplier(first, second, 2.1)[NAMES].equals(expected)
    assert_allclose(multiplier(first, turned, 2.1)[NAMES], expected, rtol=1e-8)
    back = multiplier(second, first, 2.1)[NAMES]
    assert_allclose(1 / back[["multiplier", "ci_high", "ci_low"]].to_numpy(), expected, rtol=1e-12)


def test_an_arm_against_itself_is_exactly_one_with_no_width():
    first = pair()[0]
    assert (multiplier(first, first, [2.0, 2.1])[NAMES] == 1).all(axis=None)


def test_runs_of_one_size_share_an_error():
    """Each run twice knows no more than once."""
    once = pair("least_squares_log")
    twice = [
        ladder(
            m,
            np.tile(SHARED + 0.1 * e, 2),
            [f"m{i}" for i in range(6)] * 2,
            "least_squares_log",
            np.tile(COMPUTE, 2),
        )
        for m, e in ((1, FIRST), (1.3, SECOND))
    ]
    found, expected = row(*twice, interval="draws_t"), row(*once, interval="draws_t")
    assert found["degrees_of_freedom"] == 4
    assert half_width(found) == pytest.approx(half_width(expected), rel=0.3)


def test_a_size_without_its_partner_costs_a_degree_of_freedom_and_is_named():
    first, _ = pair()
    fewer = ladder(1.3, (SHARED + 0.1 * SECOND)[:5], compute=COMPUTE[:5])
    found = row(first, fewer)
    assert (found["pairing"], found["unpaired_models"]) == ("partly paired", "m5")
    assert found["degrees_of_freedom"] == 3
    assert found["reason"] == "no partner: m5"
    assert half_width(found) < half_width(row(first, fewer, pair_by=False))


def test_arms_with_no_size_in_common_are_independent():
    first, second = pair()
    other = replace(second, model=tuple(f"n{i}" for i in range(6)))
    found = row(first, other)
    assert found["pairing"] == "welch"
    assert found["reason"].endswith("arms taken as independent")
    assert 4 <= found["degrees_of_freedom"] <= 8
    sizes = replace(second, model=("n",) * 6)
    assert "too few sizes for the law" in row(first, sizes)["reason"]


def test_a_loss_that_draws_do_not_reach_has_no_interval_and_a_reason():
    compute = np.geomspace(1, 16, 8)
    errors = np.random.default_rng(1).normal(0, 2e-3, (2, 8))
    floors = [
        ladder(m, e, compute=compute, law="power_floor")
        for m, e in zip((1, 1.3), errors, strict=True)
    ]
    near = max(each.parameters[2] for each in floors) + 1e-6
    found = row(*floors, near)
    assert np.isfinite(found["multiplier"])
    assert np.isnan(found["ci_low"])
    assert "an arm does not reach the loss" in found["reason"]


# --- surfaces

SURFACE = (1.8, 480.0, 0.35, 2100.0, 0.37)
N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e8, 2e9, 5), np.geomspace(2e9, 6e10, 4)))


def surface_points(advantage, error, models=None):
    loss = LAWS["chinchilla"].value(N * advantage**0.5, D * advantage**0.5, *SURFACE)
    return pd.DataFrame(
        {
            "model": models or [f"p{i}" for i in range(N.size)],
            "parameters": N,
            "tokens": D,
            "compute_pflop_s_days": 6 * N * D / 8.64e19,
            "loss": loss * np.exp(error),
        }
    )


def surface(points, method="least_squares_log"):
    found = fit_surface(points["parameters"], points["tokens"], points["loss"], method)
    return arm({"law": "chinchilla"} | asdict(found), points)


def noisy(models=None, method="least_squares_log", shared=2e-3, own=2e-4):
    random = np.random.default_rng(8)
    both = random.normal(0, shared, N.size)
    return [
        surface(surface_points(m, both + random.normal(0, own, N.size), models), method)
        for m in (1.0, 1.3)
    ]


def test_a_surface_moves_with_its_points_as_its_refits_do():
    points = surface_points(1.0, 0.0)
    a = surface(points)
    losses = np.array([2.3, 2.6])
    weights, _ = a.fit.influence(a.law.inverse_gradient(losses, *a.parameters))
    for i in (0, 7, 19):
        there, back = (
            a.law.log_inverse(
                losses,
                *fit_law(
                    "chinchilla", [N, D], points["loss"] * np.exp(by * (np.arange(20) == i))
                ).values,
            )
            for by in (1e-5, -1e-5)
        )
        assert_allclose(weights[:, i], (there - back) / 2e-5, rtol=1e-3)


@pytest.mark.parametrize("method", ["least_squares_log", "huber_log"])
def test_surfaces_are_paired_run_by_run_with_n_minus_five_degrees_of_freedom(method):
    arms = noisy(method=method)
    paired, apart = row(*arms, 2.4), row(*arms, 2.4, pair_by=False)
    assert paired["interval"] == {"huber_log": "draws_t"}.get(method, "delta_t")
    assert (paired["pairing"], paired["degrees_of_freedom"]) == ("paired", 15)
    assert paired["ci_low"] < 1.3 < paired["ci_high"]
    assert half_width(paired) < half_width(apart) / 2


def test_a_model_that_ran_for_several_token_counts_is_paired_by_both():
    arms = noisy(models=[f"{n:.0e}" for n in N])
    named, plain = row(*arms, 2.4), row(*noisy(), 2.4)
    assert arms[0].model[0] == "1e+08 at 2e+09 tokens"
    assert_allclose(named[NAMES].astype(float), plain[NAMES].astype(float), rtol=1e-9)


def test_the_range_of_a_surface_is_that_of_its_line_at_the_computes_of_the_runs():
    a = surface(surface_points(1.0, 0.0))
    line, of = a.law.optimal
    assert_allclose(a.reached, line.value(a.compute, *of(*SURFACE)), rtol=1e-6)
    assert (a.reached <= a.loss + 1e-9).all()
