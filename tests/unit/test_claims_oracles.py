"""Intervals of statements, and what of them would be noticed, against other ways to the same."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from claimed import NONE, by_hand, points
from isoloss.claims import counted, statements
from isoloss.claims.evidence import Where
from isoloss.claims.pairs import Region, _moved, _nearest, difference, judge, pair
from isoloss.claims.statements import outside
from numpy.testing import assert_allclose
from scipy.stats import f as fisher
from scipy.stats import linregress, norm, ttest_1samp
from scipy.stats import t as student

OLD, NEW = (2.5, 0.06), (2.5 * 1.25**-0.06, 0.06)
WHERE = Where("loss", "x")
BOTH = {"arm": "new", "than": "old"}
NOISY = by_hand(points({"old": OLD, "new": NEW}, own=0.003))


def logs(evidence, arm):
    mine = evidence.points[evidence.points["arm"] == arm]
    return np.log(mine[["compute_pflop_s_days", "loss"]].to_numpy()).T


def single(name, row, **more):
    """Evidence of one row of a table of fitted parameters."""
    table = pd.DataFrame([{"arm": "old", "metric": "loss", "convention": "x"} | row])
    return SimpleNamespace(**{"surface": NONE, "isoflop": NONE, "confidence": 0.95, name: table})


# --- statements about one arm or two


@pytest.mark.parametrize(("form", "of"), [("power_law", lambda y: y), ("straight_semilog", np.exp)])
def test_a_bend_is_that_of_a_parabola(form, of):
    x, y = logs(NOISY, "old")
    coefficients, covariance = np.polyfit(x, of(y), 2, cov=True)
    half = student.ppf(0.975, len(x) - 3) * 2 * np.sqrt(covariance[0, 0])
    found = statements.forms({"arm": "old", "form": form}, NOISY, WHERE).ours
    assert_allclose(found, 2 * coefficients[0] + np.array([0, -half, half]), rtol=1e-9)


def test_the_worst_of_a_range_decides_who_is_lower_and_how_far_apart_they_are():
    steeper = by_hand(points({"old": OLD, "new": (2.45, 0.065)}, own=1e-4))
    gap = steeper.gap("new", "old", WHERE, np.array([0.5, 16.0]))
    worst = [np.exp(each[0]) for each in (gap.value, gap.low)]
    found = statements.orderings(BOTH, steeper, WHERE)
    assert_allclose(found.ours[0], worst[0])
    assert found.ours[1] == pytest.approx(worst[1], rel=1e-4)
    # The laws are farthest apart, in nats, at 16 or 0.5: there the difference is judged.
    x = np.geomspace(0.5, 16, 11)
    apart = [a * x**-b for a, b in (OLD, (2.45, 0.065))]
    found = statements.differences({**BOTH, "below": "0.01"}, steeper, WHERE)
    assert found.outcome == "differs"
    assert found.ours[0] == pytest.approx(np.abs(apart[1] - apart[0]).max(), abs=1e-3)
    assert 0.9 * found.ours[0] < found.ours[1] < found.ours[0] < found.ours[2]
    turned = statements.differences({"arm": "old", "than": "new", "below": "0.01"}, steeper, WHERE)
    assert_allclose(turned.ours, found.ours, rtol=0.01)


@pytest.mark.parametrize("sizes", [1, 3])
def test_the_largest_of_several_differences_is_held_against_the_largest_of_as_many_errors(sizes):
    table = points({"old": OLD, "new": NEW}, compute=np.geomspace(1, 8, sizes), own=0.0)
    one, two = (table[table["arm"] == arm]["loss"].to_numpy() for arm in ("new", "old"))
    evidence = replace(NOISY, points=table.assign(loss_se=0.001))
    half = norm.ppf((1 + 0.95 ** (1 / sizes)) / 2) * 0.001 * np.sqrt(2)
    apart = np.abs(one - two).max()
    claim = {**BOTH, "below": "0.01", "of": "sizes"}
    found = statements.differences(claim, evidence, WHERE).ours
    assert_allclose(found, (apart, apart - half, apart + half), rtol=1e-9)


def test_how_much_steeper_a_law_is_is_the_difference_of_exponents():
    (x, a), (_, b) = (logs(NOISY, arm) for arm in ("old", "new"))
    line = linregress(x, b - a)  # arms that share their errors: one line through the differences
    found = statements.slopes({**BOTH, "relation": "steeper"}, NOISY, WHERE).ours
    assert found[0] == pytest.approx(-line.slope, rel=1e-6)
    assert found[1] < -line.slope < found[2]


def test_a_crossing_is_where_the_lines_meet_and_is_noticed_beyond_its_factor():
    crossing = by_hand(points({"old": (2.5, 0.06), "new": (2.46, 0.05)}, own=2e-4))
    (x, a), (_, b) = (logs(crossing, arm) for arm in ("old", "new"))
    line = linregress(x, b - a)
    meet = np.exp(-line.intercept / line.slope)
    plain = statements.crossings({**BOTH, "compute": "5"}, crossing, WHERE)
    assert plain.ours[0] == pytest.approx(meet, rel=1e-9)
    # One by one the interval of the difference holds 0 between the ends, and not beyond them.
    step = statements.CROSSINGS[1] / statements.CROSSINGS[0]
    for end, inward in ((1, step), (2, 1 / step)):
        for at, holds in ((plain.ours[end], False), (plain.ours[end] * inward, True)):
            gap = crossing.gap("new", "old", WHERE, np.array([at]), at_once=False)
            assert (gap.low[0] <= 0 <= gap.high[0]) is np.bool_(holds)
    assert_allclose((plain.below, plain.above), (plain.ours[1] - 0.5, plain.ours[2] + 0.5))
    within = statements.crossings({**BOTH, "compute": "5", "factor": 3}, crossing, WHERE)
    assert_allclose((within.below, within.above), (plain.ours[1] / 3, plain.ours[2] * 3))
    far = {**BOTH, "compute": f"{1.5 * plain.ours[2]:.1f}"}
    assert statements.crossings(far, crossing, WHERE).outcome == "differs"
    near = statements.crossings({**far, "factor": 2}, crossing, WHERE)
    assert near.outcome == "consistent"


def test_a_crossing_that_may_be_anywhere_has_no_ends():
    vague = by_hand(points({"old": OLD, "new": OLD}, own=0.02, seed=3))
    found = statements.crossings({**BOTH, "compute": "5"}, vague, WHERE)
    assert found.outcome == "not told"
    assert found.ours[1:] == (0.0, np.inf)


def test_a_loss_that_one_arm_alone_reached_is_extrapolated():
    table = points({"old": OLD, "new": NEW})
    low, high = (table.groupby("arm")["loss"].agg(of) for of in ("min", "max"))
    inside, only_new, only_old = high.min(), low.min(), high.max()
    claim = {"baseline": "old", "candidate": "new", "multiplier": "1.25"}
    for loss, note in ((inside, ()), (only_new, ("extrapolated",)), (only_old, ("extrapolated",))):
        found = statements.multipliers({**claim, "loss": loss}, by_hand(table), WHERE)
        assert found.notes == note


def test_a_range_is_inside_up_to_rounding():
    assert outside(NOISY, WHERE, 0.5 * (1 - 1e-10), 16 * (1 + 1e-10), "old") == ""
    assert outside(NOISY, WHERE, 0.5 * (1 - 1e-6), 16, "old") == "extrapolated"
    assert outside(NOISY, WHERE, 0.5, 16 * (1 + 1e-6), "old") == "extrapolated"


# --- laws and their differences


def test_a_band_over_several_places_is_wider_by_working_and_hotelling():
    """Lines of the same 6 sizes: 4 degrees of freedom."""
    at = np.array([1.0, 4.0])
    band, each = (NOISY.gap("new", "old", WHERE, at, at_once=once) for once in (True, False))
    wider = np.sqrt(2 * fisher.ppf(0.95, 2, 4)) / student.ppf(0.975, 4)
    assert_allclose((band.high - band.low) / (each.high - each.low), wider, rtol=1e-9)
    assert_allclose(band.value - band.low, (each.value - each.low) * wider, rtol=1e-6)


@pytest.mark.parametrize("paired", [True, False])
def test_runs_of_several_points_have_a_gap_as_those_of_one(paired):
    size = pd.Series(np.tile([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], 2)).astype(str)
    table = points({"old": OLD, "new": NEW}, compute=np.geomspace(0.5, 16, 12), own=0.003)
    table = table.assign(run=table["arm"] + size, model=size)  # two points a run
    clustered = replace(by_hand(table), pair_by_model=paired)
    found = clustered.gap("new", "old", WHERE, np.array([2.0]))
    lines = [linregress(*logs(clustered, arm)) for arm in ("new", "old")]
    value = [line.intercept + line.slope * np.log(2) for line in lines]
    assert_allclose(found.value, value[0] - value[1])
    assert found.low < found.value < found.high


def test_noticed_of_one_of_a_pair_is_as_far_as_the_region_reaches():
    region = Region(np.array([1.0, 0.05]), np.array([[4e-4, 9e-5], [9e-5, 3e-5]]), 4.0, 6)
    said = np.array([1.01, 0.0505])
    for which in (0, 1):
        for end in region.ends(said, which, 3.0):
            moved = said.copy()
            moved[which] = end
            off = moved - region.centre
            assert off @ np.linalg.inv(region.covariance) @ off / 2 == pytest.approx(3.0)
    far = said + np.array([0.0, 1.0])
    assert np.isnan(region.ends(far, 0, 3.0)).all()


def test_the_same_points_leave_a_pair_within_twice_the_squares_or_one_point():
    region = Region(np.zeros(2), np.eye(2), 4.0, 6, moved=0.5)
    assert region.reach(0.95, same_data=True) == 2.0  # 2 F / 4 of the squares more
    assert replace(region, moved=3.0).reach(0.95, same_data=True) == 3.0
    assert region.reach(0.95, same_data=False) == pytest.approx(fisher.ppf(0.95, 2, 4))


def test_the_nearest_of_a_rectangle_is_found_by_looking_everywhere():
    rng = np.random.default_rng(1)
    for _ in range(20):
        root = rng.normal(size=(2, 2))
        inverse, off, half = root @ root.T, rng.normal(size=2) * 2, rng.uniform(0, 1, 2)
        sides = [np.linspace(c - h, c + h, 401) for c, h in zip(off, half, strict=True)]
        d = np.stack(np.meshgrid(*sides), axis=-1)
        least = np.einsum("...i,ij,...j->...", d, inverse, d).min()
        assert _nearest(inverse, off, half) == pytest.approx(least, abs=0.02)
        assert _nearest(inverse, off, half) <= least + 1e-12


def test_how_far_a_point_moves_a_pair_is_how_far_leaving_it_out_does():
    x, y = logs(NOISY, "old")
    coefficients, covariance = np.polyfit(x, y, 1, cov=True)
    information = np.linalg.inv(covariance)
    moved = []
    for i in range(len(x)):
        off = np.polyfit(np.delete(x, i), np.delete(y, i), 1) - coefficients
        moved.append(off @ information @ off / 2)
    assert _moved(NOISY.arm("old", WHERE).fit) == pytest.approx(max(moved), rel=1e-6)


def test_the_difference_of_two_pairs_is_that_of_their_lines():
    lines = [linregress(*logs(NOISY, arm)) for arm in ("new", "old")]
    found = difference("new", "old", NOISY, WHERE)
    expected = [lines[0].intercept - lines[1].intercept, lines[1].slope - lines[0].slope]
    assert_allclose(found.centre, expected, rtol=1e-6)
    # What the arms of a size do not share: the line through their differences has its covariance.
    (x, a), (_, b) = (logs(NOISY, arm) for arm in ("old", "new"))
    _, covariance = np.polyfit(x, b - a, 1, cov=True)
    correlation = -covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    ours = found.covariance[0, 1] / np.sqrt(found.covariance[0, 0] * found.covariance[1, 1])
    assert ours == pytest.approx(correlation, rel=0.05)


def test_of_many_lines_one_may_be_as_far_from_its_difference():
    """The level is shared out among metrics and other arms: more claims, fewer false alarms."""
    vague = by_hand(points({"old": OLD, "new": NEW}, own=0.002))
    claims = [
        {"arm": arm, "metric": "loss", "place": "here", "exponent": exponent, "coefficient": a}
        for arm, a, exponent in (("old", "2.500", "0.0600"), ("new", "@", "0.0600"))
    ]
    others = [
        {**claims[0], "metric": f"other {i}"} for i in range(200)
    ]  # of other metrics, which are not looked at here

    def differs(coefficient, among):
        ours = [claims[0], {**claims[1], "coefficient": coefficient}]
        note = judge(ours[0], [*ours, *among], vague, WHERE)[0].notes
        return note == ("the data have another difference from the line of new",)

    alone, many = (
        [differs(f"{a:.4f}", among) for a in np.linspace(2.40, 2.50, 21)] for among in ([], others)
    )
    assert sum(many) < sum(alone)
    contrast = difference("old", "new", vague, WHERE)

    def p(coefficient):
        mine, half = pair(claims[0])
        theirs, other = pair({**claims[1], "coefficient": coefficient})
        return contrast.p(contrast.distance(mine - theirs, half + other))

    for i, a in enumerate(np.linspace(2.40, 2.50, 21)):
        if alone[i] or many[i]:
            assert p(f"{a:.4f}") < 0.05
        if many[i]:
            assert p(f"{a:.4f}") < 1 - 0.95 ** (1 / 201)
        if p(f"{a:.4f}") < 1 - 0.95 ** (1 / 201):
            assert many[i]


# --- parameters and counts


def test_a_trend_is_that_of_the_sizes_slopes():
    tables = []
    for i, metric in enumerate("abcd"):
        laws = {"old": OLD, "new": (2.5 * np.exp(0.01 * i), 0.06)}
        tables.append(points(laws, own=0.002, seed=i).assign(metric=metric))
    table = pd.concat(tables)
    ours = replace(NOISY, points=table, fits=table)
    losses = table.pivot_table(index="model", columns=["arm", "metric"], values="loss")
    gaps = np.log(losses["new"]) - np.log(losses["old"])
    slopes = [linregress(np.arange(4), row).slope for row in gaps.to_numpy()]
    interval = ttest_1samp(slopes, 0).confidence_interval(0.95)
    found = counted.trends({**BOTH, "relation": "grows"}, ours, WHERE)
    assert_allclose(found.ours, (np.mean(slopes), interval.low, interval.high))


def floors(**new):
    rows = {
        "old": {"floor": 1.7, "floor_se": 0.03, "degrees_of_freedom": 9, "status": "converged"},
        "new": {"floor": 1.6, "floor_se": 0.04, "degrees_of_freedom": 4, "status": "converged"}
        | new,
    }
    return SimpleNamespace(row=lambda name, where, law: rows[name], confidence=0.95)


def test_a_floor_and_a_difference_of_floors_have_the_interval_of_their_errors():
    half = student.ppf(0.975, 9) * 0.03
    alone = counted.floors({"arm": "old", "floor": "1.69"}, floors(), WHERE)
    assert_allclose(alone.ours, (1.7, 1.7 - half, 1.7 + half))
    half = student.ppf(0.975, 4) * 0.05  # of 0.03 and 0.04, and the fewer degrees of freedom
    both = counted.floors(BOTH, floors(), WHERE)
    assert_allclose(both.ours, (-0.1, -0.1 - half, -0.1 + half))
    assert both.outcome == "not told"
    assert counted.floors(BOTH, floors(floor=1.5), WHERE).outcome == "consistent"
    assert counted.floors(BOTH, floors(floor=1.9), WHERE).outcome == "differs"
    untold = counted.floors(BOTH, floors(floor=1.5, status="not_identifiable"), WHERE)
    assert untold.outcome == "not told"


@pytest.mark.parametrize(("parameter", "name"), counted.NAMES.items())
def test_a_parameter_of_a_surface_has_its_own_error(parameter, name):
    evidence = single("surface", {name: 0.3, f"{name}_se": 0.02, "n_points": 11})
    claim = {"arm": "old", "parameter": parameter, "value": "0.31"}
    half = student.ppf(0.975, 6) * 0.02
    assert_allclose(counted.surfaces(claim, evidence, WHERE).ours, (0.3, 0.3 - half, 0.3 + half))


def test_an_allocation_is_taken_from_measured_minima_and_else_from_a_surface():
    claim = {"arm": "old", "of": "tokens", "exponent": "0.55"}
    row = {"tokens_exponent": 0.54, "parameters_exponent": 0.46, "exponent_se": 0.01}
    measured = single("isoflop", row | {"n_budgets": 6})
    half = student.ppf(0.975, 4) * 0.01
    assert_allclose(
        counted.allocations(claim, measured, WHERE).ours, (0.54, 0.54 - half, 0.54 + half)
    )
    other = counted.allocations({**claim, "of": "parameters"}, measured, WHERE)
    assert_allclose(other.ours, (0.46, 0.46 - half, 0.46 + half))
    row = {"optimal_exponent": 0.46, "optimal_exponent_se": 0.01, "n_points": 25}
    fitted = single("surface", row)
    half = student.ppf(0.975, 20) * 0.01
    assert_allclose(
        counted.allocations(claim, fitted, WHERE).ours, (0.54, 0.54 - half, 0.54 + half)
    )
    with pytest.raises(counted.Untestable, match="no standard error"):
        counted.allocations(claim, single("surface", row | {"n_points": 5}), WHERE)


def test_a_range_counts_what_lies_outside_and_a_size_who_is_higher():
    found = counted.ranges({"of": "compute", "low": "1", "high": "8"}, NOISY, WHERE)
    assert found.notes == ("4 of 12 points lie outside",)
    assert_allclose(found.ours[1:], (0.5, 16.0))
    mine = counted.ranges({"arm": "old", "of": "compute", "low": "1", "high": "16"}, NOISY, WHERE)
    assert mine.notes == ("1 of 6 points lie outside",)
    said = counted.sizes({**BOTH, "relation": "lower", "sizes": "6"}, NOISY, WHERE)
    assert (said.outcome, said.notes) == ("reproduced", ("6 of 6",))
