"""What people wrote, set by LaTeX and drawn, letter for letter and without effect.

The page in a browser is in test_page.py.
"""

import shutil
import string
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from isoloss.paper import table
from isoloss.paper.figures.canvas import save
from matplotlib.figure import Figure

SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
LATEX = [
    *(f"x{sign}y" for sign in string.punctuation),
    *(
        r"\input{/etc/hostname}",
        r"\immediate\write18{touch taken}",
        "a%b",
        r"\\ \end{tabular} & #1",
    ),
    *("^^4cx", "$\\taken$", "--", "---", "<<x>>", ",,", "``", "?`x", "Öl"),
]


def program(name, package):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}; on Debian: apt-get install {package}")
    return found


def test_latex_sets_every_text_as_it_stands(tmp_path):
    latex = program("pdflatex", "texlive-latex-recommended")
    totext = program("pdftotext", "poppler-utils")
    lines = "\n\n".join(rf"\noindent {table.escape(text)}" for text in LATEX)
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{textcomp}\pagestyle{empty}"
    (tmp_path / "a.tex").write_text(f"{head}\\begin{{document}}\n{lines}\n\\end{{document}}\n")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]
    made = subprocess.run([totext, "-layout", tmp_path / "a.pdf", "-"], capture_output=True)
    shown = [line.strip() for line in made.stdout.decode().splitlines() if line.strip()]
    assert shown == LATEX
    assert not (tmp_path / "taken").exists()


def shown(path: Path, folder: Path) -> str:
    """The page as Chromium has it after its scripts, if it let any run."""
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    done = subprocess.run(
        [
            program("chromium", "chromium"),
            *("--headless", "--no-sandbox", *(f"--{flag}" for flag in quiet.split())),
            *(f"--user-data-dir={folder / 'user'}", "--dump-dom", "--virtual-time-budget=2000"),
            *("--disable-component-update", f"file://{path}"),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return done.stdout.decode()


def drawn(path: Path) -> Path:
    """A picture with a label of hostile words."""
    figure = Figure()
    figure.subplots().set_title(SCRIPT)
    save(figure, [path])
    return path


def test_a_browser_runs_nothing_of_what_people_wrote_in_a_picture(tmp_path):
    path = drawn(tmp_path / "a.svg")
    names = {node.tag.rpartition("}")[2] for node in ElementTree.parse(path).iter()}
    assert not names & {"script", "img", "foreignObject"}
    assert "taken</" not in shown(path, tmp_path).partition("<svg")[0]
