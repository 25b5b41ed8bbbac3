"""From a folder of logs, as tools leave them, to a run sheet and a study that load."""

import csv
import json
import shutil
import struct
from pathlib import Path

import pytest
from isoloss.cli import main
from isoloss.logs import LogError, read
from isoloss.logs.finding import runs
from isoloss.logs.ingest import ingest
from isoloss.study import study
from isoloss.study.scaffold import init
from isoloss.study.validation import InputError, read_yaml
from log_bytes import held, record, scalar

NAMES = ("scaling", "multiplier"), ("fits", "multipliers", "runs")  # figures, tables
SIDE = ("special_tokens_map.json", "tokenizer_config.json", "all_results.json", "config.json")


def loss(step: int, size: int) -> float:
    return 2 + 5 * (step * size) ** -0.3


def events(folder: Path, tag: str, curve: list[tuple[int, float]]) -> None:
    """A TensorBoard event file of one curve."""
    folder.mkdir(parents=True)
    first = b"\x09" + struct.pack("<d", 1.5) + held(3, b"brain.Event:2")
    data = [first, *(scalar(tag.encode(), value, step) for step, value in curve)]
    (folder / "events.out.tfevents.1760000000.host").write_bytes(b"".join(map(record, data)))


def trainer_output(home: Path, size: int) -> None:
    """What Hugging Face's Trainer leaves: a state a checkpoint, side files, and its TensorBoard."""
    rows = [{"step": s, "epoch": s / 9, "loss": loss(s, size)} for s in range(1, 41)]
    for name, until in (("checkpoint-20", 20), ("checkpoint-40", 40), (".", 40)):
        folder = home / name
        folder.mkdir(parents=True, exist_ok=True)
        state = {"best_metric": None, "global_step": until, "log_history": rows[:until]}
        (folder / "trainer_state.json").write_text(json.dumps(state, indent=1))
        for side in SIDE:
            (folder / side).write_text('{"train_loss": 2.5, "step": 40}\n{"epoch": 1}\n')
    log = "".join(json.dumps({"current_steps": r["step"], "loss": r["loss"]}) + "\n" for r in rows)
    (home / "trainer_log.jsonl").write_text(log)
    events(home / "runs" / "Jan05_host", "train/loss", [(r["step"], r["loss"]) for r in rows])
    settings = {"n_params": size * 10**6 + 123, "seq_len": 1024, "global_batch_size": 64}
    (home / "args.json").write_text(json.dumps({"model": settings}))


def printed(path: Path, size: int, start: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["tokens per iteration will be: 4,096"]
    lines += [
        f"iter {s}: loss {loss(s + 1, size):.4f}, time 12.00ms, mfu 40.00%"
        for s in range(start, start + 40)
    ]
    path.write_text("\n".join([*lines, ""]))


@pytest.fixture
def project(tmp_path, monkeypatch, root):
    """A function that drafts a study of the folder `sweep`, loads it and reads every log."""
    monkeypatch.chdir(tmp_path)
    config = read_yaml(root / "config/config.yaml") | {"studies": ["sweep"]}

    def draft():
        told = "\n".join(init(Path("sweep"), "sweep"))
        schemas = root / "workflow/schemas"
        made = study.load(config, Path("config/studies"), schemas, *NAMES)["sweep"]
        got = [ingest(run, {"loss": None}, made.folder, made.typed.log) for run in made.runs]
        assert not any(each.row["error"] for each in got)
        return told, made, got

    return draft


def test_trainer_output_with_side_files_and_settings(project):
    for arm in ("base", "muon"):
        for size in (10, 30, 100):
            trainer_output(Path(f"sweep/{arm}-{size}M-seed3"), size)
    told, made, got = project()
    rows = {run["run"]: run for run in made.runs}
    assert len(rows) == 6
    assert rows["muon-30M-seed3"] == {
        **{"run": "muon-30M-seed3", "arm": "muon", "model": "30M", "seed": "3"},
        **{"log": "../../sweep/muon-30M-seed3", "parameters": 30000123.0},
        **{"sequence_length": 1024.0, "tokens_per_step": 65536.0},
    }
    assert (made.baseline, list(made.settings["arms"])) == ("base", ["base", "muon"])
    assert all(len(each.table) == 40 for each in got)
    assert got[0].row["logged_tokens"] == 40 * 65536
    assert "parameters, sequence_length, tokens_per_step from muon-30M-seed3/args.json" in told
    assert "FILL IN" not in told


def test_console_logs_by_name_and_a_resume_in_a_folder(project):
    for arm in ("adamw", "soap"):
        for size in (10, 30):
            printed(Path(f"sweep/{arm}_{size}m.log"), size)
        printed(Path(f"sweep/{arm}_100m/train_0.log"), 100)
        printed(Path(f"sweep/{arm}_100m/train_1.log"), 100, start=40)
    Path("sweep/notes.txt").write_text("to do\n")
    told, made, got = project()
    assert [run["run"] for run in made.runs] == [
        *("adamw_100m", "adamw_10m", "adamw_30m", "soap_100m", "soap_10m", "soap_30m")
    ]
    assert [len(each.table) for each in got] == [80, 40, 40] * 2
    assert made.runs[0]["parameters"] == 100e6
    assert made.baseline == "adamw"
    assert got[0].row["logged_tokens"] == 79 * 4096
    assert "FILL IN parameters: is the size in the name exact? (every run)" in told
    assert "left out: notes.txt: text, in lines" in told


def test_what_names_do_not_tell_is_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("alpha", "beta", "gamma"):
        printed(Path(f"sweep/{name}.log"), 10)
    told = "\n".join(init(Path("sweep"), "sweep"))
    assert "FILL IN arm: the names do not tell it (every run)" in told
    assert "FILL IN parameters, or architecture (every run)" in told
    with Path("data/sweep/runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["baseline", "candidate", "candidate"]
    assert [row["parameters"] for row in rows] == [""] * 3
    assert "FILL IN" in Path("config/studies/sweep.yaml").read_text()


def test_tokens_that_nothing_counts_are_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("base-1M", "new-1M"):
        Path("sweep").mkdir(exist_ok=True)
        Path(f"sweep/{name}.csv").write_text("step,loss\n1,3.5\n2,3.25\n")
    told = "\n".join(init(Path("sweep"), "sweep"))
    assert "FILL IN tokens_per_step: the log counts no tokens (every run)" in told
    header = Path("data/sweep/runs.csv").read_text().splitlines()[0]
    assert header == "run,arm,model,log,parameters,tokens_per_step"


def test_nothing_is_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed(Path("My Sweep/base-1M.log"), 1)
    assert main(["init", "My Sweep"]) == 0
    assert Path("data/my-sweep/runs.csv").is_file()
    assert "Then: make check STUDY=my-sweep" in capsys.readouterr().out
    with pytest.raises(InputError, match="is there already"):
        init(Path("My Sweep"), "my-sweep")
    with pytest.raises(InputError, match="no name of a study"):
        init(Path("My Sweep"), "My Sweep")
    Path("empty").mkdir()
    with pytest.raises(LogError, match="no log of any format"):
        init(Path("empty"), "empty")


def test_both_loggers_of_lightning_are_one_run(tmp_path):
    for version, first in ((0, 0), (1, 20)):
        folder = tmp_path / "base-1M/lightning_logs" / f"version_{version}"
        folder.mkdir(parents=True)
        text = "".join(f"0,{s},{loss(s + 1, 1)!r}\n" for s in range(first, first + 30))
        (folder / "metrics.csv").write_text("epoch,step,train_loss_step\n" + text)
        curve = [(s, loss(s + 1, 1)) for s in range(first, first + 30)]
        events(folder / "tb", "train_loss_step", curve)
        (folder / "hparams.yaml").write_text("lr: 0.1\n")
    log = read(tmp_path / "base-1M")
    assert (log.format, len(log.table)) == ("lightning", 60)
    assert any("tensorboard) is the same run again" in note for note in log.notes)
    (found,), left = runs(tmp_path)
    assert (found.name, found.format, len(found.files)) == ("base-1M", "lightning", 2)
    assert left == ["tensorboard in base-1M: the same in lightning"]


@pytest.mark.parametrize("change", [lambda v: v + 0.01, lambda v: 1.002 * v])
def test_logs_of_two_runs_in_one_folder_are_no_loggers_of_one(tmp_path, change):
    folder = tmp_path / "base-1M"
    curve = [(s, loss(s, 1)) for s in range(1, 41)]
    events(folder / "tb", "train/loss", [(s, change(v)) for s, v in curve])
    rows = [{"step": s, "loss": v} for s, v in curve]
    state = json.dumps({"best_metric": None, "global_step": 40, "log_history": rows})
    (folder / "trainer_state.json").write_text(state)
    with pytest.raises(LogError, match=r"several formats \(tensorboard: .*; huggingface: "):
        read(folder)
    found, _ = runs(folder)
    assert sorted(run.format for run in found) == ["huggingface", "tensorboard"]


def test_a_logger_without_losses_does_not_compete(tmp_path):
    folder = tmp_path / "base-1M"
    events(folder / "tb", "gpu/heat", [(s, 70) for s in range(1, 41)])
    rows = [{"step": s, "loss": loss(s, 1)} for s in range(1, 41)]
    state = json.dumps({"best_metric": None, "global_step": 40, "log_history": rows})
    (folder / "trainer_state.json").write_text(state)
    assert read(folder).format == "huggingface"


@pytest.mark.parametrize(
    ("store", "names"),
    [
        ("wandb", {"diverged", "resumed", "kinds"}),
        ("mlflow/mlruns", {"diverged", "resumed"}),
        ("mlflow/mlflow.db.gz", {"diverged", "resumed"}),
    ],
)
def test_stores_of_several_runs_give_a_row_each(store, names, tmp_path):
    home = Path(__file__).parents[1] / "data/logs" / store
    if home.is_file():
        shutil.copy(home, tmp_path)
        home = tmp_path
    found, _ = runs(home)
    assert {run.name for run in found} == names
    for run in found:
        if run.name != "kinds":  # has no loss
            assert read(list(run.files), run=run.name).table["step"].max() == 60
