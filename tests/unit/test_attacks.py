"""Attacks on the loader of studies and on the readers: each is refused in one line, or harmless."""

import gzip
import json
from pathlib import Path

import fuzz
import pytest
from isoloss.logs import LogError
from isoloss.logs.errors import in_one_line
from isoloss.study import study
from isoloss.study.validation import InputError
from limited import error_of

ROOT = Path(__file__).parents[2]
LOAD = f"""\
from isoloss.study import study
from isoloss.study.validation import read_yaml
root = Path({str(ROOT)!r})
config = read_yaml(root / "config/config.yaml") | {{"studies": ["s"]}}
study.load(config, Path(), root / "workflow/schemas", {fuzz.FIGURES}, {fuzz.TABLES})
"""
READ = "from isoloss.logs.reading import read\nread('log', tokens_per_step=1.0)"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a study that can be loaded; the working folder, too."""
    fuzz.write(tmp_path, fuzz.study_seeds()[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded():
    return study.load(fuzz.config(), Path(), fuzz.SCHEMAS, fuzz.FIGURES, fuzz.TABLES)


def refused():
    with pytest.raises(InputError) as error:
        loaded()
    message = str(error.value)
    assert message.isprintable()
    assert len(message) < 1500
    assert "unter2" not in message  # of files that are no part of a study
    return message


def swap(home, name, old, new):
    text = (home / name).read_text()
    assert old in text
    (home / name).write_text(text.replace(old, new, 1))


# --- architectures


def layers(count):
    gpt2 = json.loads((ROOT / "tests/data/flops/configs/gpt2.json").read_text())
    return json.dumps(gpt2 | {"n_layer": count})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        (layers(10**9), "num_hidden_layers: 1000000000: expected at most 10,000"),
        ('{"n_embd": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ('{"a": "' + "x" * (5 << 20) + '"}', "over 4,194,304 bytes"),
        ("hunter2:x:0:0\n" * 9, "not JSON: line 1, column 1"),
        ('{"hunter2": "Hunter2"}', "hidden_size: missing"),
    ],
    ids=["deep", "layers", "digits", "long", "passwords", "secret"],
)
def test_an_architecture_that_is_none(home, content, says):
    (home / "a.json").write_text(content)
    said = error_of(LOAD, folder=home)
    assert said.startswith("runs.csv, line 2, run b1: a.json: ")
    assert says in said
    assert "unter2" not in said


# --- run sheets


@pytest.mark.parametrize(
    "cell",
    ["b\0.csv", '"b\n\nisoloss: all is well\n1.csv"', "b\x1b[2J.csv", "x" * 5000, "b\u202e1.csv"],
    ids=["nul", "lines", "escape", "long", "right to left"],
)
def test_a_cell_that_cannot_be_printed(home, cell):
    swap(home, "runs.csv", "b1.csv", cell)
    assert "column `log` holds more than 4,000 characters, a line end" in refused()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model,hunter2\nx,hunter2\n", "names fewer than two known columns"),
        (b"hunter2,hunter2,run\n1,2,3\n", "names fewer than two known columns"),
        (b"run,arm,model,log\n" + b"x" * (1 << 18), "field larger than field limit"),
        (gzip.compress(b"run,arm"), "not a CSV table: 'utf-8' codec"),
    ],
    ids=["word", "twice", "cell", "compressed"],
)
def test_a_run_sheet_that_is_none(home, content, says):
    (home / "runs.csv").write_bytes(content)
    assert refused().startswith("runs.csv: ")
    assert says in refused()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (200_000, "runs.csv: over 20,000 rows; split the study."),
        (4_000, "runs.csv, line 4011: run `b1` stands in line 2 already"),
    ],
)
def test_a_run_sheet_of_very_many_rows(home, rows, says):
    more = "".join(f"r{i},base,1M,b1.csv,1000000,a.json,4096,{i + 1}\n" for i in range(rows - 1))
    with (home / "runs.csv").open("a") as sheet:
        sheet.write(more + "b1,base,1M,b1.csv,,,,\n")
    assert error_of(LOAD, folder=home).startswith(says)


def test_very_many_runs_that_are_left_out(home):
    many = "".join(f"  r{i}: x\n" for i in range(4_000)) + "  none: x\n"
    swap(home, "s.yaml", "exclude: {b4: it is broken}\n", f"exclude:\n{many}")
    rows = "".join(f"r{i},base,1M,r{i}.csv,1000000,a.json,4096,1e9\n" for i in range(4_000))
    (home / "runs.csv").write_text((home / "runs.csv").read_text() + rows.replace(".csv", ""))
    for i in range(4_000):
        (home / f"r{i}").touch()
    assert "exclude: there is no run `none`" in error_of(LOAD, folder=home)


def test_a_cell_is_checked_in_every_row_of_the_sheet(home):
    with (home / "runs.csv").open("a") as sheet:
        sheet.write("x,base,6M,b5.csv,5000000,a.json,-4096,1e9\n")
    assert refused().startswith("runs.csv, line 12, run x: sequence_length: -4096")


def test_a_run_sheet_of_700_megabytes_is_not_read(home):
    with (home / "runs.csv").open("ab") as file:
        file.truncate(700 << 20)
    assert error_of(LOAD, folder=home).startswith("runs.csv: over 67,108,864 bytes")


# --- studies and published numbers


def test_a_study_that_is_a_circle_of_links(home):
    (home / "s.yaml").unlink()
    (home / "s.yaml").symlink_to("s.yaml")
    assert refused() == "s.yaml: s.yaml: Too many levels of symbolic links."


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("label: Loss", "label: '$" + "x^2+" * 20_000 + "x$'", "metrics.loss.label"),
        ("label: Loss", "label: '$" + "{" * 90 + "}" * 90 + "$'", "cannot be drawn"),
        ("label: Loss", r"label: '$\input{/etc/passwd}$'", "Unknown symbol"),
        ("law: power,", f"law: {'p' * 9000},", "is not allowed here"),
        ("[scaling, curves]", f"[{'p' * 9000}]", "figures: there is no `ppp"),
        ("warm_up_steps", "k" * 999, "unknown key `kkk"),
    ],
    ids=["long formula", "deep formula", "input", "law", "figure", "key"],
)
def test_a_setting_that_is_absurd_is_told_in_a_short_line(home, old, new, says):
    swap(home, "s.yaml", old, new)
    assert says in refused()


@pytest.mark.parametrize(
    "content", ["hunter2: 1\n", "- hunter2\n", "hunter2\n", "a:\thunter2: [*x\n"]
)
def test_words_of_a_file_that_holds_no_published_numbers_are_not_printed(home, content):
    (home / "published.yaml").write_text(content)
    assert refused().startswith("published.yaml")


# --- logs


def test_a_small_file_that_becomes_many_rows_is_a_bomb(tmp_path):
    rows = b"step,loss\n" + b"1,2\n" * (10 << 20)
    (tmp_path / "log").write_bytes(gzip.compress(rows))
    assert "over 100 times its size: a decompression bomb" in error_of(READ, folder=tmp_path)


def test_what_a_terminal_would_obey_is_spelt():
    assert in_one_line("a\nb\x1b[2J\u202e\u00e9") == r"a\nb\x1b[2J\u202eé"
    long = in_one_line("x" * 9000 + "the end")
    assert len(long) < 1500
    assert long.endswith("the end")
    assert str(LogError("a\nb")) == r"a\nb"
