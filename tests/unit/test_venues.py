"""Figures that fit the text block of a venue."""

import pytest
from extents import faults
from figure_tables import Made
from isoloss.paper import style, venues
from isoloss.paper.figures import multiplier, scaling
from isoloss.study.resolved import looks
from isoloss.study.validation import InputError, read_yaml
from matplotlib import font_manager, rc_context

# Column and text block as the venues' style files have them, inches.
BLOCKS = {
    "neurips": (None, 5.5),
    "icml": (3.25, 6.75),
    "iclr": (None, 5.5),
    "acl": (3.03, 6.30),
    "ieee": (3.487, 7.14),
    "nature": (3.504, 7.205),
    "slides": (None, 5.512),
}


def settings(root, venue):
    plotting = read_yaml(root / "config/plotting.yaml")
    return venues.looks(plotting | {"venue": venue})


def test_every_venue_of_the_schema_is_known(root):
    schema = read_yaml(root / "workflow/schemas/plotting.schema.yaml")
    assert schema["properties"]["venue"]["enum"] == list(venues.VENUES) == list(BLOCKS)


@pytest.mark.parametrize("venue", BLOCKS)
def test_figures_are_as_wide_as_the_text_block_in_its_font_and_nothing_overlaps(root, venue):
    plotting = settings(root, venue)
    column, page = BLOCKS[venue]
    known = {font.name for font in font_manager.fontManager.ttflist}
    assert plotting["font"]["family"] in known
    one, two = Made(2, 3, 1, 20), Made(3, 2, 2, 20)
    with rc_context(style.paper(plotting)):
        narrow = multiplier.draw(one["multiplier"], one.words, plotting)
        stages = [two[name] for name in ("points", "fit", "draws", "multiplier")]
        wide = scaling.draw(*stages, two.words, plotting)
        assert faults(narrow) == faults(wide) == []
    assert wide.get_figwidth() == pytest.approx(page, abs=0.005)
    if column:
        assert narrow.get_figwidth() == pytest.approx(column, abs=0.005)
    else:
        assert narrow.get_figwidth() < page
    size, small = plotting["font"]["size"], plotting["font"]["small"]
    assert {text.get_fontsize() for text in narrow.legends[0].get_texts()} == {small}
    assert narrow._supxlabel.get_fontsize() == size


def test_without_a_venue_the_file_says_all(root):
    plotting = read_yaml(root / "config/plotting.yaml")
    assert venues.looks(plotting) == plotting


def test_the_workflow_reads_the_venue(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "plotting.yaml"
    text = (root / "config/plotting.yaml").read_text(encoding="utf-8")
    file.write_text(f"venue: icml\n{text}", encoding="utf-8")
    found, _ = looks(file, root / "workflow/schemas", save=False)
    assert found["width"]["column"] == 3.25
    assert "venue" not in found
    file.write_text(f"venue: icmll\n{text}", encoding="utf-8")
    with pytest.raises(InputError, match=r"venue: .*icmll.*icml"):
        looks(file, root / "workflow/schemas", save=False)
