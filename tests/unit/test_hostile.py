"""Hostile input: one clear error, in little memory and time, and no words of other files."""

import glob
import os
import shutil
from pathlib import Path

import pytest
from isoloss.logs import paths
from isoloss.logs.paths import entries, matches
from isoloss.logs.reading import read
from isoloss.logs.records import LogError
from isoloss.logs.registry import BY_NAME
from isoloss.study.run_sheet import read_run_sheet
from isoloss.study.validation import InputError, read_yaml, validate
from limited import error_of

# --- YAML

READ_YAML = "from isoloss.study.validation import read_yaml\nread_yaml(Path(sys.argv[1]))"


def bomb(first, line):
    """Nine levels, each of nine aliases of the one above."""
    aliases = [[f"*a{i - 1}"] * 9 for i in range(1, 9)]
    return "\n".join([f"a0: &a0 {first}", *(line(i, a) for i, a in enumerate(aliases, 1))]) + "\n"


BOMBS = {
    "lists": bomb("[x]", lambda i, a: f"a{i}: &a{i} [{', '.join(a)}]"),
    "mappings": bomb(
        "{x: 1}", lambda i, a: f"a{i}: &a{i} {{{', '.join(f'{j}: {b}' for j, b in enumerate(a))}}}"
    ),
    "merges": bomb("{x: 1}", lambda i, a: f"a{i}: &a{i} {{<<: [{', '.join(a)}]}}"),
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_an_alias_bomb_is_refused(tmp_path, text):
    assert len(text) < 1000
    (tmp_path / "s.yaml").write_text(text)
    assert (said := error_of(READ_YAML, "s.yaml", folder=tmp_path)).startswith("s.yaml, line ")
    assert "more than 20,000 values, aliases written out; use fewer" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: " + "[" * 100_000 + "]" * 100_000, "nested more than 50 deep"),
        ("".join(" " * i + "a:\n" for i in range(1000)), "nested more than 50 deep"),
        ("- " * 100_000, "nested more than 50 deep"),
        ("a: &a [*a]", "line 1, column 8: alias `*a` stands inside what it names; remove it"),
        ("a: &a {b: *a}", "alias `*a` stands inside what it names"),
        ("a: &a\n  <<: *a", "alias `*a` stands inside what it names"),
        ("a: *b", "undefined alias"),
        ("? [a]\n: b", "line 1, column 3: a list or mapping cannot be a key; write a word"),
        ("a: " + "9" * 5000, "line 1, column 4: a number of more than 1,000 characters"),
        ("a: 0x" + "f" * 9000, "line 1, column 4: a number of more than 1,000 characters"),
        ("a: 1" + ":59" * 50_000, "line 1, column 4: a number of more than 1,000 characters"),
        ("1: a", "line 1, column 1: key 1 is not a text; put it between quotes"),
        ('a: "\\ud800"', "line 1, column 4: a control character, or half of one; remove it"),
        ('a: "\\x1b[2J"', "line 1, column 4: a control character, or half of one; remove it"),
        ("a: 2026-13-45", "s.yaml: not YAML: month must be in 1..12"),
        ("a: \0", "s.yaml: not YAML: "),
        ("a: !!python/object/apply:os.getpid []", "line 1, column 4: could not determine a"),
        ("#" * (1 << 20) + "\na: 1", "s.yaml: over 1,048,576 bytes; no file of settings"),
        ("a: 1\n" + "".join(f"k{i}: 1\n" for i in range(20_000)), "more than 20,000 values"),
    ],
    ids=[
        *("flow", "block", "dashes", "list", "mapping", "merge", "undefined", "key"),
        *("int", "hex", "sixty", "number", "half", "escape", "date", "nul", "tag", "long", "many"),
    ],
)
def test_yaml_that_could_not_be_survived_is_refused(tmp_path, text, says):
    (tmp_path / "s.yaml").write_text(text)
    said = error_of(READ_YAML, "s.yaml", folder=tmp_path)
    assert said.startswith("s.yaml")
    assert says in said


def test_of_a_long_tag_no_more_than_its_ends_are_told(tmp_path):
    (tmp_path / "s.yaml").write_text(f"a: !{'x' * 9000} 1\n")
    with pytest.raises(InputError, match="could not determine a constructor") as error:
        read_yaml(tmp_path / "s.yaml")
    assert len(str(error.value)) < 500


def test_aliases_still_work(tmp_path):
    (tmp_path / "s.yaml").write_text("a: &a {x: 1}\nb: {y: *a, z: *a}\n")
    assert read_yaml(tmp_path / "s.yaml") == {"a": {"x": 1}, "b": {"y": {"x": 1}, "z": {"x": 1}}}


# --- settings


def numbers(rule, key):
    """Every rule of a number in a schema, with its key."""
    if rule.get("type") in ("number", "integer"):
        yield key, rule
    for name, part in rule.items():
        if isinstance(part, dict):
            yield from numbers(part, f"{key}.{name}")


@pytest.mark.parametrize("name", ["study", "config", "plotting"])
def test_every_number_of_the_settings_has_a_largest_value(root, name):
    rules = dict(numbers(read_yaml(root / f"workflow/schemas/{name}.schema.yaml"), name))
    assert rules
    for key, rule in rules.items():
        assert {"maximum", "exclusiveMaximum"} & rule.keys(), key


@pytest.mark.parametrize(
    ("key", "value", "largest"),
    [
        ("fit.draws", 10**11, "maximum of 100000"),
        ("fit.draws", 1e11, "maximum of 100000"),
        ("multiplier.grid", 10**10, "maximum of 10000"),
        ("points.per_run", 10**9, "maximum of 1000"),
        ("clean.spike_window", 10**9, "maximum of 10001"),
        ("clean.warm_up_steps", 10**400, "maximum of 1000000000000.0"),
        ("multiplier.at_loss", [10**400], "maximum of 1000"),
        ("multiplier.at_loss", [2.5] * 5000, "is too long"),
    ],
)
def test_an_absurd_setting_is_refused_in_a_short_line(root, key, value, largest):
    schema = read_yaml(root / "workflow/schemas/study.schema.yaml")
    section, name = key.split(".")
    with pytest.raises(InputError) as error:
        validate({section: {name: value}}, {"properties": schema["properties"]}, "s.yaml")
    assert str(error.value).startswith(f"s.yaml: {key}")
    assert largest in str(error.value)
    assert len(str(error.value)) < 600


# --- logs

READ_LOG = "from isoloss.logs.reading import read\nlog = read(sys.argv[1], tokens_per_step=1.0)\n"


@pytest.mark.parametrize("late", [0, 5000], ids=["from the start", "later"])
def test_a_new_key_a_line_takes_memory_by_the_line(tmp_path, late):
    new = [f', "key{i}": {i}' if i > late else "" for i in range(20_000)]
    lines = (f'{{"step": {i}, "loss": 1.5{key}}}\n' for i, key in enumerate(new))
    (tmp_path / "a.jsonl").write_text("".join(lines))
    code = f"{READ_LOG}raise ValueError(len(log.table))"
    assert error_of(code, "a.jsonl", folder=tmp_path) == "20000"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("fifo", "fifo: not a regular file"),
        ("folder/f*", "folder/fifo: not a regular file"),
        ("/dev/zero", "/dev/zero: not a regular file"),
        ("/dev/null", "/dev/null: not a regular file"),
        ("link", "link: not a regular file"),
        ("/proc/kmsg", "/proc/kmsg: the file is empty"),
        ("/", "/: the whole file system; name the folder of the run"),
        ("/**/*", "/**/*: the whole file system"),
        ("/**", "/**: the whole file system"),
        ("loops/**/*.none", "more than 20,000 files and folders to look through"),
        ("loops/**/a/**", "more than 20,000 files and folders to look through"),
        ("loops/**/none/x", "more than 20,000 files and folders to look through"),
        ("deep", "folders more than 100 deep in one another"),
        ("deep/**/a/**", "folders more than 100 deep in one another"),
    ],
)
def test_what_is_no_regular_file_is_refused_before_it_is_read(tmp_path, log, says):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "folder/fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "loops").mkdir()
    for name in "ab":
        (tmp_path / "loops" / name).symlink_to(".")
    (tmp_path / ("deep" + "/a" * 200)).mkdir(parents=True)
    assert says in error_of(READ_LOG, log, folder=tmp_path)


@pytest.mark.parametrize("content", ["", "hunter2 hunter2\n"], ids=["empty", "text"])
@pytest.mark.parametrize(
    ("count", "links", "says"),
    [
        (10_000, 0, "no log of any format found"),
        (20_001, 0, "more than 20,000 files and folders to look through"),
        (1, 4001, "more than 20,000 files and folders to look through (5 for a symbolic link)"),
    ],
    ids=["many", "too many", "links"],
)
def test_a_folder_of_very_many_files_that_are_no_logs(tmp_path, content, count, links, says):
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(count):
        (folder / f"{i}.csv").write_text(content)
    for i in range(links):
        (folder / f"link{i}.csv").symlink_to("0.csv")
    assert says in (said := error_of(READ_LOG, "folder", folder=tmp_path))
    assert "hunter2" not in said
    shutil.rmtree(folder)


def test_a_link_or_pattern_that_leads_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "in/deeper").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in/a.csv", "out/a.csv", "a.csv"):
        (tmp_path / name).write_text("step,loss\n1,2\n")
    (tmp_path / "in/deeper/up").symlink_to("../../out")
    for path in ("in/*/up/a.csv", "in/*/up", "in/*/../..", "in/*/../../a.csv", "in/**/up/*"):
        with pytest.raises(LogError, match="leads out of"):
            entries(tmp_path / path)
    assert matches(tmp_path / "in/*/../a.csv") == [tmp_path / "in/deeper/../a.csv"]
    assert len(entries(tmp_path / "in/*/../a.csv")) == 1


def test_a_file_that_became_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    code = (
        "from isoloss.logs import opening\nopening.head(Path('a.csv'))"  # behind the look at paths
    )
    assert error_of(code, folder=tmp_path) == "not a regular file; copy its content to one"


def test_a_run_sheet_says_which_line_names_the_whole_file_system(tmp_path, root):
    (tmp_path / "runs.csv").write_text("run,arm,model,log\na,x,1M,/**/*\n")
    schema = read_yaml(root / "workflow/schemas/runs.schema.yaml")
    with pytest.raises(InputError, match=r"runs\.csv, line 2: log: /\*\*/\*: the whole file sys"):
        read_run_sheet(tmp_path / "runs.csv", schema, {"x": {}})


def test_too_many_files_are_not_looked_through(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / f"{name}.csv").touch()
    assert len(entries(tmp_path)[0].files) == len(matches(tmp_path / "*.csv")) == 3
    monkeypatch.setattr(paths, "MOST", 2)
    for path in (tmp_path, tmp_path / "*.csv", tmp_path / "**"):
        with pytest.raises(LogError, match="more than 2 files and folders to look through"):
            entries(path)


PATTERNS = [
    *("*", "*.csv", "**", "**/*", "**/*.csv", "a*/*.csv", "a*/b/*", "a?/**/x.csv"),
    *(".h*", ".*/x.csv", "a*/b", "[a]1/**"),
]


@pytest.mark.parametrize("pattern", [*PATTERNS, "no*", "no/*", "**/b/../b/*", "a1/b/x.csv*"])
def test_patterns_match_as_in_glob(tmp_path, monkeypatch, pattern):
    for name in ("x.csv", "a1/x.csv", "a1/b/x.csv", "a2/b/y.txt", ".hid/x.csv", "a1/.h.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a3").symlink_to("a1")
    (tmp_path / "a2/gone.csv").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    for full in (Path(pattern), tmp_path / pattern):
        found = {Path(one) for one in glob.glob(str(full), recursive=True)}
        assert matches(full) == sorted(found)


# --- no words of what is no log

SECRET = "hunter2:x:0:0:Hunter Two:/home/hunter2:/bin/hunter2\n" * 4


def silent(error):
    message = str(error.value)
    assert "\n" not in message
    assert "unter" not in message
    return message


@pytest.mark.parametrize("name", ["auto", *BY_NAME])
def test_no_error_prints_words_of_a_file_that_is_no_log(tmp_path, name):
    (tmp_path / "secrets").write_text(SECRET)
    with pytest.raises(LogError) as error:
        read(tmp_path / "secrets", format=name)
    assert "secrets" in silent(error)


@pytest.mark.parametrize("start", ["", "user,word\n", '{"a": "hunter2"}\n', "step loss\n"])
def test_no_format_prints_words_of_a_text(tmp_path, start):
    (tmp_path / "secrets").write_text(start + SECRET)
    for name in BY_NAME:
        with pytest.raises(LogError) as error:
            read(tmp_path / "secrets", format=name)
        silent(error)


@pytest.mark.parametrize(
    ("start", "looks"),
    [
        (SECRET.encode(), "text, in lines of about"),
        (b"\x80\x02hunter2", "a pickle"),
        (b"%PDF-1.7 hunter2", "a PDF"),
        (b"-----BEGIN KEY-----\nhunter2", "a key or certificate"),
        (b"hunter2\xff\xfe\x00", "binary data"),
        (b"hunter2\x00\x01\x02", "binary data"),
        ("hunter2 caf\u00e9".encode()[:-1], "text, in lines of"),
    ],
)
def test_it_is_said_what_a_file_looks_like(tmp_path, start, looks):
    (tmp_path / "secrets").write_bytes(start)
    with pytest.raises(LogError) as error:
        read(tmp_path / "secrets")
    assert f"it looks like {looks}" in silent(error)


def test_a_run_sheet_or_yaml_that_is_none_is_not_printed(tmp_path, root):
    (tmp_path / "secrets").write_text(SECRET)
    schema = read_yaml(root / "workflow/schemas/runs.schema.yaml")
    with pytest.raises(InputError) as error:
        read_run_sheet(tmp_path / "secrets", schema, {"x": {}})
    assert "expected a header with run, arm, model, log" in silent(error)
    with pytest.raises(InputError) as error:
        read_yaml(tmp_path / "secrets")
    silent(error)
