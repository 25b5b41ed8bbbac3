"""What a multiplier is if the power law does not hold."""

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.joint import paired_test
from isoloss.fit.registry import LAWS
from isoloss.multiplier.curvature import Polynomial, checked, law_in_doubt
from isoloss.multiplier.equal_loss import Arm, multiplier
from isoloss.multiplier.settings import HULL
from isoloss.multiplier.verdict import judge
from sections import gate

COMPUTE = np.geomspace(1, 16, 6)
MODELS = tuple(f"m{i}" for i in range(6))
NOISE = 1e-3 * np.random.default_rng(5).normal(size=(2, 6))


def pair(floor=0.0, noise=NOISE, kept=slice(None), runs=MODELS, law="power"):
    """Two arms, M = 1.3, of a power law (or one with a floor), fitted by least squares."""
    arms = []
    for gain, error in zip((1.0, 1.3), noise, strict=True):
        c = COMPUTE[kept]
        loss = (floor + (2.5 - floor) * (gain * c) ** (-0.15 if floor else -0.05)) * np.exp(
            error[kept]
        )
        slope, constant = np.polyfit(np.log(c), np.log(loss), 1)
        numbers = (np.exp(constant), -slope) + (0.5,) * (law == "power_floor")
        names = MODELS[kept]
        arms.append(Arm(LAWS[law], "least_squares_log", numbers, c, loss, names, runs[kept], c**0))
    return arms[0], arms[1]


def rows(arms, losses, **options):
    return law_in_doubt(multiplier(*arms, losses, **options), arms, pair_by=True)


def inside(arms, place):
    low = max(a.loss.min() for a in arms)
    high = min(a.loss.max() for a in arms)
    return low * (high / low) ** place


def test_in_the_middle_the_law_stands_and_towards_either_end_the_hull_does():
    arms = pair()
    losses = [inside(arms, place) for place in (0.5, 0.41, 0.59, 0.39, 0.61, 0.02, -0.2)]
    plain, found = multiplier(*arms, losses), rows(arms, losses)
    assert list(found["interval"] == HULL) == [False] * 3 + [True] * 4
    assert found["place"].round(3).tolist() == [0.5, 0.41, 0.59, 0.39, 0.61, 0.02, -0.2]
    assert (found["law_ci_low"] == plain["ci_low"]).all()
    assert (found["ci_low"][:3] == plain["ci_low"][:3]).all()
    at = found[3:]
    assert (at["ci_low"] == at[["law_ci_low", "quadratic_ci_low"]].min(axis=1)).all()
    assert (at["ci_high"] == at[["law_ci_high", "quadratic_ci_high"]].max(axis=1)).all()
    assert (at["ci_high"] > at["law_ci_high"]).any()


def test_points_that_bend_have_the_hull_everywhere():
    arms = pair(floor=1.7)
    found = rows(arms, [inside(arms, 0.5)]).iloc[0]
    assert found["curvature_low"] > 0
    assert found["interval"] == HULL


def test_quadratics_follow_bent_arms_and_their_trend_where_the_law_invents_one():
    arms = pair(floor=1.7, noise=NOISE * 0.01)
    loss = inside(arms, 0.1)
    found = rows(arms, [loss]).iloc[0]
    assert found["quadratic_multiplier"] == pytest.approx(1.3, abs=0.01)
    assert abs(found["multiplier"] - 1.3) > 0.02
    assert not found["trend_low"] <= 1 <= found["trend_high"]
    assert found["trend_quadratic"] == pytest.approx(1, abs=0.05)
    assert abs(found["trend"] - 1) > 0.05


def test_the_numbers_of_quadratics_are_those_of_polyfit():
    arms = pair()
    loss = inside(arms, 0.3)
    logs, slopes, bends = [], [], []
    for a in arms:
        c = np.polyfit(np.log(a.compute), np.log(a.loss), 2)
        x = max(
            np.roots(c - [0, 0, np.log(loss)]), key=lambda root: -np.polyval(np.polyder(c), root)
        )
        logs.append(float(x))
        slopes.append(np.polyval(np.polyder(c), x))
        bends.append(c[0])
    found = rows(arms, [loss]).iloc[0]
    assert found["curvature"] == pytest.approx(np.mean(bends))
    assert found["quadratic_multiplier"] == pytest.approx(np.exp(logs[0] - logs[1]))
    assert found["trend_quadratic"] == pytest.approx(10 ** (1 - slopes[0] / slopes[1]))
    exponents = [a.parameters[1] for a in arms]
    assert found["trend"] == pytest.approx(10 ** (1 - exponents[0] / exponents[1]))


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("quantity", ["log_compute", "log_slope"])
def test_gradients_are_those_of_differences(degree, quantity):
    if (degree, quantity) == (1, "log_compute"):
        return
    arms = pair()
    losses = np.array([inside(arms, place) for place in (0.2, 0.6)])
    found = getattr(Polynomial(arms[0], degree, MODELS), quantity)(losses)
    steps = 1e-6 * np.eye(degree + 1)
    up, down = found.curve(steps)[0], found.curve(-steps)[0]
    _, gradient = found.curve(np.zeros(degree + 1))
    assert gradient == pytest.approx(((up - down) / 2e-6).T, rel=1e-4)


def test_the_trend_tells_what_the_paired_test_of_exponents_tells():
    arms = pair()
    steeper = np.log(arms[1].compute)[None] * [[0], [-0.004]]
    for noise, differs in ((NOISE, False), (NOISE + steeper, True)):
        arms = pair(noise=noise)
        p = paired_test(*((a.compute, a.loss) for a in arms)).p_value
        found = rows(arms, [inside(arms, 0.5)]).iloc[0]
        assert (p < 0.05) == differs
        assert (not found["trend_low"] <= 1 <= found["trend_high"]) == differs


def test_three_sizes_tell_no_other_law_and_it_is_said_towards_the_ends():
    arms = pair(kept=slice(0, 6, 2))
    at = [inside(arms, 0.5), inside(arms, 0.1)]
    found = rows(arms, at)
    assert found["quadratic_ci_low"].isna().all()
    assert (found["interval"] == "delta_t").all()
    words = [_judged(row) for row in found.to_dict("records")]
    assert words[0] == ""
    assert words[1].endswith("so few sizes tell no other law")


def test_words_hold_both_numbers():
    arms = pair()
    row = rows(arms, [inside(arms, 0.9)]).iloc[0].to_dict()
    words = _judged(row)
    assert f"{row['multiplier']:.2f}" in words
    assert f"{row['quadratic_multiplier']:.2f}" in words
    bent = pair(floor=1.7)
    assert _judged(rows(bent, [inside(bent, 0.5)]).iloc[0].to_dict()).startswith("the points bend")


def test_points_that_share_runs_are_left_out_by_run():
    arms = pair(runs=("a", "a", "b", "c", "d", "e"))
    found = rows(arms, [inside(arms, 0.9)]).iloc[0]
    plain = rows(pair(), [inside(arms, 0.9)]).iloc[0]
    assert found["quadratic_multiplier"] == pytest.approx(plain["quadratic_multiplier"])
    assert found["quadratic_ci_low"] != plain["quadratic_ci_low"]


def test_other_laws_have_nothing_of_it():
    arms = pair(law="power_floor")
    losses = np.array([inside(arms, 0.1)])
    found = checked(arms, losses, np.array([[1.0], [2.0]]), 0.95, pair_by=True)
    assert not found["hull"].any()
    assert np.isnan(found["trend"]).all()


def test_a_loss_that_a_quadratic_does_not_reach_keeps_the_law():
    arms = pair(floor=1.7)
    found = rows(arms, [1.2]).iloc[0]
    assert np.isnan(found["quadratic_multiplier"])
    assert found["interval"] != HULL
    assert found["ci_low"] == found["law_ci_low"]


def _judged(row):
    row |= {"law": "power", "status": "converged"}
    found = judge(pd.Series(row), gate(), {}).found
    return found.get("law", "")
