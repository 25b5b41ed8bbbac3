"""MLflow's file store (`mlruns`): a file a metric, a line a value, read without mlflow.

A line is `timestamp value step`, the time in ms; before MLflow 1.0 there was no step; since 3.0 the
name and the digest of a dataset may follow. Source: mlflow/store/tracking/file_store.py.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from isoloss.logs.formats.mlflow_sqlite import (
    infinite,
    read_database,
    read_databases,
    sniff_database,
)
from isoloss.logs.metric import Rows, metric_block
from isoloss.logs.quarantine import Quarantine
from isoloss.logs.records import Block, Format, LogError, Open, Preset, Source
from isoloss.logs.runs import choose_run

MAX_LINE = 4096
MAX_META = 1 << 20
_LINE = re.compile(rb"(-?\d{1,19}) ([^ ]+)(?: (-?\d{1,19})(?: ([^ ]+) [^ ]+)?)?")
_TYPICAL = re.compile(rb"\d{12,14} (-?\d[-+.\deE]*|nan|-?inf) -?\d+( [^ ]+ [^ ]+)?")
_META = re.compile(r"^(run_id|run_name|lifecycle_stage): *(?:'(.*)'|\"(.*)\"|(.*?)) *$", re.M)


def sniff(head: bytes) -> bool:
    """Its first lines are those of a metric: time in ms, value and step."""
    lines = head.split(b"\n", 8)[:-1]
    return bool(lines) and all(_TYPICAL.fullmatch(line) for line in lines)


def read(stream: BinaryIO) -> Source:
    """Read one metric's file; the file's path names the metric, so here its column is `value`."""
    bad, notes = Quarantine(), list[str]()
    block = _read_metric("value", stream, bad, notes)
    return Source((block,), tuple(bad.records), tuple(notes))


def read_all(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """Read the metrics of one run, by its id or name, out of a store, an experiment or a run.

    All metrics of a run are one source. Deleted runs are left out.
    """
    metrics: dict[str, dict[str, Open]] = {}
    for path, opened in sorted(files.items()):
        parts = PurePosixPath(path).parts
        if "metrics" in parts[:-1]:
            at = parts.index("metrics")
            metrics.setdefault("/".join(parts[:at]), {})["/".join(parts[at + 1 :])] = opened
    if not metrics:  # A folder of metrics, or one of them.
        found = {path: opened for path, opened in sorted(files.items()) if _is_metric(opened)}
        if not found:
            raise LogError("no metrics of an MLflow run: expected files below a folder `metrics`")
        return {".": _read_metrics(found)}
    names = {}
    homes = {}
    for home in metrics:
        meta = _meta(files, home)
        if meta is not None and meta.get("lifecycle_stage") != "deleted":
            key = meta.get("run_id") or PurePosixPath(home).name or home
            names[key], homes[key] = meta.get("run_name", ""), home
    home = homes[choose_run(names, run, "the store")]
    return {f"{home}/metrics" if home else "metrics": _read_metrics(metrics[home])}


def _is_metric(opened: Open) -> bool:
    with opened() as stream:
        return sniff(stream.read(MAX_LINE))


def _meta(files: Mapping[str, Open], home: str) -> dict[str, str] | None:
    """Id, name and stage of the run in folder `home`; None if it is the folder of no run."""
    inside = f"{home}/" if home else ""
    if f"{inside}meta.yaml" not in files:
        return None if home else {}
    with files[f"{inside}meta.yaml"]() as stream:
        text = stream.read(MAX_META).decode("utf-8", "replace")
    meta = {key: a.replace("''", "'") or b or c for key, a, b, c in _META.findall(text)}
    if "run_id" not in meta:  # Logged models have metrics, too.
        return None
    if f"{inside}tags/mlflow.runName" in files:
        with files[f"{inside}tags/mlflow.runName"]() as stream:
            meta["run_name"] = stream.read(MAX_META).decode("utf-8", "replace")
    return meta


def _read_metrics(metrics: Mapping[str, Open]) -> Source:
    bad, notes = Quarantine(), list[str]()
    blocks = []
    for name, opened in metrics.items():
        with opened() as stream:
            blocks.append(_read_metric(name, stream, bad, notes))
    return Source(tuple(blocks), tuple(bad.records), tuple(notes))


def _read_metric(name: str, stream: BinaryIO, bad: Quarantine, notes: list[str]) -> Block:
    rows = Rows()
    digits, fields = 0, 0  # Of the first line: the others are like it.
    for number, line in _lines(name, stream, bad, notes):
        found = _LINE.fullmatch(line)
        if not found:
            reason = "expected `timestamp value step`"
        else:
            time, value, step, dataset = found.groups()
            digits, fields = digits or len(time), fields or len(line.split(b" "))
            reason = ""
            if (
                len(time) > max(13, digits)
                or (step is None and fields > 2)
                or _number(dataset) is not None
            ):
                reason = "two lines run together, or a part of one"
            elif (exact := _number(value)) is None:
                reason = f"the value {value[:40]!r} is not a number"
            else:
                rows.add(number, float(step or 0), float(time) / 1000, infinite(exact))
        if reason:
            bad.add(number, f"{name}, line {number}: {reason}", line)
    return metric_block(name, rows.table())


def _number(text: bytes | None) -> float | None:
    try:
        return None if text is None or b"_" in text else float(text)
    except ValueError:
        return None


def _lines(
    name: str, stream: BinaryIO, bad: Quarantine, notes: list[str]
) -> Iterator[tuple[int, bytes]]:
    """Number and text of each whole line; without a line end, the last one may be cut: a note."""
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        head, blank, size = line, not line.strip(b"\0"), len(line)
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE)
            blank &= not line.strip(b"\0")
            size += len(line)
        if not line and blank:
            notes.append(f"{name}, line {number}: the last {size} bytes are NUL padding")
        elif not line and size <= MAX_LINE:
            notes.append(
                f"{name}, line {number}: the last line has no end and may be cut: left out"
            )
        elif size > MAX_LINE:
            bad.add(number, f"{name}, line {number}: a line of {size} bytes", head)
        else:
            yield number, head.rstrip(b"\r\n")


PRESET = Preset(
    tokens=("tokens", "train/tokens", "tokens_seen", "consumed_tokens", "num_tokens"),
    wall_time=("wall_time",),
    train_loss=("train_loss", "train/loss", "training_loss", "loss"),
    eval_loss=(
        "eval/loss",
        "eval_loss",
        "val_loss",
        "val/loss",
        "validation_loss",
        "validation/loss",
        "test_loss",
    ),
)
FORMATS = (
    Format("mlflow_file", sniff, read, PRESET, read_all),
    Format("mlflow_sqlite", sniff_database, read_database, PRESET, read_databases),
)
