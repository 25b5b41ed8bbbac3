"""What a reader opens: the report of Snakemake, and the tables as LaTeX sets them."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.xdist_group("tiny")
TEX = r"""\documentclass{article}\usepackage{booktabs}\begin{document}
%s
\end{document}"""


@pytest.fixture(scope="module")
def report(tiny):
    path = tiny.folder / "report.html"
    done = tiny.snakemake("--report", path.name)
    assert done.returncode == 0, done.stdout
    return path


def test_the_report_holds_every_figure_and_table_with_its_caption(report):
    text = report.read_text(encoding="utf-8")
    for name in ("scaling.svg", "curves.svg", "multiplier.svg", "fits.csv", "multipliers.csv"):
        assert name in text
    for phrase in ("A new optimiser against the old one", "Every published statement against ours"):
        assert phrase in text
    for category in ("Figures", "Tables", "Claims"):
        assert category in text


def test_chromium_shows_the_report(report, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    picture = tmp_path / "report.png"
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", *(f"--{flag}" for flag in quiet.split())),
            *(f"--user-data-dir={tmp_path / 'user'}", f"--screenshot={picture}"),
            *("--disable-component-update", "--virtual-time-budget=10000"),
            f"file://{report}",
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert picture.stat().st_size > 20_000  # an empty page takes about 5,000


def test_latex_sets_every_table_within_the_page(tiny, tmp_path):
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no pdflatex; on Debian: apt-get install texlive-latex-recommended")
    tables = sorted((tiny.folder / "results/table").rglob("*.tex"))
    assert len(tables) >= 6
    content = "\n".join(f"\\input{{{path}}}" for path in tables)
    (tmp_path / "all.tex").write_text(TEX % content)
    done = subprocess.run(
        [latex, "-interaction=nonstopmode", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
