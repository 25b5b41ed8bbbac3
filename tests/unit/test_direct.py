"""Multipliers without a law: between measured points, and between the minima of iso-FLOP curves."""

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fit import fits
from isoloss.fit.laws.chinchilla import optimal_allocation, value
from isoloss.fit.settings import Fitting
from isoloss.multiplier.direct import budgets_of, direct, disagree, in_6nd, lowest, measured
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.settings import Comparison
from isoloss.multiplier.verdict import verdict
from isoloss.points.from_table import tabled_points
from isoloss.units import PFLOP_S_DAY
from numpy.testing import assert_allclose
from scipy.interpolate import PchipInterpolator
from sections import gate

FIT = {"method": "least_squares_log", "weight_by": "none", "resampling": "wild", "draws": 100}
COMPARED = {"at_loss": [], "pair_by": "model", "confidence": 0.95, "grid": 5, "margin": 0.1}
FIT_KEYS = ["metric", "convention", "law", "method", "arm"]
COMPUTE = np.geomspace(1, 16, 5)


def ladder(compute, loss, arm="base"):
    n = len(loss)
    return pd.DataFrame(
        {"compute_pflop_s_days": compute, "loss": loss, "model": [f"m{i}" for i in range(n)]}
        | {"run": [f"{arm}-{i}" for i in range(n)]}
    )


def pair(noise=0.0, shared=0.0, times=1.3, floor=0.0):
    """Points of two arms on one law; the candidate does with `times` less compute."""
    arms = []
    for gain, own in ((1.0, 1), (times, 2)):
        random = np.random.default_rng(own)
        log = np.log(floor + 2.5 * (COMPUTE * gain) ** -0.05)
        log += shared * np.random.default_rng(0).normal(size=5) + noise * random.normal(size=5)
        arms.append(ladder(COMPUTE, np.exp(log), f"arm{own}"))
    return arms


@pytest.mark.parametrize("floor", [0.0, 1.5])
def test_points_of_one_law_give_its_multiplier_whatever_the_law(floor):
    base, new = pair(floor=floor)
    losses = np.exp(np.linspace(np.log(base["loss"].min()), np.log(new["loss"].max()), 7))
    found = direct(measured(base), measured(new), losses, confidence=0.95)
    assert_allclose(found["multiplier"], 1.3, rtol=2e-3)
    assert set(found["pairing"]) == {"paired"}
    assert set(found["reason"]) == {""}
    assert not found["extrapolated"].any()


def test_the_interpolation_is_monotone_and_passes_through_the_points():
    base, _ = pair(noise=2e-3)
    rungs = measured(base.sample(frac=1, random_state=0))  # by compute, in whatever order they come
    assert_allclose(np.exp(rungs.log_compute(rungs.loss)), COMPUTE)
    at = np.geomspace(*rungs.loss[[0, -1]], 60)
    assert (np.diff(rungs.log_compute(at)) > 0).all()
    expected = PchipInterpolator(np.log(rungs.loss[::-1]), np.log(COMPUTE[::-1]))(np.log(2.35))
    assert_allclose(rungs.log_compute(np.array([2.35])), expected)


def test_a_measured_loss_moves_the_estimate_by_its_slope():
    rungs = measured(pair(noise=2e-3)[0])
    losses = np.array([2.2, 2.3, 2.45])
    slopes = rungs.slopes(losses)
    for i in range(5):
        points = ladder(COMPUTE, rungs.loss * np.exp(1e-7 * (np.arange(5) == i)))
        moved = measured(points).log_compute(losses) - rungs.log_compute(losses)
        assert_allclose(moved / 1e-7, slopes[:, i], rtol=1e-3, atol=1e-4)
    # A loss higher everywhere by one share needs the compute of a lower loss everywhere.
    assert (slopes.sum(axis=1) > 0).all()


def test_what_the_arms_share_cancels_and_independent_arms_do_not_use_it():
    base, new = pair(noise=1e-5, shared=2e-3)
    together = direct(measured(base), measured(new), np.array([2.3]), confidence=0.95)
    apart = direct(measured(base), measured(new), np.array([2.3]), pair=False, confidence=0.95)
    width = [float(np.log(one["ci_high"] / one["ci_low"]).iloc[0]) for one in (together, apart)]
    assert width[0] < width[1] / 1.5  # at one loss the arms lie between other points
    assert together["residual_correlation"].iloc[0] > 0.99
    assert set(apart["pairing"]) == {"welch"}
    lacking = direct(measured(base), measured(new.iloc[:4]), np.array([2.35]), confidence=0.95)
    assert set(lacking["pairing"]) == {"welch"}


def test_runs_of_one_model_are_averaged():
    base, new = pair()
    twice = pd.concat([base.assign(loss=base["loss"] * e) for e in (0.99, 1 / 0.99)])
    twice["run"] = [f"r{i}" for i in range(10)]
    found = direct(measured(twice), measured(new), np.array([2.3]), confidence=0.95)
    assert_allclose(found["multiplier"], 1.3, rtol=1e-3)
    assert found["n_points"].iloc[0] == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.assign(loss=p["loss"].where(p["model"] != "m3", 2.6)), "model m3 has more"),
        (lambda p: pd.concat([p, p]), "runs have several points each, which share their errors"),
        (lambda p: p.iloc[:1], "1 loss to interpolate between"),
        (lambda p: p.iloc[:2], "too few points to tell their error"),
    ],
)
def test_no_number_or_no_interval_without_what_it_takes_and_the_reason(change, reason):
    base, new = pair()
    found = direct(measured(base), measured(change(new)), np.array([2.45]), confidence=0.95)
    assert reason in found["reason"].iloc[0]
    assert np.isnan(found["ci_low"].iloc[0])


def test_nothing_is_read_off_beyond_the_points():
    base, new = pair()
    found = direct(measured(base), measured(new), np.array([1.5, 2.3, 2.6]), confidence=0.95)
    assert found["multiplier"].isna().tolist() == [True, False, True]
    assert found["extrapolated"].tolist() == [True, False, True]
    assert "the loss lies outside the measured losses of the baseline, 2.1" in found["reason"][0]


def curves(times=1.5, noise=0.0, seed=0, width=0.6):
    """Parabolas in log N at five budgets whose lowest losses lie on a power law."""
    random = np.random.default_rng(seed)
    rows = []
    for arm, gain in (("old", 1.0), ("new", times)):
        for i, c in enumerate(COMPUTE):
            for j, x in enumerate(np.linspace(-2, 2, 9) * width):
                n = 1e8 * c**0.5 * np.exp(x)
                loss = 3 * (c * gain) ** -0.08 * (1 + 0.01 * x**2) * np.exp(noise * random.normal())
                rows.append(
                    {"run": f"{arm}-{i}-{j}", "arm": arm, "model": f"{i}-{j}", "loss": loss}
                    | {"compute_pflop_s_days": c, "parameters": n}
                    | {"tokens": c * PFLOP_S_DAY / 6 / n}
                )
    return tabled_points(rows, {"loss": "loss"}, ["logged"])


def compared(points, **fit):
    asked = Fitting(**FIT | fit)
    made = fits(points, asked, "model")
    tables = made.table("fit", [*FIT_KEYS, "status", "headline_law"])
    return multipliers(
        tables.assign(headline_law=tables["headline_law"].astype(bool)),
        points,
        made.table("draws", []) if made.draws else None,
        made.table("surface", []) if made.surface else None,
        baseline="old",
        headline="logged",
        settings=Comparison(**COMPARED),
        gate=gate(),
        fitting=asked,
    )


def test_isoflop_is_the_headline_where_the_study_names_it():
    table = compared(curves(noise=1e-4), law="isoflop")
    assert set(table["law"]) == {"isoflop"}
    assert set(table["method"]) == {"parabola"}
    assert set(table["kind"]) == {"reported", "grid"}
    first = table[table["headline"]].iloc[0]
    assert_allclose(first["multiplier"], 1.5, rtol=1e-2)
    assert first["counted_in"] == "logged"
    assert first["doubts"] == ""  # runs of one budget and other sizes are what it is made of
    assert first["simultaneous"] == 1


def test_beside_a_surface_the_minima_stand_at_its_losses_and_are_no_headline():
    table = compared(curves(noise=1e-3), law="chinchilla")
    rows = table[table["kind"] == "reported"].set_index("law")
    assert rows["headline"].to_dict() == {"chinchilla": True, "isoflop": False}
    assert rows.loc["isoflop", "loss"] == rows.loc["chinchilla", "loss"]
    low, high = rows.loc["isoflop", ["ci_low", "ci_high"]]
    assert low < 1.5 < high


def test_beside_a_law_of_compute_stand_the_points_as_they_are():
    rows = [
        row | {"arm": arm, "run": f"{arm}-{i}"}
        for arm, table in zip(("old", "new"), pair(noise=1e-3), strict=True)
        for i, row in enumerate(table.to_dict("records"))
    ]
    table = compared(tabled_points(rows, {"loss": "loss"}, ["logged"]), law="power")
    reported = table[table["kind"] == "reported"].set_index("law")
    assert reported["headline"].to_dict() == {"power": True, "measured": False}
    assert (reported.loc["measured", ["loss"]] == reported.loc["power", ["loss"]]).all()
    low, high = reported.loc["measured", ["ci_low", "ci_high"]]
    assert low < 1.3 < high


def test_the_error_of_minima_covers_their_truth():
    """Coverage is measured in benchmarks/coverage.py; here, that it is no tenth and no ten."""
    inside = 0
    for seed in range(60):
        points = curves(noise=2e-3, seed=seed)
        arms = [
            lowest(
                budgets_of(points[points["arm"] == arm], "parabola", Fitting(**FIT, law="power"))
            )
            for arm in ("old", "new")
        ]
        found = direct(*arms, np.array([2.75]), confidence=0.8).iloc[0]
        inside += found["ci_low"] < 1.5 < found["ci_high"]
    assert 38 <= inside <= 58


def test_minima_that_do_not_fall_are_no_rungs():
    points = curves()
    worse = points["loss"].where(points["compute_pflop_s_days"] != 4, 3.0 + points["loss"] / 100)
    table = budgets_of(points.assign(loss=worse)[points["arm"] == "old"], "parabola", SETTINGS)
    assert "the budget of 4 PFLOP/s-days has more compute and no lower loss than 2" in (
        lowest(table).reason
    )


SETTINGS = Fitting(**FIT, law="power")


def row(value, low, high, law="chinchilla"):
    return {"multiplier": value, "ci_low": low, "ci_high": high, "law": law}


def test_law_and_measurement_disagree_beyond_the_noise_of_both_and_not_within():
    law = row(4.83, 4.83 / 1.1, 4.83 * 1.1)
    words = disagree(law, row(3.74, 3.74 / 1.1, 3.74 * 1.1))
    assert "4.83 by chinchilla, 3.74 by the lowest losses" in words
    # log 4.83 / 3.74 is 0.256; half widths of 0.2 each make 0.28.
    wide = [row(m, m * np.exp(-0.2), m * np.exp(0.2)) for m in (4.83, 3.74)]
    assert disagree(*wide) == ""
    narrow = [row(m, m * np.exp(-0.17), m * np.exp(0.17)) for m in (4.83, 3.74)]
    assert disagree(*narrow) != ""
    assert disagree(law, row(np.nan, np.nan, np.nan)) == ""


def test_budgets_of_logged_compute_are_counted_as_6nd_at_their_best_size():
    n = np.tile(np.geomspace(1e8, 1e9, 7), 2)
    compute = np.repeat([1.0, 4.0], 7)
    ratio = 1.2 * (n / 3e8) ** 0.1  # 6 N D over logged compute
    tokens = ratio * compute * PFLOP_S_DAY / 6 / n
    points = pd.DataFrame({"compute_pflop_s_days": compute, "parameters": n, "tokens": tokens})
    table = pd.DataFrame({"compute_pflop_s_days": [1.0, 4.0], "optimal_parameters": [3e8, 6e8]})
    found = in_6nd(table, points)["compute_pflop_s_days"]
    assert_allclose(found, [1.2, 4 * 1.2 * 2**0.1], rtol=1e-9)


def test_a_surface_is_held_against_the_minima_at_its_own_losses(monkeypatch):
    budgets = np.repeat(np.geomspace(1, 81, 5), 7)
    best = optimal_allocation(budgets, 480.0, 0.35, 2100.0, 0.37)[0]
    n = best * np.tile(1.6 ** np.arange(-3.0, 4.0), 5)
    tokens = budgets * PFLOP_S_DAY / 6 / n
    tables, labels = [], [f"m{j}" for j in range(n.size)]
    for i, (name, gain) in enumerate((("base", 1.0), ("new", 1.3))):
        loss = value(n * gain**0.5, tokens * gain**0.5, 1.8, 480.0, 0.35, 2100.0, 0.37)
        loss = loss * np.exp(1e-3 * np.random.default_rng(i).normal(size=n.size))
        columns = {"compute_pflop_s_days": budgets, "parameters": n, "tokens": tokens, "loss": loss}
        runs = [f"{name}-{label}" for label in labels]
        tables.append(pd.DataFrame(columns).assign(arm=name, model=labels, run=runs))
    points = pd.concat(tables).assign(metric="loss", convention="logged", used=True, loss_se=np.nan)
    settings = Fitting(law="chinchilla", **FIT)
    made = fits(points, settings, "model")

    def found():
        table = multipliers(
            made.table("fit", []),
            points,
            made.table("draws", []),
            made.table("surface", []),
            baseline="base",
            headline="logged",
            settings=Comparison(**COMPARED),
            gate=gate(),
            fitting=settings,
        )
        return table[table["kind"] == "reported"].set_index("law")

    table = found()
    assert "disagree" not in table.loc["chinchilla", "doubts"]
    said = "{0[multiplier]:.6f} and {1[multiplier]:.6f}".format
    monkeypatch.setattr("isoloss.multiplier.multiplier.disagree", said)
    both = said(table.loc["chinchilla"], table.loc["isoflop"])
    refused = found().loc["chinchilla"]
    assert f"disagree: {both}" in refused["doubts"]
    assert not verdict(refused).headline
