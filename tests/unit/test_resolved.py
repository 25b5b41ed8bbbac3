"""Checked studies that are kept for the next start, and never stale."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from isoloss.study import kept, resolved, study
from isoloss.study.validation import InputError
from sections import STUDY

LIBRARY = Path(__file__).parents[2] / "workflow/lib"
MORE = """\
multiplier: {at_loss: [2.1]}
published: data/s/published.yaml
tables: [fits]
"""
LOGS = ("b1.csv", "b2", "b3*/x.csv;b3/x.csv", "n[1].csv;n1*.csv", "n2/**/*.csv", "n3.csv")
FILES = ("b1.csv", "b2/x.csv", "b3/x.csv", "b32/y.txt", "n1.csv", "n2/deep/x.csv", "n3.csv")
FIGURES, TABLES = {"scaling": ["fit"], "multiplier": ["multiplier"]}, {"fits": ["fit"]}
ARCHITECTURE = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2}


@pytest.fixture
def load(tmp_path, monkeypatch, root):
    """A function that loads study `s` for settings, and says whether it was checked anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "COARSE", -1000)  # what has only just changed is kept, too
    Path("code").mkdir()
    Path("code/a.py").write_text("1\n")
    monkeypatch.setattr(kept, "code", lambda: tuple(kept.below(Path("code"))))
    Path("config/studies").mkdir(parents=True)
    Path("config/studies/s.yaml").write_text(STUDY + MORE)
    for name in FILES:
        path = Path("data/s", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("step,tokens,loss\n1,10,4.5\n")
    config = ARCHITECTURE | {"intermediate_size": 128, "vocab_size": 100}
    Path("data/s/a.json").write_text(json.dumps(config))
    Path("data/s/published.yaml").write_text("source: A paper\n")
    rows = ["run,arm,model,log,architecture"]
    for number, cell in enumerate(LOGS):
        rows.append(f"r{number},{('base', 'new')[number // 3]},{number % 3}M,{cell},a.json")
    Path("data/s/runs.csv").write_text("\n".join(rows) + "\n")
    schemas = tmp_path / "schemas"
    schemas.symlink_to(root / "workflow/schemas")
    anew = []
    check = study.load
    monkeypatch.setattr(study, "load", lambda *given: anew.append(1) or check(*given))

    def load(**settings):
        time.sleep(0.02)  # as coarse as time stamps are here
        anew.clear()
        given = {"studies": ["s"]} | settings, Path("config/studies"), schemas, FIGURES, TABLES
        found, true = resolved.load(*given)["s"], check(*given)["s"]
        assert json.loads(json.dumps(found.runs)) == json.loads(json.dumps(true.runs))
        assert (found.settings, found.typed) == (true.settings, true.typed)
        assert found.folder == true.folder
        assert [found.files(run) for run in found.runs] == [true.files(run) for run in true.runs]
        return bool(anew)

    return load


def test_a_study_is_checked_once_while_nothing_changes(load):
    assert [load(), load(), load()] == [True, False, False]


def added(name):
    def change():
        Path("data/s", name).parent.mkdir(exist_ok=True)
        Path("data/s", name).write_text("step,tokens,loss\n1,10,4.5\n")

    return change


def same_size_and_time(path):
    def change():
        stat = os.stat(path)
        with open(path, "r+", encoding="utf-8") as file:
            file.write("stop")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return change


def replaced(path, old, new):
    def change():
        text = Path(path).read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(added("b2/new.csv"), id="a file in a folder"),
        pytest.param(added("b2/deep/new.csv"), id="a folder in a folder"),
        pytest.param(added("n11.csv"), id="a match of a pattern"),
        pytest.param(added("b31/x.csv"), id="a match in a new folder"),
        pytest.param(added("b32/x.csv"), id="a match in a folder that had none"),
        pytest.param(added("n2/deep/y.csv"), id="a match far below"),
        pytest.param(lambda: Path("data/s/n2/deep/x.csv").rename("data/s/n2/y.csv"), id="renamed"),
        pytest.param(same_size_and_time("data/s/b1.csv"), id="a log of the same size and time"),
        pytest.param(replaced("data/s/a.json", "64", "128"), id="an architecture"),
        pytest.param(replaced("data/s/runs.csv", "2M", "4M"), id="the run sheet"),
        pytest.param(replaced("data/s/published.yaml", "A", "The"), id="published numbers"),
        pytest.param(replaced("config/studies/s.yaml", "Old", "Older"), id="the study"),
        pytest.param(replaced("code/a.py", "1", "2"), id="code"),
        pytest.param(lambda: Path("code/b.py").touch(), id="new code"),
        pytest.param(replaced(".isoloss/studies.json", "{", ""), id="a damaged file"),
        pytest.param(replaced(".isoloss/studies.json", '"made"', '"mode"'), id="another file"),
    ],
)
def test_after_a_change_it_is_checked_again(load, change):
    load()
    time.sleep(0.02)
    change()
    assert [load(), load()] == [True, False]


def test_a_setting_of_the_command_line_counts(load):
    load()
    assert load(clean={"spike_mads": 8})
    assert load()


@pytest.mark.parametrize("name", ["b1.csv", "n2/deep/x.csv", "a.json"])
def test_a_file_that_is_gone_is_told(load, name):
    load()
    Path("data/s", name).unlink()
    with pytest.raises(InputError, match=r"data/s/runs\.csv, line \d"):
        load()


def test_nothing_is_kept_that_was_made_from_what_has_just_changed(load, monkeypatch):
    monkeypatch.setattr(kept, "COARSE", 2)
    assert [load(), load()] == [True, True]
    assert not Path(".isoloss/studies.json").exists()


def test_a_job_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kept.kept("x", 1, lambda: ([(1, 2)], []), save=False) == [[1, 2]]
    assert not Path(".isoloss").exists()


def test_looks_and_code_are_those_of_their_files(tmp_path, monkeypatch, root, stage_schema):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "COARSE", -1000)
    for _ in range(2):
        plotting, columns = resolved.looks(root / "config/plotting.yaml", root / "workflow/schemas")
        assert plotting["dpi"] == 300
        assert columns["points"] == stage_schema("points")
        digests = resolved.code(root / "workflow/scripts")
        script = root / "workflow/scripts/figures/scaling.py"
        assert digests["figures/scaling"] == resolved.provenance.code(script)


def test_a_start_imports_nothing_heavy():
    """Snakemake has numpy anyway."""
    code = (
        "import sys\nfrom isoloss import stamps\nfrom isoloss.study import resolved, study\n"
        "from isoloss.study.validation import InputError\n"
        "print([name for name in ('pandas', 'scipy', 'matplotlib', 'pyarrow', 'jsonschema')"
        " if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
