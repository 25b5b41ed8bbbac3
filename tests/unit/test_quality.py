"""From damaged logs to findings, verdicts, and points that are not used."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from isoloss.cleaning import clean as cleaning
from isoloss.cleaning.advice import (
    ADVICE,
    cells,
    counts,
    findings,
    flags,
    state,
    tokens,
    worst_first,
)
from isoloss.cleaning.quality import FINDINGS, quality
from isoloss.cleaning.report import report
from isoloss.cleaning.run_rules import copies, duplicates
from isoloss.cleaning.settings import Cleaning, Quality
from isoloss.cleaning.shard import shard
from isoloss.logs.ingest import NOTHING
from isoloss.logs.settings import Reading
from isoloss.points.points import points
from isoloss.points.settings import Selection
from sections import section

PLANNED = 1200 * 100.0
NAN = float("nan")


def curve(seed, n=1200):
    steps = np.arange(1, n + 1)
    return 2 + 3 * steps**-0.3 + np.random.default_rng(seed).normal(0, 0.01, n)


def sheet(*names, **changes):
    rows = []
    for i, name in enumerate(names):
        row = {"run": name, "arm": "ab"[i % 2], "model": f"{i // 2}M", "training_tokens": PLANNED}
        rows.append(row | changes.get(name, {}))
    return rows


def joined(*tables):
    texts = ("run", "metric", "reasons")
    plain = [table.assign(**{name: table[name].astype(str) for name in texts}) for table in tables]
    return pd.concat(plain, ignore_index=True)


@pytest.fixture
def checked(tmp_path):
    """A function from curves (run -> losses, or the text of a log) to everything that follows."""

    def checked(curves, runs=None, clean=None, exclude=None, **rules):
        for name, values in curves.items():
            text = values
            if not isinstance(values, str):
                lines = [f"{i},{i * 100},{v:.6f}" for i, v in enumerate(values, start=1)]
                text = "\n".join(["step,tokens,loss", *lines, ""])
            (tmp_path / f"{name}.csv").write_text(text)
        runs = runs or sheet(*curves)
        logs = [{"run": run["run"], "log": f"{run['run']}.csv"} for run in runs]
        settings = Reading(**section("log")), Cleaning(**section("clean", **(clean or {})))
        got = list(shard(logs, {"loss": None}, tmp_path, *settings))
        found = [run.tables for run in got if run.tables]
        values = joined(*(tables["clean"] for tables in found))
        table = quality(
            pd.DataFrame([run.row for run in got]),
            runs,
            [tables["hashes"] for tables in found],
            lambda names: values[values["run"].isin(names)],
            exclude=exclude or {},
            settings=Quality(**section("quality", **rules)),
        )
        return values, table.set_index("run", drop=False)

    return checked


def test_clean_runs_are_ok_and_used(checked):
    _, table = checked({"a": curve(1), "b": curve(2)})
    assert list(table["verdict"]) == ["ok", "ok"]
    assert table["used"].all()
    assert (table["findings"] == "").all()
    assert table.loc["a", "final_loss"] == pytest.approx(curve(1)[-1], abs=1e-6)


def test_a_run_that_diverged_is_left_out_with_the_step_and_its_values_are_flagged(checked):
    y = curve(1)
    y[700:] = NAN
    cleaned, table = checked({"a": y, "b": curve(2)})
    row = table.loc["a"]
    assert (row["verdict"], row["used"], row["divergence_step"]) == ("unusable", False, 701)
    assert row["reason"] == "diverged at step 701"
    mine = cleaned[(cleaned["run"] == "a") & (cleaned["step"] > 700)]
    assert set(mine["reasons"]) == {"non_finite;divergence"}
    assert table.loc["b", "used"]
    _, table = checked({"a": y, "b": curve(2)}, divergence="report")
    assert (table.loc["a", "verdict"], table.loc["a", "used"]) == ("look", True)


@pytest.mark.parametrize("fraction", [0.02, 0.05, 0.2])
def test_a_run_is_cut_where_more_than_the_fraction_of_its_tokens_is_missing(checked, fraction):
    whole = round(1200 * (1 - fraction))
    logs = {"a": curve(1)[: whole - 1], "b": curve(2)[: whole + 1]}
    _, table = checked(logs, truncated_fraction=fraction)
    assert list(table["findings"]) == ["truncated", ""]


def test_a_run_that_was_cut_is_reported_and_left_out_only_if_the_study_asks(checked):
    logs = {"a": curve(1)[:1164], "b": curve(2)[:1190]}
    _, table = checked(logs)
    assert list(table["verdict"]) == ["look", "ok"]
    assert table["used"].all()
    assert "1.164e+05 of 1.2e+05 planned tokens (3.0% fewer)" in table.loc["a", "details"]
    _, table = checked(logs, truncated="exclude")
    assert list(table["used"]) == [False, True]
    _, table = checked(logs, truncated_fraction=0.05)
    assert list(table["verdict"]) == ["ok", "ok"]


def test_of_two_runs_with_one_log_in_one_cell_of_the_study_the_first_stands(checked):
    same = {"arm": "a", "model": "1M"}
    runs = sheet("x", "y", "z", x=same, y=same)
    _, table = checked({"x": curve(1), "y": curve(1), "z": curve(3)}, runs)
    assert list(table["used"]) == [True, False, True]
    assert table.loc["y", "reason"] == "the same values as run x"
    assert table.loc["y", "copied"] == 0


def test_of_two_arms_with_one_log_neither_can_be_trusted(checked):
    _, table = checked({"x": curve(1), "y": curve(1)})
    assert list(table["duplicate_of"]) == ["y", "x"]
    assert not table["used"].any()
    _, table = checked({"x": curve(1), "y": curve(1)}, exclude={"y": "wrong log"})
    assert list(table["used"]) == [True, False]
    assert list(table["reason"]) == ["", "excluded: wrong log"]


def test_logs_that_may_be_equal_by_chance_are_no_duplicates_and_the_first_stands_for_all():
    assert duplicates({"a": "", "b": "x", "c": "", "d": "x", "e": "x", "f": "y"}) == {
        "d": "b",
        "e": "b",
    }


def test_a_copied_stretch_is_reported_in_both_runs_with_its_steps(checked):
    a, b = curve(1), curve(2)
    b[400:450] = a[300:350]
    _, table = checked({"a": a, "b": b, "c": curve(3)})
    assert list(table["copied"]) == [50, 50, 0]
    assert "step 301 to step 350 are those of run b" in table.loc["a", "details"]
    assert "step 401 to step 450 are those of run a" in table.loc["b", "details"]
    assert list(table["verdict"]) == ["look", "look", "ok"]
    _, table = checked({"a": a, "b": b}, copied_rows=51)
    assert list(table["copied"]) == [0, 0]


def copied(a, b, least):
    """Rows, first and last of the stretches of run a that run b has, too."""
    table = pd.DataFrame({"metric": "loss", "value": a + b, "run": ["a"] * len(a) + ["b"] * len(b)})
    found = copies(table, least)
    assert set(found["run"]) <= set("ab")
    assert (found["run"] != found["other"]).all()
    mine = found[found["run"] == "a"]
    return [tuple(map(int, row)) for row in mine[["rows", "first", "last"]].to_numpy()]


def test_a_stretch_is_copied_from_the_least_length_on_wherever_it_lies():
    own, other = [float(i) for i in range(20)], [100.0 + i for i in range(20)]
    assert copied(own, other[:7] + own[5:9] + other[7:], 4) == [(4, 5, 8)]
    assert copied(own, other[:7] + own[5:9] + other[7:], 5) == []
    assert copied(own, own[:4] + other, 4) == [(4, 0, 3)]
    assert copied(own, other + own[-4:], 4) == [(4, 16, 19)]
    assert copied(own[:4], own[:4], 4) == [(4, 0, 3)]
    assert copied(own[:3], own[:3], 4) == []
    twice = other[:3] + own[1:6] + other[3:6] + own[12:18] + other[6:]
    assert copied(own, twice, 4) == [(5, 1, 5), (6, 12, 17)]


def test_a_copied_stretch_must_change_at_half_of_its_values():
    flat = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]  # 1 2 2 3 changes twice, 1 1 2 2 once
    assert copied(flat, flat, 4) == [(4, 1, 4)]
    assert copied([1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, 2.0], 4) == []


def test_the_same_values_in_another_order_are_no_copy():
    assert copied([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0], 4) == []


def test_small_values_are_compared_exactly():
    small = [1e-17, 2e-17, 3e-17, 4e-17]
    assert copied(small, [value * 1.5 for value in small], 4) == []
    assert copied(small, small, 4) == [(4, 0, 3)]


def test_negative_zero_is_zero():
    own = [0.0, 1.0, 2.0, 3.0]
    assert copied(own, [-0.0, 1.0, 2.0, 3.0], 4) == [(4, 0, 3)]


def test_runs_that_stand_still_at_one_value_have_copied_nothing():
    still = pd.DataFrame({"metric": "loss", "value": 2.0, "run": ["a"] * 100 + ["b"] * 100})
    assert copies(still, 20).empty


def test_a_log_that_cannot_be_read_is_the_verdict_of_its_run_alone(checked):
    _, table = checked({"a": "step,tokens,loss\n1,x\n2,y\n", "b": curve(2)})
    row = table.loc["a"]
    assert (row["verdict"], row["used"], row["rows"], row["findings"]) == (
        *("unusable", False, 0),
        "unreadable",
    )
    assert table.loc["b", "verdict"] == "ok"


def test_findings_come_worst_first_and_each_has_words_and_advice(checked):
    y = curve(1)
    y[500] += 3
    y[800:900] = y[800]
    y[950:] = NAN
    _, table = checked({"a": y, "b": curve(2)}, clean={"constant_rows": 50})
    names = table.loc["a", "findings"].split(";")
    assert names == ["divergence", "constant", "spike"]
    assert sorted(names, key=FINDINGS.index) == names
    found = findings(table.loc["a"].to_dict())
    assert [name for name, _, _ in found] == names
    assert found[2][1] == "values in spikes: 1"
    assert set(ADVICE) == set(FINDINGS)


def test_one_value_that_is_not_finite_is_worth_a_look(checked):
    y = curve(1)
    y[500] = NAN
    _, table = checked({"a": y, "b": curve(2)})
    assert list(table["findings"]) == ["non_finite", ""]
    assert table.loc["a", "details"] == "values that are not finite, or 0: 1"


def test_every_row_is_kept_flagged_or_quarantined(checked):
    lines = [f"{i},{i * 100},{v:.6f}" for i, v in enumerate(curve(1), start=1)]
    lines.insert(500, "garbage,")
    text = "\n".join(["step,tokens,loss", *lines, ""])
    _, table = checked({"a": text, "b": curve(2)}, clean={"warm_up_steps": 10})
    row = table.loc["a"]
    assert (row["rows"], row["kept"], row["flagged"], row["quarantined"]) == (1201, 1191, 9, 1)
    assert row["warm_up"] == 9


def test_values_lost_on_the_way_are_an_error(checked):
    _, table = checked({"a": curve(1), "b": curve(2)})
    short = table.assign(kept=table["kept"] - 1, digest="", without="", doubts="")
    rules = Quality(**section("quality"))
    with pytest.raises(AssertionError, match="lost"):
        quality(short, sheet("a", "b"), [], lambda _: None, exclude={}, settings=rules)


# --- points


def flop_table(names):
    rows = [(name, "x", 1e8, 1e9, NAN) for name in names]
    columns = ["run", "convention", "parameters_counted", "flop_per_token", "conversion"]
    return pd.DataFrame(rows, columns=columns)


def pointed(cleaned, table):
    names = list(table["run"])
    chosen = Selection(**section("points"))
    costs = flop_table(names)
    return points([cleaned], sheet(*names), costs, table, ["loss"], chosen).set_index("run")


def test_a_run_left_out_stays_among_the_points_with_the_reason(checked):
    y = curve(1)
    y[700:] = NAN
    logs = {"a": y, "b": curve(2), "c": curve(3), "d": np.full(30, NAN)}
    made = pointed(*checked(logs, exclude={"b": "wrong\n tokeniser"}))
    assert list(made["used"]) == [False, False, True, False]
    assert made.loc["a", "reason"] == "diverged at step 701"
    assert made.loc["b", "reason"] == "excluded: wrong tokeniser"
    assert np.isfinite(made.loc["b", "loss"])
    assert np.isnan(made.loc["d", "loss"])
    assert made.loc["d", "reason"].startswith("no value is kept")


def test_an_arm_of_which_no_log_can_be_read_stops_the_fits_unless_it_is_left_out(checked):
    logs = {"a": "step,tokens,loss\n1,x\n", "b": curve(2)}
    with pytest.raises(ValueError, match=r"arm a: none of its 1 logs can be read"):
        pointed(*checked(logs))
    made = pointed(*checked(logs, exclude={"a": "lost"}))
    assert list(made["reason"]) == ["excluded: lost", ""]


# --- the table in a terminal


def rows_of(table):
    """The table as it is read from its file."""
    return list(csv.DictReader(io.StringIO(table.to_csv(index=False))))


@pytest.fixture
def damaged(checked):
    y, z = curve(1), curve(2)
    y[700:] = NAN
    z[300] += 4
    logs = {"nan": y, "spike": z, "left": curve(3), "good": curve(4)}
    return checked(logs, exclude={"left": "a <b> of no use"})


def test_the_report_has_a_line_a_run_the_worst_first_and_what_to_do(damaged):
    rows = rows_of(damaged[1])
    assert [row["run"] for row in worst_first(rows)] == ["nan", "spike", "good", "left"]
    assert [state(row) for row in rows] == ["unusable", "look", "excluded", "ok"]
    lines = report(rows)
    assert lines[0].startswith("4 runs: 1 unusable, 1 look, 1 ok, 1 excluded; 4,800 rows = 4,299")
    starts = [line.split()[:2] for line in lines[3:] if not line.startswith(" ")]
    assert starts == [["unusable", "nan"], ["look", "spike"], ["ok", "good"], ["excluded", "left"]]
    text = "\n".join(lines)
    assert "divergence: diverged at step 701\n        to do: train it again" in text
    assert "excluded: a <b> of no use" in text
    assert "flagged: non_finite 500, divergence 500" in text


def test_the_columns_of_the_report_are_set_below_their_headings(damaged):
    rows = rows_of(damaged[1])
    heading, *lines = [line for line in report(rows)[2:] if not line.startswith(" ")]
    for name in ("Verdict", "Run", "Format"):
        at = heading.index(name)
        assert all((" " + line)[at] == " " != line[at] for line in lines)
    for name in ("Rows", "Flagged", "Tokens", "Final loss"):
        end = heading.index(name) + len(name)
        assert all(line[end - 1] != " " == (line + " ")[end] for line in lines)


def test_one_run_has_a_report_too(damaged):
    (row,) = (row for row in rows_of(damaged[1]) if row["run"] == "good")
    assert report([row])[0].startswith("1 run: 1 ok; 1,200 rows = 1,200 kept")
    assert report([row])[3].startswith("ok")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, "0"),
        (999_999, "999,999"),
        (1e6, "1 M"),
        (12.44e6, "12.4 M"),
        (1e9, "1 B"),
        (12.44e9, "12.4 B"),
        (1e12, "1 T"),
        (1.5e12, "1.5 T"),
    ],
)
def test_tokens_are_told_in_three_digits(count, text):
    assert tokens(count) == text


def test_the_cells_of_a_run_are_as_a_person_reads_them(checked):
    y = curve(1)
    y[700:] = NAN
    _, table = checked({"a": y, "b": curve(2)})
    row = table.loc["a"].to_dict()
    assert cells(row) == {
        "Run": "a",
        "Format": row["format"],
        "Rows": "1,200",
        "Flagged": "500",
        "Broken": "0",
        "Segments": "1",
        "Steps": "1–700",
        "Tokens": "120,000",
        "Planned": "120,000",
        "From": "log",
        "Final loss": f"{curve(1)[699]:.4f}",
        "Diverged at": "701",
    }
    assert flags(row) == [("non_finite", 500), ("divergence", 500)]
    assert cells(row | {"first_step": 700, "divergence_step": NAN})["Steps"] == "700"
    assert cells(row | {"first_step": "", "last_step": None})["Steps"] == ""
    assert cells(row | {"divergence_step": NAN})["Diverged at"] == ""


def test_one_run_is_counted_in_the_singular():
    row = {"verdict": "ok", "reason": ""}
    assert counts([row]) == "1 run: 1 ok"
    assert counts([row, row | {"reason": "excluded: x"}]) == "2 runs: 1 ok, 1 excluded"


def test_words_of_several_lossy_metrics_stay_together():
    row = {"findings": "spike;lossy", "details": "values in spikes: 1 | of loss | of eval"}
    assert [(name, words) for name, words, _ in findings(row)] == [
        ("spike", "values in spikes: 1"),
        ("lossy", "of loss | of eval"),
    ]


def test_the_schemas_name_every_rule(stage_schema):
    for name in ("runs", "quality"):
        assert set(cleaning.RULES) <= set(stage_schema(name)["properties"])
    assert set(NOTHING) <= set(stage_schema("runs")["properties"])
