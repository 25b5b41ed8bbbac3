import json
from pathlib import Path
from types import MappingProxyType

import pytest
from isoloss.flops import CONVENTIONS
from isoloss.flops.conventions import RECOMPUTED
from isoloss.study.conventions import COSTS, check_compute, check_costs, with_headline
from isoloss.study.sections import typed
from isoloss.study.validation import InputError, read_yaml
from sections import DEFAULTS

CONFIG = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "intermediate_size": 1536,
    "vocab_size": None,
    "tie_word_embeddings": False,
}
SHEET = Path("runs.csv")
FULL = {"architecture": "a.json", "sequence_length": 2048.0, "tokens_per_step": 1e6}
ALL = [name for name in CONVENTIONS if name != "logged"]


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps(CONFIG | {"vocab_size": 32000}))
    Path("headless.json").write_text(json.dumps(CONFIG))
    Path("odd.json").write_text(json.dumps(CONFIG | {"hidden_sise": 512}))


def check(section, *rows, log=MappingProxyType({}), text=b"step,loss", figures=()):
    runs = [{"run": f"r{i}", "arm": "x", "model": "s"} | row for i, row in enumerate(rows)]
    section = with_headline(Path("s.yaml"), section, runs)
    settings = typed(Path("s.yaml"), DEFAULTS | {"compute": section, "log": DEFAULTS["log"] | log})
    check_compute(Path("s.yaml"), SHEET, settings.compute, settings.log, runs, lambda _: text)
    check_costs(SHEET, figures, runs)
    return section


def mistake(*args, **more):
    with pytest.raises(InputError) as error:
        check(*args, **more)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_matmul_causal_goes_without_saying_where_every_run_has_what_it_takes():
    assert check({}, FULL, FULL) == {"headline": "matmul_causal"}
    more = {"also": ["6n_total"], "recompute": "full"}
    assert check(more, FULL) == {"headline": "matmul_causal", **more}


@pytest.mark.parametrize("column", ["architecture", "sequence_length"])
def test_otherwise_the_choice_is_explained(column):
    short = {key: value for key, value in FULL.items() if key != column} | {"parameters": 1e7}
    said = mistake({}, FULL, short)
    for word in ("s.yaml", "headline", "matmul_causal", "6n_non_embedding", "logged"):
        assert word in said


def test_every_convention_of_the_library_can_be_named():
    check({"headline": ALL[0], "also": ALL[1:], "recompute": "full"}, FULL)


@pytest.mark.parametrize("convention", [name for name in ALL if not name.startswith("6n")])
@pytest.mark.parametrize("column", ["architecture", "sequence_length"])
def test_what_a_convention_needs_is_asked_of_every_row(convention, column):
    short = {key: value for key, value in FULL.items() if key != column} | {"parameters": 1e7}
    said = mistake({"headline": convention, "recompute": "full"}, FULL, short)
    assert said.startswith("runs.csv, line 3, run r1: ")
    assert convention in said
    assert f"`{column}`" in said


def test_six_n_needs_an_n_and_no_more():
    check({"headline": "6n_total"}, {"parameters": 1e7, "tokens_per_step": 1.0})
    assert "(or `parameters`)" in mistake({"headline": "6n_total"}, {"sequence_length": 2048.0})


@pytest.mark.parametrize("convention", ["6n_with_head", "chinchilla", "megatron", "palm"])
def test_a_vocabulary_that_is_needed_and_not_known_is_missed_before_any_job(convention):
    said = mistake({"headline": convention}, FULL, FULL | {"architecture": "headless.json"})
    for word in ("runs.csv, line 3, run r1", "headless.json", "vocab_size", convention):
        assert word in said
    check({"headline": "matmul_causal"}, FULL | {"architecture": "headless.json"})


def test_an_architecture_with_a_wrong_key_is_told_before_any_job():
    said = mistake({"headline": "6n_total"}, FULL | {"architecture": "odd.json"})
    assert "odd.json" in said
    assert "hidden_sise" in said


def test_hardware_needs_to_know_what_is_computed_again():
    said = mistake({"headline": "hardware"}, FULL)
    assert "recompute" in said
    assert "selective" in said


@pytest.mark.parametrize("section", [{"headline": "mamtul_causal"}, {"logged": "mamtul_causal"}])
def test_an_unknown_convention_gets_a_suggestion(section):
    said = mistake({"headline": "logged"} | section, FULL, log={"compute": "c"})
    assert "Did you mean `matmul_causal`?" in said


def test_logged_needs_the_column_of_the_compute():
    for section in ({"headline": "logged"}, {"logged": "6n_total"}):
        assert "log: {compute: <column>}" in mistake(section, FULL)


def test_logged_is_no_declaration():
    section = {"headline": "logged", "logged": "logged"}
    assert "6n_non_embedding" in mistake(section, FULL, log={"compute": "c"})


ONLY = {"parameters": 1e7}  # a run whose log has compute and loss
LOG = {"log": {"compute": "pf"}, "text": b"pf,loss\n1,2\n"}


def test_only_logged_is_possible_without_a_declaration():
    check({"headline": "logged"}, ONLY, **LOG)
    said = mistake({"headline": "logged", "also": ["6n_total"]}, ONLY, **LOG)
    for word in ("6n_total", "run r0", "compute: {logged: <convention>}"):
        assert word in said
    check({"headline": "logged", "also": ["6n_total"], "logged": "6n_non_embedding"}, ONLY, **LOG)


def test_a_declared_convention_needs_what_it_needs():
    section = {"headline": "6n_total", "logged": "matmul_causal"}
    assert "convention `matmul_causal` needs `architecture`" in mistake(section, ONLY, **LOG)


@pytest.mark.parametrize(
    ("row", "log", "text"),
    [
        ({"tokens_per_step": 1.0}, {}, b"step,pf,loss"),
        ({}, {"tokens": "seen"}, b"seen,pf,loss"),
        ({}, {"samples": "rows"}, b"rows,pf,loss"),
        ({}, {}, b'{"tokens": 1, "pf": 2, "loss": 3}'),
        ({}, {}, None),  # not looked at: reading tells
    ],
)
def test_a_log_with_tokens_needs_no_declaration(row, log, text):
    check({"headline": "6n_total"}, ONLY | row, log={"compute": "pf"} | log, text=text)


@pytest.mark.parametrize("figure", COSTS)
def test_figures_of_costs_need_architectures(figure):
    check({"headline": "6n_total"}, FULL, figures=[figure])
    said = mistake({"headline": "6n_total"}, FULL, {"parameters": 1e7}, figures=[figure])
    assert f"figure `{figure}` needs `architecture` and `sequence_length`" in said


def test_the_schema_knows_the_policies_of_the_library():
    schema = read_yaml(Path(__file__).parents[2] / "workflow/schemas/study.schema.yaml")
    keys = schema["properties"]["compute"]["properties"]
    assert keys["recompute"]["enum"] == list(RECOMPUTED)
    assert set(keys) == {"headline", "also", "logged", "recompute"}


def test_every_convention_is_in_the_table_of_the_configuration():
    text = (Path(__file__).parents[2] / "config/README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in CONVENTIONS)
