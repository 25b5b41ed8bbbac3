import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from isoloss import stamps
from isoloss.job import job


class Items(dict):
    """What Snakemake calls a named list, near enough."""

    def __iter__(self):
        return iter(self.values())


def stage(folder, **params):
    """The object that a script gets, with one input and one result."""
    for name in ("in.csv", "out.csv"):
        (folder / name).write_text("1")
    given = {"input": {"a": str(folder / "in.csv")}, "output": {"b": str(folder / "out.csv")}}
    return SimpleNamespace(
        rule="stage",
        log=[str(folder / "log")],
        params=Items(params),
        **{name: list(files.values()) for name, files in given.items()},
    )


def test_a_stage_that_ends_well_leaves_an_empty_log(tmp_path, capsys):
    with job(stage(tmp_path)):
        pass
    assert (tmp_path / "log").read_text() == ""
    assert capsys.readouterr() == ("", "")


def test_warnings_go_to_the_log_and_not_to_the_screen(tmp_path, capsys):
    with job(stage(tmp_path)), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a window is short", RuntimeWarning, stacklevel=1)
    assert (tmp_path / "log").read_text() == "RuntimeWarning: a window is short\n"
    assert capsys.readouterr() == ("", "")


def test_a_mistake_is_told_in_one_line_and_its_traceback_goes_to_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, job(stage(tmp_path)):
        raise ValueError("run b1: no tokens")
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == "isoloss: run b1: no tokens"
    log = (tmp_path / "log").read_text()
    assert "Traceback" in log
    assert "ValueError: run b1: no tokens" in log


def test_another_error_keeps_its_traceback_on_screen_and_in_the_log(tmp_path, capsys):
    with pytest.raises(KeyError), job(stage(tmp_path)):
        raise KeyError("loss")
    assert "KeyError: 'loss'" in (tmp_path / "log").read_text()
    assert capsys.readouterr().err == ""


def test_warnings_are_shown_again_afterwards(tmp_path):
    before = warnings.showwarning
    with job(stage(tmp_path)):
        pass
    assert warnings.showwarning is before


def test_a_process_that_fails_shows_its_message_alone_and_ends_with_1(tmp_path):
    script = (
        "from types import SimpleNamespace\nfrom isoloss.job import job\n"
        "with job(SimpleNamespace(log=['log'], params={})):\n    raise ValueError('bad row')\n"
    )
    path = [p for p in sys.path if p]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "isoloss: bad row"


def test_a_stage_that_ends_well_leaves_a_stamp_and_one_that_does_not_leaves_none(tmp_path):
    stamp = tmp_path / ".out.csv.stamp"
    with pytest.raises(SystemExit), job(stage(tmp_path)):
        raise ValueError("bad")
    assert not stamp.exists()
    with job(stage(tmp_path, law="power")):
        pass
    made = stamps.read(stamp)
    assert made["asked"] == stamps.asked({"law": "power"})
    assert list(made["inputs"]) == [str(tmp_path / "in.csv")]


def test_a_log_that_grows_while_it_is_read_stops_the_stage_with_its_name(tmp_path, capsys):
    log = tmp_path / "run.jsonl"
    log.write_text("1\n")
    planned = {str(log): stamps.digest(log)}
    with pytest.raises(SystemExit), job(stage(tmp_path, files=planned)):
        log.write_text("1\n2\n")
    assert "run.jsonl: the file has changed since the start, or grew" in capsys.readouterr().err
    assert not (tmp_path / ".out.csv.stamp").exists()
