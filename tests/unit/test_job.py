import subprocess
import sys
import warnings

import pytest
from isoloss.job import job


def test_a_stage_that_ends_well_leaves_an_empty_log(tmp_path, capsys):
    with job(tmp_path / "log"):
        pass
    assert (tmp_path / "log").read_text() == ""
    assert capsys.readouterr() == ("", "")


def test_warnings_go_to_the_log_and_not_to_the_screen(tmp_path, capsys):
    with job(tmp_path / "log"), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a window is short", RuntimeWarning, stacklevel=1)
    assert (tmp_path / "log").read_text() == "RuntimeWarning: a window is short\n"
    assert capsys.readouterr() == ("", "")


def test_a_mistake_is_told_in_one_line_and_its_traceback_goes_to_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, job(tmp_path / "log"):
        raise ValueError("run b1: no tokens")
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == "isoloss: run b1: no tokens"
    log = (tmp_path / "log").read_text()
    assert "Traceback" in log
    assert "ValueError: run b1: no tokens" in log


def test_another_error_keeps_its_traceback_on_screen_and_in_the_log(tmp_path, capsys):
    with pytest.raises(KeyError), job(tmp_path / "log"):
        raise KeyError("loss")
    assert "KeyError: 'loss'" in (tmp_path / "log").read_text()
    assert capsys.readouterr().err == ""


def test_warnings_are_shown_again_afterwards(tmp_path):
    before = warnings.showwarning
    with job(tmp_path / "log"):
        pass
    assert warnings.showwarning is before


def test_a_process_that_fails_shows_its_message_alone_and_ends_with_1(tmp_path):
    script = "from isoloss.job import job\nwith job('log'):\n    raise ValueError('bad row')\n"
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
