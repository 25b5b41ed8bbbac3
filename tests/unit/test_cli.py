"""The `isoloss` command."""

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from isoloss.cli import main
from isoloss.flops import CONVENTIONS, flop_per_token

CONFIGS = Path(__file__).parents[1] / "data" / "flops" / "configs"


@pytest.fixture
def quality_table(stage_schema):
    """A quality table with a good run and one that cannot be read."""
    columns = stage_schema("quality")["properties"]
    empty = {name: "" if rule["type"] == "string" else 0 for name, rule in columns.items()}
    good = empty | {"run": "good", "arm": "base", "model": "10M", "verdict": "ok", "used": True}
    bad = empty | {"run": "bad", "arm": "new", "model": "10M", "verdict": "unusable"}
    return pd.DataFrame([good, bad])


def config(model):
    return json.loads((CONFIGS / f"{model}.json").read_text(encoding="utf-8"))


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"isoloss {version('isoloss')}\n"


@pytest.mark.parametrize("arguments", [[], ["flop"], ["flops"]])
def test_a_wrong_call_is_told_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: isoloss" in capsys.readouterr().err


def test_flops_prints_parameters_conventions_and_breakdown(capsys):
    path = str(CONFIGS / "deepseek-v3.json")
    assert main(["flops", path, "--sequence-length", "4096"]) == 0
    out = capsys.readouterr().out
    assert "671,026,419,200" in out
    assert all(name in out for name in CONVENTIONS if name != "logged")
    assert "multi-token prediction is not counted" in out
    shares = [line.split()[-1] for line in out.splitlines() if line.endswith("%")]
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.3)


def test_flops_prints_json_with_the_same_numbers(capsys):
    path = str(CONFIGS / "llama-3-8b.json")
    assert main(["flops", path, "--sequence-length", "8192", "--breakdown", "palm", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["parameters"]["total"] == 8030261248
    palm = flop_per_token(config("llama-3-8b"), 8192, "palm")
    assert made["conventions"]["palm"]["flop_per_token"] == palm
    assert made["conventions"]["matmul_causal"]["parameters_counted"] is None
    parts = made["breakdown"]["components"]
    assert [part["component"] for part in parts] == ["parameters", "scores"]
    assert sum(part["training"] for part in parts) == palm


def test_flops_explains_what_it_cannot_count(capsys, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config("llama-3-8b") | {"vocab_size": None}), encoding="utf-8")
    assert main(["flops", str(path), "--sequence-length", "2048"]) == 0
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
def test_flops_names_a_bad_config(capsys, tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["flops", str(path), "--sequence-length", "2048"]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert message in error


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with one study of logs and one of points, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("config/studies", "results/quality"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text("studies: [logs, finals]\n")
    (tmp_path / "config/studies/logs.yaml").write_text("runs: data/logs/runs.csv\n")
    (tmp_path / "config/studies/finals.yaml").write_text("points: {table: points.csv}\n")
    return tmp_path


def test_check_takes_the_studies_of_the_config_or_those_named(folder, capsys, quality_table):
    quality_table.to_csv(folder / "results/quality/logs.csv", index=False)
    assert main(["check"]) == 0
    every = capsys.readouterr().out
    assert every.startswith("logs: 2 runs: 1 unusable, 1 ok; ")
    assert "The page with every curve: results/page/logs.html\n\nfinals: starts from" in every
    assert main(["check", "logs"]) == 0
    assert every.startswith(capsys.readouterr().out.rstrip())
    assert main(["check", "finals"]) == 0
    assert capsys.readouterr().out == (
        "finals: starts from a table of points; there are no logs to check\n"
    )


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("logs", "results/quality/logs.csv does not exist yet; `make check STUDY=logs` makes it"),
        ("lgs", "no study `lgs`: config/studies/lgs.yaml does not exist"),
    ],
)
def test_check_says_what_is_missing(folder, capsys, study, message):
    assert main(["check", study]) == 2
    assert capsys.readouterr().err == f"isoloss check: {message}\n"


def test_claims_prints_a_sentence_each_and_fails_where_a_strict_one_differs(folder, capsys):
    (folder / "results/claims").mkdir(parents=True)
    rows = [
        ("fits", "differs", "True", "a: exponent 2 (Paper, here) differs from ours."),
        ("losses", "differs", "False", "b: loss 2 (Paper, here) differs from ours."),
        ("counts", "reproduced", "True", "c: points 4 (Paper, here) is reproduced."),
        ("stated", "reproduced", "False", "d: as stated."),
    ]
    head = "claim,kind,verdict,strict,sentence\n"
    text = head + "".join(f'{row[3][0]},{row[0]},{row[1]},{row[2]},"{row[3]}"\n' for row in rows)
    path = folder / "results/claims/logs.csv"
    path.write_text(text)
    assert main(["claims", "logs"]) == 2
    printed = capsys.readouterr()
    assert printed.err == "isoloss claims: 1 strict claims differ: logs: a\n"
    assert printed.out.splitlines()[:4] == [
        "logs: 4 claims: 2 reproduced, 2 differs",
        "  STRICT differs: a: exponent 2 (Paper, here) differs from ours.",
        "  differs: b: loss 2 (Paper, here) differs from ours.",
        "  reproduced: c: points 4 (Paper, here) is reproduced.",
    ]
    path.write_text(text.replace("differs,True", "differs,False"))
    assert main(["claims", "logs"]) == 0
    path.write_text(head)
    assert main(["claims", "logs"]) == 0
    assert capsys.readouterr().out.endswith("logs: nothing is published of it\n\n")
    path.unlink()
    assert main(["claims", "logs"]) == 2
    assert "make claims STUDY=logs" in capsys.readouterr().err
