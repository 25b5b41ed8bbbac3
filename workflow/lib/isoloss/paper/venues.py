"""Widths, fonts and sizes that fit the text block of a venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

POINT = 1 / 72.27  # inches in a point of TeX
MM = 1 / 25.4
SERIF = ("STIXGeneral", "stix")  # what stands for Times, as matplotlib brings it
SANS = ("DejaVu Sans", "dejavusans")  # and for Helvetica


@dataclass(frozen=True)
class Venue:
    """Widths (inches) of a column and of the whole text block, font, and sizes (points).

    Where the text block is one column, a figure of one panel is half as wide, so that two stand
    side by side. size: of text, near that of captions; small: of ticks and legends.
    """

    column: float
    page: float
    fonts: tuple[str, str]
    size: float
    small: float
    source: str


VENUES: Mapping[str, Venue] = {
    "neurips": Venue(
        2.67, 5.5, SERIF, 8, 7, "neurips_2024.sty: textwidth=5.5in, Times 10 pt, one column"
    ),
    "icml": Venue(
        234.8775 * POINT,
        487.8225 * POINT,
        SERIF,
        8,
        7,
        "icml2024.sty: textwidth 6.75in, columnsep 0.25in, Times 10 pt",
    ),
    "iclr": Venue(
        2.67, 5.5, SERIF, 8, 7, "iclr2024_conference.sty: textwidth 5.5in, Times 10 pt, one column"
    ),
    "acl": Venue(
        77 * MM,
        160 * MM,
        SERIF,
        9,
        8,
        "acl.sty: A4, margins 2.5 cm, columnsep 0.6 cm, Times 11 pt, captions 10 pt",
    ),
    "ieee": Venue(
        252 * POINT,
        516 * POINT,
        SERIF,
        8,
        8,
        "IEEEtran.cls: columns of 21 pc, text of 43 pc, captions 8 pt; letters in figures 8 to 10",
    ),
    "nature": Venue(
        89 * MM,
        183 * MM,
        SANS,
        7,
        6,
        "Nature, guide to figures: 89 and 183 mm, sans serif, 5 to 7 pt",
    ),
    "slides": Venue(
        3.6,
        140 * MM,
        SANS,
        9,
        8,
        "beamer, aspectratio 169: 160 mm wide, margins 10 mm; one panel as high as its text",
    ),
}


def looks(plotting: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of config/plotting.yaml, with widths and fonts of the `venue` that it names."""
    rest = {key: value for key, value in plotting.items() if key != "venue"}
    if "venue" not in plotting:
        return rest
    venue = VENUES[plotting["venue"]]
    family, math = venue.fonts
    return rest | {
        "width": {"column": round(venue.column, 3), "page": round(venue.page, 3)},
        "font": {"family": family, "math": math, "size": venue.size, "small": venue.small},
    }
