"""The readers of tensorboard, wandb and mlflow as oracles; skipped where these are not installed.

They are not needed to read logs, and need an environment of their own: pip install tensorboard
wandb mlflow-skinny sqlalchemy alembic, and what requirements.in names.
"""

import gzip
import importlib
import json
import shutil
import struct
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from isoloss.logs.formats import mlflow as ours_mlflow
from isoloss.logs.formats import tensorboard as ours_tensorboard
from isoloss.logs.formats import wandb as ours_wandb
from log_bytes import tree

DATA = Path(__file__).parents[1] / "data" / "logs"
WITH_TENSORFLOW = {"bfloat16_content", "no_value"}  # Without it, `make_ndarray` fails on these.
pytestmark = pytest.mark.filterwarnings("ignore")


def oracle(module, install):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"needs {error.name}: pip install {install}")


def curves(source):
    """Steps and values by name, in the order of the file."""
    found = {}
    for block in source.blocks:
        table = block.table.to_pandas()
        found[table.columns[-1]] = table[["step", table.columns[-1]]].to_numpy()
    return found


@pytest.mark.parametrize(
    "path", sorted((DATA / "tensorboard").rglob("events*")), ids=lambda path: path.parent.name
)
def test_event_files_hold_what_tensorboard_reads(path):
    name = "tensorboard.backend.event_processing.event_accumulator"
    accumulator = oracle(name, "tensorboard").EventAccumulator
    make_ndarray = importlib.import_module("tensorboard.util.tensor_util").make_ndarray
    theirs = accumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    theirs.Reload()
    wanted = {
        tag: [(event.step, event.value) for event in theirs.Scalars(tag)]
        for tag in theirs.Tags()["scalars"]
    }
    for tag in theirs.Tags()["tensors"]:
        if tag in WITH_TENSORFLOW:
            continue
        tensors = [(event.step, make_ndarray(event.tensor_proto)) for event in theirs.Tensors(tag)]
        if all(value.size == 1 and value.dtype.kind in "fiuV" for _, value in tensors):
            wanted[tag] = [(step, float(value.astype(np.float64))) for step, value in tensors]
    with path.open("rb") as file:
        got = curves(ours_tensorboard.read(file))
    assert set(got) - WITH_TENSORFLOW == set(wanted)
    for tag, values in wanted.items():
        np.testing.assert_array_equal(got[tag], np.array(values, float), err_msg=tag)


def records(data):
    """Contents of the records of a sound `.wandb` file."""
    at, content = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        check, length, kind = struct.unpack_from("<IHB", data, at)
        part = data[at + 7 : at + 7 + length]
        assert crc32(part, crc32(bytes([kind]))) == check
        at += 7 + length
        content = part if kind in (1, 2) else content + part
        if kind in (1, 4):
            yield content


@pytest.mark.parametrize(
    "path", sorted((DATA / "wandb").rglob("*.wandb")), ids=lambda path: path.parent.name
)
def test_wandb_files_hold_what_wandbs_messages_read(path):
    message = oracle("wandb.proto.wandb_internal_pb2", "wandb").Record
    wanted = []
    for content in records(path.read_bytes()):
        record = message.FromString(content)
        if record.WhichOneof("record_type") == "history":
            row = {}
            for item in record.history.item:
                value = json.loads(item.value_json)
                if value is None or isinstance(value, (bool, int, float)):
                    key = ".".join(item.nested_key) or item.key
                    row[key] = float("nan") if value is None else float(value)
            wanted.append(row)
    with path.open("rb") as file:
        source = ours_wandb.read(file)
    got = sorted(
        (row for block in source.blocks for row in block.table.to_pylist()),
        key=lambda row: row["offset"],
    )
    for mine, theirs in zip(got, wanted, strict=True):
        del mine["offset"]
        np.testing.assert_equal(mine, theirs)


@pytest.mark.parametrize("run", ["resumed", "diverged"])
@pytest.mark.parametrize("store", ["mlruns", "mlflow.db"])
def test_mlflow_stores_hold_what_mlflow_reads(tmp_path, monkeypatch, store, run):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = oracle("mlflow.tracking", "mlflow-skinny sqlalchemy alembic").MlflowClient
    oracle("alembic", "mlflow-skinny sqlalchemy alembic")
    if store == "mlruns":
        shutil.copytree(DATA / "mlflow" / store, tmp_path / store)
        uri, read_all = f"file://{tmp_path}/{store}", ours_mlflow.read_all
    else:
        packed = (DATA / "mlflow" / "mlflow.db.gz").read_bytes()
        (tmp_path / store).write_bytes(gzip.decompress(packed))
        uri, read_all = f"sqlite:///{tmp_path}/{store}", ours_mlflow.FORMATS[1].read_all
    (source,) = read_all(tree(tmp_path), run).values()
    theirs = client(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in theirs.search_experiments()]
    (found,) = theirs.search_runs(experiments, f"attributes.run_name = '{run}'")
    got = curves(source)
    assert set(got) == set(found.data.metrics)
    for name, values in got.items():
        history = theirs.get_metric_history(found.info.run_id, name)
        wanted = np.array([(metric.step, metric.value) for metric in history])
        wanted[np.abs(wanted) > 1.797e308] = np.inf  # So the database holds infinity.
        order = [np.lexsort(rows.T[::-1]) for rows in (values, wanted)]
        np.testing.assert_array_equal(values[order[0]], wanted[order[1]], err_msg=name)
