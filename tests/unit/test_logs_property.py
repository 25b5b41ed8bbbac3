"""Any bytes give a table and a quarantine, or a LogError; no record is lost on the way."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from isoloss.logs import Log, LogError, read
from isoloss.logs.registry import FORMATS

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DATA = Path(__file__).parents[1] / "data" / "logs"
SAMPLES = {
    "jsonl": "jsonl/s2-diverged/metrics.jsonl",
    "csv": "csv/s2-diverged/metrics.csv",
    "lightning": "lightning_csv/s2-diverged/version_0/metrics.csv",
    "huggingface": "hf_trainer/s2-diverged/trainer_state.json",
    "megatron": "megatron/s2-diverged/slurm-101.out",
    "nanogpt": "nanogpt/s2-diverged/train_0.log",
    "llmc": "llmc/s2-diverged/stdout_0.txt",
    "llmc-main": "llmc/s2-diverged/log124M/main.log",
    "torchtitan": "torchtitan/s2-diverged/rank0_0.log",
    "litgpt": "litgpt_console/s2-diverged/train_0.log",
    "litgpt-csv": "litgpt_csv/s2-diverged/logs/csv/version_0/metrics.csv",
    "olmo": "olmo/s2-diverged/train_0.log",
    "composer": "composer_filelogger/s2-diverged/logs0.txt",
    "levanter": "levanter_json/s2-diverged/log_0.txt",
}
NAMES = sorted({*SAMPLES, "auto", "parquet", "wandb-chart"} & {"auto", *(f.name for f in FORMATS)})


def attempt(path: Path, data: bytes, format: str) -> Log | None:
    path.write_bytes(data)
    try:
        log = read(path, format=format, max_bad_fraction=1)
    except LogError:
        return None
    assert log.table["segment"].is_monotonic_increasing
    assert log.table["offset"].gt(0).all()
    assert log.quarantine["offset"].ge(0).all()
    return log


@quick
@given(data=st.binary(max_size=400), format=st.sampled_from(NAMES))
def test_any_bytes_give_a_log_or_our_error(tmp_path: Path, data: bytes, format: str) -> None:
    attempt(tmp_path / "log", data, format)


WORDS = b"""step|loss|tokens|,|"|{|}|[|:|;|1|2.5|nan|null|1e999|step,tokens,loss|    a=1|PAR1
s:1 trl:2|iter 1: loss 2.0, time 1ms|step 1: train loss 1, val loss 2|[step=1/2,epoch=0]
"log_history": [|2025-01-01 00:00:00|"2025-01-01T00:00:00"|
 iteration 1/ 9 && consumed samples: 1 && lm loss: 1.0E+00 &&|[metric][batch=0]: loss/train/total: 1
{"tracker": "j", "event": "log", "step": 0, "metrics": |step 1/2 && loss 3 (|"a": 1, "b": """
PIECES = st.sampled_from(
    [word.replace(b"&&", b"|") for line in WORDS.split(b"\n") for word in line.split(b"|")]
    + [b"\n", b"\r", b"\0", b"\xff", b"\x1b[", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"9" * 5000]
)


@quick
@given(pieces=st.lists(PIECES, max_size=40), format=st.sampled_from(NAMES))
def test_any_pieces_of_logs_give_a_log_or_our_error(
    tmp_path: Path, pieces: list[bytes], format: str
) -> None:
    attempt(tmp_path / "log", b"".join(pieces), format)


@pytest.mark.parametrize("format", SAMPLES)
@quick
@given(
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5),
    cut=st.floats(0.2, 1),
)
def test_a_damaged_log_gives_true_values_or_our_error(
    tmp_path: Path, format: str, damage: list[tuple[float, int]], cut: float
) -> None:
    """At most one value a damaged byte is wrong or missing, but for those behind the cut."""
    data = (DATA / SAMPLES[format]).read_bytes()
    whole = read(DATA / SAMPLES[format], format=format).table
    data = data[: int(len(data) * cut)]
    lines = data.count(b"\n")
    broken = bytearray(data)
    for place, byte in damage:
        broken[int(place * (len(data) - 1))] = byte
    log = attempt(tmp_path / "log", bytes(broken), format)
    if log is not None and bytes(broken).count(b"\n") == lines:
        ours = set(zip(log.table["offset"], log.table["metric"], log.table["value"], strict=True))
        true = set(zip(whole["offset"], whole["metric"], whole["value"], strict=True))
        # A record may have several values, and as a damaged first byte shifts what is a header.
        finite = {row for row in ours - true if not math.isnan(row[2])}
        assert len(finite) <= 8 * len(damage)


ROW = st.one_of(
    st.just("good"),
    st.sampled_from(
        ["", "@", '{"step": 1', '{"step": [}', "[1]", '{"step": 2, "loss": "x"}', "\0\0"]
    ),
)


@quick
@given(rows=st.lists(ROW, min_size=1, max_size=60))
def test_json_lines_in_are_rows_and_quarantine_out(tmp_path: Path, rows: list[str]) -> None:
    good = [json.dumps({"step": i, "loss": 9 / i}) for i in range(1, len(rows) + 1)]
    lines = [g if row == "good" else row for g, row in zip(good, rows, strict=True)]
    log = attempt(tmp_path / "log", ("\n".join([*good[:1], *lines]) + "\n").encode(), "jsonl")
    assert log is not None
    blank = sum(not line.strip("\0") for line in lines)
    assert len(log.table) + len(log.quarantine) == 1 + len(lines) - blank
    assert len(log.table) == 1 + rows.count("good")


@quick
@given(
    rows=st.lists(st.sampled_from(["good", "", "1", "1,2,3,4,5", "x,y,z", "1,2,3.4.5", '"', "\0"]))
)
def test_csv_rows_in_are_rows_and_quarantine_out(tmp_path: Path, rows: list[str]) -> None:
    good = [f"{i},{i},{9 / i!r}" for i in range(1, len(rows) + 2)]
    lines = [g if row == "good" else row for g, row in zip(good[1:], rows, strict=True)]
    data = "\n".join(["step,tokens,loss", good[0], *lines]) + "\n"
    log = attempt(tmp_path / "log", data.encode(), "csv")
    if log is not None:
        blank = sum(not line.strip("\0") for line in lines)
        assert len(log.table) + len(log.quarantine) == 1 + len(lines) - blank
        assert len(log.table) == 1 + rows.count("good")


VALUES = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.none())


@quick
@given(values=st.lists(VALUES, min_size=1, max_size=50))
def test_every_value_that_json_can_write_comes_back(tmp_path: Path, values: list[object]) -> None:
    lines = [json.dumps({"step": step, "loss": value}) for step, value in enumerate(values)]
    log = attempt(tmp_path / "log", ("\n".join(lines) + "\n").encode(), "jsonl")
    assert log is not None
    expected = np.array([math.nan if v is None else float(v) for v in values])  # type: ignore[arg-type]
    expected[np.abs(expected) >= 1.797e308] *= math.inf
    np.testing.assert_array_equal(log.table["value"], expected)
    np.testing.assert_array_equal(log.table["step"], np.arange(len(values)))
