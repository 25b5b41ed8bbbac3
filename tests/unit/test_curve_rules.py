from itertools import count, groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isoloss.cleaning.curve_rules import _least_mad, constant, diverged, out_of_order, spikes

NAN, INF = float("nan"), float("inf")
USUAL = {"window": 51, "mads": 10.0, "rise": 0.05}


def curve(n=1000, noise=0.01, seed=0):
    steps = np.arange(1, n + 1)
    return 2 + 3 * steps**-0.3 + np.random.default_rng(seed).normal(0, noise, n)


# --- divergence


def test_a_run_that_went_well_has_not_diverged():
    assert diverged(curve(), **USUAL) is None
    assert diverged(np.array([3.0]), **USUAL) is None
    assert diverged(np.array([]), **USUAL) is None


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_run_that_ends_in_nan_diverged_where_the_nans_begin(bad):
    y = curve()
    y[700:] = bad
    assert diverged(y, **USUAL) == 700
    assert diverged(y, 51, 0.0, 0.05) == 700


def test_a_metric_that_was_never_finite_did_not_diverge():
    assert diverged(np.full(5, NAN), **USUAL) is None


def test_nans_from_which_a_run_recovers_are_no_divergence():
    y = curve()
    y[300:400] = NAN
    assert diverged(y, **USUAL) is None


def test_the_rise_before_the_nans_belongs_to_the_divergence():
    y = curve()
    y[800:] += np.linspace(0, 0.2, 200)
    y[900:] = NAN
    assert 800 <= diverged(y, **USUAL) < 900


def test_a_loss_that_rises_and_stays_up_has_diverged_where_it_left_its_best():
    y = curve()
    y[600:] += np.linspace(0, 2, 400)
    onset = diverged(y, **USUAL)
    assert 600 <= onset < 620


def test_a_rise_from_which_a_run_comes_back_is_no_divergence():
    y = curve()
    y[600:700] += 2
    assert diverged(y, **USUAL) is None


def test_one_high_value_at_the_end_is_no_divergence():
    y = curve()
    y[-1] += 2
    assert diverged(y, **USUAL) is None


@pytest.mark.parametrize("rise", [0.03, 0.06])
def test_how_far_a_loss_must_rise_is_a_share_of_its_best(rise):
    y = curve(noise=1e-4)
    y[900:] = y[800:900].min() * (1 + 0.045)
    assert (diverged(y, 51, 10.0, rise) is None) == (rise > 0.045)


def test_a_rise_within_the_noise_is_no_divergence():
    y = curve(noise=0.2)
    y[900:] += 0.3
    assert diverged(y, **USUAL) is None


def went(values, window, mads, rise):
    """From which index a finite curve has diverged, by the definition."""
    if len(values) < 10:
        return None
    size = min(window, len(values) // 2)
    n = len(values) - size
    firsts = [min(max(i - size // 2, 0), n) for i in range(len(values))]
    level = np.array([np.median(values[first : first + size]) for first in firsts])
    sd = 1.4826 * np.median(np.abs(values - level))
    best = level.min()
    near = np.flatnonzero(values <= best + 3 * sd)
    tail = values[near[-1] + 1 :]
    if len(tail) < 5:
        return None
    up = np.median(tail[-size:]) - best
    return int(near[-1]) + 1 if up > max(mads * sd, rise * abs(best)) else None


@pytest.mark.parametrize("mads", [1.5, 4.0, 8.0])
@pytest.mark.parametrize("rise", [0.0, 0.02])
def test_a_curve_has_diverged_as_by_the_definition(mads, rise):
    random, found = np.random.default_rng(3), []
    for _ in range(150):
        n, window = random.integers(4, 200), random.integers(5, 40)
        values = 2 + random.normal(0, 0.01, n)
        values[int(random.uniform(0.3, 1) * n) :] += random.choice([0, 0.02, 0.05, 0.1, 0.2])
        found.append(went(values, window, mads, rise))
        assert diverged(values, window, mads, rise) == found[-1]
    assert 10 < sum(each is not None for each in found) < 140


def test_without_the_rule_a_rise_is_let_be():
    y = curve()
    y[600:] += 2
    assert diverged(y, 51, 0.0, 0.05) is None


def test_the_level_is_a_moving_median_of_half_the_run_at_most():
    # Of ten values five are the level; one value fewer is no level.
    assert diverged(np.array([2.0] * 5 + [3.0] * 5), 51, 10.0, 0.05) == 5
    assert diverged(np.array([2.0] * 4 + [3.0] * 5), 51, 10.0, 0.05) is None
    assert diverged(np.array([2.0] * 6 + [3.0] * 4), 51, 10.0, 0.05) is None


def test_a_rise_must_be_above_the_share_of_the_best():
    y = np.array([2.0] * 20 + [2.5] * 20)
    assert diverged(y, 5, 10.0, 0.25) is None
    assert diverged(y, 5, 10.0, 0.24) == 20


def test_a_rise_is_measured_at_the_end_of_the_run():
    y = np.array([2.0] * 20 + [9.0] * 20 + [2.1] * 20)
    assert diverged(y, 5, 0.1, 0.06) is None
    assert diverged(y, 5, 0.1, 0.04) == 20


def test_the_onset_is_counted_in_all_values():
    y = np.array([NAN, NAN] + [2.0] * 20 + [3.0] * 20)
    assert diverged(y, 5, 10.0, 0.05) == 22


# --- constant


def test_a_stretch_of_equal_values_is_flagged_but_for_its_first():
    y = curve()
    y[500:530] = y[500]
    assert list(np.flatnonzero(constant(y, 20))) == list(range(501, 530))
    assert not constant(y, 31).any()


def test_a_curve_that_never_moves_is_constant():
    assert constant(np.full(20, 2.0), 20).sum() == 19
    assert not constant(np.full(19, 2.0), 20).any()
    assert not constant(np.array([]), 20).any()


def test_a_stretch_is_held_against_the_median_of_ten_on_either_side():
    def curve(near, far):
        side = np.concatenate([np.repeat(np.arange(10) + 1.0, near), np.repeat([11.0], far)])
        return np.concatenate([-side[::-1], np.full(12, 0.0), side])

    # The stretches around it are of 2 values: a stretch of 12 is six times as long.
    for least, flagged in ((6, 11), (7, 0)):
        found = constant(curve(2, 1), least)
        assert found.sum() == flagged


def test_the_eleventh_stretch_away_does_not_matter_and_each_of_the_ten_does():
    # Ten of 1 value and ten of 3: the median is 2, and 3 with one of 1 less or one of 3 more.
    lengths = [3, *[1] * 5, *[3] * 5, 12, 1, *[3] * 5, *[1] * 4, 3]
    values = np.repeat(np.arange(len(lengths), dtype=float), lengths)
    assert constant(values, 6).sum() == 11
    for near in (*range(1, 6), 12, *range(18, 22)):
        other = np.delete(values, np.flatnonzero(values == near))
        assert not constant(other, 6).any()


def test_a_smooth_curve_of_few_digits_is_not_constant():
    y = np.round(2 + 3 * np.arange(1, 20001.0) ** -0.1, 3)  # late stretches hold hundreds
    assert np.diff(np.flatnonzero(np.diff(y))).max() > 20
    assert not constant(y, 20).any()


def repeats(values, least):
    """What is constant, by its definition."""
    stretches = [len(list(equal)) for _, equal in groupby(values)]
    flags = []
    for i, length in enumerate(stretches):
        near = [*stretches[max(0, i - 10) : i], *stretches[i + 1 : i + 11]]
        long = length >= least and length >= least * (np.median(near) if near else 1)
        flags += [False, *[long] * (length - 1)]
    return flags


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 6), st.lists(st.integers(1, 14), max_size=40))
def test_every_stretch_is_held_against_its_neighbours_as_by_the_definition(least, lengths):
    values = np.repeat(np.arange(len(lengths), dtype=float), lengths)
    assert list(constant(values, least)) == repeats(values, least)


# --- spikes


def judged(values, i, window, mads):
    """Whether one value is a spike, by its definition."""
    first = min(max(i - window // 2, 0), len(values) - window)
    around = values[first : first + window]
    level = max(np.median(around), values[: max(i, 1)].min())
    mad = np.median(np.abs(around - np.median(around)))
    return mad > 0 and values[i] - level > mads * 1.4826 * mad


@pytest.mark.parametrize("window", [5, 8, 25])
def test_each_value_is_judged_by_the_window_around_it(window):
    random = np.random.default_rng(1)
    values = 9 * np.exp(-np.arange(300) / 99) + random.standard_t(2, 300) * np.geomspace(
        0.01, 1, 300
    )
    expected = [judged(values, i, window, 1) for i in range(300)]
    assert 5 < sum(expected) < 100
    assert list(spikes(values, window, 1)) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.integers(3, 40),
    st.integers(0, 2),
    st.sampled_from([0.5, 3.0, 10.0]),
    st.lists(st.one_of(st.integers(0, 5), st.floats(-1e6, 1e6)), min_size=40, max_size=120),
)
def test_every_value_is_judged_as_by_the_definition(window, digits, mads, values):
    values = np.round(np.array(values, float), digits)
    here = [judged(values, i, window, mads) for i in range(len(values))]
    np.testing.assert_array_equal(spikes(values, window, mads), here)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(3, 40),
    st.lists(st.one_of(st.integers(0, 3), st.floats(-9, 9)), min_size=40, max_size=90),
)
def test_what_a_mad_is_not_below_is_not_above_it(window, values):
    """Where a value rises less than that allows, its window is not looked at."""
    values = np.array(values, float)
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    medians = np.median(windows, axis=1, keepdims=True)
    assert (_least_mad(values, window) <= np.median(np.abs(windows - medians), axis=1)).all()


def bounded(values, window):
    """What the MAD of each window is not below, by its definition.

    Every window holds `fewest` whole parts of a quarter of it. The half of its values that lie
    within one MAD of its median cannot be outside of these parts and fewer than `some` in each.
    """
    size = max(1, window // 4)
    parts = [np.sort(values[at : at + size]) for at in range(0, len(values) - size + 1, size)]
    fewest = min((first + window) // size - -(-first // size) for first in range(size))
    some = next(k for k in count(1) if window - fewest * size + fewest * k >= window // 2)
    bounds = []
    for first in range(len(values) - window + 1):
        mine = parts[-(-first // size) :][:fewest]
        bounds.append(min((part[some - 1 :] - part[: size - some + 1]).min() for part in mine) / 2)
    return np.array(bounds)


@pytest.mark.parametrize("window", [3, 5, 7, 8, 20, 21, 25, 51, 58, 100])
def test_what_a_mad_is_not_below_is_a_little_less_than_by_its_definition(window):
    for n in (window, window + 1, window + 37, 3 * window):
        values = np.random.default_rng(n).normal(0, 1, n)
        least, bound = _least_mad(values, window), bounded(values, window)
        assert (least >= bound * (1 - 2e-9)).all()
        assert (least <= bound * (1 - 5e-10)).all()  # no rounding lifts it above


def test_what_a_mad_is_not_below_is_near_it_in_noise():
    values = np.random.default_rng(4).normal(0, 1, 2000)
    assert np.median(_least_mad(values, 51)) > 0.1  # 0.67 the MAD


def test_a_spike_must_lie_above_the_limit():
    # The median of the five is 0, their MAD 1.
    limit = 10 * 1.4826
    assert not spikes(np.array([-1.0, -1.0, 0.0, 1.0, limit]), 5, 10).any()
    assert spikes(np.array([-1.0, -1.0, 0.0, 1.0, np.nextafter(limit, 99)]), 5, 10)[4]


def test_a_small_limit_is_met_where_a_mad_is_as_little_as_it_can_be():
    # Of 20 values 11 lie within 1 of 0: two in each whole part of 5, as far apart as they can.
    parts = [[-1, 1, 30, -40, 50], [-1, 1, -60, 70, -80], [-1, 1, 90, -35, -45]]
    values = np.array([*np.concatenate(parts), 0.9, -0.9, 0.0, 0.0, 0.8])
    expected = [judged(values, i, 20, 0.5) for i in range(20)]
    assert expected[15]  # 0.9 > 0.5 * 1.4826, though it is less than the MAD
    assert list(spikes(values, 20, 0.5)) == expected


@pytest.mark.parametrize("block", [1, 7, 64])
def test_curves_are_judged_the_same_in_blocks(monkeypatch, block):
    monkeypatch.setattr("isoloss.cleaning.curve_rules.BLOCK", block)
    random = np.random.default_rng(5)
    for fall in (3, 10, 30):
        values = 9 * np.exp(-np.arange(150) / fall) + random.standard_t(2, 150) * 0.05
        expected = [judged(values, i, 9, 1) for i in range(150)]
        assert any(expected)
        assert list(spikes(values, 9, 1)) == expected
        values[100:] += 0.5
        assert diverged(values, 9, 4.0, 0.05) == went(values, 9, 4.0, 0.05)


def test_a_long_curve_is_judged_like_a_short_one():
    values = np.random.default_rng(2).normal(2, 0.1, 2**14 + 300)
    flags = spikes(values, 25, 3)
    for i in range(2**14 - 50, 2**14 + 50):
        assert flags[i] == judged(values, i, 25, 3)


# --- tokens


def test_tokens_that_only_rise_are_in_order():
    assert not out_of_order(np.array([1.0, 2, 2, 3])).any()


def test_one_wrong_counter_is_out_of_order_and_not_all_that_follow():
    assert list(out_of_order(np.array([1.0, 2, 99, 3, 4]))) == [0, 0, 1, 0, 0]
    assert list(out_of_order(np.array([1.0, 2, 0, 3, 4]))) == [0, 0, 1, 0, 0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 8), max_size=9))
def test_the_fewest_values_go_and_the_others_rise(values):
    y = np.array(values, dtype=float)
    flags = out_of_order(y)
    assert (np.diff(y[~flags]) >= 0).all()
    best = max(
        sum(mask >> i & 1 for i in range(len(y)))
        for mask in range(1 << len(y))
        if (np.diff(y[[bool(mask >> i & 1) for i in range(len(y))]]) >= 0).all()
    )
    assert len(y) - flags.sum() == best
