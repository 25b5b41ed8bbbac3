"""MLflow stores, written by mlflow itself (tests/data/logs/write_binary.py)."""

import gzip
import io
import math
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.logs.formats import mlflow, mlflow_sqlite
from isoloss.logs.formats.mlflow import FORMATS, read, read_all, sniff
from isoloss.logs.formats.mlflow_sqlite import read_database, read_databases, sniff_database
from isoloss.logs.records import LogError
from log_bytes import tree

DATA = Path(__file__).parents[1] / "data" / "logs"
TRUTH = pd.read_csv(DATA / "binary_truth.csv")
DATABASE = gzip.decompress((DATA / "mlflow" / "mlflow.db.gz").read_bytes())


STORE = tree(DATA / "mlflow" / "mlruns")
HOMES = {
    path.read_text(): path.parents[1].relative_to(DATA / "mlflow" / "mlruns").as_posix()
    for path in (DATA / "mlflow" / "mlruns").rglob("mlflow.runName")
}


def parse(text):
    return read(io.BytesIO(text))


def metric(source, name):
    (block,) = (b for b in source.blocks if b.table.column_names[-1] == name)
    return block.table.to_pandas()


def names(source):
    return [block.table.column_names[-1] for block in source.blocks]


def values(source):
    (block,) = source.blocks
    return block.table.select(["offset", "step", "value"]).to_pylist()


def opened(files):
    return {path: lambda data=data: io.BytesIO(data) for path, data in files.items()}


def altered(*statements):
    """The database with SQL run on it."""
    database = sqlite3.connect(":memory:")
    database.deserialize(DATABASE)
    for statement in statements:
        database.execute(statement)
    database.commit()
    data = database.serialize()
    database.close()
    return data


def only(data, run=None):
    (source,) = read_databases(opened({"mlflow.db": data}), run).values()
    return source


@pytest.fixture(params=["file", "sqlite"])
def source_of(request):
    def get(run):
        files, reader = (STORE, read_all)
        if request.param == "sqlite":
            files, reader = opened({"mlflow.db": DATABASE}), read_databases
        (source,) = reader(files, run).values()
        return source

    return get


@pytest.mark.parametrize("run", ["resumed", "diverged"])
def test_equals_the_truth(source_of, run):
    source = source_of(run)
    truth = TRUTH[TRUTH.run == run]
    evaluated = truth[truth.step % 10 == 0]
    for name, frame, column in [
        ("train_loss", truth, "loss"),
        ("eval/loss", evaluated, "eval_loss"),
        ("tokens", evaluated, "tokens"),
    ]:
        got = metric(source, name)
        np.testing.assert_array_equal(got["step"], frame.step)
        np.testing.assert_array_equal(got[name], frame[column])
        seconds = 1_760_000_000 + 1000 * frame.segment + frame.step
        np.testing.assert_array_equal(got["wall_time"], seconds)
    assert source.quarantine == ()
    assert source.notes == ()


def test_infinity_and_nan_are_what_they_were(source_of):
    loss = metric(source_of("diverged"), "train_loss")["train_loss"]
    assert np.isposinf(loss[46])
    assert np.isnan(loss[47:]).all()
    assert len(loss) == 60


def test_a_store_of_several_runs_needs_a_choice(source_of):
    with pytest.raises(LogError, match=r"several runs: 'diverged' \(id \w{32}\), 'resumed' \(id"):
        source_of(None)
    with pytest.raises(LogError, match="no run of the name or id 'nobody'; it has 'diverged'"):
        source_of("nobody")


def test_a_run_can_be_chosen_by_its_id_or_by_its_folder():
    home = HOMES["resumed"]
    (path,) = read_all(STORE, home.split("/")[1])
    assert path == f"{home}/metrics"
    inside = {path[len(home) + 1 :]: file for path, file in STORE.items() if path.startswith(home)}
    ((path, source),) = read_all(inside, None).items()
    assert path == "metrics"
    assert len(metric(source, "train_loss")) == 70


def test_a_folder_of_metrics_or_one_of_them_is_enough():
    home = f"{HOMES['resumed']}/metrics/"
    inside = {path[len(home) :]: file for path, file in STORE.items() if path.startswith(home)}
    (source,) = read_all(inside, None).values()
    assert [b.table.column_names[-1] for b in source.blocks] == [
        "eval/loss",
        "tokens",
        "train_loss",
    ]
    (source,) = read_all({"train_loss": inside["train_loss"]}, None).values()
    assert [b.table.column_names[-1] for b in source.blocks] == ["train_loss"]


def test_two_runs_of_one_name_are_told_apart_by_their_ids():
    data = altered("UPDATE runs SET name = 'same'")
    with pytest.raises(LogError, match=r"several runs named 'same': 'same' \(id"):
        only(data, "same")


def test_deleted_runs_and_logged_models_are_left_out():
    files = {path: file for path, file in STORE.items()}
    home = HOMES["diverged"]
    with files[f"{home}/meta.yaml"]() as file:
        meta = file.read().replace(b"stage: active", b"stage: deleted")
    extra = {f"{home}/meta.yaml": meta, "1/models/m-1/meta.yaml": b"model_id: m-1\n"}
    extra["1/models/m-1/metrics/loss"] = b"1760000000000 1.0 1\n"
    ((path, _),) = read_all(files | opened(extra), None).items()
    assert path.startswith(HOMES["resumed"])
    data = altered("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'diverged'")
    assert len(metric(only(data), "train_loss")) == 70


def test_a_folder_without_metrics_is_an_error():
    with pytest.raises(LogError, match="no metrics of an MLflow run"):
        read_all(opened({"readme": b"text"}), None)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1760000000000 1.5 7\n", (7, 1.5)),
        (b"1760000000000 1.5\n", (0, 1.5)),
        (b"1760000000000 1.5 7 data 1a2b\n", (7, 1.5)),
        (b"1760000000000 1.5 7\r\n", (7, 1.5)),
        (b"1760000000000 -inf -7\n", (-7, -math.inf)),
        (b"1760000000000 1.7976931348623157e+308 7\n", (7, math.inf)),
        (b"12 1e-5 0\n", (0, 1e-5)),
    ],
)
def test_reads_every_shape_of_a_line(line, row):
    (got,) = values(parse(line))
    assert (got["step"], got["value"]) == row


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1760000000000 1.5 7 8",
        b"1760000000000 1.5 1760000000000 1.5 8",
        b"1760000000000 1.51760000000000 1.4 8",
        b"17600000000001760000000000 1.5 8",
        b"1761760000000000 1.5 8",
        b"1760000000000 1.5",
        b"1760000000000 1,5 8",
        b"1760000000000 loss 8",
        b"1760000000000 1_5 8",
        b"\0\0\0\0" * 10,
        b"\0\0\0\0001760000000000 1.5 8",
        b"x" * 5000,
        b"1760000000000 1.5 8" + b" " * 5000,
    ],
)
def test_a_broken_line_is_quarantined_and_reading_goes_on(line):
    source = parse(b"1760000000000 1.5 1\n" + line + b"\n1760000000000 2.5 3\n")
    assert [(row["offset"], row["value"]) for row in values(source)] == [(1, 1.5), (3, 2.5)]
    (bad,) = source.quarantine
    assert bad.offset == 2
    assert bad.head == line[:200] + b"\n" * (len(line) > 4000 and len(line) < 200)
    assert source.notes == ()


def test_a_last_line_without_an_end_is_a_note():
    text = b"1760000000000 1.5 1\n1760000000000 2.5 1599\n"
    for size in range(len(text) + 1):
        source = parse(text[:size])
        assert len(values(source)) == text[:size].count(b"\n")
        assert source.quarantine == ()
        assert len(source.notes) == (text[:size] != b"" and text[size - 1 : size] != b"\n")


@pytest.mark.parametrize("size", [1, 5000])
def test_nul_bytes_at_the_end_are_a_note(size):
    source = parse(b"1760000000000 1.5 1\n" + bytes(size))
    assert len(values(source)) == 1
    assert source.quarantine == ()
    assert source.notes == (f"value, line 2: the last {size} bytes are NUL padding",)


def test_a_quarantined_line_names_its_metric():
    files = opened({"metrics/a": b"1760000000000 1.0 1\n", "metrics/b": b"nothing\n"})
    (source,) = read_all(files, None).values()
    (bad,) = source.quarantine
    assert bad.reason == "b, line 1: expected `timestamp value step`"


def test_a_cut_database_is_an_error():
    for pages in (0, 1, 20, len(DATABASE) // 4096 - 1):
        with pytest.raises(LogError, match="cannot be read"):
            only(DATABASE[: pages * 4096 + 100], "resumed")


def test_a_flipped_bit_in_a_value_is_an_error_and_not_another_value():
    value = TRUTH[TRUTH.run == "resumed"].loss.iloc[5]
    stored = np.array(value, ">f8").tobytes()
    at = DATABASE.index(stored)
    for place in range(8):
        broken = bytearray(DATABASE)
        broken[at + place] ^= 4
        with pytest.raises(LogError, match="cannot be read"):
            only(bytes(broken), "resumed")


def test_values_that_are_not_numbers_are_quarantined():
    data = altered(
        "UPDATE metrics SET step = 'seven' WHERE key = 'train_loss' AND step = 57",
        "UPDATE metrics SET value = 'x' WHERE key = 'train_loss' AND step = 8",
        "UPDATE metrics SET value = 1e999 WHERE key = 'train_loss' AND step = 9",
    )
    source = only(data, "diverged")
    loss = metric(source, "train_loss")
    assert len(loss) == 58
    assert math.isinf(loss["train_loss"][7])
    assert sorted(bad.head for bad in source.quarantine) == [
        b"'train_loss': step 'seven', timestamp 1760000057000, value 0.0",
        b"'train_loss': step 8, timestamp 1760000008000, value 'x'",
    ]


def test_views_in_place_of_tables_are_refused():
    data = altered("ALTER TABLE metrics RENAME TO m", "CREATE VIEW metrics AS SELECT * FROM m")
    with pytest.raises(LogError, match="without MLflow's tables"):
        only(data, "resumed")


def test_computed_columns_are_refused():
    data = altered(
        "DROP TABLE metrics",
        "CREATE TABLE metrics (key TEXT, step INT, timestamp INT, run_uuid TEXT, is_nan INT, "
        "value AS (abs(step)))",
        "INSERT INTO metrics SELECT 'loss', 1, 1, run_uuid, 0 FROM runs",
    )
    with pytest.raises(LogError, match="`metrics` computes columns"):
        only(data, "resumed")


def test_a_query_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(mlflow_sqlite, "_allowance", lambda instructions: lambda: True)
    with pytest.raises(LogError, match="interrupted"):
        only(altered("INSERT INTO runs(run_uuid) " + COUNT), "resumed")


COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    "SELECT 'run' || i FROM n"
)


def test_more_metrics_than_a_run_has_are_an_error(monkeypatch):
    monkeypatch.setattr(mlflow_sqlite, "MAX_METRICS", 2)
    with pytest.raises(LogError, match="more than 2 metrics"):
        only(DATABASE, "resumed")


@pytest.mark.parametrize("ending", ["-wal", "-journal"])
def test_a_database_that_is_being_written_is_an_error(tmp_path, ending):
    (tmp_path / "mlflow.db").write_bytes(DATABASE)
    (tmp_path / f"mlflow.db{ending}").write_bytes(b"")
    assert len(read_databases(tree(tmp_path), "resumed")) == 1
    (tmp_path / f"mlflow.db{ending}").write_bytes(b"pages")
    with pytest.raises(LogError, match="being written, or its writer crashed"):
        read_databases(tree(tmp_path), "resumed")
    with (tmp_path / "mlflow.db").open("rb") as file, pytest.raises(LogError, match="written"):
        read_database(file)


def test_reading_changes_nothing_beside_the_database(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(DATABASE)
    read_databases(tree(tmp_path), "resumed")
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert (tmp_path / "mlflow.db").read_bytes() == DATABASE


def test_one_database_is_expected():
    with pytest.raises(LogError, match="expected one SQLite database, found none"):
        read_databases(opened({"a": b"text"}), None)
    with pytest.raises(LogError, match=r"found a\.db, b\.db"):
        read_databases(opened({"a.db": DATABASE, "b.db": DATABASE}), None)


def test_another_database_is_an_error():
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (x)")
    with pytest.raises(LogError, match="without MLflow's tables `runs` and `metrics`"):
        only(database.serialize())
    database.close()


def test_recognises_stores_by_content():
    with STORE[f"{HOMES['diverged']}/metrics/train_loss"]() as file:
        text = file.read()
    assert sniff(text)
    assert sniff_database(DATABASE[:65536])
    for other in (b"", b"1,2,3\n", b"1 2 3\n", b"{}\n", b"1760000000000 1.5 7"):
        assert not sniff(other)
        assert not sniff_database(other)
    assert [form.name for form in FORMATS] == ["mlflow_file", "mlflow_sqlite"]
    assert FORMATS[0].preset == mlflow.PRESET


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_a_quarantine_and_at_most_a_note(data):
    source = parse(data)
    lines = data.count(b"\n")
    assert len(values(source)) + len(source.quarantine) == lines
    assert len(source.notes) == (not data.endswith(b"\n") and data != b"")


FIELDS = st.sampled_from([b"1760000000000", b"1.5", b"7", b"nan", b"x", b"", b" ", b"-3", b"\0"])


@given(st.lists(st.lists(FIELDS, max_size=6).map(b" ".join), max_size=10))
def test_lines_in_are_rows_and_quarantine(lines):
    source = parse(b"".join(line + b"\n" for line in lines))
    assert len(values(source)) + len(source.quarantine) == len(lines)
    assert source.notes == ()


@given(st.integers(0, len(DATABASE) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage_to_a_database_is_an_error_or_changes_nothing(at, junk):
    broken = DATABASE[:at] + junk + DATABASE[at + len(junk) :]
    try:
        source = only(broken, "resumed")
    except LogError:
        return
    loss = metric(source, "train_loss")["train_loss"]
    np.testing.assert_array_equal(loss, TRUTH[TRUTH.run == "resumed"].loss)
