import re

import pytest
from isoloss.study.run_sheet import read_run_sheet
from isoloss.study.validation import InputError, did_you_mean, read_yaml, table_schema, validate

ARMS = {"base": {}, "new": {}}
HEADER = "run,arm,model,log,parameters"
ROWS = ("b1,base,1M,logs/b1.csv,1000000", "n1,new,1M,logs/n1.csv,1000000")


def says(error, *parts):
    """The message on one line, in which every part stands."""
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message
    return message


# --- YAML


@pytest.fixture
def yaml_file(tmp_path):
    def write(text):
        path = tmp_path / "study.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_yaml_is_read_as_keys_and_values(yaml_file):
    assert read_yaml(yaml_file("a: 1\nb: {c: [x, 2.5]}\n")) == {"a": 1, "b": {"c": ["x", 2.5]}}


def test_bad_yaml_is_named_with_line_and_column(yaml_file):
    path = yaml_file("title: x\nruns: [a, b\narms: 3\n")
    with pytest.raises(InputError) as error:
        read_yaml(path)
    says(error, path, "line 3, column 5")


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("title: x\nruns: y\ntitle: z\n", "title", "line 3, column 1"),
        ("arms:\n  mla: {label: a}\n  mla: {label: b}\n", "mla", "line 3, column 3"),
        ("arms: {x: {label: a, label: b}}\n", "label", "line 1, column 22"),
    ],
    ids=["at the top", "nested", "inline"],
)
def test_a_key_that_stands_twice_is_named_with_its_place(yaml_file, text, key, place):
    path = yaml_file(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    says(error, path, place, f"key `{key}` stands twice")


@pytest.mark.parametrize(
    ("text", "kind"), [("", "NoneType"), ("- a\n- b\n", "list"), ("text\n", "str")]
)
def test_yaml_without_keys_is_refused(yaml_file, text, kind):
    path = yaml_file(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    says(error, path, f"expected keys and values, got {kind}")


def test_yaml_that_is_not_utf_8_is_refused(yaml_file):
    path = yaml_file(b"title: caf\xe9\n")
    with pytest.raises(InputError) as error:
        read_yaml(path)
    says(error, path, "not UTF-8")


# --- schemas

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "description": "what it compares"},
        "fit": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "law": {"enum": ["power"]},
                "window": {"type": "number", "exclusiveMinimum": 0, "description": "a share"},
            },
        },
        "arms": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}},
    },
}


def test_what_the_schema_allows_passes():
    validate({"title": "x", "fit": {"law": "power", "window": 0.03}}, SCHEMA, "f.yaml")


@pytest.mark.parametrize(
    ("instance", "parts"),
    [
        ({"title": "x", "titel": "y"}, ["unknown key `titel`", "Did you mean `title`?"]),
        (
            {"title": "x", "fit": {"windwo": 1}},
            ["fit: unknown key `windwo`", "Did you mean `window`?"],
        ),
        (
            {"title": "x", "fit": {"zzz": 1}},
            ["fit: unknown key `zzz`", "Known: law, window."],
        ),
        ({}, ["`title` is missing", "It is: what it compares"]),
        (
            {"title": "x", "fit": {"law": "powr"}},
            ["fit.law: 'powr' is not allowed here", "Did you mean `power`?"],
        ),
        (
            {"title": "x", "fit": {"window": "wide"}},
            ["fit.window: 'wide' is not of type 'number'", "It is: a share"],
        ),
        ({"title": "x", "fit": {"window": -1}}, ["fit.window: -1", "minimum of 0"]),
        ({"title": 3}, ["title: 3 is not of type 'string'"]),
        ({"title": "x", "arms": {"a b": {}}}, ["arms: 'a b'", "cannot be a name"]),
    ],
)
def test_a_violation_is_named_with_file_key_value_and_expectation(instance, parts):
    with pytest.raises(InputError) as error:
        validate(instance, SCHEMA, "f.yaml")
    assert says(error, *parts).startswith("f.yaml: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(InputError) as error:
        validate({"title": "x", "fit": {"window": value}}, SCHEMA, "f.yaml")
    says(error, "f.yaml", "fit.window")


def test_a_near_name_is_offered_else_all_known_ones():
    assert did_you_mean("tokns", ["tokens", "step"]) == " Did you mean `tokens`?"
    assert did_you_mean("qqq", ["tokens", "step"]) == " Known: step, tokens."
    assert did_you_mean("qqq", []) == " Known: none."


# --- run sheets


@pytest.fixture
def sheet(tmp_path, root):
    """A function that writes a run sheet beside its logs and reads it."""
    schema = read_yaml(root / "workflow/schemas/runs.schema.yaml")
    (tmp_path / "logs").mkdir()
    for name in ("b1.csv", "n1.csv", "n2.csv"):
        (tmp_path / "logs" / name).write_text("step,loss\n1,2\n")
    path = tmp_path / "runs.csv"

    def read(*lines, encoding="utf-8"):
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return read_run_sheet(path, schema, ARMS)

    read.path = path
    return read


def test_a_sheet_is_read_with_numbers_as_numbers_and_empty_cells_left_out(sheet):
    first, second = sheet(HEADER, ROWS[0], "n1,new,1M,logs/n1.csv,")
    assert first == {
        "run": "b1",
        "arm": "base",
        "model": "1M",
        "log": "logs/b1.csv",
        "parameters": 1e6,
    }
    assert "parameters" not in second


def test_names_that_look_like_numbers_stay_texts(sheet):
    runs = sheet("run,arm,model,log", "1.10,base,7,logs/b1.csv", "NA,new,007,logs/n1.csv")
    assert [run["run"] for run in runs] == ["1.10", "NA"]
    assert [run["model"] for run in runs] == ["7", "007"]


def test_a_spreadsheets_byte_order_mark_and_blanks_do_not_matter(sheet):
    plain = sheet(HEADER, *ROWS)
    assert sheet(HEADER.replace(",", " , "), *(r.replace(",", " ,") for r in ROWS)) == plain
    assert sheet(HEADER, *ROWS, encoding="utf-8-sig") == plain


def test_logs_may_be_several_files_a_glob_or_a_folder(sheet, tmp_path):
    runs = sheet(HEADER, "b1,base,1M,logs/b1.csv; logs/n2.csv,1", "n1,new,1M,logs/n1*.csv,1")
    assert runs[0]["log"] == "logs/b1.csv; logs/n2.csv"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b1.csv").touch()
    assert sheet(HEADER, "b1,base,1M,folder,1", ROWS[1])[0]["log"] == "folder"


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (
            ["run,arm,model,log,paramters", *ROWS],
            ["unknown column `paramters`", "Did you mean `parameters`?"],
        ),
        (["run,arm,log", "b1,base,logs/b1.csv"], ["column `model` is missing", "It is: the size"]),
        ([HEADER], ["no runs", "one row a run"]),
        ([""], ["no runs", "expected a header"]),
        (
            [HEADER, ROWS[0], "n1,nwe,1M,logs/n1.csv,1"],
            ["line 3", "arm `nwe` is not an arm of the study", "Did you mean `new`?"],
        ),
        ([HEADER, ROWS[0]], ["arm `new` has no runs"]),
        (
            [HEADER, *ROWS, "b1,new,2M,logs/n2.csv,1"],
            ["line 4", "run `b1`", "stands in line 2 already"],
        ),
        (
            [HEADER, *ROWS, "n2,new,2M,logs/n1.csv,1"],
            ["line 4", "log `logs/n1.csv`", "is that of line 3 already"],
        ),
        (
            [HEADER, ROWS[0], "n1,new,1M,logs/n11.csv,1"],
            ["line 3", "log `logs/n11.csv` does not exist", "Did you mean `logs/n1.csv`?"],
        ),
        (
            [HEADER, ROWS[0], "n1,new,1M,logs/n1.csv;logs/none.csv,1"],
            ["line 3", "log `logs/none.csv` does not exist", "relative to"],
        ),
        (
            [HEADER, ROWS[0], "n1,new,1M,logs/x*.csv,1"],
            ["line 3", "log `logs/x*.csv` does not exist"],
        ),
        (
            ["run,arm,model,log,architecture", ROWS[0].replace("1000000", "a.json"), ROWS[1]],
            ["line 2", "architecture `a.json` does not exist"],
        ),
        ([HEADER, ",base,1M,logs/b1.csv,1", ROWS[1]], ["line 2", "`run` is missing"]),
        ([HEADER, ROWS[0], "n1,new,,logs/n1.csv,1"], ["line 3", "n1", "`model` is missing"]),
    ],
)
def test_a_mistake_in_a_sheet_is_named_with_line_value_and_mend(sheet, lines, parts):
    with pytest.raises(InputError) as error:
        sheet(*lines)
    assert says(error, *parts).startswith(sheet.path.as_posix())


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-1", "0", "1,5", "10M", "1e400"])
def test_a_bad_number_in_a_sheet_is_named_with_line_and_column(sheet, number):
    with pytest.raises(InputError) as error:
        sheet(HEADER, ROWS[0], f'n1,new,1M,logs/n1.csv,"{number}"')
    says(error, sheet.path, "line 3", "n1", "parameters", "published N")


def test_line_numbers_count_blank_lines(sheet):
    with pytest.raises(InputError) as error:
        sheet(HEADER, ROWS[0], "", "n1,nwe,1M,logs/n1.csv,1")
    says(error, "line 4")


def test_a_row_with_more_cells_than_the_header_is_refused(sheet):
    with pytest.raises(InputError) as error:
        sheet(HEADER, *(row + ",7" for row in ROWS))
    message = says(error, sheet.path)
    assert re.search(r"\b6\b", message)
    assert re.search(r"\b5\b", message)


def test_a_comma_at_the_end_of_every_row_shifts_nothing(sheet):
    assert sheet(HEADER, *(row + "," for row in ROWS)) == sheet(HEADER, *ROWS)


def test_a_column_that_stands_twice_is_refused(sheet):
    with pytest.raises(InputError) as error:
        sheet(HEADER + ",parameters", *(row + ",1" for row in ROWS))
    says(error, sheet.path, "parameters")


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(InputError) as error:
        read_run_sheet(tmp_path / "runs.csv", {}, ARMS)
    says(error, tmp_path / "runs.csv", "no such run sheet")


# --- schemas of stage tables


def test_descriptions_are_no_part_of_a_table_schema(tmp_path):
    text = "properties:\n  run: {type: string, description: %s}\n  n: {type: integer, minimum: 0}\n"
    schemas = []
    for words in ("one", "another"):
        path = tmp_path / f"{words}.yaml"
        path.write_text(text % words)
        schemas.append(table_schema(path))
    assert schemas[0] == schemas[1]
    assert schemas[0] == {
        "properties": {"run": {"type": "string"}, "n": {"type": "integer", "minimum": 0}},
        "required": ["run", "n"],
    }
