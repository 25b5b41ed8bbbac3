import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isoloss import tables

SCHEMA = {
    "properties": {
        "run": {"type": "string"},
        "kind": {"type": "string", "enum": ["reported", "grid"]},
        "n": {"type": "integer", "minimum": 0},
        "compute": {"type": "number", "exclusiveMinimum": 0},
        "used": {"type": "boolean"},
    }
}


def table(**columns):
    base = {"run": ["a", "b"], "kind": ["grid", "grid"], "n": [1, 2], "compute": [0.5, 2.0]}
    return pd.DataFrame(base | {"used": [True, False]} | columns)


# --- the check


def test_columns_come_in_the_schemas_order_then_the_others():
    checked = tables.check(table(extra=[1, 2])[["extra", *reversed(table().columns)]], SCHEMA, "t")
    assert list(checked) == ["run", "kind", "n", "compute", "used", "extra"]


def test_types_are_those_of_the_schema():
    checked = tables.check(table(n=[1.0, 2.0], compute=[1, 2]), SCHEMA, "t")
    assert [str(checked[name].dtype) for name in ("n", "compute", "used")] == [
        "int64",
        "float64",
        "bool",
    ]


def test_the_table_given_is_left_as_it_is():
    given = table(n=[1.0, 2.0])
    before = given.copy()
    tables.check(given, SCHEMA, "t")
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"kind": ["grid", "gird"]}, r"results/t\.csv: row 1: kind = 'gird'; expected"),
        ({"n": [-1, 2]}, r"results/t\.csv: row 0: n = .*-1.*; expected"),
        ({"compute": [1.0, 0.0]}, r"results/t\.csv: row 1: compute = .*0\.0.*; expected"),
    ],
)
def test_a_value_that_the_schema_refuses_is_named_with_file_row_and_column(columns, message):
    with pytest.raises(ValueError, match=message):
        tables.check(table(**columns), SCHEMA, "results/t.csv")


def test_a_row_is_counted_from_the_tables_first_whatever_its_index():
    with pytest.raises(ValueError, match="row 1: n"):
        tables.check(table(n=[1, -2]).set_index(pd.Index([10, 20])), SCHEMA, "t")


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"t\.csv: column\(s\) n, used missing; it has .*compute"):
        tables.check(table().drop(columns=["n", "used"]), SCHEMA, "t.csv")


def test_a_column_that_is_not_required_may_be_missing():
    schema = SCHEMA | {"required": ["run", "kind", "n", "compute"]}
    assert "used" not in tables.check(table().drop(columns="used"), schema, "t")


def test_a_number_may_be_unknown_and_a_text_empty():
    checked = tables.check(table(compute=[np.nan, 1], run=[None, "b"]), SCHEMA, "t")
    assert np.isnan(checked["compute"][0])
    assert checked["run"][0] == ""


# --- writing and reading

ENDINGS = pytest.mark.parametrize("ending", ["csv", "parquet"])


@ENDINGS
def test_what_is_written_is_read(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    tables.write(table(compute=[np.nan, 1e-300]), path, SCHEMA)
    read = tables.read(path, SCHEMA)
    pd.testing.assert_frame_equal(read, tables.check(read, SCHEMA, "t"))
    assert np.isnan(read["compute"][0])
    assert read["compute"][1] == 1e-300
    assert list(read["used"]) == [True, False]


@ENDINGS
@pytest.mark.parametrize(
    "text",
    [
        "1.1",
        "1.10",
        "653M",
        "007",
        "1e5",
        "NA",
        "nan",
        "None",
        "true",
        "",
        "a,b",
        'a"b',
        "–ü",
        "a;b",
    ],
)
def test_texts_come_back_as_they_were(tmp_path, ending, text):
    path = tmp_path / f"t.{ending}"
    tables.write(table(run=[text, "x"]), path, SCHEMA)
    assert list(tables.read(path, SCHEMA)["run"]) == [text, "x"]


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=5))
def test_numbers_come_back_to_ten_digits(tmp_path_factory, values):
    schema = {"properties": {"x": {"type": "number"}}}
    path = tmp_path_factory.mktemp("numbers") / "t.csv"
    tables.write(pd.DataFrame({"x": values}), path, schema)
    np.testing.assert_allclose(tables.read(path, schema)["x"], values, rtol=1e-9)


def test_numbers_are_written_with_ten_digits_and_lines_end_alike(tmp_path):
    tables.write(table(compute=[1 / 3, 123456.0]), tmp_path / "t.csv", SCHEMA)
    assert (tmp_path / "t.csv").read_bytes() == (
        b"run,kind,n,compute,used\na,grid,1,0.3333333333,True\nb,grid,2,123456,False\n"
    )


@ENDINGS
def test_the_same_table_gives_the_same_bytes(tmp_path, ending):
    for name in ("one", "two"):
        tables.write(table(), tmp_path / f"{name}.{ending}", SCHEMA)
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


@ENDINGS
def test_a_table_that_is_refused_leaves_nothing(tmp_path, ending):
    with pytest.raises(ValueError, match="n = "):
        tables.write(table(n=[-1, 1]), tmp_path / f"t.{ending}", SCHEMA)
    assert list(tmp_path.iterdir()) == []


@ENDINGS
def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_half_one(
    tmp_path, ending, monkeypatch
):
    path = tmp_path / f"t.{ending}"
    tables.write(table(), path, SCHEMA)
    before = path.read_bytes()

    def fail(self, target, **_):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet" if ending == "parquet" else "to_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        tables.write(table(n=[7, 8]), path, SCHEMA)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@ENDINGS
def test_shards_are_read_as_one_table_in_the_order_given(tmp_path, ending):
    paths = [tmp_path / f"{i}.{ending}" for i in range(2)]
    for i, path in enumerate(paths):
        tables.write(table(run=[f"{i}a", f"{i}b"]), path, SCHEMA)
    read = tables.read(paths[::-1], SCHEMA)
    assert list(read["run"]) == ["1a", "1b", "0a", "0b"]
    assert list(read.index) == [0, 1, 2, 3]


def test_an_empty_table_keeps_its_columns(tmp_path):
    path = tmp_path / "t.csv"
    tables.write(table().iloc[:0], path, SCHEMA)
    assert list(tables.read(path, SCHEMA)) == list(SCHEMA["properties"])


def test_a_file_that_lacks_a_column_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("run,kind,n,compute\na,grid,1,2\n")
    with pytest.raises(ValueError, match=r"t\.csv: column\(s\) used missing"):
        tables.read(path, SCHEMA)


def test_every_stage_schema_is_one_that_the_check_understands(root):
    from isoloss.study.validation import read_yaml

    paths = sorted((root / "workflow/schemas/tables").glob("*.yaml"))
    assert len(paths) >= 8
    for path in paths:
        schema = read_yaml(path)
        for name, rule in schema["properties"].items():
            assert rule["type"] in {"string", "number", "integer", "boolean"}, (path, name)
            assert rule.get("description"), (path, name)
            known = {"type", "description", "enum", "minimum", "exclusiveMinimum", "decimals"}
            assert set(rule) <= known, (path, name)
            assert "decimals" not in rule or rule["type"] == "number", (path, name)


def test_parquet_is_rounded_coarser_than_processors_agree_on_unless_it_is_exact(tmp_path):
    schema = {"properties": {"x": {"type": "number"}}}
    values = [1.2345678901234567, -4.5e-300, float("nan"), 0.0, 12345678901.0]
    one, other = (pd.DataFrame({"x": np.array(values) * (1 + e)}) for e in (0, 4e-15))
    paths = [tmp_path / f"{name}.parquet" for name in ("one", "other", "exact")]
    tables.write(one, paths[0], schema)
    tables.write(other, paths[1], schema)
    tables.write(one, paths[2], schema | {"exact": True})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    written = tables.read(paths[0], schema)["x"].to_numpy()
    np.testing.assert_array_equal(written[[0, 2, 3]], [1.2345679, np.nan, 0.0])
    np.testing.assert_array_equal(tables.read(paths[2], schema)["x"].to_numpy(), values)


@ENDINGS
def test_a_difference_of_nearly_equal_numbers_is_rounded_to_decimals(tmp_path, ending):
    schema = {"properties": {"x": {"type": "number", "decimals": 12}}}
    values = np.array([1.7e-6, -3e-17, 0.25, np.nan])
    paths = [tmp_path / f"{i}.{ending}" for i in range(2)]
    for path, error in zip(paths, (0, 4e-15), strict=True):
        tables.write(pd.DataFrame({"x": values + error}), path, schema)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    written = tables.read(paths[0], schema)["x"].to_numpy()
    np.testing.assert_array_equal(written, [1.7e-6, 0.0, 0.25, np.nan])
    assert not np.signbit(written[1])


def test_labels_become_texts_and_those_that_are_missing_are_empty(tmp_path):
    schema = {"properties": {"run": {"type": "string"}}}
    labels = pd.Categorical(["b", None, "a", "b"], ["b", "unused", "a"])
    table = pd.DataFrame({"run": labels}, index=[3, 5, 7, 9])
    checked = tables.check(table, schema, "t")
    assert checked["run"].tolist() == ["b", "", "a", "b"]
    assert checked["run"].dtype == "str"
    assert checked.index.tolist() == [3, 5, 7, 9]
    for name, part in (("one", table), ("two", table.iloc[:1])):  # labels, as Arrow writes them
        part.to_parquet(tmp_path / f"{name}.parquet", index=False)
    both = tables.read([tmp_path / "one.parquet", tmp_path / "two.parquet"], schema)
    assert both["run"].tolist() == ["b", "", "a", "b", "b"]
    assert both["run"].dtype == "str"


def test_a_wrong_row_is_told_with_its_file(tmp_path):
    schema = {"properties": {"n": {"type": "number", "minimum": 0}}}
    for name, value in (("one", 1), ("two", -1)):
        (tmp_path / f"{name}.csv").write_text(f"n\n0\n{value}\n")
    with pytest.raises(ValueError, match=r"two\.csv: row 1: n = "):
        tables.read([tmp_path / "one.csv", tmp_path / "two.csv"], schema)
