"""The multiplier under every combination of choices."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.fit import fits
from isoloss.fit.settings import Fitting
from isoloss.multiplier.choice_names import CHOICES
from isoloss.multiplier.choices import Data, choices
from isoloss.multiplier.direct import direct, measured
from isoloss.multiplier.moves import comparisons, moves
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.saving import in_words
from isoloss.multiplier.settings import Comparison, Varied
from isoloss.points.settings import Selection
from numpy.testing import assert_allclose
from sections import gate, section

SIZES = ["50M", "100M", "200M", "400M", "800M", "1.6B"]
INSIDE = {"flops": 1.0, "more": 1.3}  # by convention, what the baseline's FLOPs are over the first


def table(shift=0.0, seed=0, drop=(), conventions=INSIDE, scatter=2e-3):
    """Points of two arms, the candidate 1.25 x as good under `flops`."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, scatter, len(SIZES))
    rows = []
    for arm, better in (("base", 1.0), ("new", 1.25)):
        own = shared + random.normal(0, scatter / 10, len(SIZES))
        for i, model in enumerate(SIZES):
            compute = 0.5 * 3**i
            loss = 2.4 * (compute * better) ** -0.06 * np.exp(own[i]) + shift
            for convention, factor in conventions.items():
                rows.append(
                    {
                        "run": f"{arm}-{model}",
                        "arm": arm,
                        "model": model,
                        "metric": "loss",
                        "convention": convention,
                        "compute_pflop_s_days": compute * (factor if arm == "base" else 1.0),
                        "loss": loss,
                        "loss_se": np.nan,
                        "used": (arm, model) not in drop,
                        "parameters": np.nan,
                        "tokens": np.nan,
                    }
                )
    return pd.DataFrame(rows)


def data(selections=None, fit=None, multiplier=None, **varied):
    return Data(
        selections or {"window 0.03": table(), "last": table(shift=1e-3)},
        "base",
        Fitting(**section("fit", **fit or {})),
        Comparison(**section("multiplier", **multiplier or {})),
        Varied(**section("choices", **varied)),
    )


def headline(of):
    """The headline's row as the stages fit and multiplier make it."""
    points = next(iter(of.selections.values()))
    found = fits(points, of.fit, "model")
    columns = ["arm", "metric", "convention", "law", "method"]
    settings = of.comparison
    table = multipliers(
        found.table("fit", columns),
        points,
        found.table("draws", columns),
        baseline="base",
        headline="flops",
        settings=settings,
        gate=gate(),
    )
    return table[table["headline"]].iloc[0]


@pytest.mark.parametrize(
    ("fit", "multiplier"),
    [
        ({}, {}),
        ({}, {"at_loss": [2.2]}),
        ({}, {"pair_by": "none"}),
        ({"law": "power_floor"}, {}),
        ({"method": "least_squares"}, {}),
        ({"method": "huber_log"}, {}),
        ({}, {"interval": "jackknife_t"}),
        ({}, {"confidence": 0.8}),
    ],
)
@pytest.mark.parametrize("drop", [(), [("new", "200M")]])
def test_the_studys_own_specification_has_the_headlines_number_and_interval(fit, multiplier, drop):
    of = data({"window 0.03": table(drop=drop)}, fit, multiplier)
    rows = choices(of)
    rows = rows[rows["headline"]]
    assert len(rows) == 1
    expected, row = headline(of), rows.iloc[0]
    numbers = ["loss", "multiplier", "ci_low", "ci_high", "confidence", "degrees_of_freedom"]
    assert_allclose(
        row[numbers].astype(float), expected[numbers].astype(float), rtol=1e-9, equal_nan=True
    )
    assert row["interval"] == expected["interval"]
    assert (row["law"], row["method"]) == (of.fit.law, of.fit.method)


def test_every_combination_is_there_once_fitted_or_with_its_reason():
    rows = choices(data())
    # 2 conventions, 4 places, 6 sizes or none left out, 2 pairings; of 2 laws by 3 methods by 2
    # selections of points, or without a law
    assert len(rows) == 2 * 4 * 7 * 2 * (2 * 3 * 2 + 1)
    assert not rows.duplicated(CHOICES).any()
    assert (rows["reason"] == "")[rows["used"]].all()
    assert (rows["reason"] != "")[~rows["used"]].all()
    numbers = rows.loc[rows["used"], ["multiplier", "ci_low", "ci_high"]].to_numpy()
    assert np.isfinite(numbers).all()
    few = rows[(rows["law"] == "power_floor") & (rows["left_out"] != "none")]
    assert not few["used"].any()
    assert (
        few["reason"]
        .iloc[0]
        .startswith("arm base: 5 points do not tell the 3 parameters of law power_floor")
    )


@pytest.mark.parametrize("method", ["least_squares_log", "least_squares", "huber_log"])
def test_a_specification_is_what_the_study_would_say_with_these_choices(method):
    of = data(leave_out="model", methods=[method], laws=["power"])
    rows = choices(of).set_index(CHOICES)
    points = of.selections["last"]
    without = points[points["model"] != "400M"]
    told = replace(of.comparison, pair_by="none", at_loss=[rows["loss"].iloc[0]])
    alone = replace(of, selections={"last": without}, comparison=told)
    alone = replace(alone, fit=replace(of.fit, method=method))
    expected = headline(alone)
    reference = rows.index.get_level_values("reference")[0]
    row = rows.loc[("flops", "power", method, "last", reference, "400M", "none")]
    names = ["multiplier", "ci_low", "ci_high"]
    tolerance = {"huber_log": 1e-6}.get(method, 1e-9)
    assert_allclose(row[names].astype(float), expected[names].astype(float), rtol=tolerance)


def test_places_by_compute_are_losses_of_the_baselines_own_law():
    rows = choices(data(at_compute=[1, 0.5], at_loss=[]))
    own = rows[rows["headline"]].iloc[0]
    near = rows[(rows[CHOICES] == own[CHOICES]).drop(columns="reference").all(axis=1)]
    losses = near.set_index("reference")["loss"]
    points = table()
    base = points[(points["arm"] == "base") & (points["convention"] == "flops")]
    slope, level = np.polyfit(np.log(base["compute_pflop_s_days"]), np.log(base["loss"]), 1)
    largest = np.log(base["compute_pflop_s_days"].max())
    assert_allclose(losses["compute 1"], np.exp(level + slope * largest), rtol=1e-9)
    half = np.exp(level + slope * (largest - np.log(2)))
    assert_allclose(losses["compute 0.5"], half, rtol=1e-9)


def test_a_selection_with_the_same_points_as_another_is_not_counted_twice():
    rows = choices(data({"window 0.03": table(), "window 0.1": table(), "last": table(1e-3)}))
    assert set(rows["points"]) == {"window 0.03", "last", "direct"}


def test_without_a_law_it_is_the_multiplier_between_the_points():
    varied = {"at_compute": [1, 0.5], "at_loss": [], "leave_out": "model", "methods": []}
    of = data({"window 0.03": table()}, laws=["power"], **varied)
    rows = choices(of)
    rows = rows[rows["points"] == "direct"]
    assert len(rows) == 2 * 3 * 7 * 2
    assert set(zip(rows["law"], rows["method"], strict=True)) == {("measured", "interpolation")}
    points = table()
    points = points[(points["model"] != "400M") & (points["convention"] == "more")]
    arms = [measured(mine) for _, mine in points.groupby("arm", sort=False)]
    where = {"convention": "more", "left_out": "400M", "pair_by": "none"}
    mine = rows[(rows[list(where)] == pd.Series(where)).all(axis=1)]
    names = ["multiplier", "ci_low", "ci_high"]
    expected = direct(*arms, mine["loss"].to_numpy(), pair=False, confidence=0.95)
    assert_allclose(mine[names], expected[names])
    at = mine.set_index("reference")
    base = points[points["arm"] == "base"]
    assert at.loc["compute 1", "loss"] == base["loss"].min()
    assert_allclose(
        arms[0].log_compute(at.loc[["compute 0.5"], "loss"].to_numpy()),
        np.log(0.5 * base["compute_pflop_s_days"].max()),
    )
    assert at.loc["compute 1", "used"]


def test_without_a_law_and_without_points_it_says_why():
    points = table(drop=[("new", m) for m in SIZES[1:]])
    points = points[(points["arm"] == "base") | (points["convention"] == "flops")]
    rows = choices(data({"window 0.03": points}, leave_out="none"))
    rows = rows[rows["points"] == "direct"]
    assert not rows["used"].any()
    reason = rows.set_index("convention")["reason"]
    assert reason["flops"].str.endswith("candidate: 1 loss to interpolate between").all()
    assert (reason["more"] == "arm new: it has no such points").all()


def test_what_needs_no_law_counts_beside_each_law_and_estimator():
    """Laws agree, points without a law are 1.1 x off: the selection of points moves all of it."""
    rows = choices(data({"window 0.03": table()}, laws=["power"], at_loss=[], at_compute=[]))
    rows = rows[rows["used"] & (rows["convention"] == "flops") & (rows["left_out"] == "none")]
    off = np.where(rows["points"] == "direct", 1.1, 1.0)
    moved = moves(rows.assign(multiplier=1.25 * off)).set_index("choice")
    assert moved.index[0] == "points"
    assert_allclose(moved["share"], [1, *[0] * 6], atol=1e-9)
    assert (moved.loc["method", "options"], moved.loc["law", "options"]) == (3, 1)


def test_what_cannot_be_weighted_or_has_no_points_says_so():
    with_errors = table().assign(loss_se=1e-3)
    of = data({"window 0.03": with_errors, "last": table(1e-3)}, {"weight_by": "loss_se"})
    rows = choices(of)
    assert rows[rows["points"] == "window 0.03"]["used"].any()
    assert not rows[rows["points"] == "last"]["used"].any()
    reasons = rows[(rows["points"] == "last") & (rows["law"] == "power")]["reason"]
    assert reasons.str.contains("needs the standard error of every point").all()
    missing = table()
    missing = missing[~((missing["arm"] == "new") & (missing["convention"] == "more"))]
    rows = choices(data({"window 0.03": missing}))
    reasons = rows[(rows["convention"] == "more") & (rows["law"] == "power")]["reason"]
    assert (reasons == "arm new: it has no such points").all()


def test_the_convention_that_alone_is_varied_moves_all_and_the_sentence_says_so():
    varied = {
        "laws": [],
        "methods": [],
        "at_loss": [],
        "at_compute": [],
        "points": [],
        "leave_out": "none",
        "pair_by": [],
    }
    rows = choices(data({"window 0.03": table(scatter=1e-9)}, **varied))
    assert_allclose(rows["multiplier"], [1.25, 1.25 * 1.3], rtol=1e-6)
    moved = moves(rows)
    assert moved["choice"].iloc[0] == "convention"
    assert_allclose(moved["share"], [1] + [0] * 6, atol=1e-9)
    said = comparisons(rows, moved).iloc[0]
    assert (said["specifications"], said["used"], said["above_1"], said["told"]) == (2, 2, 1, 1)
    assert said["sentence"] == (
        "median 1.44x (30% less compute) over 2 specifications (1.25x to 1.63x, 100% above 1); the "
        "FLOP convention moves it most: 100% of the variance of log M is left when all other "
        "choices are fixed, from 1.25x (flops) to 1.63x (more) in the median"
    )


def test_shares_are_those_of_an_analysis_of_variance():
    """Two crossed choices, with an interaction that counts in the share of both."""
    rows = choices(data(laws=["power"], methods=[], at_compute=[], leave_out="none", pair_by=[]))
    log_m = {("flops", "a"): 0.0, ("flops", "b"): 1.0, ("more", "a"): 3.0, ("more", "b"): 8.0}
    options = {name: x for x, name in zip("ab", dict.fromkeys(rows["reference"]), strict=False)}
    rows = rows[rows["reference"].isin(options) & (rows["points"] == "last")]
    keys = zip(rows["convention"], rows["reference"].map(options), strict=True)
    moved = moves(rows.assign(multiplier=np.exp([log_m[key] for key in keys])))
    shares = moved.set_index("choice")[["share", "alone"]]
    # Grand mean 3, total sum of squares 38: convention 25, reference 9, interaction 4.
    assert_allclose(shares.loc["convention"], [29 / 38, 25 / 38])
    assert_allclose(shares.loc["reference"], [13 / 38, 9 / 38])
    assert_allclose(shares.loc["law"], [0, 0], atol=1e-12)


def test_without_anything_to_fit_the_table_says_why_and_the_sentence_too():
    rows = choices(data({"window 0.03": table(drop=[("new", m) for m in SIZES[1:]])}))
    assert not rows["used"].any()
    assert rows["reason"].str.contains("needs 3 or more distinct computes").any()
    said = comparisons(rows, moves(rows)).iloc[0]
    assert said["sentence"].startswith("none of ")


def test_selections_are_varied_from_the_studys_own():
    own = Selection(**section("points"))
    assert list(own.varied(["last", 0.01, 0.03])) == ["window 0.03", "last", "window 0.01"]
    curve = replace(own, select="curve")
    assert list(curve.varied(["last"])) == ["8 along the run, window 0.03", "last"]
    assert list(replace(own, table="points.csv").varied(["last"])) == ["table"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.16, None, "14% less compute"),
        (0.8, None, "25% more compute"),
        (1.16, 1.16, "14% less compute"),
        (1.1, 1.25, "9% to 20% less compute"),
        (0.8, 1.25, "25% more to 20% less compute"),
    ],
)
def test_what_a_multiplier_saves_in_words(low, high, words):
    assert in_words(low, high) == words
