"""Where labels go, and that no figure of any study has labels over each other or cut."""

import importlib
import random
from itertools import product

import numpy as np
import pytest
from extents import faults
from figure_tables import Made
from isoloss.paper import layout, style
from isoloss.paper.figures.arrange import arrange
from isoloss.paper.figures.sheet import line_handle, sheet
from isoloss.study.validation import read_yaml
from matplotlib import rc_context

# What each figure is drawn from; and those that compare arms.
FIGURES = {
    "scaling": ("points", "fit", "draws", "multiplier"),
    "curves": ("curves", "points", "flops", "fit", "draws"),
    "multiplier": ("multiplier",),
    "positions": ("multiplier",),
    "choices": ("choices", "moves", "comparisons"),
    "gain": ("gain", "multiplier"),
    "breakdown": ("breakdown",),
    "overtake": ("overtaking",),
    "quality": ("curves", "quality"),
    "residuals": ("residuals",),
    "holdout": ("holdout",),
    "surface": ("points", "surface"),
    "isoflop": ("points", "isoflop"),
}
COMPARE = ("multiplier", "positions", "choices", "gain", "overtake")
BY_CONVENTION = ("multiplier", "positions", "choices", "overtake")
LETTERS = 40  # of the longest label
MADE = {}  # studies by size: figures share their tables


@pytest.fixture(scope="module")
def plotting(root):
    return read_yaml(root / "config/plotting.yaml")


def drawn(name, plotting, *size):
    made = MADE.setdefault(size, Made(*size))
    draw = importlib.import_module(f"isoloss.paper.figures.{name}").draw
    with rc_context(style.paper(plotting)):
        return draw(*(made[table] for table in FIGURES[name]), made.words, plotting)


def corners():
    """Least and most arms, conventions (where a figure has more than one) and metrics."""
    for name in FIGURES:
        arms = (2, 8) if name in COMPARE else (1, 8)
        conventions = (1, 10) if name in BY_CONVENTION else (1,)
        metrics = (1,) if name in ("breakdown", "overtake") else (1, 20)
        yield from ((name, *corner) for corner in product(arms, conventions, metrics))


@pytest.mark.parametrize(("name", "arms", "conventions", "metrics"), list(corners()))
def test_nothing_overlaps_or_is_cut_at_the_corners(plotting, name, arms, conventions, metrics):
    with rc_context(style.paper(plotting)):
        assert faults(drawn(name, plotting, arms, conventions, metrics, LETTERS)) == []


@pytest.mark.parametrize("seed", range(40))
def test_nothing_overlaps_or_is_cut_in_between(plotting, seed):
    chance = random.Random(seed)
    name = list(FIGURES)[seed % len(FIGURES)]
    arms = chance.randint(2 if name in COMPARE else 1, 8)
    size = arms, chance.randint(1, 10), chance.randint(1, 20), chance.randint(4, LETTERS)
    with rc_context(style.paper(plotting)):
        assert faults(drawn(name, plotting, *size)) == []


# --- what measures, and what is measured


def test_the_measure_sees_what_overlaps_and_what_is_cut(plotting):
    with rc_context(style.paper(plotting)):
        made = sheet(plotting, 2)
        for axes in made.panels:
            axes.plot([0, 1], [0, 1])
        made.axis("x", log=False)
        made.axis("y", log=False)
        figure = arrange(made, x="Across", y="Up")
        assert faults(figure) == []
        axes = made.panels[0]
        for at, words in (((0.8, 0.1), "free"), ((0.5, 0.5), "on the line")):
            axes.text(*at, words, ha="center")
        assert faults(figure) == ["data under 'on the line'"]
        axes.texts[1].remove()
        axes.text(0.8, 0.1, "also here", ha="center")
        assert faults(figure) == ["over each other: 'free' and 'also here'"]
        axes.texts[1].remove()
        figure.text(0.99, 0.5, "beyond the edge")
        assert any(fault.startswith("cut: 'beyond the edge'") for fault in faults(figure))
        figure.texts[-1].remove()
        axes.set_xticks([0, 0.001, 1], ["0", "0.001", "1"])
        assert "over each other: '0' and '0.001'" in faults(figure)


def test_a_label_in_a_panel_goes_where_nothing_is(plotting):
    with rc_context(style.paper(plotting)):
        made = sheet(plotting, 1)
        (axes,) = made.panels
        axes.plot([0, 1], [1, 0])
        axes.plot([0.5], [0.5], "o")
        made.axis("x", log=False)
        made.axis("y", log=False)
        made.say(axes, [("here", {}), ("and here", {"color": "0.5"})], (0.5, 0.5))
        figure = arrange(made, handles=[line_handle({"color": "red"}, "a line")])
        assert [text.get_text() for text in axes.texts] == ["here", "and here"]
        assert faults(figure) == []


def test_a_label_that_finds_no_place_stands_in_the_note(plotting):
    with rc_context(style.paper(plotting)):
        made = sheet(plotting, 1)
        (axes,) = made.panels
        for height in np.linspace(0, 1, 60):
            axes.plot([0, 1], [height, height])
        made.say(axes, [("no room", {})], (0.5, 0.5))
        figure = arrange(made, note="n = 3")
        assert not axes.texts
        assert [text.get_text() for text in figure.texts][-1] == "n = 3; no room"


# --- places


def test_lines_are_few_and_about_as_long_as_each_other():
    assert layout.wrapped("one two three four", 8, len) == "one two\nthree\nfour"
    assert layout.wrapped("aa bb cc dd", 10, len) == "aa bb\ncc dd"
    assert layout.wrapped("short", 10, len) == "short"
    assert layout.wrapped("", 10, len) == ""


def test_a_formula_and_a_fixed_space_are_never_broken():
    assert layout.wrapped("law $a + b + c$ of it", 8, len) == "law\n$a + b + c$\nof it"
    assert layout.wrapped("loss, log\N{NO-BREAK SPACE}scale", 10, len).split("\n") == [
        "loss,",
        "log\N{NO-BREAK SPACE}scale",
    ]


def test_a_long_word_is_broken_after_a_joint_or_anywhere():
    assert layout.wrapped("gated-linear-recurrence", 14, len) == "gated-linear-\nrecurrence"
    lines = layout.wrapped("x" * 25, 10, len).split("\n")
    assert "".join(lines) == "x" * 25
    assert max(map(len, lines)) <= 10


@pytest.mark.parametrize(
    ("widths", "room", "expected"),
    [([10, 10, 10], 34, 3), ([10, 10, 10], 33, 2), ([10, 30, 10], 45, 2), ([50, 50], 40, 1)],
)
def test_a_legend_has_as_many_columns_as_fit(widths, room, expected):
    assert layout.columns(widths, room, 2) == expected


def test_labels_along_a_line_are_apart_or_not():
    assert layout.apart(np.array([0.0, 10, 20]), np.array([4.0, 4, 4]), 6)
    assert not layout.apart(np.array([20.0, 0, 10]), np.array([4.0, 4, 9]), 6)


def test_a_place_is_the_nearest_free_one_and_avoids_what_is_taken():
    taken = layout.field(90, 60)
    layout.take(taken, np.array([[0.0, 60.0], [90.0, 0.0]]), 1.0)
    left, base = layout.place(taken, 20, 10, (45.0, 30.0))
    line = 60 - np.linspace(left, left + 20, 50) * 60 / 90
    assert ((line > base + 10) | (line < base)).all()
    assert np.hypot(left + 10 - 45, base + 5 - 30) < 25
    assert layout.place(taken, 100, 10, (45.0, 30.0)) is None
    taken[:] = True
    assert layout.place(taken, 5, 5, (45.0, 30.0)) is None


def test_a_line_far_outside_marks_nothing_and_a_gap_breaks_it():
    taken = layout.field(30, 30)
    layout.take(taken, np.array([[-1e9, 1e9], [-1e8, 1e9]]))
    assert not taken.any()
    layout.take(taken, np.array([[0.0, 1.0], [np.nan, np.nan], [29.0, 1.0]]))
    assert taken.sum() == 2
