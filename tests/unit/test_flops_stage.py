import json
import runpy
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.flops import CONVENTIONS, conversion, flop_per_token
from isoloss.flops.breakdown import breakdown
from isoloss.flops.flops import flops
from isoloss.flops.overtaking import SIZES, cheaper_from, lengths
from isoloss.flops.settings import Compute
from isoloss.paper.figures.curves import on_compute
from isoloss.points.points import points
from isoloss.points.settings import Selection
from isoloss.units import PFLOP_S_DAY
from numpy.testing import assert_allclose
from sections import section

FULL = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "head_dim": 64,
    "intermediate_size": 1536,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
LINEAR = FULL | {
    "attention": "kda",
    "linear_attn_config": {"num_heads": 8, "head_dim": 64, "short_conv_kernel_size": 4},
}
ALL = [name for name in CONVENTIONS if name != "logged"]


@pytest.fixture
def folder(tmp_path):
    for name, config in (("full", FULL), ("linear", LINEAR)):
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize(
    "settings",
    [
        {"headline": "hardware"},
        {"headline": "palm", "also": ["hardware"]},
        {"headline": "palm", "logged": "hardware"},
    ],
)
def test_what_is_computed_again_must_be_said_wherever_hardware_counts(settings):
    with pytest.raises(ValueError, match="say what that is, one of"):
        Compute(**settings)
    assert Compute(**settings, recompute="full")
    assert Compute(headline="palm", also=["matmul_full"])


def run(name, arm="full", **more):
    given = {"run": name, "arm": arm, "model": "30M", "architecture": f"{arm}.json"}
    return given | {"sequence_length": 2048.0} | more


def ends(tokens=np.nan, compute=np.nan, names=("a", "b")):
    return pd.DataFrame(
        {"run": list(names), "last_tokens": tokens, "last_compute_pflop_s_days": compute}
    )


def account(folder, runs, logged, conventions, declared=None):
    first, *also = conventions
    return flops(runs, logged, folder, Compute(first, also, declared, "selective"))


def behind(folder, runs, logged, conventions):
    first, *also = conventions
    return breakdown(runs, logged, folder, Compute(first, also, None, "selective"), "full")


def overtaking_length(candidate, baseline, convention):
    """The first length from 1K to 1M from which the candidate costs less; None without one.

    By lengths that double, then by halving, over `flop_per_token` alone.
    """

    def cheaper(length):
        own, other = (flop_per_token(c, length, convention) for c in (candidate, baseline))
        return own < other

    below, above = 0, 1024
    while not cheaper(above):
        if above >= 2**20:
            return None
        below, above = above, 2 * above
    while below and above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if cheaper(middle) else (middle, above)
    return above


RUNS = [run("a"), run("b", "linear")]


def test_every_convention_is_counted_as_the_library_counts_it(folder):
    made = account(folder, RUNS, ends(1e9), ALL)
    assert list(made["convention"]) == 2 * ALL
    for row in made.itertuples():
        config = FULL if row.run == "a" else LINEAR
        expected = flop_per_token(config, 2048, row.convention, recompute="selective")
        assert row.flop_per_token == expected
        assert_allclose(row.compute_pflop_s_days, expected * 1e9 / PFLOP_S_DAY, rtol=1e-14)
        assert isnan(row.conversion)


def test_a_published_n_is_charged_in_table_and_breakdown(folder):
    given = folder, [run("a", parameters=3e7)], ends(1e9), ["6n_with_head", "palm"]
    assert list(account(*given)["parameters_counted"]) == [3e7, 3e7]
    part = behind(*given).breakdown.set_index(["convention", "component"])["flop_per_token"]
    assert part["palm", "parameters"] == part["6n_with_head", "parameters"] == 18e7


@pytest.mark.parametrize("declared", ["6n_non_embedding", "6n_total", "matmul_full"])
def test_logged_compute_converted_equals_the_direct_count(folder, declared):
    direct = account(folder, RUNS, ends(1e9), ALL)
    as_declared = direct.loc[direct["convention"] == declared, "compute_pflop_s_days"]
    logged = ends(compute=as_declared.to_numpy())
    converted = account(folder, RUNS, logged, [*ALL, "logged"], declared=declared)
    counted = converted[converted["convention"] != "logged"].reset_index(drop=True)
    assert_allclose(counted["compute_pflop_s_days"], direct["compute_pflop_s_days"], rtol=1e-13)
    for row in counted.itertuples():
        config = FULL if row.run == "a" else LINEAR
        factor = conversion(config, 2048, declared, row.convention, recompute="selective")
        assert_allclose(row.conversion, factor, rtol=1e-14)
    as_logged = converted[converted["convention"] == "logged"]
    assert list(as_logged["conversion"]) == [1, 1]
    assert list(as_logged["compute_pflop_s_days"]) == list(logged["last_compute_pflop_s_days"])


def test_tokens_go_before_logged_compute(folder):
    made = account(folder, RUNS, ends(1e9, 7.0), ALL, declared="6n_total")
    assert made["conversion"].isna().all()
    assert_allclose(made["compute_pflop_s_days"], made["flop_per_token"] * 1e9 / PFLOP_S_DAY)


def test_logged_compute_without_a_declaration_stays_as_it_is_logged(folder):
    made = account(folder, [run("a")], ends(compute=2.5, names="a"), ["logged"])
    assert made["compute_pflop_s_days"].tolist() == [2.5]
    with pytest.raises(ValueError, match=r"run a: .*6n_total.*compute: \{logged"):
        account(folder, [run("a")], ends(compute=2.5, names="a"), ["logged", "6n_total"])


def test_a_run_of_which_nothing_could_be_read_has_a_cost_per_token_and_no_compute(folder):
    given = folder, RUNS, ends(), ["matmul_causal", "logged"]
    made = account(*given)
    assert made["compute_pflop_s_days"].isna().all()
    assert (made.loc[made["convention"] == "matmul_causal", "flop_per_token"] > 0).all()
    assert behind(*given).consistency.empty


def test_the_breakdown_adds_up_to_the_cost(folder):
    made = behind(folder, RUNS, ends(1e9), ALL)
    key = ["run", "convention"]
    sums = made.breakdown.groupby(key)[["flop_per_token", "share"]].sum()
    whole = account(folder, RUNS, ends(1e9), ALL).set_index(key)["flop_per_token"]
    assert_allclose(sums["flop_per_token"].reindex(whole.index), whole, rtol=1e-14)
    assert_allclose(sums["share"], 1, rtol=1e-14)
    scores = made.breakdown[made.breakdown["component"] == "scores"]
    ratio = (scores["flop_per_token"] / scores["forward_flop_per_token"]).to_numpy()
    assert_allclose(ratio, np.where(scores["convention"] == "hardware", 4, 3))


def test_matmul_causal_is_broken_down_whatever_the_study_asks_for(folder):
    made = behind(folder, [run("a")], ends(1e9), ["6n_total"]).breakdown
    assert set(made["convention"]) == {"6n_total", "matmul_causal"}
    bare = {"run": "a", "arm": "full", "model": "30M", "parameters": 3e7, "architecture": None}
    made = behind(folder, [bare], ends(1e9), ["6n_total"])
    assert set(made.breakdown["convention"]) == {"6n_total"}
    assert made.overtaking.empty


def test_at_the_length_of_the_study_the_cost_ratio_is_that_of_the_flop_table(folder):
    runs = [run("a", sequence_length=3000.0), run("b", "linear", sequence_length=3000.0)]
    given = folder, runs, ends(1e9), ["matmul_causal", "6n_total"]
    made = behind(*given)
    own = made.overtaking[made.overtaking["of_study"]].set_index("convention")
    cost = account(*given).set_index(["convention", "run"])["flop_per_token"]
    for name in own.index:
        assert own.loc[name, "sequence_length"] == 3000
        assert own.loc[name, "cost_ratio"] == cost[name, "b"] / cost[name, "a"]
    assert len(made.overtaking) == 2 * (len(lengths()) + 1)


def test_where_a_linear_arm_overtakes_is_what_the_library_finds(folder):
    made = behind(folder, RUNS, ends(1e9), ["matmul_causal", "matmul_full", "6n_total"])
    for name, table in made.overtaking.groupby("convention"):
        exact = overtaking_length(LINEAR, FULL, name)
        found = cheaper_from(table["sequence_length"], table["cost_ratio"])
        if exact is None:
            assert isnan(found)
        else:
            assert_allclose(found, max(exact, 1024), rtol=0.03)


def test_of_many_sizes_some_are_taken_from_the_cheapest_to_the_dearest(folder):
    runs = []
    for i in range(30):
        for name, config in (("full", FULL), ("linear", LINEAR)):
            (folder / f"{name}{i}.json").write_text(
                json.dumps(config | {"num_hidden_layers": i + 1})
            )
            more = {"model": f"m{i}", "architecture": f"{name}{i}.json"}
            runs.append(run(f"{name}{i}", name, **more))
    made = behind(folder, runs[::-1], ends(1e9, names=[r["run"] for r in runs]), ["6n_total"])
    models = list(made.overtaking["model"].unique())
    assert len(models) == SIZES == 12
    assert (models[0], models[-1]) == ("m0", "m29")


def test_an_equal_cost_is_not_a_lower_one():
    assert isnan(cheaper_from([1024, 2048], [1, 1]))
    assert cheaper_from([1024, 2048], [0.9, 0.5]) == pytest.approx(1024)
    assert cheaper_from([1000, 2000, 4000], [0.9, 2, 0.5]) == pytest.approx(2000 * 2**0.5)


def test_points_and_curves_of_converted_compute_are_those_of_counted_compute(folder):
    tokens = np.geomspace(1e6, 1e9, 200)
    logs = pd.DataFrame(
        {
            "run": np.repeat(["a", "b"], 200),
            "metric": "loss",
            "tokens": np.tile(tokens, 2),
            "compute_pflop_s_days": np.nan,
            "value": np.tile(10 * tokens**-0.06, 2),
            "kept": True,
        }
    )
    direct = account(folder, RUNS, ends(1e9), ALL)
    per_token = direct[direct["convention"] == "6n_total"].set_index("run")["flop_per_token"]
    in_6n = logs["tokens"] * logs["run"].map(per_token) / PFLOP_S_DAY
    bare = logs.assign(tokens=np.nan, compute_pflop_s_days=in_6n)
    at_end = bare.groupby("run")["compute_pflop_s_days"].max().to_numpy()
    converted = account(folder, RUNS, ends(compute=at_end), ALL, declared="6n_total")
    chosen = Selection(**section("points"))
    quality = pd.DataFrame({"run": ["a", "b"], "used": True, "reason": "", "error": ""})
    expected = points([logs], RUNS, direct, quality, ["loss"], chosen)
    made = points([bare], RUNS, converted, quality, ["loss"], chosen)
    assert made["used"].all()
    for column in ("compute_pflop_s_days", "loss", "loss_se"):
        assert_allclose(made[column], expected[column], rtol=1e-9, atol=1e-12)
    one = [table[table["convention"] == "matmul_causal"] for table in (converted, direct)]
    assert_allclose(on_compute(bare, one[0])["compute"], on_compute(logs, one[1])["compute"])


def test_a_log_without_a_value_kept_has_no_compute_and_stops_no_other(folder):
    made = account(folder, [run("a")], ends(compute=float("nan"), names="a"), ["6n_total"])
    assert made["compute_pflop_s_days"].isna().all()
    assert made["flop_per_token"].notna().all()


def test_benchmark_counts_what_it_says(capsys, monkeypatch):
    path = Path(__file__).parents[2] / "benchmarks" / "flops.py"
    monkeypatch.setattr("sys.argv", [str(path), "--runs", "70", "--json"])
    runpy.run_path(str(path), run_name="__main__")
    results = json.loads(capsys.readouterr().out)
    assert [result["architectures"] for result in results] == [60, 70]
    assert all(result["conventions"] == len(CONVENTIONS) for result in results)


def test_lengths_go_from_1k_to_1m_by_eighths_of_a_doubling_in_whole_chunks():
    made = lengths()
    assert (made[0], made[-1]) == (1024, 1_048_576)
    assert all(length % 128 == 0 for length in made)
    assert made[-65:] == [128 * round(1024 * 2 ** (i / 8) / 128) for i in range(16, 81)]
