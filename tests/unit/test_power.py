"""What `isoloss plan` says, against simulated studies, formulas and the issue's own numbers."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from isoloss import cli
from isoloss.fit.fitting import fit
from isoloss.multiplier import outlook
from isoloss.multiplier.equal_loss import arm, multiplier
from isoloss.multiplier.power import Design, Errors, ladder, needed, plan
from numpy.testing import assert_allclose

SMALL = Errors((0.002, 0.002), 0.0, 0.0, (0.053, 0.053))


def study(n, errors, random, m=1.05, span=16.0):
    """Points of both arms of one study, and the loss in the middle of what both reach."""
    compute = np.array(ladder(n, span))
    s = errors.scatter[0]
    shared = errors.correlation * s**2
    noise = random.multivariate_normal([0, 0], [[s**2, shared], [shared, s**2]], n).T
    models = [f"m{i}" for i in range(n)]
    arms = []
    for better, e in zip((1.0, m), noise, strict=True):
        loss = 2.3 * (compute * better) ** -0.053 * np.exp(e)
        points = pd.DataFrame({"compute_pflop_s_days": compute, "loss": loss, "model": models})
        arms.append(arm(asdict(fit(compute, loss)), points))
    return arms, 2.3 * (np.sqrt(span * m)) ** -0.053


@pytest.mark.parametrize(
    ("n", "correlation", "expected"), [(5, 0.0, 29), (12, 0.0, 82), (4, 0.9, 82), (5, 0.9, 98)]
)
def test_share_that_tells_1_05_with_the_plain_interval(n, correlation, expected):
    made = plan(Design(ladder(n, 16)), replace(SMALL, correlation=correlation), 1.05)
    assert abs(100 * made.power_plain - expected) < 1
    assert made.power < made.power_plain


@pytest.mark.parametrize(("n", "correlation", "paired"), [(5, 0.9, True), (4, 0.0, False)])
def test_width_and_power_are_those_of_simulated_studies(n, correlation, paired):
    """300 studies: a width is known to 5% then, and a share to 3 points; see benchmarks/plan.py."""
    errors, random = replace(SMALL, correlation=correlation), np.random.default_rng(n)
    half, told = [], []
    for _ in range(300):
        arms, loss = study(n, errors, random)
        row = multiplier(*arms, loss, pair_by=paired).iloc[0]
        half.append(np.log(row["ci_high"] / row["ci_low"]) / 2)
        told.append(row["ci_low"] > 1 or row["ci_high"] < 1)
    made = plan(Design(ladder(n, 16), paired=paired), errors, 1.05)
    assert_allclose(np.log(made.ratio), np.median(half), rtol=0.12)
    assert abs(made.power - np.mean(told)) < 0.09


def test_more_of_anything_narrows_and_less_correlation_widens():
    errors = Errors((0.002, 0.002), 0.5, 0.0006, (0.053, 0.053))
    base = plan(Design(ladder(5, 16)), errors, 1.05)
    for design, with_errors in (
        (Design(ladder(6, 16)), errors),
        (Design(ladder(5, 16), seeds=2), errors),
        (Design(ladder(5, 16)), replace(errors, correlation=0.9)),
        (Design(ladder(5, 16)), replace(errors, scatter=(0.001, 0.002))),
    ):
        made = plan(design, with_errors, 1.05)
        assert made.ratio < base.ratio
        assert made.power > base.power
    independent = plan(Design(ladder(5, 16), paired=False), errors, 1.05)
    assert independent.ratio > base.ratio


def test_seeds_take_away_their_own_noise_and_no_more():
    errors = Errors((0.002, 0.002), 0.5, 0.001, (0.05, 0.05))
    assert_allclose(errors.of_means(1), [[4e-6, 2e-6], [2e-6, 4e-6]])
    assert_allclose(errors.of_means(4), [[3.25e-6, 2e-6], [2e-6, 3.25e-6]])
    # Arms that share nearly all cannot have more noise of their own than the rest.
    close = Errors((0.002, 0.0021), 0.998, 0.001, (0.05, 0.05))
    for seeds in (2, 100):
        assert np.linalg.eigvalsh(close.of_means(seeds))[0] > 0


def test_even_a_shared_error_does_not_cancel_far_from_1():
    shared = Errors((0.002, 0.002), 0.9999, 0.0, (0.053, 0.053))
    near, far = (plan(Design(ladder(5, 16)), shared, m) for m in (1.001, 1.5))
    assert np.log(far.ratio) > 5 * np.log(near.ratio)


def test_the_fewest_sizes_that_are_enough():
    paired = replace(SMALL, correlation=0.9)
    found = needed(1.05, paired, 16, 0.8)
    assert plan(Design(ladder(found, 16)), paired, 1.05).power >= 0.8
    assert plan(Design(ladder(found - 1, 16)), paired, 1.05).power < 0.8
    assert needed(1.0001, SMALL, 16, 0.8) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scatter", "0"], "scatter is 0; expected a number above 0"),
        (["--correlation", "1"], "correlation is 1; expected above -1 and below 1"),
        (["--seed-noise", "-1"], "expected 0 or more"),
        (["--exponent", "nan"], "exponent is nan; expected a number above 0"),
        (["--span", "1"], "span is 1; expected a factor above 1"),
        (["--loss", "0"], "loss is 0; expected a number above 0"),
        (["--multiplier", "1"], "multiplier is 1; expected a number above 0, and not 1"),
        (["--sizes", "2"], "2 different computes; a power law with an interval takes 3 or more"),
        (["--seeds", "0"], "seeds is 0; expected 1 or more"),
        (["--power", "1"], "power is 1; expected above 0 and below 1"),
        (["--confidence", "95"], "confidence is 95; expected above 0 and below 1"),
        (["nowhere"], "results/multiplier/nowhere.csv does not exist yet"),
        (["kimi-linear", "--scatter", "0.1"], "--scatter and a study: give the one or the other"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(
    tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_the_verb_prints_words_and_the_same_for_programs(capsys):
    asked = ["plan", "--sizes", "5", "--seeds", "1", "--multiplier", "1.16"]
    assert cli.main(asked) == 0
    text = capsys.readouterr().out
    assert "1.16x (14% saved), paired, 1 seed: 3" in text
    assert "default: Kimi Linear" in text
    assert cli.main([*asked, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["scatter"] == [0.002, 0.002]
    assert [way["sizes"] for way in made["designs"]] == [5, 5]
    assert made["designs"][0]["tells"][0]["multiplier"] == 1.16
    assert made["next"] == []


def tables(arms, loss, unpaired=False):
    """The tables of a study as the stages write them, in short."""
    keys = {"metric": "loss", "convention": "c", "law": "power", "method": "least_squares_log"}
    names = ("base", "new")
    row = multiplier(*arms, loss).iloc[0].to_dict()
    row |= keys | {"baseline": "base", "candidate": "new", "headline": True}
    fits = [
        asdict(fit(a.compute, a.loss)) | keys | {"arm": n} for a, n in zip(arms, names, strict=True)
    ]
    points = [
        {**keys, "arm": n, "model": m, "compute_pflop_s_days": c, "used": True}
        for a, n in zip(arms, names, strict=True)
        for m, c in zip(a.model, a.compute, strict=True)
    ]
    return pd.DataFrame([row]), pd.DataFrame(fits), pd.DataFrame(points)


def test_a_study_is_predicted_from_its_own_scatter():
    arms, loss = study(6, replace(SMALL, correlation=0.9), np.random.default_rng(0))
    known = outlook.of_study(*tables(arms, loss))
    residual = arms[0].fit.log_residuals
    assert_allclose(known.errors.scatter[0], np.sqrt(np.sum(residual**2) / 4))
    made = outlook.report(known)
    now, size, seed = made["next"]
    assert (now["what"], size["sizes"], seed["seeds"]) == ("as it is", 7, 2)
    width = np.log(now["tells"][0]["ratio"])
    # The middle of studies with this scatter, beside the interval of this one with the same.
    assert_allclose(width, np.log(known.now), rtol=0.2)
    assert size["tells"][0]["ratio"] < now["tells"][0]["ratio"]
    assert seed["tells"][0]["ratio"] < now["tells"][0]["ratio"]


def test_the_partner_that_a_size_lacks_is_worth_something():
    arms, loss = study(6, replace(SMALL, correlation=0.9), np.random.default_rng(1))
    whole = outlook.report(outlook.of_study(*tables(arms, loss)))["next"][0]["tells"][0]["ratio"]
    lacking = replace(
        arms[1], compute=arms[1].compute[:-1], loss=arms[1].loss[:-1], model=arms[1].model[:-1],
        run=arms[1].run[:-1], weights=arms[1].weights[:-1],
    )  # fmt: skip
    lacking = replace(lacking, parameters=tuple(asdict(fit(lacking.compute, lacking.loss))[name]
                      for name in ("coefficient", "exponent")))  # fmt: skip
    made = outlook.report(outlook.of_study(*tables((arms[0], lacking), loss)))["next"]
    assert [way["what"] for way in made][-1] == "with the missing partner of m5"
    assert made[-1]["sizes"] == 6
    assert_allclose(made[-1]["tells"][0]["ratio"], whole, rtol=0.05)


def test_a_law_that_is_no_power_law_is_no_plan():
    arms, loss = study(6, SMALL, np.random.default_rng(0))
    row, fits, points = tables(arms, loss)
    with pytest.raises(ValueError, match="the headline law is power_floor"):
        outlook.of_study(row.assign(law="power_floor"), fits, points)
    with pytest.raises(ValueError, match="no headline of metric `other`; there is loss"):
        outlook.of_study(row, fits, points, metric="other")
