"""Whole run sheets, growing batches and the command line."""

import json
import math
import runpy
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.flops import (
    CONVENTIONS,
    flop_per_token,
    flops_table,
    parameters_counted,
)
from isoloss.flops.__main__ import main
from isoloss.flops.training_programs import megatron_ramp, ramped_tokens, training_compute

CONFIGS = Path(__file__).parents[1] / "data" / "flops" / "configs"


def config(model):
    return json.loads((CONFIGS / f"{model}.json").read_text(encoding="utf-8"))


ARCHITECTURES = {"a": config("llama-3-8b"), "b": config("kimi-linear-48b-a3b")}


def test_table_has_a_sorted_row_a_run_and_convention():
    runs = pd.DataFrame(
        {
            "run": ["y", "x"],
            "architecture": ["a", "b"],
            "sequence_length": [2048, 4096],
            "parameters": [math.nan, 3e9],
        }
    )
    table = flops_table(runs, ARCHITECTURES, ["palm", "matmul_causal", "logged", "palm"])
    assert table[["run", "convention"]].to_numpy().tolist() == [
        ["x", "logged"],
        ["x", "matmul_causal"],
        ["x", "palm"],
        ["y", "logged"],
        ["y", "matmul_causal"],
        ["y", "palm"],
    ]
    rows = {(row.run, row.convention): row for row in table.itertuples()}
    for run, key, length, n in (("y", "a", 2048, None), ("x", "b", 4096, 3e9)):
        for name in ("palm", "matmul_causal"):
            expected = flop_per_token(ARCHITECTURES[key], length, name, parameters=n)
            assert rows[run, name].flop_per_token == expected
        expected = parameters_counted(ARCHITECTURES[key], "palm", parameters=n)
        assert rows[run, "palm"].parameters_counted == expected
        assert math.isnan(rows[run, "matmul_causal"].parameters_counted)
        assert math.isnan(rows[run, "logged"].flop_per_token)


def test_published_parameters_suffice_without_an_architecture():
    runs = pd.DataFrame({"run": ["x"], "parameters": [5e8]})
    table = flops_table(runs, {}, ["6n_non_embedding"])
    assert table.flop_per_token.tolist() == [3e9]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"architecture": "a"}, "run x: sequence_length: None"),
        ({"architecture": "c"}, "run x: architecture: 'c': not among the 2 given"),
        ({"sequence_length": 2048}, "run x: architecture: None"),
        ({"architecture": "a", "sequence_length": -1}, "run x: sequence_length: -1"),
    ],
)
def test_table_names_the_run_that_does_not_suffice(row, message):
    with pytest.raises(ValueError, match=message):
        flops_table(pd.DataFrame([{"run": "x"} | row]), ARCHITECTURES, ["matmul_causal"])


def test_empty_sheet_gives_an_empty_table():
    table = flops_table(pd.DataFrame({"run": []}), {}, ["6n_total"])
    assert table.columns.tolist() == ["run", "convention", "parameters_counted", "flop_per_token"]
    assert table.empty


def test_ten_thousand_runs_in_all_conventions_take_less_than_five_seconds():
    runs = pd.DataFrame({"run": [f"{n:05d}" for n in range(10_000)], "architecture": "a"})
    runs["sequence_length"] = np.arange(10_000) % 7 * 1024 + 1024
    started = time.process_time()
    table = flops_table(runs.assign(recompute="full"), ARCHITECTURES, CONVENTIONS)
    assert time.process_time() - started < 5
    assert len(table) == 10_000 * len(CONVENTIONS)


def test_benchmark_counts_what_it_says(capsys, monkeypatch):
    path = Path(__file__).parents[2] / "benchmarks" / "flops.py"
    monkeypatch.setattr("sys.argv", [str(path), "--runs", "70", "--json"])
    runpy.run_path(str(path), run_name="__main__")
    results = json.loads(capsys.readouterr().out)
    assert [result["architectures"] for result in results] == [60, 70]
    assert all(result["conventions"] == len(CONVENTIONS) for result in results)


def test_tokens_follow_a_growing_batch():
    ramp = [(0, 10.0), (100, 20.0), (150, 40.0)]
    assert ramped_tokens([0, 50, 100, 120, 150, 200], ramp).tolist() == [
        0,
        500,
        1000,
        1400,
        2000,
        4000,
    ]


@pytest.mark.parametrize(
    ("steps", "ramp", "message"),
    [
        ([1], [], "tokens_per_step"),
        ([1], [(5, 10.0)], "the first at step 0"),
        ([1], [(0, 10.0), (0, 20.0)], "increasing step"),
        ([1], [(0, -10.0)], "expected positive tokens"),
        ([-1], [(0, 10.0)], "steps: .*at least 0"),
    ],
)
def test_a_wrong_ramp_is_refused(steps, ramp, message):
    with pytest.raises(ValueError, match=message):
        ramped_tokens(steps, ramp)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 400), st.integers(0, 6))
def test_megatron_ramp_is_its_calculator_step_by_step(start, increment, ramp_samples, increments):
    final = start + increments * increment
    consumed, expected = 0, []
    for _ in range(150):
        if increments == 0 or consumed >= ramp_samples:
            size = final
        else:
            size = start + consumed * increments // ramp_samples * increment
        consumed += size
        expected.append(consumed * 16.0)
    ramp = megatron_ramp(start, increment, ramp_samples, final, sequence_length=16)
    assert ramped_tokens(np.arange(1, 151), ramp).tolist() == expected


def test_megatron_ramp_must_reach_the_global_batch():
    with pytest.raises(ValueError, match="rampup-batch-size: 16 16 1000"):
        megatron_ramp(16, 16, 1000, 40, 2048)


def test_compute_of_stages_does_not_overflow():
    stages = [(np.int64(10**13), np.int64(10**12)), (np.int64(10**12), np.int64(2 * 10**12))]
    assert training_compute(stages) == pytest.approx(1.2e25, rel=1e-12)


def test_command_prints_parameters_conventions_and_breakdown(capsys):
    path = str(CONFIGS / "deepseek-v3.json")
    assert main([path, "--sequence-length", "4096"]) == 0
    out = capsys.readouterr().out
    assert "671,026,419,200" in out
    assert all(name in out for name in CONVENTIONS if name != "logged")
    assert "multi-token prediction is not counted" in out
    shares = [line.split()[-1] for line in out.splitlines() if line.endswith("%")]
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.3)


def test_command_prints_json_with_the_same_numbers(capsys):
    path = str(CONFIGS / "llama-3-8b.json")
    assert main([path, "--sequence-length", "8192", "--breakdown", "palm", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["parameters"]["total"] == 8030261248
    palm = flop_per_token(ARCHITECTURES["a"], 8192, "palm")
    assert made["conventions"]["palm"]["flop_per_token"] == palm
    assert made["conventions"]["matmul_causal"]["parameters_counted"] is None
    parts = made["breakdown"]["components"]
    assert [part["component"] for part in parts] == ["parameters", "scores"]
    assert sum(part["training"] for part in parts) == palm


def test_command_explains_what_it_cannot_count(capsys, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config("llama-3-8b") | {"vocab_size": None}), encoding="utf-8")
    assert main([str(path), "--sequence-length", "2048"]) == 0
    out = capsys.readouterr().out
    assert "vocab_size: null: convention 6n_with_head" in out
    assert "the language-model head is not counted" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ("[1]", "expected a JSON object, not list"),
        (
            '{"hidden_sise": 8}',
            r"hidden_size: missing; the config must give it (is it hidden_sise?)",
        ),
        (None, "No such file"),
    ],
)
def test_command_names_a_bad_config(capsys, tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main([str(path), "--sequence-length", "2048"]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert message in error
