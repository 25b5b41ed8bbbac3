import re
import struct
import zlib

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figure_tables import Made
from isoloss.fit.diagnose import diagnoses
from isoloss.fit.fit import fits
from isoloss.fit.settings import Fitting
from isoloss.multiplier.digits import shown
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.settings import Comparison
from isoloss.paper import style
from isoloss.paper.figures import (
    canvas,
    curves,
    holdout,
    isoflop,
    multiplier,
    positions,
    residuals,
    scaling,
    surface,
    ticks,
)
from isoloss.points.from_table import tabled_points
from isoloss.study.validation import read_yaml
from isoloss.units import PFLOP_S_DAY
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from sections import gate

CONVENTIONS = ["6n_with_head", "matmul_causal"]
ARMS = {"base": "Old & tried", "new": "New", "newer": "Newer"}


@pytest.fixture(scope="module")
def plotting(root):
    return read_yaml(root / "config/plotting.yaml")


def tables(arms=("base", "new"), metrics=("loss",)):
    """Stage tables of a made-up study with known laws and a little noise."""
    rng = np.random.default_rng(7)
    points, flops, cleaned = [], [], []
    for i, arm in enumerate(arms):
        for size in (1, 2, 4, 8):
            run, end = f"{arm}-{size}M", 0.1 * size**2
            for k, convention in enumerate(CONVENTIONS):
                per_token = 6e6 * size * (1 + 0.2 * k)
                tokens = end * PFLOP_S_DAY / (6e6 * size)
                compute = per_token * tokens / PFLOP_S_DAY
                flops.append((run, convention, per_token, tokens, compute))
                for m, metric in enumerate(metrics):
                    loss = (2.5 + 0.1 * m) * (compute * (1 + 0.3 * i)) ** -0.06
                    loss *= np.exp(rng.normal(0, 0.001))
                    points.append((run, arm, f"{size}M", metric, convention, compute, loss))
            for metric in metrics:
                at = np.linspace(0.05, 1, 60) * tokens
                value = 2.5 * (at / tokens * end) ** -0.06 + rng.normal(0, 0.01, 60)
                cleaned += [(run, metric, t, v) for t, v in zip(at, value, strict=True)]
    points = pd.DataFrame(
        points,
        columns=["run", "arm", "model", "metric", "convention", "compute_pflop_s_days", "loss"],
    ).assign(loss_se=0.002, used=True, reason="")
    flops = pd.DataFrame(
        flops,
        columns=["run", "convention", "flop_per_token", "training_tokens", "compute_pflop_s_days"],
    ).assign(conversion=np.nan)
    cleaned = pd.DataFrame(cleaned, columns=["run", "metric", "tokens", "value"]).assign(
        kept=True, compute_pflop_s_days=np.nan
    )
    settings = {"law": "power", "method": "least_squares_log", "also": [{"law": "power_floor"}]}
    settings |= {"weight_by": "none", "resampling": "wild", "draws": 100}
    settings = Fitting(**settings)
    found = fits(points, settings, "model")
    made = {name: found.table(name, []) for name in ("fit", "draws", "surface")}
    columns = {"residuals": [], "holdout": []}
    made |= diagnoses(points, made["fit"], made["surface"], settings, columns)
    fit = made["fit"]
    ratio = multipliers(
        fit,
        points,
        baseline="base",
        headline=CONVENTIONS[0],
        settings=Comparison([], "model", confidence=0.95, grid=11, margin=0.25),
        gate=gate(),
    )
    words = {
        "title": "Made up",
        "arms": {arm: ARMS[arm] for arm in arms},
        "metrics": {metric: metric.upper() for metric in metrics},
        "conventions": CONVENTIONS,
    }
    return made | {
        "points": points,
        "multiplier": ratio,
        "flops": flops,
        "cleaned": cleaned,
    }, words


def drawn(plotting, arms=("base", "new"), metrics=("loss",)):
    """Every figure of one study, by name, as its script draws it."""
    t, words = tables(arms, metrics)
    with mpl.rc_context(style.paper(plotting)):
        return {
            "scaling": scaling.draw(
                t["points"], t["fit"], t["draws"], t["multiplier"], words, plotting
            ),
            "curves": curves.draw(
                [t["cleaned"]], t["points"], t["flops"], t["fit"], t["draws"], words, plotting
            ),
            "multiplier": multiplier.draw(t["multiplier"], words, plotting),
            "positions": positions.draw(t["multiplier"], words, plotting),
            "residuals": residuals.draw(t["residuals"], words, plotting),
            "holdout": holdout.draw(t["holdout"], words, plotting),
        }


@pytest.fixture(scope="module")
def figures(plotting):
    """Every figure, drawn once; tests look at it and leave it as it is."""
    return drawn(plotting)


FIGURES = ("scaling", "curves", "multiplier", "positions", "residuals", "holdout")


@pytest.fixture(scope="module")
def saved(plotting, tmp_path_factory):
    """Every figure in every form, drawn and saved twice from scratch, as bytes."""
    made = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("figures")
        for name, figure in drawn(plotting).items():
            paths = [folder / f"{name}.{form}" for form in ("pdf", "svg", "png")]
            with mpl.rc_context(style.paper(plotting)):
                canvas.save(figure, paths)
        made.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    return made


def pdf_text(content):
    """A PDF's objects with their compressed streams inflated."""
    parts = [content]
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, re.S):
        try:
            parts.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def page_inches(content):
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf_text(content))
    return float(box[1]) / 72, float(box[2]) / 72


# --- what is printed


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_tables_give_the_same_bytes(saved, name):
    for form in ("pdf", "svg", "png"):
        assert saved[0][f"{name}.{form}"] == saved[1][f"{name}.{form}"]


@pytest.mark.parametrize("name", FIGURES)
def test_fonts_of_a_pdf_are_embedded_as_type_42(saved, name):
    text = pdf_text(saved[0][f"{name}.pdf"])
    kinds = set(re.findall(rb"/Subtype /(Type\d|TrueType|CIDFontType\d|Type0|Type1C)\b", text))
    assert kinds <= {b"Type0", b"CIDFontType2", b"TrueType"}
    assert kinds
    fonts = set(re.findall(rb"/BaseFont /([\w+-]+)", text))
    assert fonts
    descriptors = re.findall(rb"/Type /FontDescriptor", text)
    assert len(re.findall(rb"/FontFile2 \d+ 0 R", text)) == len(descriptors) > 0
    assert any(b"STIX" in font for font in fonts)


@pytest.mark.parametrize("name", FIGURES)
def test_no_form_holds_a_date(saved, name):
    assert b"CreationDate" not in pdf_text(saved[0][f"{name}.pdf"])
    assert b"<dc:date>" not in saved[0][f"{name}.svg"]
    assert b"tIME" not in saved[0][f"{name}.png"]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_as_wide_as_a_column_or_the_page(saved, plotting, name):
    width = plotting["width"]["column"]
    assert page_inches(saved[0][f"{name}.pdf"])[0] == pytest.approx(width, abs=0.01)
    svg = re.search(rb'<svg [^>]*width="([\d.]+)pt"', saved[0][f"{name}.svg"])
    assert float(svg[1]) / 72 == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("name", FIGURES)
def test_a_png_has_300_dots_an_inch_and_the_pdfs_size(saved, name):
    png = saved[0][f"{name}.png"]
    width, height = struct.unpack(">II", png[16:24])
    where = png.index(b"pHYs") + 4
    per_metre = struct.unpack(">II", png[where : where + 8])
    assert [round(x * 0.0254) for x in per_metre] == [300, 300]
    inches = page_inches(saved[0][f"{name}.pdf"])
    assert (width, height) == (
        pytest.approx(300 * inches[0], abs=1),
        pytest.approx(300 * inches[1], abs=1),
    )


def test_the_width_is_the_configured_one(plotting):
    narrow = plotting | {"width": {"column": 2.5, "page": 5.0}}
    figures = drawn(narrow)
    assert figures["scaling"].get_size_inches()[0] == 2.5
    made = drawn(narrow, metrics=("a", "b"))
    assert made["scaling"].get_size_inches()[0] == 5.0


def test_a_figure_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch):
    figure = Figure()

    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        canvas.save(figure, [tmp_path / "f.pdf"])
    assert list(tmp_path.iterdir()) == []


# --- what is drawn


def test_drawing_changes_no_global_setting(plotting):
    before = dict(mpl.rcParams)
    drawn(plotting)
    assert dict(mpl.rcParams) == before


def colors_of(figure):
    """Colours of all lines that are not black or grey."""
    used = set()
    for axes in figure.axes:
        for line in axes.get_lines():
            rgb = mpl.colors.to_rgb(line.get_color())
            if len(set(rgb)) > 1:
                used.add(mpl.colors.to_hex(rgb).upper())
    return used


def test_an_arm_has_the_same_look_in_every_figure(figures, plotting):
    looks = style.arm_styles(plotting, ["base", "new"])
    for name in ("scaling", "curves", "residuals", "holdout"):
        handles = figures[name].legends[0].legend_handles
        for arm, look in looks.items():
            mine = [handle for handle in handles if handle.get_label().startswith(ARMS[arm])]
            assert [handle.get_color() for handle in mine] == [look["color"]]
            assert [handle.get_marker() for handle in mine] == [look["marker"]]
    for name in ("scaling", "curves"):
        assert colors_of(figures[name]) == {look["color"].upper() for look in looks.values()}


def test_a_third_arm_leaves_the_colours_of_the_others(figures, plotting):
    two = figures["scaling"]
    three = drawn(plotting, arms=("base", "new", "newer"))["scaling"]
    assert colors_of(two) < colors_of(three)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_scaling_shows_points_laws_their_equations_n_and_the_arrow(figures, plotting):
    t, _ = tables()
    axes = figures["scaling"].axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    markers = [line.get_marker() for line in axes.get_lines()]
    for look in style.arm_styles(plotting, ["base", "new"]).values():
        assert markers.count(look["marker"]) == 1
    law = t["fit"].query("arm == 'new' and convention == '6n_with_head'").iloc[0]
    labels = legend(figures["scaling"])
    assert labels[0].startswith("Old & tried (n = 4): ")
    assert f"{law['coefficient']:#.4g}" in labels[1]
    assert f"{-law['exponent']:.4f}" in labels[1]
    row = t["multiplier"].query("headline").iloc[0]
    value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
    texts = [text.get_text() for text in axes.texts]
    assert any(
        f"{value}$\\times$ at loss {row['loss']:g}" in text and f"95%: {low} to {high}" in text
        for text in texts
    )
    arrow = next(a for a in axes.texts if a.arrow_patch is not None)
    start, end = arrow.xyann[0], arrow.xy[0]
    assert end / start == pytest.approx(row["multiplier"])
    fits = t["fit"].query("convention == '6n_with_head' and headline_law").set_index("arm")
    for law, compute in ((fits.loc["new"], start), (fits.loc["base"], end)):
        expected = (law["coefficient"] / row["loss"]) ** (1 / law["exponent"])
        assert compute == pytest.approx(expected)
    assert arrow.xy[1] == arrow.xyann[1] == row["loss"]


def test_of_three_arms_the_legend_has_the_multipliers(plotting):
    arms = ("base", "new", "newer")
    t, _ = tables(arms)
    figure = drawn(plotting, arms)["scaling"]
    rows = t["multiplier"].query("headline").set_index("candidate")
    for arm, text in zip(arms[1:], legend(figure)[1:], strict=True):
        row = rows.loc[arm]
        value, low, high = shown(row["multiplier"], row["ci_low"], row["ci_high"])
        words = f"{value}$\\times$ ({low} to {high}) at loss {row['loss']:g}"
        assert words in text.replace("\n", " ")
    (axes,) = figure.axes
    assert not any(text.arrow_patch for text in axes.texts)
    assert rows["loss"].nunique() == 2
    assert not [line for line in axes.lines if line.get_marker() == "|"]


def test_a_line_joins_the_laws_of_three_arms_that_are_compared_at_one_loss(plotting):
    made = Made(3, 1, 1)
    with mpl.rc_context(style.paper(plotting)):
        stages = [made[name] for name in ("points", "fit", "draws", "multiplier")]
        figure = scaling.draw(*stages, made.words, plotting)
    rows = made["multiplier"].query("headline")
    at = rows["candidate_compute_pflop_s_days"]
    (line,) = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert set(line.get_ydata()) == {2.2}
    ends = sorted([*at, at.iloc[0] * rows["multiplier"].iloc[0]])
    np.testing.assert_allclose(line.get_xdata(), ends)


def test_laws_are_bold_over_their_points_and_faint_beyond(figures, plotting):
    t, _ = tables()
    lines = figures["scaling"].axes[0].get_lines()
    for arm, points in t["points"].query("convention == '6n_with_head'").groupby("arm"):
        look = style.arm_styles(plotting, ["base", "new"])[arm]
        mine = [line for line in lines if line.get_color() == look["color"]]
        laws = [line for line in mine if len(line.get_xdata()) > 10]
        faint = [line for line in laws if line.get_alpha()]
        (bold,) = (line for line in laws if not line.get_alpha())
        compute = points["compute_pflop_s_days"]
        assert bold.get_xdata()[[0, -1]] == pytest.approx([compute.min(), compute.max()])
        beyond = np.concatenate([line.get_xdata() for line in faint])
        inside = (beyond > compute.min() * (1 + 1e-9)) & (beyond < compute.max() * (1 - 1e-9))
        assert len(faint) == 2
        assert not inside.any()
        assert all(line.get_linewidth() < bold.get_linewidth() for line in faint)


def test_a_multiplier_outside_the_data_is_marked_in_the_figure(plotting):
    t, words = tables()
    far = t["multiplier"].assign(doubts="extrapolated: extrapolated")
    with mpl.rc_context(style.paper(plotting)):
        figure = scaling.draw(t["points"], t["fit"], t["draws"], far, words, plotting)
    assert any("extrapolated" in text.get_text() for text in figure.axes[0].texts)


def test_a_multiplier_that_is_no_headline_says_so_at_its_arrow(plotting):
    t, words = tables()
    wrong = t["multiplier"].assign(doubts="loss: run a has loss 40; give nats")
    with mpl.rc_context(style.paper(plotting)):
        figure = scaling.draw(t["points"], t["fit"], t["draws"], wrong, words, plotting)
    assert any("no headline" in text.get_text() for text in figure.axes[0].texts)


def test_a_multiplier_that_does_not_exist_draws_no_arrow(plotting):
    t, words = tables()
    none = t["multiplier"].assign(multiplier=np.nan)
    with mpl.rc_context(style.paper(plotting)):
        figure = scaling.draw(t["points"], t["fit"], t["draws"], none, words, plotting)
    assert not figure.axes[0].texts


def test_curves_show_every_kept_value_of_every_run_against_compute(plotting):
    t, words = tables()
    t["cleaned"].loc[5, "kept"] = False
    with mpl.rc_context(style.paper(plotting)):
        stages = [t[key] for key in ("points", "flops", "fit", "draws")]
        figure = curves.draw([t["cleaned"]], *stages, words, plotting)
    lines = [line for line in figure.axes[0].get_lines() if line.get_alpha() == 0.5]
    assert sorted(len(line.get_xdata()) for line in lines) == [59] + [60] * 7
    ends = t["flops"].query("convention == '6n_with_head'")["compute_pflop_s_days"]
    assert sorted(max(line.get_xdata()) for line in lines) == pytest.approx(sorted(ends))


def test_of_a_log_without_tokens_the_curve_stands_at_the_logged_compute():
    values = pd.DataFrame(
        {"run": ["r", "s", "t"], "tokens": [np.nan, np.nan, 10.0], "value": 2.0}
    ).assign(compute_pflop_s_days=[0.5, 0.5, np.nan])
    flops = pd.DataFrame({"run": ["r", "s", "t"], "flop_per_token": PFLOP_S_DAY})
    flops["conversion"] = [1.0, 1.5, np.nan]
    assert list(curves.on_compute(values, flops)["compute"]) == [0.5, 0.75, 10.0]


def test_sixteen_metrics_make_four_by_four_panels_as_wide_as_the_page(plotting):
    metrics = tuple(f"m{i}" for i in range(16))
    figures = drawn(plotting, metrics=metrics)
    for name, strips in (("curves", 16), ("multiplier", 0)):
        axes = figures[name].axes
        assert len(axes) == 16 + strips
        for which in ("x0", "y0"):
            places = {round(getattr(one.get_position(), which), 6) for one in axes[:16]}
            assert len(places) == 4
        assert figures[name].get_size_inches()[0] == plotting["width"]["page"]
        titles = [one.get_title() for one in axes[:16]]
        assert titles == [metric.upper() for metric in metrics]


def test_below_the_curves_the_candidate_stands_over_the_baselines_law(figures, plotting):
    t, _ = tables()
    strip = figures["curves"].axes[1]
    fits = t["fit"].query("convention == '6n_with_head' and headline_law").set_index("arm")
    points = t["points"].query("convention == '6n_with_head'")
    base = fits.loc["base"]
    looks = style.arm_styles(plotting, ["base", "new"])
    for arm, mine in points.groupby("arm"):
        signs = [
            line
            for line in strip.lines
            if line.get_marker() == looks[arm]["marker"] and line.get_linestyle() == "None"
        ]
        at = mine["compute_pflop_s_days"].to_numpy()
        expected = mine["loss"] / (base["coefficient"] * at ** -base["exponent"])
        np.testing.assert_allclose(signs[0].get_ydata(), 100 * (expected - 1))
    law = next(line for line in strip.lines if len(line.get_xdata()) == 60)
    x, y = law.get_data()
    new = fits.loc["new"]
    ratio = new["coefficient"] * x ** -new["exponent"]
    ratio /= base["coefficient"] * x ** -base["exponent"]
    np.testing.assert_allclose(y, 100 * (ratio - 1))
    (band,) = [c for c in strip.collections if isinstance(c, PolyCollection)]
    inside = [
        band.get_paths()[0].contains_point(point, radius=1e-3)
        for point in zip(x[1:-1], y[1:-1], strict=True)
    ]
    assert all(inside)


def test_the_multiplier_is_a_line_and_a_band_a_convention_with_the_seen_range_shaded(figures):
    t, _ = tables()
    axes = figures["multiplier"].axes[0]
    assert legend(figures["multiplier"]) == ["6N with head", "matmul causal"]
    assert len(axes.collections) >= 2  # the bands
    grid = t["multiplier"].query("kind == 'grid' and not extrapolated")["loss"]
    spans = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    assert any(
        span.x0 == pytest.approx(grid.min()) and span.x1 == pytest.approx(grid.max())
        for span in spans
    )
    bold = [line for line in axes.lines if line.get_alpha() is None and len(line.get_xdata()) > 2]
    assert len(bold) == 2
    assert all(min(line.get_xdata()) >= grid.min() - 1e-12 for line in bold)


def test_positions_show_every_metric_with_its_interval(plotting):
    metrics = ("a", "b", "c")
    t, _ = tables(metrics=metrics)
    axes = drawn(plotting, metrics=metrics)["positions"].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "B", "C"]
    bars = [c for c in axes.containers if hasattr(c, "has_yerr")]
    assert len(bars) == 2
    assert all(bar.has_yerr for bar in bars)
    reported = t["multiplier"].query(
        "kind == 'reported' and convention == '6n_with_head' and headline_law"
    )
    assert list(bars[0][0].get_ydata()) == pytest.approx(list(reported["multiplier"]))


def test_positions_of_seven_candidates_are_a_forest_with_a_row_a_metric(plotting):
    made = Made(8, 2, 3)
    with mpl.rc_context(style.paper(plotting)):
        figure = positions.draw(made["multiplier"], made.words, plotting)
    assert len(figure.axes) == 7
    assert [axes.get_title() for axes in figure.axes] == list(made.words["arms"].values())[1:]
    rows = made["multiplier"].query("kind == 'reported' and candidate == 'a3'")
    signs = [line for line in figure.axes[2].lines if line.get_marker() != "None"]
    drawn_at = np.concatenate([line.get_xdata() for line in signs])
    np.testing.assert_allclose(np.sort(drawn_at), np.sort(rows["multiplier"]))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(made.words["metrics"].values())


def test_positions_of_one_metric_and_seven_candidates_are_a_row_a_candidate(plotting):
    made = Made(8, 2, 1)
    with mpl.rc_context(style.paper(plotting)):
        figure = positions.draw(made["multiplier"], made.words, plotting)
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == list(made.words["arms"].values())[1:]
    rows = made["multiplier"].query("kind == 'reported'")
    signs = np.concatenate([line.get_xdata() for line in axes.lines if line.get_marker() != "None"])
    np.testing.assert_allclose(np.sort(signs), np.sort(rows["multiplier"]))


def test_the_multiplier_under_ten_conventions_has_a_panel_each(plotting):
    made = Made(2, 10, 1)
    with mpl.rc_context(style.paper(plotting)):
        figure = multiplier.draw(made["multiplier"], made.words, plotting)
    names = [style.convention_label(name) for name in made.words["conventions"]]
    assert [axes.get_title().replace("\n", " ") for axes in figure.axes] == names
    assert "convention" in multiplier.caption(made["multiplier"], made.words)


def test_of_too_many_panels_the_multiplier_is_a_forest(plotting):
    made = Made(8, 10, 20)
    with mpl.rc_context(style.paper(plotting)):
        figure = multiplier.draw(made["multiplier"], made.words, plotting)
    assert len(figure.axes) == 7
    words = multiplier.caption(made["multiplier"], made.words)
    assert "Intervals of the other conventions are left out" in " ".join(words.split())


# --- axes


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.1, 1, 10], ["0.1", "1", "10"]),
        ([2.0, 2.05, 2.1], ["2.00", "2.05", "2.10"]),
        ([1, 2, 5], ["1", "2", "5"]),
        ([100, 200], ["100", "200"]),
        ([-0.5, 0, 0.5], ["\N{MINUS SIGN}0.5", "0.0", "0.5"]),
        ([1e-5, 1e-4], ["$10^{-5}$", "$10^{-4}$"]),
        ([1e4, 1e5, 1e6], ["$10^{4}$", "$10^{5}$", "$10^{6}$"]),
        ([1.2e6, 1.4e6], [r"$1.2\times 10^{6}$", r"$1.4\times 10^{6}$"]),
        ([0, 2e-4], ["0", r"$2\times 10^{-4}$"]),
        ([0], ["0"]),
        ([], []),
    ],
)
def test_ticks_are_plain_numbers_with_the_same_places_or_all_powers(values, labels):
    assert ticks.labels(values) == labels


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.01, 100), (1, 12), (1.9, 2.3), (2.10, 2.12), (1e-7, 1e6), (3e-5, 4e-4), (9000, 2e6)],
)
def test_a_log_axis_has_ticks_however_short_or_long_its_range(low, high):
    found = ticks.chosen(low, high, log=True, fits=lambda at: True)
    assert 2 <= len(found) <= ticks.MOST
    assert found.min() >= low * (1 - 1e-9)
    assert found.max() <= high * (1 + 1e-9)
    texts = ticks.labels(list(found))
    assert len({"^" in text for text in texts}) == 1
    assert not any(re.search(r"\de", text) for text in texts)


def test_of_ticks_that_do_not_fit_there_are_fewer():
    wide = ticks.chosen(1, 1000, log=True, fits=lambda at: True)
    narrow = ticks.chosen(1, 1000, log=True, fits=lambda at: len(at) <= 3)
    assert 2 <= len(narrow) <= 3 < len(wide)


def test_axes_name_the_unit_of_the_metric_and_say_what_is_logarithmic(plotting):
    made = Made(2, 2, 1, unit="bits_per_byte")
    with mpl.rc_context(style.paper(plotting)):
        stages = [made[name] for name in ("points", "fit", "draws", "multiplier")]
        figure = scaling.draw(*stages, made.words, plotting)
    texts = [text.get_text().replace("\n", " ") for text in figure.findobj(Text)]
    label = made.words["metrics"]["m0"]
    assert f"{label} (bits per byte), log\N{NO-BREAK SPACE}scale" in texts
    compute = "Compute (PFLOP/s-days, 6N non-embedding), log\N{NO-BREAK SPACE}scale"
    assert compute in texts


# --- laws and their checks


def test_a_law_stands_on_the_band_of_its_draws(figures):
    axes = figures["scaling"].axes[0]
    bands = [c for c in axes.collections if isinstance(c, PolyCollection)]
    assert len(bands) == 2
    laws = [line for line in axes.lines if len(line.get_xdata()) == 100]
    for band, line in zip(bands, laws, strict=True):
        x, y = line.get_data()
        path = band.get_paths()[0]
        assert all(path.contains_point(point, radius=1e-3) for point in zip(x, y, strict=True))
        assert band.get_alpha() < 0.2


def test_residuals_show_every_point_with_and_without_itself(figures):
    t, _ = tables()
    lines = figures["residuals"].axes[0].lines[1:]
    shown = np.concatenate([line.get_ydata() for line in lines])
    rows = t["residuals"].query("headline_law and convention == '6n_with_head'")
    expected = 100 * rows[["log_residual", "log_residual_without"]].to_numpy()
    np.testing.assert_allclose(np.sort(shown), np.sort(expected.ravel()))


def test_holdout_shows_every_law_with_its_own_marker(figures):
    t, _ = tables()
    rows = t["holdout"].query("convention == '6n_with_head'")
    lines = [line for line in figures["holdout"].axes[0].lines[1:] if len(line.get_xdata())]
    assert sum(len(line.get_xdata()) for line in lines) == len(rows)
    assert legend(figures["holdout"]) == ["Old & tried", "New", "law power"]


@pytest.fixture(scope="module")
def grid(root):
    """Points, surface and iso-FLOP tables of tests/data/surface."""
    rows = pd.read_csv(root / "tests/data/surface/data/surface/points.csv").to_dict("records")
    points = tabled_points(rows, {"loss": "loss"}, ["6n_non_embedding"])
    settings = {"law": "chinchilla", "method": "huber_log", "also": [{"law": "isoflop"}]}
    settings |= {"weight_by": "none", "resampling": "wild", "draws": 100}
    settings = Fitting(**settings)
    found = fits(points, settings, "model")
    words = {
        "arms": {"dense": "Dense", "sparse": "Sparse"},
        "metrics": {"loss": "Loss"},
        "conventions": ["6n_non_embedding"],
    }
    return points, found.table("surface", []), found.table("isoflop", []), words


def test_a_surface_has_a_panel_an_arm_with_its_points_and_its_optimal_line(grid, plotting):
    points, table, _, words = grid
    with mpl.rc_context(style.paper(plotting)):
        figure = surface.draw(points, table, words, plotting)
    dense, sparse = figure.axes
    counts = points["arm"].value_counts()
    titles = [f"Dense (n = {counts['dense']})", f"Sparse (n = {counts['sparse']})"]
    assert [axes.get_title() for axes in (dense, sparse)] == titles
    assert legend(figure)[0].endswith(" nats")
    shown = next(c for c in dense.collections if isinstance(c, PathCollection))
    mine = points[points["arm"] == "dense"]
    np.testing.assert_allclose(shown.get_offsets(), mine[["parameters", "tokens"]])
    n, d = dense.lines[0].get_data()
    np.testing.assert_allclose(
        [6 * n[0] * d[0], 6 * n[-1] * d[-1]] / np.float64(PFLOP_S_DAY),
        [mine["compute_pflop_s_days"].min(), mine["compute_pflop_s_days"].max()],
    )


def test_isoflop_shows_every_budget_its_minimum_and_the_growth_of_the_best_size(grid, plotting):
    points, _, table, words = grid
    with mpl.rc_context(style.paper(plotting)):
        figure = isoflop.draw(points, table, words, plotting)
    dense, _, growth = figure.axes
    stars = [line for line in dense.lines if line.get_marker() == "*"]
    best = table[table["arm"] == "dense"]
    np.testing.assert_allclose([s.get_xdata()[0] for s in stars], best["optimal_parameters"])
    assert growth.get_title() == "Size of lowest loss"
    assert legend(figure)[0] == "0.012 PFLOP/s-days"
    assert r"Dense: $N \propto C^{0.513}$" in legend(figure)


PUBLISHED = {
    "source": "Paper",
    "fits": [
        {"arm": "base", "metric": "loss", "coefficient": "2.6", "exponent": "0.05"},
        {"arm": "base", "metric": "loss", "coefficient": "2.6", "exponent": "0.05"},
        {"arm": "new", "metric": "loss", "coefficient": "2.5", "exponent": "0.05"},
        {"arm": "new", "metric": "loss", "convention": "y", "coefficient": "9", "exponent": "1"},
        {"arm": "new", "metric": "other", "coefficient": "9", "exponent": "1"},
    ],
}


@pytest.mark.parametrize("name", ["scaling", "curves"])
def test_published_lines_are_thin_and_grey_behind_ours(plotting, name):
    t, words = tables()
    with mpl.rc_context(style.paper(plotting)):
        if name == "scaling":
            stages = [t[key] for key in ("points", "fit", "draws", "multiplier")]
            ours = scaling.draw(*stages, words, plotting)
            figure = scaling.draw(*stages, words, plotting, PUBLISHED)
        else:
            stages = [[t["cleaned"]], *(t[key] for key in ("points", "flops", "fit", "draws"))]
            ours = curves.draw(*stages, words, plotting)
            figure = curves.draw(*stages, words, plotting, PUBLISHED)
    axes = figure.axes[0]
    grey = [line for line in axes.lines if line.get_color() == "0.45"]
    assert len(grey) == 2
    assert len(axes.lines) == len(ours.axes[0].lines) + 2
    assert legend(figure).count("As published") == 1
    law = next(line for line in axes.lines if len(line.get_xdata()) == 100)
    for line, coefficient in zip(grey, (2.6, 2.5), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, coefficient * x**-0.05)
        assert line.get_linewidth() == plotting["line"]["thin"] < law.get_linewidth()
        assert line.get_zorder() < law.get_zorder()


def test_a_published_multiplier_stands_in_grey_at_the_arrow_of_its_loss(plotting):
    t, words = tables()
    loss = t["multiplier"].query("headline")["loss"].iloc[0]
    claim = {"candidate": "new", "metric": "loss", "multiplier": "1.16"}

    def texts(**more):
        published = {"multipliers": [claim | more]}
        stages = [t[key] for key in ("points", "fit", "draws", "multiplier")]
        with mpl.rc_context(style.paper(plotting)):
            figure = scaling.draw(*stages, words, plotting, published)
        return {text.get_text(): text.get_color() for text in figure.axes[0].texts}

    said = "as published: 1.16$\\times$"
    assert texts(loss=loss)[said] == "0.45"
    assert said not in texts(loss=loss * 1.01)
    assert said not in texts(compute=3.0)
