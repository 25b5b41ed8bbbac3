"""What is not logged, what is null and what is NaN stay apart; damage is never spliced."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from isoloss.logs import Log, LogError, read
from test_logs_tensorboard import held, record, scalar

STEPS = range(1, 201)


def log_of(folder: Path, text: str, **options) -> Log:
    path = folder / "log"
    path.write_text(text)
    return read(path, **options)


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("null", ["null", '"None"', '"N/A"'])
def test_a_null_beside_another_number_is_not_logged(tmp_path: Path, null: str) -> None:
    text = ""
    for s in STEPS:
        text += f'{{"step": {s}, "loss": {9 / s!r}, "eval_loss": {null}}}\n'
        if s % 20 == 0:  # the evaluation's row, of the same step
            text += f'{{"step": {s}, "loss": {null}, "eval_loss": {10 / s!r}}}\n'
    log = log_of(tmp_path, text)
    loss, late = (log.table[log.table["metric"] == name] for name in ("loss", "eval_loss"))
    np.testing.assert_array_equal(loss["value"], [9 / s for s in STEPS])
    np.testing.assert_array_equal(late["step"], STEPS[19::20])
    np.testing.assert_array_equal(late["value"], [10 / s for s in STEPS[19::20]])
    assert log.quarantine.empty


@pytest.mark.parametrize("more", ["", ', "tokens": 7', ', "epoch": 0.5, "_timestamp": 1.8e9'])
def test_a_null_alone_is_nan(tmp_path: Path, more: str) -> None:
    text = "".join(
        f'{{"step": {s}{more}, "loss": {"null" if s > 150 else 9 / s}}}\n' for s in STEPS
    )
    log = log_of(tmp_path, text)
    assert np.isnan(log.table["value"]).tolist() == [s > 150 for s in STEPS]


def test_a_number_that_is_not_wanted_counts_as_another(tmp_path: Path) -> None:
    rows = [{"step": s, "loss": 9 / s if s % 2 else None, "lr": 0.1} for s in STEPS]
    log = log_of(tmp_path, lines(rows))
    assert list(log.table["step"]) == [s for s in STEPS if s % 2]


def test_nan_stays_nan_beside_other_numbers(tmp_path: Path) -> None:
    rows = [{"step": s, "loss": float("nan"), "eval_loss": None, "lr": 0.1} for s in STEPS]
    log = log_of(tmp_path, lines(rows))
    assert list(log.table["metric"].unique()) == ["loss"]
    assert np.isnan(log.table["value"]).all()


def test_nulls_of_a_table_are_not_logged_beside_another_number(tmp_path: Path) -> None:
    text = "step,loss,eval_loss\n1,2.5,None\n1,None,2.6\n2,NaN,null\n3,,null\n4,null,\n"
    log = log_of(tmp_path, text)
    found = log.table[["step", "metric", "value"]].astype({"metric": str}).values.tolist()
    assert [(step, metric) for step, metric, _ in found] == [
        (1, "loss"),
        (1, "eval_loss"),
        (2, "loss"),
        (3, "eval_loss"),
        (4, "loss"),
    ]
    assert np.isnan([value for *_, value in found]).tolist() == [False, False, *[True] * 3]


def test_a_null_of_a_trainer_state_is_not_logged(tmp_path: Path) -> None:
    history = [{"step": s, "loss": 9 / s, "eval_loss": None} for s in STEPS]
    history.append({"step": 200, "loss": None, "eval_loss": 3.5})
    state = {"best_metric": None, "global_step": 200, "log_history": history}
    log = log_of(tmp_path, json.dumps(state, indent=1))
    assert np.isfinite(log.table["value"]).all()
    assert (log.table["metric"] == "eval_loss").sum() == 1


# Damage

NULS = "\0" * 512


def test_nuls_inside_a_line_are_damage(tmp_path: Path) -> None:
    rows = [f"{s},{s * 8},{9 / s!r}" for s in STEPS]
    csv = ["step,tokens,loss", *rows]
    csv[100] = csv[100][:-4] + NULS + csv[101]
    del csv[101]
    log = log_of(tmp_path, "\n".join([*csv, ""]))
    assert list(log.table["step"]) == [s for s in STEPS if s not in (100, 101)]
    assert log.quarantine["offset"].tolist() == [101]
    assert "NUL bytes inside" in log.quarantine["reason"][0]


def test_a_value_that_ends_in_nuls_may_have_lost_digits(tmp_path: Path) -> None:
    text = "step,tokens,loss\n" + "".join(f"{s},{s * 8},2.5\n" for s in STEPS)
    log = log_of(tmp_path, text.replace("50,400,2.5\n", f"50,400,2{NULS}\n"))
    assert len(log.table) == len(STEPS) - 1
    assert (log.table["value"] == 2.5).all()


def test_nuls_inside_a_printed_line_are_damage(tmp_path: Path) -> None:
    printed = [f"iter {s}: loss {2 + 1 / s:.4f}, time 12.00ms, mfu 40.00%" for s in STEPS]
    printed[50] = printed[50][:14] + NULS + printed[51]
    del printed[51]
    log = log_of(tmp_path, "\n".join([*printed, ""]))
    assert list(log.table["step"]) == [s for s in STEPS if s not in (51, 52)]
    assert log.quarantine["offset"].tolist() == [51]


def test_three_broken_records_are_let_pass_but_not_a_log_of_nothing_else(tmp_path: Path) -> None:
    text = "step,loss\n" + "".join(f"{s},2.5\n" for s in range(1, 60))
    assert len(log_of(tmp_path, text + "x\n" * 3 + "60,2.4\n").quarantine) == 3
    with pytest.raises(LogError, match="4 of 64 records cannot be read"):
        log_of(tmp_path, text + "x\n" * 4 + "60,2.4\n")
    with pytest.raises(LogError, match="1 of 61 records cannot be read"):
        log_of(tmp_path, text + "x\n" + "60,2.4\n", max_bad_fraction=0)
    with pytest.raises(LogError, match="2 of 3 records cannot be read"):
        log_of(tmp_path, '{"step": 1, "loss": 2.5}\nx\nx\n', format="jsonl")


# Nothing wanted


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (b"", "empty: it is of format tensorboard, but has no number"),
        (record(scalar(b"hparam/metric", 1.0, 0)), "no column 'train/loss' for metric loss"),
    ],
)
def test_an_event_file_without_scalars_is_called_empty(tmp_path, more, words) -> None:
    start = record(b"\x09" + struct.pack("<d", 1.5) + held(3, b"brain.Event:2"))
    (tmp_path / "events.out.tfevents.1.host").write_bytes(start + more)
    with pytest.raises(LogError, match=words):
        read(tmp_path)
