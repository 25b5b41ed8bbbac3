"""How figures look, as dictionaries of rcParams to be merged with `|` and used in `rc_context`.

`plotting` is config/plotting.yaml: widths in inches, sizes in points.
"""

from collections.abc import Iterable, Mapping
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
    """The same bytes from the same figure: no random identifiers."""
    return {"svg.hashsalt": "isoloss", "path.simplify": True}


def paper(plotting: Plotting) -> RcParams:
    """Everything, for figures of a paper."""
    return (
        fonts(plotting)
        | lines(plotting)
        | reproducible()
        | {"savefig.dpi": plotting["dpi"], "figure.constrained_layout.use": True}
    )


def arm_colors(plotting: Plotting, arms: Iterable[str]) -> dict[str, str]:
    """One colour for each arm, the baseline first: the same in every figure of a study."""
    colors = plotting["colors"]
    return {arm: colors[i % len(colors)] for i, arm in enumerate(arms)}


def arm_markers(plotting: Plotting, arms: Iterable[str]) -> dict[str, str]:
    """One marker for each arm."""
    markers = plotting["markers"]
    return {arm: markers[i % len(markers)] for i, arm in enumerate(arms)}


def convention_styles(plotting: Plotting, conventions: Iterable[str]) -> dict[str, RcParams]:
    """Colour, line and marker of each convention, the headline first.

    Where there are more conventions than colours, a colour comes back with another line.
    """
    colors, dashes = plotting["convention_colors"], plotting["convention_lines"]
    markers = plotting["convention_markers"]
    return {
        name: {
            "color": colors[i % len(colors)],
            "linestyle": dashes[(i + i // len(colors)) % len(dashes)],
            "marker": markers[(i + i // len(colors)) % len(markers)],
        }
        for i, name in enumerate(conventions)
    }


def convention_label(name: str) -> str:
    """`6n_with_head` as a reader knows it: `6N with head`."""
    if name == "6nd":
        return "6 N D"
    return name.replace("6n", "6N").replace("non_embedding", "non-embedding").replace("_", " ")
