"""What a shard leaves of its runs: enough for the stages that no longer read whole logs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isoloss import tables
from isoloss.cleaning.clean import clean
from isoloss.cleaning.run_rules import copies
from isoloss.cleaning.settings import LONGEST, Cleaning
from isoloss.cleaning.shard import TABLES, shard
from isoloss.cleaning.thinned import WHOLE, drawn, tail
from isoloss.cleaning.winnowing import SHORTEST, candidates, hashes, winnowed
from isoloss.logs.settings import Reading
from isoloss.points.points import points
from isoloss.points.settings import Selection
from sections import section

NAN = float("nan")


def cleaned(values, run="r", metric="loss", steps=None, compute=None, **rules):
    steps = np.arange(1.0, len(values) + 1) if steps is None else np.asarray(steps, float)
    table = pd.DataFrame(
        {
            "run": run,
            "segment": 0,
            "offset": np.arange(len(steps)),
            "step": steps,
            "tokens": steps * 100,
            "compute_pflop_s_days": NAN if compute is None else compute,
            "metric": metric,
            "value": np.asarray(values, float),
        }
    )
    return clean(table, Cleaning(**section("clean", **rules)))


def curve(n, seed=0):
    return 3 * np.arange(1, n + 1) ** -0.1 + np.random.default_rng(seed).normal(0, 0.01, n)


# --- faults


def test_a_fault_in_cleaning_one_run_spoils_that_run_alone(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("step,loss\n1,4.5\n2,4.25\n3,4\n")

    def fails(table, axis):
        if set(table["run"]) == {"b"}:
            raise ZeroDivisionError("by 0")
        return []

    monkeypatch.setattr("isoloss.cleaning.shard.audit", fails)
    runs = [{"run": name, "log": f"{name}.csv", "tokens_per_step": 10} for name in "abc"]
    given = {"loss": "loss"}, tmp_path, Reading(**section("log")), Cleaning(**section("clean"))
    with pytest.warns(UserWarning, match=r"run b:\n(.*\n)*ZeroDivisionError"):
        found = list(shard(runs, *given))
    assert [bool(run.row["error"]) for run in found] == [False, True, False]
    assert [set(run.tables) for run in found] == [set(TABLES), set(), set(TABLES)]
    assert found[1].row["error"].startswith("b.csv: its cleaning failed with ZeroDivisionError")


@pytest.mark.parametrize("where", ["isoloss.logs.ingest._read", "isoloss.cleaning.shard.audit"])
def test_memory_that_is_used_up_is_no_fault_of_a_log(tmp_path, monkeypatch, where):
    """The job fails, and a cluster tries it again with more: no run is left out for it."""
    (tmp_path / "a.csv").write_text("step,loss\n1,4.5\n2,4.25\n3,4\n")

    def fails(*given):
        raise MemoryError

    monkeypatch.setattr(where, fails)
    run = {"run": "a", "log": "a.csv", "tokens_per_step": 10}
    given = {"loss": "loss"}, tmp_path, Reading(**section("log")), Cleaning(**section("clean"))
    with pytest.raises(MemoryError):
        list(shard([run], *given))


# --- curves to draw


def test_a_curve_of_512_values_is_drawn_whole_and_one_of_513_is_not():
    table = cleaned(curve(512))
    pd.testing.assert_frame_equal(drawn(table), table)
    assert len(drawn(cleaned(curve(513)))) < 512


def pictured(table):
    """The steps of a long curve that are drawn, by their definition."""
    step, value = table["step"].to_numpy(), table["value"].to_numpy()
    edges = np.geomspace(step[step > 0].min(), step.max(), 255 + 1)[1:-1]
    places = np.searchsorted(edges, step, "right")
    shown = set()
    for reason in set(table["reasons"]):
        mine = np.flatnonzero(table["reasons"] == reason)
        shown |= {mine[0], mine[-1]}
        for place in set(places[mine]):
            here = mine[places[mine] == place]
            y = np.where(np.isfinite(value[here]), value[here], 0)
            shown |= {here[y.argmin()], here[y.argmax()]}
    return step[sorted(shown)].tolist()


@pytest.mark.parametrize(("n", "start"), [(513, 1), (600, 1), (2000, 0), (2000, 50), (9000, 1)])
def test_a_long_curve_is_drawn_as_by_the_definition(n, start):
    values = curve(n, n)
    values[[n // 3, n // 2]] += 5, 9
    values[n // 4 : n // 4 + 9] = NAN
    table = cleaned(values, steps=range(start, start + n), warm_up_steps=start + 20)
    assert table["reasons"].nunique() == 4
    assert drawn(table)["step"].tolist() == pictured(table)


def test_places_that_rounding_puts_behind_the_last_value_are_empty(monkeypatch):
    last = next(x for x in range(1, 999) if np.geomspace(x, x, 256)[1:-1].max() > x)
    monkeypatch.setattr("isoloss.cleaning.thinned.BLOCK", 600)
    steps = drawn(cleaned(curve(600), steps=[0] * 599 + [last]))["step"]
    assert (steps.iloc[0], steps.iloc[-1]) == (0, last)


def test_a_long_curve_is_drawn_by_its_ends_and_the_extremes_of_every_place():
    values = curve(100_000)
    values[[30_000, 70_001]] += 5, 9
    table = cleaned(values, divergence_mads=0)
    shown = drawn(table)
    assert len(shown) <= WHOLE + 2
    assert set(shown["reasons"]) == {"", "spike"}
    assert list(shown.loc[shown["reasons"] == "spike", "step"]) == [30_001, 70_002]
    kept = shown[shown["kept"]]
    assert (kept["step"].iloc[0], kept["step"].iloc[-1]) == (1, 100_000)
    assert kept["step"].is_monotonic_increasing
    whole = table[table["kept"]]
    for low, high in ((1, 3), (100, 200), (10_000, 11_000), (90_000, 100_000)):
        part, of = (t.loc[t["step"].between(low, high), "value"] for t in (kept, whole))
        assert part.max() == pytest.approx(of.max(), rel=0.01)
        assert part.min() == pytest.approx(of.min(), rel=0.01)
    assert kept["value"].max() == whole["value"].max()


def test_values_that_are_not_finite_are_drawn_beside_those_that_are():
    values = curve(5000)
    values[1000:1010] = NAN
    shown = drawn(cleaned(values))
    assert shown["value"].isna().sum() >= 2
    assert shown["kept"].sum() > 300


def test_a_log_that_starts_at_zero_and_each_metric_are_thinned_alike():
    one = cleaned(curve(2000), steps=range(2000))
    two = cleaned(curve(2000), steps=range(2000), metric="eval")
    table = pd.concat([two, one], ignore_index=True).astype({"metric": "category"})
    table["reasons"] = table["reasons"].astype("category")
    shown = drawn(table)
    assert shown["step"].min() == 0
    assert len(shown) == 2 * len(drawn(one))


def test_a_curve_in_blocks_has_the_same_extremes(monkeypatch):
    values = curve(20_000)
    values[[3000, 17_000]] += 5, 9
    table = cleaned(values)
    whole = drawn(table)
    monkeypatch.setattr("isoloss.cleaning.thinned.BLOCK", 5000)
    parts = drawn(table)
    assert set(whole["step"]) <= set(parts["step"])
    assert len(parts) <= len(whole) + 4 * 2 * whole["reasons"].nunique()
    assert parts["step"].is_monotonic_increasing


# --- ends of runs, for points


lengths = st.tuples(st.integers(1, 60), st.integers(0, 60))


@settings(max_examples=60, deadline=None)
@given(
    lengths=lengths,
    axis=st.sampled_from(["tokens", "compute_pflop_s_days", "both"]),
    select=st.sampled_from(["final", "last"]),
    window=st.sampled_from([0.01, 0.03, LONGEST]),
    seed=st.integers(0, 1000),
)
def test_points_of_the_ends_of_runs_are_those_of_whole_runs(lengths, axis, select, window, seed):
    random = np.random.default_rng(seed)
    parts = []
    for metric, n in zip(("loss", "eval"), lengths, strict=True):
        steps = np.sort(random.choice(np.arange(1, 1000), n, replace=False))
        values = 3 * steps**-0.05 + random.normal(0, 0.01, n)
        compute = steps * random.uniform(0.9, 1.1, n) if axis != "tokens" else NAN
        parts.append(cleaned(values, metric=metric, steps=steps, compute=compute))
        if axis == "compute_pflop_s_days":
            parts[-1]["tokens"] = NAN
    table = pd.concat(parts, ignore_index=True)
    runs = [{"run": "r", "arm": "a", "model": "m"}]
    costs = pd.DataFrame({"run": "r", "convention": ["x", "logged"], "parameters_counted": 1e6})
    costs = costs.assign(flop_per_token=6e6, conversion=[NAN, 1.0])
    quality = pd.DataFrame({"run": ["r"], "used": True, "reason": "", "error": ""})
    chosen = Selection(**section("points", select=select, window=window))
    assert chosen.at_the_end
    arguments = (runs, costs, quality, ["loss", "eval"], chosen)
    whole = points([table], *arguments)
    pd.testing.assert_frame_equal(points([tail(table)], *arguments), whole, check_exact=True)


def test_whole_curves_are_needed_for_points_along_a_run_and_for_wide_windows():
    assert not Selection(**section("points", select="curve")).at_the_end
    assert not Selection(**section("points", window=2 * LONGEST)).at_the_end


def test_the_end_of_a_long_run_is_short_and_of_a_sparse_curve_two_rows():
    loss, evals = cleaned(curve(10_000)), cleaned(curve(5), metric="eval")
    assert len(tail(loss)) == 1000 + 1
    both = tail(pd.concat([evals, loss], ignore_index=True))
    assert list(both.loc[both["metric"] == "eval", "step"]) == [4, 5]


# --- copied stretches


def shared(a, b, least=SHORTEST):
    """Whether two curves are found to be worth comparing."""
    found = candidates([hashes(cleaned(a, "a")), hashes(cleaned(b, "b"))], ["a", "b"])
    assert found in ([], ["a", "b"])
    return bool(found)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(SHORTEST, 60),
    places=st.tuples(st.integers(0, 140), st.integers(0, 140)),
    digits=st.integers(1, 6),
)
def test_no_copied_stretch_is_missed(seed, length, places, digits):
    random = np.random.default_rng(seed)
    a, b = (np.round(random.normal(2, 0.5, 200), digits) for _ in "ab")
    b[places[0] : places[0] + length] = a[places[1] : places[1] + length]
    both = pd.DataFrame({"run": ["a"] * 200 + ["b"] * 200, "metric": "loss", "value": [*a, *b]})
    if not copies(both, SHORTEST).empty:
        assert shared(a, b)


def test_runs_without_a_common_stretch_are_not_compared():
    a, b = curve(5000, 1), curve(5000, 2)
    assert not shared(a, b)
    b[100:107] = a[300:307]  # shorter than a window
    assert not shared(a, b)
    assert not shared(np.full(100, 2.0), np.full(100, 2.0))  # standing still is no copy
    table = [hashes(cleaned(a, run)) for run in "ab"]
    assert candidates(table, ["a", "b"]) == ["a", "b"]
    assert candidates(table, ["a"]) == []
    assert candidates([hashes(cleaned(a, "a")), hashes(cleaned(a, "b", metric="eval"))], "ab") == []


def test_a_stretch_of_twenty_values_is_found_wherever_it_lies():
    a, b = curve(50, 1), curve(50, 2)
    assert shared(a[:20], a[:20])
    for here in (0, 7, 30):
        for there in (0, 7, 30):
            assert shared(a, np.concatenate([b[:there], a[here : here + 20], b[there + 20 :]]))


def test_the_same_values_in_another_order_leave_other_hashes():
    values = curve(200)
    assert not shared(values, values[::-1])
    assert not shared(values, np.random.default_rng(0).permutation(values))


def test_hashes_tell_small_values_apart_and_take_negative_zero_for_zero():
    small = np.arange(1, 41) * 1e-17
    assert not shared(small, small * 1.5)
    values = np.where(np.arange(20) % 4, np.arange(20.0), 0.0)  # a zero in each window
    assert shared(values, np.where(values == 0, -0.0, values))


def test_a_window_must_change_three_times_to_leave_a_hash():
    assert len(winnowed(np.array([0.0, 1, 2, 3] + [3] * 16), "loss")) == 1
    assert len(winnowed(np.array([3.0] * 16 + [3, 2, 1, 0]), "loss")) == 1
    assert len(winnowed(np.array([0.0, 1, 2, 3] + [3] * 40), "loss")) == 1
    assert len(winnowed(np.array([0.0, 1, 2] + [2] * 17), "loss")) == 0


def test_a_curve_too_short_for_a_stretch_leaves_no_hash():
    for n in range(SHORTEST):
        assert len(winnowed(curve(n), "loss")) == 0
    assert len(winnowed(curve(SHORTEST), "loss")) == 1


def test_hashes_are_as_few_as_winnowing_leaves():
    # Of windows w in a row the least: 2 in w + 1 (Schleimer, Wilkerson and Aiken 2003).
    assert len(winnowed(curve(50_000), "loss")) == pytest.approx(50_000 * 2 / 14, rel=0.03)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_hashes_are_the_same_in_blocks(monkeypatch, block):
    values = curve(500)
    whole = winnowed(values, "loss")
    monkeypatch.setattr("isoloss.cleaning.winnowing.BLOCK", block)
    np.testing.assert_array_equal(winnowed(values, "loss"), whole)


def test_a_run_without_any_value_leaves_nothing():
    none = cleaned([])
    assert len(drawn(none)) == len(tail(none)) == len(hashes(none)) == 0


# --- a shard


def test_a_shard_leaves_tables_of_its_schemas_for_every_run_that_can_be_read(
    tmp_path, stage_schema
):
    (tmp_path / "a.csv").write_text("step,tokens,loss\n1,10,5\n2,20,4\n3,30,3\n")
    (tmp_path / "b.csv").write_text("step,tokens,loss\n1,10,5\ntorn\n2,20,4\n")
    runs = [{"run": name, "log": f"{name}.csv"} for name in "abc"]
    reading = Reading(**section("log", max_bad_fraction=0.5))
    got = list(shard(runs, {"loss": None}, tmp_path, reading, Cleaning(**section("clean"))))
    assert [run.row["run"] for run in got] == ["a", "b", "c"]
    assert [len(run.quarantine) for run in got] == [0, 1, 0]
    assert not got[2].tables
    assert "c.csv" in got[2].row["error"]
    summary = tables.check(pd.DataFrame([run.row for run in got]), stage_schema("runs"), "runs")
    assert list(summary["kept"]) == [3, 2, 0]
    for name in TABLES:
        path, schema = tmp_path / f"{name}.parquet", stage_schema(name)
        with tables.appending(path, schema) as append:
            for run in got[:2]:
                append(run.tables[name])
        read = tables.read(path, schema)
        assert list(read) == list(schema["properties"])
        assert len(read) == sum(len(run.tables[name]) for run in got[:2])
        assert not any("csv" in str(cell) for cell in read.get("run", []))
    values = tables.read(tmp_path / "clean.parquet", stage_schema("clean"), runs=["b"])
    assert list(values["value"]) == [5, 4]
    assert (set(values["metric"]), set(values["reasons"])) == ({"loss"}, {""})


def test_only_origins_and_the_quarantine_know_what_a_log_is_called(tmp_path, stage_schema):
    text = "step,tokens,loss\n" + "".join(f"{i},{i}0,{5 - i / 9}\n" for i in range(1, 30))
    found = []
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(text)
        settings = Reading(**section("log")), Cleaning(**section("clean"))
        (got,) = shard([{"run": "r", "log": name}], {"loss": None}, tmp_path, *settings)
        found.append(got)
    np.testing.assert_equal(found[0].row, found[1].row)
    for name, table in found[0].tables.items():
        columns = list(stage_schema(name)["properties"])
        same = table[columns].equals(found[1].tables[name][columns])
        assert same == (name != "origins")
