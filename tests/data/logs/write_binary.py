"""Write the fixtures of the binary formats with the tools themselves, next to this file.

Needs: torch tensorboard tensorboardX wandb mlflow-skinny sqlalchemy alembic. The numbers are
synthetic: `resumed` dies after step 40 and goes on from step 30, `diverged` is inf at 47, then NaN.
"""

import csv
import gzip
import math
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SEGMENTS = {"resumed": [range(1, 41), range(31, 61)], "diverged": [range(1, 61)]}
TOKENS = 262144
START = 1_760_000_000


def loss(run: str, segment: int, step: int) -> float:
    if run == "diverged" and step >= 47:
        return math.inf if step == 47 else math.nan
    noise = 0.05 * math.sin(37.0 * step + segment + len(run))
    return float(np.float32(1.7 + 9.0 * step**-0.35 + noise))


def eval_loss(run: str, segment: int, step: int) -> float:
    return float(np.float32(loss(run, segment, step) + 0.1))


def rows():
    for run, segments in SEGMENTS.items():
        for segment, steps in enumerate(segments):
            for step in steps:
                evaluated = eval_loss(run, segment, step) if step % 10 == 0 else ""
                yield run, segment, step, step * TOKENS, loss(run, segment, step), evaluated


def write_truth() -> None:
    with (HERE / "binary_truth.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["run", "segment", "step", "tokens", "loss", "eval_loss"])
        table.writerows(rows())


def write_tensorboard() -> None:
    import tensorboardX
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from torch.utils.tensorboard import SummaryWriter

    home = HERE / "tensorboard"
    for segment, steps in enumerate(SEGMENTS["resumed"]):
        name = f"events.out.tfevents.{START + segment}.host"
        with tempfile.TemporaryDirectory() as folder:
            with tensorboardX.SummaryWriter(folder) as writer:
                for step in steps:
                    at = START + 1000 * segment + step
                    writer.add_scalar("train/loss", loss("resumed", segment, step), step, at)
                    writer.add_scalar("tokens", step * TOKENS, step, at)
                    if step % 10 == 0:
                        value = eval_loss("resumed", segment, step)
                        writer.add_scalar("eval/loss", value, step, at)
            keep(folder, home / "resumed" / name)
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for step in SEGMENTS["diverged"][0]:
                writer.add_scalar("train/loss", loss("diverged", 0, step), step, START + step)
        keep(folder, home / "diverged" / f"events.out.tfevents.{START}.host")
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for step in SEGMENTS["resumed"][0]:
                pair = {"train": step / 2, "val": step / 4}
                writer.add_scalars("loss", pair, step, START + step)
        for file in sorted(Path(folder).rglob("events*")):
            inside = file.parent.relative_to(folder)
            keep(file.parent, home / "scalars" / inside / f"events.out.tfevents.{START}.host")

    def tensor(tag, dtype, **values):
        proto = TensorProto(dtype=dtype, tensor_shape=TensorShapeProto(), **values)
        return Summary(value=[Summary.Value(tag=tag, tensor=proto)])

    with tempfile.TemporaryDirectory() as folder:
        writer = EventFileWriter(folder)
        for step in range(30):
            x = step + 0.1
            half, upper = np.float16(x), np.float32(x).tobytes()[2:]
            summaries = [
                scalar_pb("float_val", x),
                tensor("float_content", 1, tensor_content=struct.pack("<f", x)),
                tensor("double_val", 2, double_val=[x]),
                tensor("double_content", 2, tensor_content=struct.pack("<d", x)),
                tensor("half_val", 19, half_val=[int(half.view(np.uint16))]),
                tensor("half_content", 19, tensor_content=half.tobytes()),
                tensor("bfloat16_content", 14, tensor_content=upper),
                tensor("int32_val", 3, int_val=[-step]),
                tensor("int64_content", 9, tensor_content=struct.pack("<q", -step)),
                tensor("no_value", 2),
            ]
            if step == 3:
                text = tensor("text", 7, string_val=[b"a text"])
                text.value[0].metadata.plugin_data.plugin_name = "text"
                vector = tensor("vector", 1, float_val=[1.0, 2.0])
                vector.value[0].tensor.tensor_shape.dim.add(size=2)
                summaries += [text, vector]
            both = Summary()  # One event may hold several values.
            for summary in summaries:
                both.MergeFrom(summary)
            for summary in [both] if step % 2 else summaries:
                writer.add_event(Event(wall_time=START + step, step=step, summary=summary))
        writer.close()
        keep(folder, home / "tensors" / f"events.out.tfevents.{START}.host")


def keep(folder, path: Path) -> None:
    (file,) = (child for child in Path(folder).iterdir() if child.is_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, path)


def write_wandb() -> None:
    import wandb

    def start(name: str, key: str, folder: str):
        settings = wandb.Settings(
            mode="offline",
            console="off",
            host="host",
            silent=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
        )
        return wandb.init(project="isoloss", name=name, id=key, dir=folder, settings=settings)

    def store(folder: str, place: str) -> None:
        wandb.teardown()  # What writes the file is another process, and late.
        (file,) = Path(folder).glob("wandb/offline-run-*/*.wandb")
        path = HERE / "wandb" / place / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, path)

    for run, segments in SEGMENTS.items():
        for segment, steps in enumerate(segments):
            with tempfile.TemporaryDirectory() as folder:
                with start(run, f"iso{run}", folder) as log:
                    for step in steps:
                        train = {"train/loss": loss(run, segment, step), "tokens": step * TOKENS}
                        log.log({"iter": step, **train})
                        if step % 10 == 0:
                            log.log({"iter": step, "val/loss": eval_loss(run, segment, step)})
                store(folder, f"{run}/offline-run-2026010{segment + 1}_000000-iso{run}")
    with tempfile.TemporaryDirectory() as folder:
        with start("kinds", "isokinds", folder) as log:
            infinities = {"up": math.inf, "down": -math.inf, "not": math.nan, "none": None}
            log.log({"a": {"b": 1, "c": {"d": 2.5}}, **infinities, "yes": True, "text": "7"})
            log.log({"large": 10**20, "list": [1, 2], "größe": 3, "histogram": hist(wandb)}, step=7)
            log.log({"json": '{"a": 1}', "long": "x" * 30_000, "b" * 200: 4})
        store(folder, "kinds/offline-run-20260101_000000-isokinds")


def hist(wandb):
    return wandb.Histogram(np_histogram=([1, 2], [0.0, 1.0, 2.0]))


def write_mlflow() -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.store.tracking.file_store import FileStore
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking import MlflowClient

    artifacts = "mlflow-artifacts:/isoloss"
    with tempfile.TemporaryDirectory() as folder:
        files, database = f"{folder}/mlruns", f"sqlite:///{folder}/mlflow.db"
        FileStore(files, artifacts)
        SqlAlchemyStore(database, artifacts)
        for uri in (f"file://{files}", database):
            client = MlflowClient(tracking_uri=uri)
            experiment = client.create_experiment("isoloss", artifact_location=artifacts)
            for run, segments in SEGMENTS.items():
                begun = client.create_run(experiment, start_time=START * 1000, run_name=run)
                key = begun.info.run_id
                for segment, steps in enumerate(segments):
                    for step in steps:
                        at = (START + 1000 * segment + step) * 1000
                        value = loss(run, segment, step)
                        client.log_metric(key, "train_loss", value, at, step)
                        if step % 10 == 0:
                            value = eval_loss(run, segment, step)
                            client.log_metric(key, "eval/loss", value, at, step)
                            client.log_metric(key, "tokens", step * TOKENS, at, step)
                client.set_terminated(key, end_time=(START + 5000) * 1000)
        home = HERE / "mlflow"
        shutil.copytree(f"{folder}/mlruns", home / "mlruns")
        packed = gzip.compress(Path(folder, "mlflow.db").read_bytes(), 9, mtime=0)
        (home / "mlflow.db.gz").write_bytes(packed)


if __name__ == "__main__":
    writers = {"tensorboard": write_tensorboard, "wandb": write_wandb, "mlflow": write_mlflow}
    write_truth()
    for name in sys.argv[1:] or writers:
        shutil.rmtree(HERE / name, ignore_errors=True)
        writers[name]()
