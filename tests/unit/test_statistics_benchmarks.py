"""The benchmarks run, small, and what they claim of the defaults holds."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Dataclasses look their module up.
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def coverage():
    return load("coverage")


@pytest.mark.parametrize("correlation", [0.0, 0.95])
@pytest.mark.parametrize("sizes", [3, 5])
def test_default_interval_covers_the_truth_as_often_as_it_says(coverage, sizes, correlation):
    scenario = coverage.Scenario("right law", "power", "power", sizes, correlation, "normal", 1.3)
    results = coverage.coverage_table(400, 1, [scenario])
    default = results[results["default"] & (results["place"] != "beyond")]
    assert default["interval"].eq("delta_t").all()
    # Three standard errors of 400 simulations about 93 to 99%.
    assert default["coverage"].between(0.93 - 0.038, 1.0).all()


def test_no_interval_covers_the_truth_beyond_the_data_with_a_wrong_law(coverage):
    scenario = coverage.Scenario("wrong law", "broken", "power", 12, 0.0, "normal", 1.3)
    results = coverage.coverage_table(100, 5, [scenario])
    assert results[results["place"] == "beyond"]["coverage"].max() < 0.2


def test_points_that_share_runs_are_only_covered_by_intervals_that_know(coverage):
    scenario = coverage.Scenario("clusters", "power", "power", 6, 0.0, "normal", 1.0)
    results = coverage.coverage_table(200, 1, [scenario]).query("place == 'middle'")
    by = results.set_index("interval")["coverage"]
    assert results[results["default"]]["interval"].tolist() == ["jackknife_t"]
    assert by["jackknife_t"] > 0.9
    assert by["delta_t"] < 0.85


def test_a_size_without_its_partner_costs_neither_coverage_nor_width(coverage):
    scenario = coverage.Scenario(
        "5 and 4, second largest missing", "power", "power", 5, 0.9, "normal", 1.3
    )
    results = coverage.coverage_table(200, 0, [scenario])
    by = results.groupby("interval")
    assert by["coverage"].min()["default"] > 0.93 - 0.054  # Three standard errors.
    width = by["median_log_width"].median()
    assert width["default"] < width["shared_sizes"] < width["welch"]


@pytest.mark.parametrize(
    ("kind", "law", "sizes", "correlation", "interval"),
    [("Huber", "power", 5, 0.95, "draws_t"), ("surface, 5 x 4", "chinchilla", 20, 0.9, "delta_t")],
)
def test_the_defaults_of_huber_fits_and_surfaces_cover(
    coverage, kind, law, sizes, correlation, interval
):
    scenario = coverage.Scenario(kind, law, law, sizes, correlation, "normal", 1.3)
    results = coverage.coverage_table(150, 0, [scenario])
    assert (results["interval"] == interval).all()
    assert results["coverage"].min() > 0.95 - 0.054  # Three standard errors.


def test_the_table_of_coverage_shows_the_defaults_within_93_and_99_percent(coverage):
    table = pd.read_csv(BENCHMARKS / "results" / "coverage.csv")
    inside = table[table["default"] & (table["kind"] != "wrong law") & (table["place"] != "beyond")]
    robust = inside[inside["kind"].isin(coverage.ROBUST)]
    assert (robust["coverage"] + 3 * robust["simulation_error"]).ge(0.94).all()
    assert (robust["coverage"] - 3 * robust["simulation_error"]).le(0.985).all()
    inside = inside[~inside["kind"].isin([*coverage.LADDERS, *coverage.ROBUST])]
    assert set(inside["sizes"]) == {3, 4, 5, 6, 8, 12}
    assert inside["coverage"].between(0.93, 0.99).all()


GOALS = {"scatter x 3": {4: 0.92, 5: 0.925, 8: 0.935, 12: 0.935}, "scatter x 9": {5: 0.91, 8: 0.91}}


def test_the_table_shows_that_growing_scatter_and_seeds_are_covered(coverage):
    table = pd.read_csv(BENCHMARKS / "results" / "coverage.csv")
    table = table[table["default"]]
    above = table["coverage"] + 2.58 * table["simulation_error"]  # 99%.
    for kind, layout in (coverage.SCATTER | coverage.SEEDS).items():
        if layout.complete:
            here = table["kind"] == kind
            assert here.sum() == 2 * len(coverage.SEVERAL), kind
            goal = GOALS.get(kind.split(", ")[-1], {}).get(len(layout.baseline), 0.925)
            assert above[here].ge(goal).all(), kind


def test_runs_without_a_partner_never_widen_the_median_interval(coverage):
    table = pd.read_csv(BENCHMARKS / "results" / "coverage.csv")
    equal = [kind for kind, layout in coverage.LAYOUTS.items() if layout.scatter == 1]
    table = table[table["kind"].isin(equal)]
    width = table.pivot_table(
        "median_log_width", ["kind", "correlation", "place"], "interval", sort=False
    )
    width = width.dropna(subset="shared_sizes")
    assert len(width) >= 9 * 2 * len(coverage.CORRELATIONS)
    assert (width["default"] / width["shared_sizes"]).max() < 1.05


@pytest.mark.parametrize(
    "kind", ["8 sizes, scatter x 9", "five of the smallest to one of the largest"]
)
def test_scatter_that_grows_is_covered_where_one_scatter_for_all_sizes_is_not(coverage, kind):
    sizes = len(coverage.LADDERS[kind].baseline)
    scenario = coverage.Scenario(kind, "power", "power", sizes, 0.0, "normal", 1.3)
    cover = coverage.coverage_table(300, 0, [scenario]).query("place == 'end'")
    by = cover.set_index("interval")["coverage"]
    assert by["default"] > 0.91 - 3 * 0.0165  # Three standard errors.
    assert by["plain"] < by["default"] - 0.01


def test_figure_of_coverage_is_drawn(coverage, tmp_path):
    scenario = coverage.Scenario("right law", "power", "power", 4, 0.0, "normal", 1.0)
    coverage.figure(coverage.coverage_table(5, 2, [scenario]), tmp_path / "coverage.png")
    assert (tmp_path / "coverage.png").stat().st_size > 0


def test_what_a_plan_predicts_is_realised():
    table = pd.read_csv(BENCHMARKS / "results" / "plan.csv")
    assert table["studies"].ge(2000).all()
    assert (table["half"] / table["half_predicted"]).between(0.95, 1.05).all()
    assert (table["power"] - table["power_predicted"]).abs().max() < 0.015
    plain = table.dropna(subset="power_plain")
    three_errors = 3 * (plain["power_plain"] * (1 - plain["power_plain"]) / plain["studies"]) ** 0.5
    off = (plain["power_plain"] - plain["power_plain_predicted"]).abs()
    assert (off < three_errors + 0.003).all()  # of a middle width, which is known to 1%
    told = plain[plain["arms"] == "paired"].drop_duplicates(["sizes", "correlation"])
    by = 100 * told.set_index(["sizes", "correlation"])["power_plain"]
    for design, share in {(5, 0.0): 29, (12, 0.0): 82, (4, 0.9): 82, (5, 0.9): 98}.items():
        assert abs(by[design] - share) < 2


def test_the_table_shows_that_the_gain_and_its_break_evens_are_covered():
    table = pd.read_csv(BENCHMARKS / "results" / "gain.csv")
    assert table["ladders"].ge(1900).all()
    assert (table["coverage"] + 2 * table["error"]).ge(0.95).all()
    usual = table[table["correlation"] <= 0.9]
    assert (usual["coverage"] - 3 * usual["error"]).le(0.96).all()


def test_the_commands_that_make_the_tables_of_plan_and_gain_run(tmp_path, monkeypatch):
    for name in ("plan", "gain"):
        made = tmp_path / f"{name}.csv"
        monkeypatch.setattr(sys, "argv", [name, "--studies", "5", "--table", str(made)])
        load(name).main()
        kept = pd.read_csv(BENCHMARKS / "results" / made.name)
        assert list(pd.read_csv(made).columns) == list(kept.columns)
        assert len(pd.read_csv(made)) == len(kept)


def test_fits_are_faster_than_the_usual_way(tmp_path):
    results = load("fits").measure(tmp_path / "none.csv", 3, 100, 3, 1000)
    ratio = results.set_index("task")["ratio"]
    assert ratio["surface: one fit"] > 100
    assert ratio["surface: 100 resamples, numerical gradient"] > 3


def test_the_hull_covers_where_the_wrong_law_does_not():
    law = load("coverage_law")
    table = law.measure(law.Cell(1.3, 8, 0.998), 100).set_index(["interval", "place"])["coverage"]
    assert table["law", "end"] < 0.2
    # Three standard errors of 100 simulations below 95%.
    assert table["printed"].min() > 0.88
    assert table["quadratic"].min() > 0.88


def test_rules_that_judge_a_law_are_seldom_wrong(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    rules = load("rules")
    assert sum(rules.disagreeing(rules.Cell("isoflop", 5, 0.0, "surface", 1e-3), 10)) <= 2
    clean, bent = (sum(rules.missing(rules.Ladder(floor, 8, 0), 60)) for floor in (0.0, 1.3))
    assert clean <= 12 < bent
