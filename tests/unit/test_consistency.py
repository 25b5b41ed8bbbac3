import json
from pathlib import Path

import pandas as pd
import pytest
from isoloss.claims.claims import claims
from isoloss.claims.evidence import Evidence
from isoloss.flops import count_parameters
from isoloss.flops.consistency import consistency, outcome
from isoloss.flops.counting import counter
from isoloss.paper.table import runs as runs_table
from numpy.testing import assert_allclose

ROOT = Path(__file__).parents[2]
CONFIG = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "head_dim": 64,
    "intermediate_size": 1536,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
N = count_parameters(CONFIG)
NO_FITS = pd.DataFrame({"arm": [], "metric": [], "convention": []}).assign(headline_law=True)
NO_FITS = Evidence(NO_FITS, NO_FITS, NO_FITS, NO_FITS, 0.95, True)
NO_MULTIPLIERS = pd.DataFrame({"kind": []}).assign(headline_law=True)
GIVEN = {"baseline": "base", "headline": "6n_total"}
RUN = {"run": "a", "arm": "x", "model": "s", "architecture": "a.json", "sequence_length": 2048.0}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    return tmp_path


def check(folder, run, tokens=float("nan"), compute=float("nan"), declared=None, conventions=()):
    ends = pd.DataFrame({"tokens": [tokens], "compute": [compute]}, index=[run["run"]])
    return consistency([run], ends, counter(folder), conventions, declared)


@pytest.mark.parametrize(
    ("stated", "ours", "digits", "expected"),
    [
        (10.8e9, 10.84e9, 3, "reproduced"),
        (10.8e9, 10.86e9, 3, "consistent"),
        (10.8e9, 10.95e9, 3, "differs"),
        (1.1e9, 1.1467e9, 2, "reproduced"),
        (1.5e9, 1.586e9, 2, "differs"),
        (3e10, 2.6e10, 3, "differs"),  # zeros of a planned number are meant
        (0.463092, 0.4630923, 4, "reproduced"),
    ],
)
def test_numbers_agree_in_the_digits_stated_or_within_one_percent(stated, ours, digits, expected):
    assert outcome(stated, ours, digits) == expected


def test_a_run_that_was_cut_differs_from_its_plan(folder):
    (row,) = check(folder, RUN | {"training_tokens": 2e9}, tokens=1.6e9).to_dict("records")
    assert (row["quantity"], row["verdict"], row["ratio"]) == ("training_tokens", "differs", 0.8)
    assert (row["ours"], row["ci_low"], row["ci_high"]) == (1.6e9, 1.6e9 * 0.99, 1.6e9 * 1.01)


def test_what_is_not_stated_gives_no_row(folder):
    assert check(folder, RUN, tokens=1e9).empty
    bare = {key: RUN[key] for key in ("run", "arm", "model")}
    assert check(folder, bare | {"parameters": 5.0}, tokens=1e9, compute=1.0).empty is False
    assert check(folder, bare, tokens=1e9, compute=1.0).empty


def test_parameters_are_compared_with_the_count_of_the_convention(folder):
    run = RUN | {"parameters": float(N.activated_with_head)}
    (row,) = check(folder, run, conventions=["6n_with_head"]).to_dict("records")
    assert (row["verdict"], row["ratio"], row["note"]) == ("reproduced", 1, "")
    (row,) = check(folder, run, conventions=["matmul_causal", "6n_non_embedding"]).to_dict(
        "records"
    )
    assert row["convention"] == "6n_non_embedding"
    assert row["verdict"] == "differs"
    assert row["note"] == "is the N of 6n_with_head, palm, kimi_eq13"
    assert_allclose(row["ratio"], N.activated_non_embedding / N.activated_with_head)


def test_logged_compute_is_recognised_by_its_convention(folder):
    count = counter(folder)
    per_token = count(RUN, "matmul_full").flop_per_token
    compute = per_token * 1e9 / 8.64e19
    (row,) = check(folder, RUN, tokens=1e9, compute=compute).to_dict("records")
    assert (row["convention"], row["verdict"], row["ratio"]) == ("matmul_full", "reproduced", 1)
    (row,) = check(folder, RUN, 1e9, compute, declared="6n_non_embedding").to_dict("records")
    assert (row["convention"], row["verdict"]) == ("6n_non_embedding", "differs")
    assert row["note"].startswith("fits matmul_full, ")


def test_logged_compute_that_fits_no_convention_says_how_far_the_nearest_is(folder):
    compute = 3 * counter(folder)(RUN, "chinchilla").flop_per_token * 1e9 / 8.64e19
    (row,) = check(folder, RUN, tokens=1e9, compute=compute).to_dict("records")
    assert row["verdict"] == "differs"
    assert row["note"] == "fits no convention; the nearest is chinchilla (ratio 0.333)"


def test_without_logged_tokens_the_planned_ones_are_taken(folder):
    compute = 6 * N.activated * 1e9 / 8.64e19
    run = RUN | {"training_tokens": 1e9}
    (row,) = check(folder, run, compute=compute, declared="6n_total").to_dict("records")
    assert (row["verdict"], row["note"]) == ("reproduced", "tokens as planned")


def test_the_tokens_of_the_moba_table_are_not_those_of_its_figure():
    sheet = pd.read_csv(ROOT / "data/moba-8k/runs.csv").head(5)
    last = [
        pd.read_csv(ROOT / "data/moba-8k" / log)["tokens"].max() for log in sheet["log"].tolist()
    ]
    ends = pd.DataFrame({"tokens": last, "compute": float("nan")}, index=sheet["run"])
    count = counter(ROOT / "data/moba-8k")
    made = consistency(sheet.to_dict("records"), ends, count, ["6n_non_embedding"], None)
    tokens = made[made["quantity"] == "training_tokens"]
    assert_allclose(tokens["ratio"], [1.13, 1.02, 1.04, 1.03, 1.11], atol=0.005)
    assert set(tokens["verdict"]) == {"differs"}
    sizes = made[made["quantity"] == "parameters"]
    assert list(sizes["verdict"]) == [
        "consistent", "reproduced", "reproduced", "differs", "reproduced",
    ]  # fmt: skip


def test_claims_and_the_table_of_runs_carry_the_ratios(folder):
    run = RUN | {"training_tokens": 2e9, "parameters": float(N.activated)}
    stated = check(folder, run, tokens=1.6e9, conventions=["6n_total"])
    flops = pd.DataFrame(
        {"run": ["a"], "convention": "6n_total", "training_tokens": 1.6e9,
         "compute_pflop_s_days": 1.0}
    )  # fmt: skip
    made = claims({}, NO_FITS, NO_MULTIPLIERS, flops, stated, **GIVEN)
    assert list(made["claim"]) == ["a", "a"]
    assert list(made["source"]) == ["run sheet", "run sheet"]
    assert list(made["published"]) == ["2000000000", str(N.activated)]
    assert list(made["ratio"]) == [0.8, 1]
    assert list(made["verdict"]) == ["differs", "reproduced"]
    logs = pd.DataFrame({"run": ["a"], "values": 9, "flagged": 0, "last_tokens": 1.6e9})
    logs = logs.assign(used=True, reason="")
    words = {"conventions": ["6n_total"]}
    table = runs_table({"quality": logs, "flops": flops, "consistency": stated}, words)
    assert table.numbers["training_tokens_ratio"].tolist() == [0.8]
    assert table.text.iloc[0].tolist()[-2:] == ["0.800", "1.000"]
    bare = runs_table({"quality": logs, "flops": flops, "consistency": stated.head(0)}, words)
    assert list(bare.text) == ["Run", "Values", "Flagged", "Tokens (B)", "PFLOP/s-days"]


def test_a_published_compute_that_differs_names_the_convention_that_it_fits():
    flops = pd.DataFrame(
        {
            "run": "a",
            "convention": ["6n_total", "matmul_causal"],
            "compute_pflop_s_days": [1.0, 2.0],
        }
    )
    published = {
        "source": "A paper",
        "compute_accuracy": 0.001,
        "compute": [
            {"place": "Table 1", "run": "a", "compute_pflop_s_days": "2.001"},
            {"place": "Table 2", "run": "a", "compute_pflop_s_days": "3.1"},
        ],
    }
    made = claims(published, NO_FITS, NO_MULTIPLIERS, flops, pd.DataFrame(), **GIVEN)
    assert list(made["verdict"]) == ["differs", "differs"]
    assert list(made["note"]) == ["fits matmul_causal", "fits no convention of the study"]
