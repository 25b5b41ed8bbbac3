from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.flops import CONVENTIONS
from isoloss.paper.figures import breakdown, canvas, overtake
from isoloss.paper.style import convention_styles, paper
from isoloss.study.validation import read_yaml
from matplotlib import rc_context
from numpy.testing import assert_allclose

PLOTTING = read_yaml(Path(__file__).parents[2] / "config/plotting.yaml")
PARTS = {"projections": 2e9, "feed_forward": 4e9, "router": 1e7, "scores": 1e9}


@pytest.fixture(autouse=True)
def looks():
    with rc_context(paper(PLOTTING)):
        yield


def words(arms, conventions=("6n_total", "matmul_causal")):
    labels = {f"a{i}": f"Arm number {i}" for i in range(arms)}
    return {"title": "Costs", "arms": labels, "conventions": list(conventions)}


def parts(arms, models):
    rows = [
        (f"a{i}-{j}", f"a{i}", f"{j}B", convention, component, (j + 1) * (flop + 1e8 * i))
        for i in range(arms)
        for j in range(models)
        for convention in ("6n_total", "matmul_causal")
        for component, flop in PARTS.items()
    ]
    return pd.DataFrame(
        rows, columns=["run", "arm", "model", "convention", "component", "flop_per_token"]
    )


def costs(arms, models):
    lengths = np.geomspace(1024, 2**20, 41).round().astype(int)
    rows = [
        (f"a{i}", "a0", f"{j}B", convention, length, length == 4096, j + 1.0, ratio)
        for i in range(1, arms)
        for j in range(models)
        for convention in ("6n_total", "matmul_causal")
        for length in lengths
        for ratio in [1.05 if convention == "6n_total" else i * (j + 2000) / (j + length)]
    ]
    columns = ["candidate", "baseline", "model", "convention", "sequence_length", "of_study"]
    return pd.DataFrame(rows, columns=[*columns, "baseline_flop_per_token", "cost_ratio"])


@pytest.mark.parametrize(("arms", "models"), [(2, 1), (2, 5), (6, 6)])
def test_a_bar_an_arm_and_size_as_high_as_the_token_is_dear(arms, models, tmp_path):
    table = parts(arms, models)
    figure = breakdown.draw(table, words(arms), PLOTTING)
    canvas.save(figure, [tmp_path / "b.pdf"])
    (axes,) = figure.axes
    ends = {}
    for bar in axes.patches:
        at = round(bar.get_y() + bar.get_height() / 2, 6)
        ends[at] = max(ends.get(at, 0), bar.get_x() + bar.get_width())
    causal = table[table["convention"] == "matmul_causal"]
    whole = causal.groupby(["model", "arm"])["flop_per_token"].sum() / 1e9
    assert_allclose([ends[at] for at in sorted(ends)], whole, rtol=1e-12)
    labels = [text.get_text() for text in axes.get_yticklabels()]
    names = list(words(arms)["arms"].values())
    for j in range(models):
        assert labels[j * arms : (j + 1) * arms] == [f"{j}B   {names[0]}", *names[1:]]


def test_components_too_small_to_be_seen_are_not_in_the_legend():
    figure = breakdown.draw(parts(2, 2).query("arm == 'a0'"), words(2), PLOTTING)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["projections", "feed-forward", "attention scores"]


@pytest.mark.parametrize(
    ("conventions", "expected"),
    [
        (["6n_total"], "matmul_causal"),
        (["logged", "6n_total"], "matmul_causal"),
        (["6n_total", "matmul_full"], "matmul_full"),
        (["hardware", "matmul_causal"], "hardware"),
    ],
)
def test_the_convention_broken_down_is_the_first_that_has_components(conventions, expected):
    assert breakdown.chosen(conventions) == expected


@pytest.mark.parametrize(("arms", "models"), [(2, 1), (2, 5), (6, 3)])
def test_a_panel_a_candidate_says_from_which_length_on_it_costs_less(arms, models, tmp_path):
    figure = overtake.draw(costs(arms, models), words(arms), PLOTTING)
    canvas.save(figure, [tmp_path / "o.pdf"])
    assert len(figure.axes) == arms - 1
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    less = ["6N total: never less", "matmul causal: less from 2K"]
    if arms > 2:  # of several candidates the caption says where
        less = ["6N total", "matmul causal"]
    assert named == [*less, "trained at 4K"]
    told = " ".join(overtake.caption(costs(arms, models), words(arms)).split())
    for i in range(1, arms):
        assert f"Arm number {i}: 6N total never less, matmul causal less from" in told


def test_no_two_of_all_conventions_look_alike():
    looks = convention_styles(PLOTTING, CONVENTIONS).values()
    assert len({(look["color"], look["linestyle"]) for look in looks}) == len(CONVENTIONS)
    assert len({(look["color"], look["marker"]) for look in looks}) == len(CONVENTIONS)
