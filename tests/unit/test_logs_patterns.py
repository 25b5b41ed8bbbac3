"""A study's own formats, and columns that a format or a run has for itself."""

from pathlib import Path

import pytest
import yaml
from isoloss.cli import main
from isoloss.logs import LogError, expressions, read
from isoloss.logs.formats import programs
from isoloss.logs.ingest import ingest
from isoloss.logs.settings import Reading
from sections import section

OWN = {
    "mine": {
        "source": "train.py of ours",
        "recognise": r"^>> \d+ ce=",
        "columns": {"step": ["at"], "tokens": ["seen"], "loss": ["ce"]},
        "suffixes": {"K": 1e3},
        "lines": {
            "train": {
                "record": r">> (?P<at>\d+) (?=ce=)",
                "start": r">> \d+ ",
                "fields": {"equals": "=", "between": " "},
                "required": ["ce"],
            }
        },
    }
}
TEXT = "starting\n" + "".join(f">> {s} ce={2 + 1 / s:.3f} seen={s}K\n" for s in range(1, 41))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "patterns.yaml"
    path.write_text(yaml.safe_dump(OWN))
    return path


def test_a_log_of_no_known_format_is_read_by_the_studys_patterns(tmp_path: Path, own: Path) -> None:
    (tmp_path / "run.log").write_text(TEXT + ">> 41 ce=oops seen=4\n>> 42 ce=2.0 seen=42K\n")
    with pytest.raises(LogError, match=r"no log format recognises it.*log: \{patterns: "):
        read(tmp_path / "run.log")
    log = read(tmp_path / "run.log", patterns=own)
    assert log.format == "mine"
    assert log.table["step"].tolist() == [*range(1, 41), 42]
    assert log.table["tokens"].tolist() == [1000 * s for s in (*range(1, 41), 42)]
    assert log.table["value"].iloc[[0, -1]].tolist() == [3.0, 2.0]
    assert log.quarantine["offset"].tolist() == [42]


def test_patterns_go_before_the_formats_of_isoloss(tmp_path: Path) -> None:
    text = "".join(f"iter {s}: loss {s}.5, time 5ms, mfu 1%\n" for s in range(1, 9))
    (tmp_path / "run.log").write_text(text)
    assert read(tmp_path / "run.log").format == "nanogpt"
    line = {"record": r"iter (?P<step>\d+): loss (?P<loss>{number}), time"}
    table = {"mine": {"recognise": r"^iter \d+: loss ", "lines": {"train": line}}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(table))
    log = read(tmp_path / "run.log", patterns=tmp_path / "p.yaml")
    assert log.format == "mine"
    assert log.table["value"].tolist() == [s + 0.5 for s in range(1, 9)]


def test_a_format_may_not_have_the_name_of_one_that_comes_along(tmp_path: Path) -> None:
    for name in ("nanogpt", "csv", "auto"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({name: OWN["mine"]}))
        with pytest.raises(LogError, match=rf"{name}\.yaml: format {name}: isoloss has a format"):
            read(tmp_path / "x", patterns=path)


def test_an_edit_of_the_patterns_is_seen_in_the_same_process(tmp_path: Path, own: Path) -> None:
    (tmp_path / "run.log").write_text(TEXT)
    assert read(tmp_path / "run.log", patterns=own).table["step"].iloc[0] == 1
    own.write_text(yaml.safe_dump({"mine": OWN["mine"] | {"step_base": 0}}))
    assert read(tmp_path / "run.log", patterns=own).table["step"].iloc[0] == 2


def test_explain_reads_by_patterns(tmp_path: Path, own: Path, capsys) -> None:
    (tmp_path / "run.log").write_text(TEXT)
    main(["explain", str(tmp_path / "run.log"), "--patterns", str(own)])
    shown = capsys.readouterr().out
    assert "Format `mine`." in shown
    assert "lines: 41; with a record: 40; broken: 0; with none: 1" in shown
    assert "By itself isoloss takes: step `at`, tokens `seen`, loss `ce`." in shown


# Known to take exponential time, or a high power of the length.
SLOW = [
    *("(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*x", "([a-z]+)*[A-Z]", "(x+x+)+y", "(?:a?){30}a{30}"),
    *("(?>(?:a+)+b)", "(?=(?:a+)+b)a", r"(a+)\1*b", r"^(\w+\s?)*$", r"(\d+|\d+x)*y"),
    *(".*.*.*x", "a*a*a*a*b", r"\s*\s*\s*$", r"^\d+\d*\d*$", ".*?,.*?,.*?,z", r"(?=a*a*a*b)a"),
    *(r"\d*(?:x|\d*)\d*z", "(?i)K*k*k*z", "a{0,999}a{0,999}a{0,999}b", r"[\w.]+\w*[a-z]*!"),
]
QUICK = [
    *(r"(?P<a>\w+)\s?=\s?(?P<b>\w+)", r"step (?P<s>\d+).*loss: (?P<l>\S+)", "[^,]*,[^,]*,[^,]*,z"),
    *(r"a*b*c*d*e", r"(?:, \d\d)*", r"\d{1,3}(?:,\d{3})+\.\d+", r"(?:a|b)c*", r"\[.*\] \d+ "),
]


@pytest.mark.parametrize("text", SLOW)
def test_an_expression_that_can_take_for_ever_is_refused(text: str) -> None:
    assert expressions.unsafe(text) is not None


@pytest.mark.parametrize("text", QUICK)
def test_an_expression_that_cannot_is_not(text: str) -> None:
    assert expressions.unsafe(text) is None


def test_a_long_or_impossible_expression_is_refused(tmp_path: Path) -> None:
    for text in ("a" * 2001, "(?u)a", "(" * 500 + ")" * 500, "a{99999999999999999999}"):
        path = tmp_path / "p.yaml"
        path.write_text(yaml.safe_dump({"mine": OWN["mine"] | {"recognise": text}}))
        with pytest.raises(LogError, match=r"p\.yaml: format mine: recognise: "):
            programs.own(path, path.read_bytes())


# --- columns of a format and of a run

LINES = "".join(
    f'{{"it": {s}, "step": {9 * s}, "ce": {s}.5, "loss": 9, "tokens": {s}}}\n' for s in (1, 2, 3)
)
TABLE = "n,loss,tokens\n1,5.5,10\n2,4.5,20\n3,4.25,30\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_text(LINES)
    (tmp_path / "b.csv").write_text(TABLE)
    return tmp_path


def got(folder: Path, log: str, reading: Reading, **own: object) -> tuple[list[float], ...]:
    run = {"run": "r", "log": log, "format": None, "tokens_per_step": None, **own}
    found = ingest(run, {"loss": None}, folder, reading)
    assert found.table is not None, found.row["error"]
    return found.table["step"].tolist(), found.table["value"].tolist()


def test_a_format_has_columns_of_its_own(folder: Path) -> None:
    mapped = {"jsonl": {"step": "it", "loss": "ce"}, "csv": {"step": "n", "step_base": 0}}
    reading = Reading(**section("log", by_format=mapped))
    assert got(folder, "a.jsonl", reading) == ([1, 2, 3], [1.5, 2.5, 3.5])
    assert got(folder, "b.csv", reading) == ([2, 3, 4], [5.5, 4.5, 4.25])


def test_a_run_goes_before_its_format_and_that_before_the_study(folder: Path) -> None:
    plain = Reading(**section("log"))
    assert got(folder, "a.jsonl", plain) == ([9, 18, 27], [9, 9, 9])
    by_run = {"log.step": "it", "log.loss": "ce"}
    assert got(folder, "a.jsonl", plain, **by_run) == ([1, 2, 3], [1.5, 2.5, 3.5])
    both = Reading(**section("log", step="nothing", by_format={"jsonl": {"step": "step"}}))
    assert got(folder, "a.jsonl", both) == ([9, 18, 27], [9, 9, 9])
    assert got(folder, "a.jsonl", both, **by_run)[0] == [1, 2, 3]
    assert got(folder, "a.jsonl", both, **by_run, **{"log.step_base": 0.0})[0] == [2, 3, 4]
