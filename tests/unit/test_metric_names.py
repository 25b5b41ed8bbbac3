"""Metrics that a study names without a column: found under the name that each format gives them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import LogError, read
from isoloss.logs.ingest import ingest
from isoloss.logs.settings import Reading
from sections import section

DATA = Path(__file__).parents[1] / "data" / "logs"
LOG = Reading(**section("log"))
BATCH = 262_144
# One study, a run in each format; the formats say `loss` each in a way of its own.
RUNS = {
    "csv": "csv/s0-clean",
    "jsonl": "jsonl/s1-resumed",
    "megatron": "megatron/s1-resumed",
    "huggingface": "hf_trainer/s0-clean",
    "nanogpt": "nanogpt/s0-clean",
    "lightning": "lightning_csv/s0-clean",
    "levanter": "levanter_json/s0-clean",
    "olmo": "olmo/s0-clean",
    "composer": "composer_filelogger/s0-clean",
    "torchtitan": "torchtitan/s0-clean",
    "tensorboard": "tensorboard/resumed",
    "wandb": "wandb/resumed",
}


def sheet(**formats: str) -> list[dict[str, object]]:
    return [
        {"run": name, "log": log, "tokens_per_step": BATCH, "format": formats.get(name)}
        for name, log in RUNS.items()
    ]


def test_one_study_has_runs_in_many_formats_and_names_no_column() -> None:
    for run in sheet(megatron="megatron"):
        got = ingest(run, {"loss": None}, DATA, LOG)
        assert got.row["error"] == ""
        assert got.row["format"] == run["run"]
        assert got.table is not None
        assert set(got.table["metric"]) == {"loss"}
        assert 2 <= got.table["value"].dropna().iloc[-1] <= 11


@pytest.mark.parametrize("folder", ["megatron", "csv", "nanogpt", "litgpt_console"])
def test_a_metric_without_a_column_is_the_formats_own(folder: str) -> None:
    mine = read(DATA / folder / "s1-resumed", metrics={"loss": None, "eval_loss": None})
    own = read(DATA / folder / "s1-resumed")
    pd.testing.assert_frame_equal(mine.table, own.table)


def test_a_column_of_the_metrics_own_name_goes_before_the_formats(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,tokens,train_loss,eval_loss,loss\n1,10,5,6,7\n2,20,4,5,6\n")
    values = read(log, metrics={"loss": None, "eval_loss": None}).table
    assert list(values[values["metric"] == "loss"]["value"]) == [7, 6]
    named = read(log, metrics={"loss": "train_loss"}).table
    assert list(named["value"]) == [5, 4]


def test_a_metric_that_no_format_knows_is_the_column_of_its_name(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,tokens,loss,accuracy\n1,10,5,0.5\n")
    assert list(read(log, metrics={"accuracy": None}).table["value"]) == [0.5]
    with pytest.raises(LogError, match=r"metric acuracy.*did you mean 'accuracy'"):
        read(log, metrics={"acuracy": None})


def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("step,los\n1,2\n2,3\n")
    got = ingest({"run": "bad", "log": "bad.csv"}, {"loss": None}, tmp_path, LOG)
    assert got.table is None
    assert got.quarantine.empty
    assert (got.row["values"], got.row["format"]) == (0, "")
    assert "los" in got.row["error"]
    assert "\n" not in got.row["error"]


def test_what_a_log_has_lost_is_told_apart_from_other_notes() -> None:
    run = {"run": "r", "log": "hf_trainer/s0-clean", "tokens_per_step": BATCH}
    row = ingest(run, {"loss": None}, DATA, LOG).row
    assert "loss is a mean over steps (window_mean(10))" in row["lossy"]
    assert "mean over steps" not in row["notes"]
    assert row["logged_tokens"] == 2000 * BATCH
    assert np.isfinite(row["logged_tokens"])
