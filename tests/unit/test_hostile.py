"""Hostile input: one clear error, in little memory and time, and no words of other files."""

import pytest
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
        ("a: " + "9" * 5000, "s.yaml: not YAML: "),
        ("a: 2026-13-45", "s.yaml: not YAML: month must be in 1..12"),
        ("a: \0", "s.yaml: not YAML: "),
        ("a: !!python/object/apply:os.getpid []", "line 1, column 4: could not determine a"),
        ("#" * (1 << 20) + "\na: 1", "s.yaml: over 1,048,576 bytes; no file of settings"),
        ("a: 1\n" + "".join(f"k{i}: 1\n" for i in range(20_000)), "more than 20,000 values"),
    ],
    ids=[
        *("flow", "block", "dashes", "list", "mapping", "merge", "undefined", "key"),
        *("int", "date", "nul", "tag", "long", "many"),
    ],
)
def test_yaml_that_could_not_be_survived_is_refused(tmp_path, text, says):
    (tmp_path / "s.yaml").write_text(text)
    said = error_of(READ_YAML, "s.yaml", folder=tmp_path)
    assert said.startswith("s.yaml")
    assert says in said


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
