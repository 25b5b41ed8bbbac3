from itertools import combinations

import matplotlib as mpl
import pytest
from isoloss.paper import style
from isoloss.study.validation import read_yaml


@pytest.fixture(scope="module")
def plotting(root):
    return read_yaml(root / "config/plotting.yaml")


def test_every_setting_is_one_that_matplotlib_knows(plotting):
    params = style.paper(plotting)
    assert set(params) <= set(mpl.rcParams)
    with mpl.rc_context(params):
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["ps.fonttype"] == 42
        assert mpl.rcParams["savefig.dpi"] == 300


def test_asking_for_a_style_sets_nothing(plotting):
    before = dict(mpl.rcParams)
    style.paper(plotting)
    assert dict(mpl.rcParams) == before


def test_sizes_come_from_the_configuration(plotting):
    changed = plotting | {
        "font": {"family": "DejaVu Sans", "math": "cm", "size": 11, "small": 5},
        "line": {"width": 3, "thin": 2},
        "marker_size": 13,
        "dpi": 72,
    }
    params = style.paper(changed)
    assert params["font.family"] == "DejaVu Sans"
    assert (params["font.size"], params["legend.fontsize"]) == (11, 5)
    assert (params["lines.linewidth"], params["axes.linewidth"]) == (3, 2)
    assert (params["lines.markersize"], params["savefig.dpi"]) == (13, 72)


def test_an_arm_has_one_look_whatever_comes_after_it(plotting):
    few, many = ["base", "new"], ["base", "new", "newer"]
    looks = style.arm_styles(plotting, many)
    assert looks.items() >= style.arm_styles(plotting, few).items()
    assert len({look["color"] for look in looks.values()}) == 3


def test_there_are_more_arms_than_colours_without_an_error(plotting):
    arms = [f"arm-{i}" for i in range(20)]
    looks = style.arm_styles(plotting, arms)
    assert list(looks) == arms
    assert len({tuple(look.values()) for look in looks.values()}) == 20


@pytest.mark.parametrize(("of", "count"), [("arm", 8), ("convention", 11)])
def test_signs_and_lines_tell_all_apart_in_print_without_colour(plotting, of, count):
    names = [f"n{i}" for i in range(count)]
    looks = getattr(style, f"{of}_styles")(plotting, names).values()
    for key in ("marker", "linestyle"):
        assert len({look[key] for look in looks}) == count


def test_conventions_differ_in_colour_line_and_marker_for_print_without_colour(plotting):
    looks = style.convention_styles(plotting, ["6n_with_head", "6n_non_embedding", "matmul_causal"])
    for key in ("color", "linestyle", "marker"):
        assert len({look[key] for look in looks.values()}) == 3


def luminance(color):
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    rgb = mpl.colors.to_rgb(color)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def seen_by(color, kind):
    """An sRGB colour as a dichromat sees it (Vienot, Brettel and Mollon 1999), linear RGB."""
    rgb = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in mpl.colors.to_rgb(color)
    ]
    r, g, b = rgb
    if kind == "protan":
        return (0.11238 * r + 0.88762 * g, 0.11238 * r + 0.88762 * g, 0.00401 * r - 0.00401 * g + b)
    if kind == "tritan":  # the same with one plane, an approximation
        seen = 0.87391 * g + 0.12609 * b
        return (r + 0.12740 * (g - b), seen, seen)
    return (0.29275 * r + 0.70725 * g, 0.29275 * r + 0.70725 * g, -0.02234 * r + 0.02234 * g + b)


@pytest.mark.parametrize("kind", ["protan", "deutan", "tritan"])
def test_the_colours_of_the_first_arms_are_told_apart_by_the_colour_blind(plotting, kind):
    for first, second in combinations(plotting["colors"][:4], 2):
        apart = zip(seen_by(first, kind), seen_by(second, kind), strict=True)
        assert sum((a - b) ** 2 for a, b in apart) ** 0.5 > 0.09, (first, second)


def test_every_colour_of_an_arm_stands_out_from_white_paper(plotting):
    for color in plotting["colors"]:
        assert 1.05 / (luminance(color) + 0.05) > 1.9, color


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("6n_with_head", "6N with head"),
        ("6n_non_embedding", "6N non-embedding"),
        ("matmul_causal", "matmul causal"),
        ("logged", "logged"),
    ],
)
def test_a_convention_is_called_what_a_reader_knows(name, label):
    assert style.convention_label(name) == label
