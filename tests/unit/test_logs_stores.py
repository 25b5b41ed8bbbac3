"""TensorBoard, Weights & Biases and MLflow through the one entrance: segments, tokens, runs."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import LogError, read
from isoloss.logs.registry import BY_NAME, FORMATS

DATA = Path(__file__).parents[1] / "data" / "logs"
TRUTH = pd.read_csv(DATA / "binary_truth.csv")
PLACES = {
    "tensorboard": "tensorboard/{run}",
    "wandb": "wandb/{run}",
    "mlflow_file": "mlflow/mlruns",
    "mlflow_sqlite": "mlflow/mlflow.db.gz",
}


@pytest.mark.parametrize("format", PLACES)
@pytest.mark.parametrize("run", ["resumed", "diverged"])
def test_the_last_value_at_each_step_is_the_true_one(format: str, run: str) -> None:
    log = read(DATA / PLACES[format].format(run=run), run=run)
    assert log.format == format
    true = TRUTH[TRUTH["run"] == run].drop_duplicates("step", keep="last").set_index("step")
    for metric in log.table["metric"].unique():
        ours = log.table[log.table["metric"] == metric].drop_duplicates("step", keep="last")
        np.testing.assert_array_equal(ours["value"], true[metric].reindex(ours["step"]))
        known = ours["tokens"].notna()
        np.testing.assert_array_equal(
            ours["tokens"][known], true["tokens"].reindex(ours["step"])[known.to_numpy()]
        )
    loss = log.table[log.table["metric"] == "loss"]
    assert loss["segment"].nunique() == (2 if run == "resumed" else 1)
    assert set(loss["run"]) == {run}


@pytest.mark.parametrize("place", ["mlflow/mlruns", "mlflow/mlflow.db.gz"])
def test_a_store_of_several_runs_asks_which(place: str) -> None:
    with pytest.raises(LogError, match=r"holds several runs: 'diverged'.*'resumed'"):
        read(DATA / place)
    with pytest.raises(LogError, match=r"has no run of the name or id 'x'"):
        read(DATA / place, run="x")


def test_names_of_formats_are_unique() -> None:
    assert len(BY_NAME) == len(FORMATS)


def metrics_of_steps(folder: Path, steps: Iterable[int]) -> None:
    """What MetricSaverCallback of OLMo-core leaves."""
    last = {}
    for step in steps:
        last = {"train/CE loss": 2 + 8 / step, "throughput/total tokens": 100 * step, "a": None}
        (folder / f"metrics_step{step}.json").write_text(json.dumps(last))
    (folder / "metrics.json").write_text(json.dumps(last))


def test_metrics_of_steps_of_olmo_core(tmp_path: Path) -> None:
    metrics_of_steps(tmp_path, range(5, 205, 5))
    log = read(tmp_path, max_bad_fraction=0)
    assert log.format == "olmo-metrics"
    assert log.table["step"].tolist() == [*range(5, 205, 5)]
    assert log.table["tokens"].tolist() == [100 * s for s in range(5, 205, 5)]
    assert log.table["value"].tolist() == [2 + 8 / s for s in range(5, 205, 5)]
    assert set(log.table["segment"]) == {0}
    (tmp_path / "metrics_step10.json").write_text('{"train/CE loss": 2.8, ')
    log = read(tmp_path)
    assert len(log.table) == 39
    assert log.quarantine["reason"].str.startswith("metrics_step10.json: not JSON").all()


def test_metrics_of_an_unknown_step_are_refused(tmp_path: Path) -> None:
    metrics_of_steps(tmp_path, [5])
    (tmp_path / "metrics_step5.json").unlink()
    with pytest.raises(LogError, match="nothing says of which step"):
        read(tmp_path)
