"""Arms that share some of their sizes: which interval they have, and whether it is right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fitted import fit_law
from isoloss.fit.registry import LAWS
from isoloss.multiplier.equal_loss import Arm, influence, log_interval, multiplier, overlap
from isoloss.multiplier.intervals import delta
from isoloss.multiplier.mixture import ATANH, mixture
from numpy.testing import assert_allclose
from scipy import stats

SIZES = ("653M", "878M", "1.1B", "1.4B", "1.7B")
NUMBERS = ["multiplier", "ci_low", "ci_high"]


def arm(compute, loss, model, run=None, law="power"):
    compute, loss = np.asarray(compute, dtype=float), np.asarray(loss, dtype=float)
    found = fit_law(law, [compute], loss)
    runs = tuple(run or map(str, range(len(loss))))
    return Arm(
        LAWS[law],
        "least_squares_log",
        found.values,
        compute,
        loss,
        tuple(model),
        runs,
        np.ones(len(loss)),
    )


def some(a, kept, law="power"):
    """An arm with these points, in this order."""
    kept = list(kept)
    models, runs = ([of[i] for i in kept] for of in (a.model, a.run))
    return arm(a.compute[kept], a.loss[kept], models, runs, law)


def only(a, b, at, **options):
    return multiplier(a, b, at, **options).iloc[0]


@pytest.fixture(scope="module")
def kimi():
    """MLA and Kimi Linear, technical report, Figure 5."""
    mla = [1.6973, 3.4983, 6.4504, 9.3864, 14.583], [2.2497, 2.1515, 2.0875, 2.0504, 2.0022]
    new = [1.756, 3.6388, 6.7612, 9.8731, 15.437], [2.2256, 2.1307, 2.0667, 2.0306, 1.9827]
    return arm(*mla, SIZES), arm(*new, SIZES)


@pytest.fixture(scope="module")
def speedrun(root):
    """AdamW at four sizes, others at seven; and the middle of the losses that both reached."""
    table = pd.read_csv(root / "tests/data/speedrun/points.csv")
    arms = {
        name: arm(rows["compute_pflop_s_days"], rows["bpb"], rows["model"])
        for name, rows in table.groupby("arm")
    }
    base = arms.pop("adamw-llama")
    return {name: (base, a, np.sqrt(np.prod(overlap(base, a)))) for name, a in arms.items()}


def noisy(seed, sizes=6, scatter=(2e-3, 2e-3), law="power", correlation=0.8):
    """A ladder of two arms with correlated errors; the candidate 1.3 times as good."""
    first, own = np.random.default_rng(seed).normal(size=(2, sizes))
    second = correlation * first + np.sqrt(1 - correlation**2) * own
    compute = np.geomspace(1, 16, sizes)
    truth = {"power": (2.3, 0.053), "power_floor": (1.1, 0.15, 1.4)}[law]
    names = [f"{i}M" for i in range(sizes)]
    return tuple(
        arm(k * compute, LAWS[law].value(k * m * compute, *truth) * np.exp(s * e), names, law=law)
        for k, m, s, e in zip((1, 1.05), (1, 1.3), scatter, (first, second), strict=True)
    )


# --- published ladders


def test_kimi_linear_without_one_run_keeps_its_number_and_names_the_size(kimi):
    base, new = kimi
    assert_allclose(only(base, new, 2.1)[NUMBERS].tolist(), [1.155, 1.134, 1.176], atol=6e-4)
    row = only(base, some(new, [0, 1, 2, 4]), 2.1)
    assert_allclose(row[NUMBERS].tolist(), [1.155, 1.129, 1.181], atol=6e-4)
    assert row["ci_high"] - row["ci_low"] < 0.06
    assert (row["pairing"], row["interval"]) == ("partly paired", "mixture_t")
    assert row["unpaired_models"] == "1.4B"
    assert row["reason"] == "no partner: 1.4B"
    assert row["degrees_of_freedom"] == 5
    assert 0.9 < row["residual_correlation"] < 1


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("muonh-qwen3", [1.387, 1.188, 1.618]), ("cautious-llama", [1.016, 0.938, 1.101])],
)
def test_runs_without_a_partner_add_what_they_know(speedrun, name, numbers):
    base, new, middle = speedrun[name]
    row = only(base, new, middle)
    assert_allclose(row[NUMBERS].tolist(), numbers, atol=6e-4)
    assert row["unpaired_models"] == "200m, 400m, 800m"
    fewer = some(new, [i for i, model in enumerate(new.model) if model in base.model])
    shared = only(base, fewer, middle)
    assert shared["pairing"] == "paired"
    narrower = np.log(row["ci_high"] / row["ci_low"]) / np.log(shared["ci_high"] / shared["ci_low"])
    assert narrower < 0.8
    assert np.log(row["ci_high"] / row["ci_low"]) < 0.8 * np.log(
        shared["ci_high"] / shared["ci_low"]
    )


# --- the mixture


def test_the_bounds_are_quantiles_of_the_mixture_as_it_is_defined():
    """By dense matrices over (log a, b) of both arms, as the formulas stand."""
    base, new = noisy(0)
    new = some(new, [5, 0, 2, 4])
    at = np.array([2.1])
    found = log_interval((base, new), at)[1]
    assert found.method == "mixture_t"
    y = np.log(np.concatenate([base.loss, new.loss]))
    x = [np.column_stack([np.ones(a.loss.size), -np.log(a.compute)]) for a in (base, new)]
    x = np.block([[x[0], np.zeros((6, 2))], [np.zeros((4, 2)), x[1]]])
    labels = np.array(base.model + new.model)
    same = (labels[:, None] == labels) & ~np.eye(10, dtype=bool)
    parts = []
    for r in np.tanh(ATANH):
        inverse = np.linalg.inv(np.eye(10) + r * same)
        phi = np.linalg.inv(x.T @ inverse @ x)
        theta = phi @ x.T @ inverse @ y
        rest = y - x @ theta
        q = rest @ inverse @ rest
        log_w = np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(phi)[1] - 6 * np.log(q)
        parts.append((log_w / 2, theta, phi * q / 6))
    weight = np.exp([w - max(w for w, *_ in parts) for w, *_ in parts])
    weight /= weight.sum()

    def log_m(theta):
        return (theta[0] - np.log(at)) / theta[1] - (theta[2] - np.log(at)) / theta[3]

    mean = sum(w * theta for w, (_, theta, _) in zip(weight, parts, strict=True))
    slope = np.array([(log_m(mean + d) - log_m(mean - d)) / 2e-6 for d in 1e-6 * np.eye(4)])[:, 0]

    def distribution(t):
        return sum(
            w * stats.t.cdf((t - log_m(theta)) / np.sqrt(slope @ v @ slope), 6)
            for w, (_, theta, v) in zip(weight, parts, strict=True)
        )

    assert_allclose(distribution(found.interval.low), 0.025, rtol=1e-5)
    assert_allclose(distribution(found.interval.high), 0.975, rtol=1e-5)
    assert_allclose(found.interval.correlation, np.sum(weight * np.tanh(ATANH)), rtol=1e-6)
    assert_allclose(found.centre, (found.interval.low + found.interval.high) / 2)


def test_with_equal_designs_and_all_pairs_it_is_the_paired_interval():
    at = np.array([2.1])
    compute, names = np.geomspace(1, 16, 6), tuple("abcdef")
    for seed in range(3):
        error = 1e-5 * np.random.default_rng(seed).normal(size=(3, 6))
        pair = [
            arm(compute, 2.3 * compute**-0.053 * np.exp(error[0] + e), names) for e in error[1:]
        ]
        a, b = (influence(each, at, each.model) for each in pair)
        mixed = mixture(a, b, 0.95)
        paired = delta(a.estimate - b.estimate, a, b, 0.95, paired=True)
        assert_allclose(mixed.low, paired.low, rtol=0.01)
        assert_allclose(mixed.high, paired.high, rtol=0.01)


def test_the_order_of_rows_does_not_matter():
    base, new = noisy(1)
    new = some(new, [0, 1, 3, 4, 5])
    turned = some(base, [3, 0, 5, 1, 4, 2]), some(new, [4, 2, 0, 1, 3])
    there, back = multiplier(base, new, [2.1, 2.2]), multiplier(*turned, [2.1, 2.2])
    assert_allclose(back[NUMBERS], there[NUMBERS], rtol=1e-9)


def test_labels_and_not_rows_make_pairs():
    base, new = noisy(1)
    shifted = replace(new, model=(*new.model[1:], "7M"))
    assert only(base, shifted, 2.1)["unpaired_models"] == "0M, 7M"
    assert only(base, shifted, 2.1)["ci_high"] != only(base, some(new, range(5)), 2.1)["ci_high"]


def test_exchanging_the_arms_inverts_the_interval():
    base, new = noisy(2)
    new = some(new, [0, 1, 2, 3, 5])
    there, back = only(base, new, 2.1), only(new, base, 2.1)
    assert_allclose(there["ci_low"] * back["ci_high"], 1, rtol=1e-9)
    assert_allclose(there["multiplier"] * back["multiplier"], 1, rtol=1e-9)


def test_a_law_with_a_floor_has_a_mixture_about_its_multiplier():
    base, new = noisy(4, 9, (1e-4, 1e-4), "power_floor", 0.9)
    row = only(base, some(new, [0, 1, 2, 3, 4, 6, 7, 8], "power_floor"), 2.1)
    assert row["interval"] == "mixture_t"
    assert row["ci_low"] < 1.3 < row["ci_high"]
    assert row["ci_high"] - row["ci_low"] < 0.05
    assert row["degrees_of_freedom"] == 9 + 8 - 6


def test_a_loss_out_of_reach_has_a_reason_and_leaves_the_others_alone():
    base, new = noisy(4, 9, (1e-4, 1e-4), "power_floor", 0.9)
    new = some(new, [0, 1, 2, 3, 4, 6, 7, 8], "power_floor")
    table = multiplier(base, new, [1.2, 2.1])
    assert np.isnan(table.loc[0, "ci_low"])
    assert "no compute of the baseline reaches loss 1.2" in table.loc[0, "reason"]
    assert table.loc[1, "ci_low"] == only(base, new, 2.1)["ci_low"]


# --- which interval


def test_three_sizes_in_common_have_a_wider_interval_where_several_lack_a_partner():
    base, new = noisy(4, 5)
    one, two = (only(base, some(new, kept), 2.1) for kept in ([0, 1, 2], [0, 2, 4]))
    for row in (one, two):
        assert row["reason"].endswith(
            "; only 3 sizes in common: interval at 0.965 in place of 0.95"
        )
        assert row["confidence"] == 0.95
    plain = only(some(base, range(4)), some(new, [0, 1, 2]), 2.1)
    assert plain["reason"] == "no partner: 3M"


def test_too_few_sizes_in_common_are_taken_as_independent_and_said():
    base, new = noisy(0, 5)
    apart = replace(new, model=("a", "b", "c", "d", "e"))
    two = replace(new, model=("0M", "1M", "c", "d", "e"))
    welch = only(base, new, 2.1, pair_by=False)
    assert welch["reason"] == welch["unpaired_models"] == ""
    for other, words in ((two, "2 sizes"), (apart, "no size")):
        row = only(base, other, 2.1)
        assert row["pairing"] == "welch"
        assert row["reason"].endswith(f"; {words} in common: arms taken as independent")
        assert row["ci_low"] == welch["ci_low"]


def test_arms_of_unequal_scatter_have_the_interval_of_the_sizes_in_common():
    base, new = noisy(0, 6, (2e-3, 8e-3))
    fewer = some(new, [0, 1, 2, 3, 5])
    row = only(base, fewer, 2.1)
    shared = only(some(base, [0, 1, 2, 3, 5]), fewer, 2.1)
    assert_allclose(row[NUMBERS].tolist(), shared[NUMBERS].tolist(), rtol=1e-9)
    assert (row["pairing"], row["interval"]) == ("partly paired", "delta_t")
    assert "residuals of one arm are" in row["reason"]
    assert row["reason"].startswith("no partner: 4M;")
    assert row["reason"].endswith("interval of the 5 sizes in common")


def test_an_arm_against_itself_without_a_size_is_one():
    base, _ = noisy(0)
    row = only(base, some(base, range(5)), 2.1)
    assert_allclose(row[NUMBERS].tolist(), 1, rtol=1e-8)
    assert "no partner: 5M" in row["reason"]


def test_points_on_their_laws_have_no_width():
    base, new = noisy(0, 6, (0, 0))
    assert_allclose(only(base, some(new, range(5)), 2.1)[NUMBERS].tolist(), 1.3, rtol=1e-8)


# --- seeds


def with_seeds(a, where, shift=()):
    """The arm with further runs of one size, their losses this many times as large."""
    more = len(shift)
    return arm(
        [*a.compute, *[a.compute[where]] * more],
        [*a.loss, *(a.loss[where] * np.exp(shift))],
        [*a.model, *[a.model[where]] * more],
    )


def test_seeds_that_repeat_a_run_change_nothing():
    base, new = noisy(0)
    for candidate in (new, some(new, [0, 1, 2, 3, 5])):
        once, thrice = (only(base, c, 2.1) for c in (candidate, with_seeds(candidate, 4, [0, 0])))
        assert thrice["pairing"] == once["pairing"]
        assert_allclose(thrice[NUMBERS].tolist(), once[NUMBERS].tolist(), rtol=1e-9)


def test_seeds_are_averaged_and_their_variance_is_told():
    base, new = noisy(0)
    shift = np.array([0.003, -0.001])
    seeds = with_seeds(new, 0, shift)
    loss = new.loss.copy()
    loss[0] *= np.exp(shift.sum() / 3)
    means = arm(new.compute, loss, new.model)
    row, expected = only(base, seeds, 2.1), only(base, means, 2.1)
    assert (row["interval"], row["pairing"]) == (expected["interval"], "paired")
    assert row["degrees_of_freedom"] == 4
    assert_allclose(row[NUMBERS].tolist(), expected[NUMBERS].tolist(), rtol=1e-9)
    found = log_interval((base, seeds), np.array([2.1]))[1]
    assert found.pure_freedom == 2
    assert_allclose(found.pure_error, np.var([0, *shift], ddof=1), rtol=1e-9)
    rest = np.sum(np.log(base.loss / base.fit.predict(base.compute)) ** 2)
    rest += np.sum(np.log(seeds.loss / seeds.fit.predict(seeds.compute)) ** 2)
    within = 2 * found.pure_error
    p = stats.f.sf((rest - within) / 8 / found.pure_error, 8, 2)
    assert_allclose(row["lack_of_fit_p"], p, rtol=1e-9)
    assert_allclose(row["pure_error_sd"] ** 2, found.pure_error)
    assert row["pure_error_degrees_of_freedom"] == 2
    none = only(base, new, 2.1)
    assert none[["pure_error_sd", "lack_of_fit_p"]].isna().all()


def test_seeds_do_not_make_up_for_sizes():
    base, new = noisy(0, 3)
    two = arm([1, 1.1, 4], [2.3, 2.29, 2.1], ["0M", "0M", "1M"])
    row = only(base, two, 2.1)
    assert np.isnan(row["ci_low"])
    assert row["reason"] == "too few sizes for the law, once the runs of a size are averaged"
    assert np.isfinite(only(base, new, 2.1)["ci_low"])
