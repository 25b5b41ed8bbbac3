"""How figures look, as dictionaries of rcParams to be merged with `|` and used in `rc_context`.

`plotting` is config/plotting.yaml: widths in inches, sizes in points.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RcParams = dict[str, Any]
Plotting = Mapping[str, Any]


def fonts(plotting: Plotting) -> RcParams:
    """Family and sizes; text stays text in PDF (Type 42), and is drawn as outlines in SVG."""
    font = plotting["font"]
    return {
        "font.family": font["family"],
        "mathtext.fontset": font["math"],
        "font.size": font["size"],
        "axes.labelsize": font["size"],
        "axes.titlesize": font["size"],
        "legend.fontsize": font["small"],
        "xtick.labelsize": font["small"],
        "ytick.labelsize": font["small"],
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path",
    }


def lines(plotting: Plotting) -> RcParams:
    """Widths of lines, sizes of markers."""
    line = plotting["line"]
    return {
        "lines.linewidth": line["width"],
        "lines.markersize": plotting["marker_size"],
        "axes.linewidth": line["thin"],
        "grid.linewidth": line["thin"],
        "grid.alpha": 0.25,
        "xtick.major.width": line["thin"],
        "ytick.major.width": line["thin"],
        "xtick.minor.width": line["thin"],
        "ytick.minor.width": line["thin"],
        "legend.frameon": False,
        "errorbar.capsize": 1.5,
    }


def reproducible() -> RcParams:
    """The same bytes from the same figure: no random identifiers; no font in what LaTeX sets."""
    return {"svg.hashsalt": "isoloss", "path.simplify": True, "pgf.rcfonts": False}


def paper(plotting: Plotting) -> RcParams:
    """Everything, for figures of a paper."""
    return fonts(plotting) | lines(plotting) | reproducible() | {"savefig.dpi": plotting["dpi"]}


def arm_styles(plotting: Plotting, arms: Iterable[str]) -> dict[str, RcParams]:
    """Colour, line and marker of each arm, the baseline first: the same in every figure."""
    return _styles(arms, plotting["colors"], plotting["lines"], plotting["markers"])


def convention_styles(plotting: Plotting, conventions: Iterable[str]) -> dict[str, RcParams]:
    """The same of each convention, the headline first."""
    looks = (plotting[f"convention_{name}"] for name in ("colors", "lines", "markers"))
    return _styles(conventions, *looks)


def _styles(
    names: Iterable[str],
    colors: Sequence[str],
    lines: Sequence[str | Sequence[float]],
    markers: Sequence[str],
) -> dict[str, RcParams]:
    """Where there are more names than colours, a colour comes back with another line and marker.

    Where lines or markers have run out, they come back one later.
    """
    dashes = [line if isinstance(line, str) else (0, tuple(line)) for line in lines]
    return {
        name: {
            "color": colors[i % len(colors)],
            "linestyle": dashes[(i + i // len(dashes)) % len(dashes)],
            "marker": markers[(i + i // len(markers)) % len(markers)],
        }
        for i, name in enumerate(names)
    }


def convention_label(name: str) -> str:
    """`6n_with_head` as a reader knows it: `6N with head`."""
    if name == "6nd":
        return "6 N D"
    return name.replace("6n", "6N").replace("non_embedding", "non-embedding").replace("_", " ")
