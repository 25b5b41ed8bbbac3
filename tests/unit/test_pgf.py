"""Figures that LaTeX sets."""

import re

import pytest
from figure_tables import Made
from isoloss.paper import style
from isoloss.paper.figures import breakdown, canvas, choices, scaling
from isoloss.paper.figures.pgf import in_latex
from isoloss.study.validation import read_yaml
from matplotlib import rc_context


@pytest.fixture(scope="module")
def plotting(root):
    return read_yaml(root / "config/plotting.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kimi & Linear_2 (95%)", r"Kimi \& Linear\_2 (95\%)"),
        (r"$2.3\times C^{-0.05}$ of A&B", r"$2.3\times C^{-0.05}$ of A\&B"),
        ("5 $ a token", r"5 \$ a token"),
        ("a $x$ and $", r"a \$x\$ and \$"),
    ],
)
def test_a_label_is_escaped_but_for_its_formulas(text, expected):
    assert in_latex(text) == expected


def test_a_figure_is_written_for_latex_the_same_each_time(plotting, tmp_path):
    made = Made(2, 1, 1)
    made.words["arms"]["a0"] = "Old & tried_1"
    written = []
    for _ in range(2):
        with rc_context(style.paper(plotting)):
            stages = [made[name] for name in ("points", "fit", "draws", "multiplier")]
            canvas.save(scaling.draw(*stages, made.words, plotting), [tmp_path / "scaling.pgf"])
        written.append((tmp_path / "scaling.pgf").read_text(encoding="utf-8"))
    text, again = written
    assert text == again
    for environment in ("pgfpicture", "pgfscope"):
        opened = text.count(rf"\begin{{{environment}}}")
        assert opened == text.count(rf"\end{{{environment}}}") > 0
    assert text.count("{") == text.count("}") + len(re.findall(r"\\\{", text))
    assert r"Old \& tried\_1" in text
    assert f"{{{plotting['width']['column']:.6f}in}}" in text
    assert "home" not in text.replace("\\", "")
    assert "STIX" not in text


def test_a_figure_with_dots_shows_its_pdf(plotting, tmp_path):
    made = Made(2, 2, 1)
    with rc_context(style.paper(plotting)):
        read = [made[name] for name in ("choices", "moves", "comparisons")]
        canvas.save(choices.draw(*read, made.words, plotting), [tmp_path / "choices.pgf"])
        bars = breakdown.draw(made["breakdown"], made.words, plotting)
        canvas.save(bars, [tmp_path / "breakdown.pgf"])
    assert r"\includegraphics{choices.pdf}" in (tmp_path / "choices.pgf").read_text()
    assert r"\begin{pgfpicture}" in (tmp_path / "breakdown.pgf").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["breakdown.pgf", "choices.pgf"]
