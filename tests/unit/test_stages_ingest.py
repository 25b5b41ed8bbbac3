import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from isoloss import tables
from isoloss.flops.flops import flops
from isoloss.flops.settings import Compute
from isoloss.logs.ingest import ingest
from isoloss.logs.registry import BY_NAME
from isoloss.logs.settings import Reading
from isoloss.units import PFLOP_S_DAY
from sections import section

LOG = Reading(**section("log"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text("step,loss\n1,4.5\n2,4.25\n3,4\n")
    (tmp_path / "b.jsonl").write_text(
        '{"step": 1, "tokens": 10, "loss": 5}\n{"step": 2, "tokens": 20, "loss": 4.5}\n'
    )
    return tmp_path


def run(name, log, **more):
    return {"run": name, "log": log, "format": None, "tokens_per_step": None} | more


@pytest.mark.parametrize(
    ("row", "values", "tokens", "tokens_from"),
    [
        (run("a", "a.csv", tokens_per_step=100), [4.5, 4.25, 4], [100, 200, 300], "step x"),
        (run("b", "b.jsonl"), [5, 4.5], [10, 20], "log"),
    ],
    ids=["csv", "jsonl"],
)
def test_a_log_becomes_a_long_table_and_a_row(folder, row, values, tokens, tokens_from):
    got = ingest(row, {"loss": "loss"}, folder, LOG)
    assert list(got.table["value"]) == values
    assert list(got.table["tokens"]) == tokens
    assert (got.row["run"], got.row["values"]) == (row["run"], len(values))
    assert row["log"].endswith(got.row["format"])
    assert got.row["tokens_from"].startswith(tokens_from)
    assert got.quarantine.empty


def test_a_metric_may_have_another_name_than_its_column(folder):
    got = ingest(run("b", "b.jsonl"), {"train": "loss"}, folder, LOG)
    assert set(got.table["metric"]) == {"train"}


def refused(folder, row, metric="loss"):
    """The error of a run that cannot be read."""
    got = ingest(row, {metric: metric}, folder, LOG)
    assert got.table is None
    return got.row["error"]


def test_a_runs_own_format_goes_before_the_studys(folder):
    assert re.search(r"b\.jsonl", refused(folder, run("b", "b.jsonl", format="csv")))
    row = run("b", "b.jsonl", format="jsonl")
    assert len(ingest(row, {"loss": "loss"}, folder, replace(LOG, format="csv")).table) == 2


def test_a_log_without_tokens_and_compute_says_what_to_name_or_give(folder):
    error = refused(folder, run("a", "a.csv"))
    assert re.search(r"a\.csv: no tokens and no compute.*tokens_per_step", error)


def test_a_column_that_the_log_does_not_have_is_named_with_run_and_file(folder):
    assert re.search(r"b\.jsonl.*los\b", refused(folder, run("b", "b.jsonl"), "los"))


def test_broken_records_beyond_the_accepted_share_refuse_the_log_and_are_named(folder):
    (folder / "c.csv").write_text("step,tokens,loss\n" + ("1,10,4\n" * 8 + "torn\n" * 4))
    error = refused(folder, run("c", "c.csv"))
    assert re.search(r"c\.csv: 4 of 12 records.*max_bad_fraction", error)
    got = ingest(run("c", "c.csv"), {"loss": "loss"}, folder, replace(LOG, max_bad_fraction=0.7))
    assert list(got.quarantine["run"]) == ["c"] * 4
    assert list(got.quarantine["head"]) == ["torn"] * 4
    assert got.row["quarantined"] == 4


def test_an_unexpected_exception_is_an_error_of_the_run_that_names_the_file(folder, monkeypatch):
    def fails(*_):
        raise KeyError("layer\n0")

    jsonl = replace(BY_NAME["jsonl"], read_columns=fails)
    monkeypatch.setitem(BY_NAME, "jsonl", jsonl)
    (folder / "b").mkdir()
    (folder / "b.jsonl").rename(folder / "b/log.jsonl")
    with pytest.warns(UserWarning, match=r"run b:\n(.*\n)*KeyError"):  # into the log of the job
        got = ingest(run("b", "b"), {"loss": "loss"}, folder, LOG)
    assert got.table is None
    row = got.row
    assert row["values"] == 0
    assert row["error"].startswith(f"{folder}/b/log.jsonl: its reader failed with KeyError: ")
    assert "of test_stages_ingest.py), which is a fault of isoloss" in row["error"]
    assert "\n" not in row["error"]


def test_a_run_that_never_logged_one_of_the_metrics_has_no_values_of_it(folder):
    metrics = {"loss": "loss", "late": "val/loss"}
    got = ingest(run("b", "b.jsonl"), metrics, folder, LOG)
    assert set(got.table["metric"]) == {"loss"}
    assert got.row["error"] == ""
    assert "no column 'val/loss' for metric late" in got.row["notes"]


# --- FLOPs of what was logged


def logged(**columns):
    base = {"run": ["a"], "last_tokens": [1e9], "last_compute_pflop_s_days": [np.nan]}
    return pd.DataFrame(base | columns)


def count(rows, ends, folder, conventions):
    rows = [{"arm": "mla", "model": "653M"} | row for row in rows]
    return flops(rows, ends, folder, Compute(*conventions[:1], conventions[1:]))


def test_six_n_d_of_a_published_n(folder, stage_schema):
    table = count([{"run": "a", "parameters": 1e8}], logged(), folder, ["6n_non_embedding"])
    row = tables.check(table, stage_schema("flops"), "flops").iloc[0]
    assert row["parameters_counted"] == 1e8
    assert row["flop_per_token"] == 6e8
    assert row["compute_pflop_s_days"] == pytest.approx(6e17 / PFLOP_S_DAY, rel=1e-15)


def test_logged_compute_needs_nothing_else(folder):
    table = count([{"run": "a"}], logged(last_compute_pflop_s_days=[0.25]), folder, ["logged"])
    assert table["compute_pflop_s_days"].iloc[0] == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"hidden_size": 8,}', r"a\.json: not JSON: line 1, column"),
        ("[1, 2]", r"a\.json: expected an object of keys and values, got list"),
        ("{}", r"a\.json: "),
    ],
)
def test_an_architecture_that_cannot_be_read_is_named(folder, text, message):
    (folder / "a.json").write_text(text)
    rows = [{"run": "a", "architecture": "a.json", "sequence_length": 4096.0}]
    with pytest.raises(ValueError, match=message) as error:
        count(rows, logged(), folder, ["matmul_causal"])
    assert "\n" not in str(error.value)


def test_every_run_has_a_row_under_every_convention_in_their_order(root):
    folder = root / "data/kimi-linear"
    names = ["mla-653M", "kimi-linear-653M"]
    rows = [
        {"run": name, "architecture": f"architectures/{name}.json", "sequence_length": 4096.0}
        for name in names
    ]
    ends = logged(run=names, last_tokens=[1e9, 1e9], last_compute_pflop_s_days=[np.nan] * 2)
    table = count(rows, ends, folder, ["6n_with_head", "matmul_causal"])
    assert list(table[["run", "convention"]].itertuples(index=False, name=None)) == [
        (name, convention) for name in names for convention in ("6n_with_head", "matmul_causal")
    ]
    by = table.set_index(["run", "convention"])["flop_per_token"]
    with_head = by["kimi-linear-653M", "6n_with_head"] / by["mla-653M", "6n_with_head"]
    matmul = by["kimi-linear-653M", "matmul_causal"] / by["mla-653M", "matmul_causal"]
    assert with_head > 1.03  # charged more by its parameters,
    assert matmul < 0.95  # less by its work
