"""A study that starts from a table of final points, and what its laws need of it."""

import math
import textwrap
from pathlib import Path

import pytest
from isoloss.points.axes import axes_of
from isoloss.points.from_table import tabled_points
from isoloss.study import study
from isoloss.study.validation import InputError, read_yaml
from isoloss.units import PFLOP_S_DAY

FIGURES = {
    "scaling": ["points", "fit"],
    "curves": ["clean", "flops"],
    "surface": ["surface"],
    "isoflop": ["isoflop"],
}
TABLES = {"fits": ["fit"], "multipliers": ["multiplier"], "runs": ["clean", "flops"]}
STUDY = """\
title: New against old
arms:
  old: {label: Old, role: baseline}
  new: {label: New}
metrics:
  loss: {label: Loss}
points: {table: data/s/points.csv}
figures: [scaling]
"""
LOGGED = "run,arm,model,compute_pflop_s_days,loss,loss_se\n" + "".join(
    f"{arm}-{i},{arm},m{i},{10.0**i},{3 - 0.1 * i},0.01\n"
    for arm in ("old", "new")
    for i in range(5)
)
COUNTED = "run,arm,model,parameters,tokens,loss\n" + "".join(
    f"{arm}-{c}-{n},{arm},{c}-{n},{10**n},{10**c // 10**n},{9 - n / 10 - c / 10}\n"
    for arm in ("old", "new")
    for c in (18, 19, 20)
    for n in (6, 7, 8)
)


@pytest.fixture
def load(tmp_path, monkeypatch, root):
    """A function that loads the study `s` from its two texts, in a new folder."""
    monkeypatch.chdir(tmp_path)
    Path("config/studies").mkdir(parents=True)
    Path("data/s").mkdir(parents=True)
    config = read_yaml(root / "config/config.yaml") | {"studies": ["s"]}

    def load(table=LOGGED, more="", study_text=STUDY):
        Path("config/studies/s.yaml").write_text(textwrap.dedent(study_text) + more)
        Path("data/s/points.csv").write_text(table)
        schemas = root / "workflow/schemas"
        return study.load(config, Path("config/studies"), schemas, FIGURES, TABLES)["s"]

    return load


def mistake(call, *args, **changes):
    with pytest.raises(InputError) as error:
        call(*args, **changes)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_compute_that_is_given_goes_without_saying(load):
    s = load()
    assert s.conventions == ("logged",)
    assert s.table == "data/s/points.csv"
    assert s.runs[0]["compute_pflop_s_days"] == 1.0


def test_parameters_and_tokens_are_six_n_d(load):
    s = load(COUNTED)
    assert s.conventions == ("6n_non_embedding",)
    compute, n, d = axes_of(s.runs[0], s.conventions[0])
    assert (n, d) == (1e6, 1e12)
    assert compute == pytest.approx(6e18 / PFLOP_S_DAY)


def test_a_convention_of_six_n_may_be_named(load):
    assert load(COUNTED, "compute: {headline: 6n_with_head}\n").conventions == ("6n_with_head",)


def test_the_headline_goes_without_saying_where_other_conventions_are_named(load):
    assert load(COUNTED, "compute: {also: [6n_non_embedding]}\n").conventions == (
        "6n_non_embedding",
    )


def test_compute_and_parameters_give_the_tokens_and_the_other_way_round():
    row = {"compute_pflop_s_days": 2.0, "parameters": 1e9}
    compute, n, d = axes_of(row, "logged")
    assert (compute, n) == (2.0, 1e9)
    assert 6 * n * d / PFLOP_S_DAY == pytest.approx(2.0)
    assert axes_of({"compute_pflop_s_days": 2.0, "tokens": d}, "logged")[1] == pytest.approx(n)
    assert math.isnan(axes_of({"compute_pflop_s_days": 2.0}, "logged")[2])


def test_what_is_made_from_logs_is_left_out_by_default_and_refused_when_named(load):
    assert load().settings["tables"] == ["fits", "multipliers"]
    message = mistake(load, study_text=STUDY.replace("[scaling]", "[curves]"))
    assert "figures: `curves` is made from logs" in message


def test_points_have_a_row_a_run_metric_and_convention():
    rows = [
        {"run": "a", "arm": "x", "model": "1", "compute_pflop_s_days": 1.0, "l": 2.0, "l_se": 0.1},
        {"run": "b", "arm": "x", "model": "2", "compute_pflop_s_days": 2.0, "l": 1.9},
    ]
    table = tabled_points(rows, {"loss": "l"}, ["logged"])
    assert list(table["loss"]) == [2.0, 1.9]
    assert table["loss_se"].iloc[0] == 0.1
    assert math.isnan(table["loss_se"].iloc[1])
    assert table["used"].all()
    assert set(table["metric"]) == {"loss"}


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("old-1,old", "old-1,odl", ["points.csv, line 3", "arm `odl`", "Did you mean `old`?"]),
        ("new-1,", "old-1,", ["line 8", "run `old-1` is of arm `new` here", "`old` in line 3"]),
        ("old-1,old,m1,10.0", "old-0,old,m1,1.0", ["line 3", "`old-0` stands in line 2 already"]),
        (",loss,", ",los,", ["unknown column `los`", "Did you mean `loss`?"]),
        (",2.9,0.01\nold-2", ",-2.9,0.01\nold-2", ["line 3", "old-1", "loss", "-2.9"]),
        (",2.9,0.01\nold-2", ",,0.01\nold-2", ["line 3", "`loss` is missing", "metric loss"]),
        ("old-1,old,m1,10.0,", "old-1,old,m1,,", ["line 3", "old-1", "gives no compute", "6 N D"]),
        ("compute_pflop_s_days", "compute", ["unknown column `compute`", "compute_pflop_s_days"]),
    ],
)
def test_a_mistake_in_the_table_is_named_with_line_value_and_mend(load, old, new, parts):
    assert old in LOGGED
    message = mistake(load, LOGGED.replace(old, new, 1))
    for part in parts:
        assert part in message


def test_rows_of_one_run_are_its_checkpoints(load):
    rows = load(LOGGED.replace("old-1,", "old-0,").replace("old-2,", "old-0,")).runs
    assert [row["run"] for row in rows[:4]] == ["old-0", "old-0", "old-0", "old-3"]


def test_a_seed_of_an_arm_and_model_has_one_run(load):
    lines = LOGGED.splitlines()
    first = [lines[0] + ",seed", lines[1] + ",7", lines[1].replace("old-0", "again") + ",8"]
    rows = "\n".join([*first, *(line + "," for line in lines[2:])])
    assert [row.get("seed") for row in load(rows).runs[:3]] == ["7", "8", None]
    message = mistake(load, rows.replace(",8\n", ",7\n"))
    assert "line 3: run `again` has the arm, model and seed of run `old-0` in line 2" in message


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ("compute: {headline: matmul_causal}", ["`matmul_causal` needs architectures"]),
        (
            "compute: {headline: 6n_with_head, also: [6n_total]}",
            ["6n_with_head and 6n_total would all be"],
        ),
        ("compute: {headline: 6n_total}", ["`6n_total` needs `parameters` and `tokens`"]),
        ("runs: data/s/runs.csv", ["from logs or from a table", "one of the two"]),
        ("published: data/s/published.yaml", ["compute", "there is nothing to check"]),
        ("fit: {law: chinchilla}", ["arm old", "law chinchilla needs the parameters and the"]),
        ("fit: {also: [{law: power, method: cubic}]}", ["law power", "cubic", "huber_log"]),
        ("fit: {law: isoflop}", ["figures: `scaling` shows the headline law", "isoflop"]),
        ("fit: {also: [{law: isofop}]}", ["'isofop'", "Did you mean `isoflop`?"]),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(load, more, parts):
    Path("data/s/published.yaml").write_text(
        'source: P\ncompute: [{place: T, run: old-1, compute_pflop_s_days: "1.0"}]\n'
    )
    message = mistake(load, more=more + "\n")
    for part in parts:
        assert part in message


def without(table, *parts):
    lines = table.splitlines(keepends=True)
    return "".join(line for line in lines if not any(part in line for part in parts))


def test_three_points_carry_no_floor(load):
    three = "".join(
        line for line in LOGGED.splitlines(True) if "-3," not in line and "-4," not in line
    )
    assert load(three).requests[0].law == "power"
    message = mistake(load, three, "fit: {also: [{law: power_floor}]}\n")
    assert "arm old: law 'power_floor' has 3 parameters and needs 4 or more" in message
    assert "got 3" in message


def test_one_budget_has_no_isoflop(load):
    more = "fit: {law: chinchilla, also: [{law: isoflop}]}\nfigures: [isoflop]\n"
    text = STUDY.replace("figures: [scaling]\n", "")
    assert [r.law for r in load(COUNTED, more, text).requests] == ["chinchilla", "isoflop"]
    one = "".join(
        line for line in COUNTED.splitlines(True) if "-19-" not in line and "-20-" not in line
    )
    message = mistake(load, one, "fit: {also: [{law: isoflop}]}\n")
    assert "arm old" in message
    message = mistake(load, COUNTED.replace("-19-", "-99-"), "figures: [surface]\n", text)
    assert "figures: `surface` shows law chinchilla" in message


def test_a_row_of_a_table_gives_a_row_a_metric_and_convention():
    rows = [
        {"run": "r", "arm": "a", "model": "1M", "compute_pflop_s_days": 2.0, "nll": 3.0}
        | {"nll_se": 0.1, "eval": 4.0, "parameters": 1e9, "tokens": 2e9},
        {"run": "s", "arm": "b", "model": "1M", "compute_pflop_s_days": 5.0, "nll": 2.5}
        | {"nll_se": 0.2, "eval": 3.5, "parameters": 1e9, "tokens": 4e9},
    ]
    metrics = {"loss": "nll", "eval": None}
    table = tabled_points(rows, metrics, ["logged", "6n_total"], {"s": "too\n short"})
    keys = table[["metric", "convention", "run"]].itertuples(index=False, name=None)
    assert list(keys) == [
        (metric, convention, run)
        for metric in metrics
        for convention in ("logged", "6n_total")
        for run in "rs"
    ]
    assert list(table["loss"]) == [3.0, 2.5] * 2 + [4.0, 3.5] * 2
    assert list(table["loss_se"][:4]) == [0.1, 0.2] * 2
    assert table["loss_se"][4:].isna().all()
    six = [6 * 1e9 * tokens / PFLOP_S_DAY for tokens in (2e9, 4e9)]
    assert list(table["compute_pflop_s_days"]) == pytest.approx([2.0, 5.0, *six] * 2)
    assert list(table["used"]) == [True, False] * 4
    assert list(table["reason"]) == ["", "excluded: too short"] * 4
    assert set(table["rows"]) == {1}


def test_logged_compute_changes_neither_parameters_nor_tokens_that_are_given():
    row = {"compute_pflop_s_days": 2.0, "parameters": 1e9, "tokens": 3e9}
    assert axes_of(row, "logged") == (2.0, 1e9, 3e9)
