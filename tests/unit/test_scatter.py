"""Scatter that grows with size, and seeds: what the default interval makes of them."""

import numpy as np
import pytest
from isoloss.fit.fitted import fit_law
from isoloss.fit.registry import LAWS
from isoloss.multiplier.equal_loss import Arm, influence, log_interval, multiplier
from isoloss.multiplier.intervals import delta
from isoloss.multiplier.scatter import GROWTH, WIDER, delta_t
from isoloss.multiplier.verdict import judge
from numpy.testing import assert_allclose
from scipy import stats
from sections import gate

AT = np.array([2.3 * 16**-0.053])  # The end of the ladder.
COMPUTE = np.geomspace(1, 16, 6)
TRUTH = (2.3, 0.053)


def arm(better, error, sizes=None, compute=COMPUTE):
    """An arm whose runs have these errors of log loss."""
    sizes = range(len(compute)) if sizes is None else sizes
    compute = np.asarray(compute)[list(sizes)]
    loss = LAWS["power"].value(better * compute, *TRUTH) * np.exp(error)
    found = fit_law("power", [compute], loss)
    models, runs = (tuple(map(str, each)) for each in (sizes, range(loss.size)))
    return Arm(
        LAWS["power"],
        found.method,
        found.values,
        compute,
        loss,
        models,
        runs,
        np.ones(loss.size),
    )


def ladder(seed, ratio=1.0, sizes=6):
    """Two arms, errors of a size correlated by 0.6, `ratio` times as large at the largest size."""
    first, own = np.random.default_rng(seed).normal(size=(2, sizes))
    scale = 2e-3 * ratio ** np.linspace(-0.5, 0.5, sizes)
    compute = np.geomspace(1, 16, sizes)
    errors = scale * first, scale * (0.6 * first + 0.8 * own)
    return tuple(arm(m, e, compute=compute) for m, e in zip((1, 1.3), errors, strict=True))


def influences(pair):
    return [influence(a, AT, a.model) for a in pair]


def width(row):
    return float(np.log(row["ci_high"] / row["ci_low"]).iloc[0])


def growing(paired=True):
    """A ladder whose residuals say that their scatter grows."""
    for seed in range(50):
        pair = ladder(seed, 30.0, 8)
        row = multiplier(*pair, AT, pair_by=paired).iloc[0]
        if row["interval"] == "scatter_t" and row["scatter_growth"] > 3:
            return pair
    raise AssertionError


@pytest.mark.parametrize("paired", [True, False])
def test_the_ends_are_those_of_the_mixture_as_it_is_defined(paired):
    """By weighted least squares over (log a, b) of each arm at every growth, as formulas stand."""
    pair = growing(paired)
    a, b = influences(pair)
    found, growth, widened = delta_t(a, b, 0.95, paired=paired)
    assert widened.all()
    p = np.linspace(-0.5, 0.5, 8)
    parts = []
    for u in GROWTH:
        w = np.exp(-2 * u * p)
        rests, moves, means, log_w = [], [], [], -(u**2) / 2
        for each in pair:
            x, y = np.column_stack([np.ones(8), -np.log(each.compute)]), np.log(each.loss)
            phi = np.linalg.inv(x.T @ (w[:, None] * x))
            theta = phi @ x.T @ (w * y)
            at = (theta[0] - np.log(AT[0])) / theta[1]
            rests.append((y - x @ theta) * np.sqrt(w))
            moves.append(np.array([1, -at]) / theta[1] @ phi @ x.T * np.sqrt(w))
            means.append(at)
            log_w += np.log(w).sum() / 2 + np.linalg.slogdet(phi)[1] / 2
        s = np.array([[r @ q for r in rests] for q in rests]) / 6
        if not paired:
            s *= np.eye(2)
        variance = sum(
            sign * s[i, j] * (moves[i] @ moves[j])
            for i, j, sign in ((0, 0, 1), (1, 1, 1), (0, 1, -2))
        )
        freedom = 6.0
        if not paired:
            v = [s[i, i] * (moves[i] @ moves[i]) for i in (0, 1)]
            freedom = sum(v) ** 2 / sum(e**2 / 6 for e in v)
        log_w -= 6 / 2 * np.linalg.slogdet(s)[1]
        parts.append((log_w, means[0] - means[1], np.sqrt(variance), freedom))
    weight = np.exp([part[0] - max(part[0] for part in parts) for part in parts])
    weight /= weight.sum()

    def below(t):
        return sum(
            w * stats.t.cdf((t - m) / e, v) for w, (_, m, e, v) in zip(weight, parts, strict=True)
        )

    plain = delta(a.estimate - b.estimate, a, b, 0.95, paired=paired)
    inside = [found.low < plain.low, found.high > plain.high]
    assert any(inside)  # An end is the mixture's, or the plain one where that lies outside.
    for end, of_plain, level, moved in zip(
        (found.low, found.high), (plain.low, plain.high), (0.025, 0.975), inside, strict=True
    ):
        if moved:
            assert_allclose(below(end), level, rtol=1e-4)
        else:
            assert_allclose(end, of_plain)
    assert_allclose(np.log(growth), np.sum(weight * GROWTH), rtol=1e-6)


def test_it_is_the_plain_interval_or_wider_and_never_by_a_little():
    for seed in range(20):
        a, b = influences(ladder(seed))
        found, _, widened = delta_t(a, b, 0.95, paired=True)
        plain = delta(a.estimate - b.estimate, a, b, 0.95, paired=True)
        assert found.low <= plain.low
        assert found.high >= plain.high
        ratio = (found.high - found.low) / (plain.high - plain.low)
        assert (ratio > WIDER) == widened if widened.any() else ratio == 1


def test_scatter_that_grows_is_in_the_table_and_in_the_headline():
    row = multiplier(*growing(), AT).iloc[0]
    assert row["interval"] == "scatter_t"
    assert row["pairing"] == "paired"
    judged = judge(row.to_dict() | {"status": "converged"}, gate(), {})
    assert judged.headline
    assert f"scatter grows {row['scatter_growth']:.1f} x with size" in judged.words("scatter")
    even = row.to_dict() | {"scatter_growth": 1.1, "status": "converged"}
    assert not judge(even, gate(), {}).words("scatter")


def test_the_growth_turns_round_where_the_small_sizes_are_the_noisy_ones():
    falling = [ladder(seed, 1 / 30, 8) for seed in range(30)]
    rising = [ladder(seed, 30, 8) for seed in range(30)]
    below, above = (
        [multiplier(*pair, AT)["scatter_growth"].iloc[0] for pair in pairs]
        for pairs in (falling, rising)
    )
    assert np.median(below) < 0.7
    assert np.median(above) > 1.5


def test_three_sizes_tell_nothing_of_growth():
    row = multiplier(*ladder(0, sizes=3), AT).iloc[0]
    assert row["interval"] == "delta_t"
    assert np.isnan(row["scatter_growth"])


def test_points_on_their_laws_tell_nothing_of_growth():
    pair = arm(1, np.zeros(6)), arm(1.3, np.zeros(6))
    row = multiplier(*pair, AT).iloc[0]
    assert_allclose([row["multiplier"], row["ci_low"], row["ci_high"]], 1.3, rtol=1e-8)


# --- seeds


@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_three_seeds_of_one_size_alone_do_not_widen_the_interval(size):
    wider = []
    sizes = sorted([*range(6), size, size])
    for seed in range(60):
        random = np.random.default_rng(seed)
        first, second = 2e-3 * random.normal(size=(2, 8))
        once = [sizes.index(i) for i in range(6)]
        base = arm(1, first[once])
        seeds, plain = arm(1.3, second, sizes), arm(1.3, second[once])
        wider.append(width(multiplier(base, seeds, AT)) / width(multiplier(base, plain, AT)))
    assert np.median(wider) < 1.05


def test_seeds_that_grow_fewer_with_size_count_as_scatter_that_grows():
    runs = (9, 6, 4, 2, 1, 1)
    sizes = np.repeat(range(6), runs)
    growth, none = [], []
    for seed in range(60):
        errors = 2e-3 * np.random.default_rng(seed).normal(size=(2, sizes.size))
        pair = [arm(m, e, sizes) for m, e in zip((1, 1.3), errors, strict=True)]
        growth.append(log_interval(pair, AT)[1].growth)
        once = [list(sizes).index(i) for i in range(6)]
        pair = [arm(m, e[once]) for m, e in zip((1, 1.3), errors, strict=True)]
        none.append(log_interval(pair, AT)[1].growth)
    assert np.median(growth) > 1.2 * np.median(none)


def test_laws_that_miss_the_means_of_seeds_are_told():
    sizes = np.repeat(range(6), 3)
    curved = np.where(np.isin(sizes, (0, 5)), 0.01, -0.01)
    told = []
    for bend in (0.0, 1.0):
        errors = 1e-3 * np.random.default_rng(0).normal(size=(2, sizes.size)) + bend * curved
        pair = [arm(m, e, sizes) for m, e in zip((1, 1.3), errors, strict=True)]
        row = multiplier(*pair, AT).iloc[0].to_dict() | {"status": "converged"}
        assert_allclose(row["pure_error_sd"], 1e-3, rtol=0.4)
        told.append(judge(row, gate(), {}).words("lack_of_fit"))
    assert told[0] == []
    assert told[1][0].startswith("laws miss the means of seeds (p = ")
