import numpy as np
import pandas as pd
import pytest
from isoloss.points.final import final
from isoloss.points.points import points
from isoloss.points.settings import Selection
from isoloss.units import PFLOP_S_DAY
from sections import section

NAN = float("nan")
RUNS = [
    {"run": "z", "arm": "base", "model": "1M"},
    {"run": "a", "arm": "new", "model": "1M"},
]

QUALITY = pd.DataFrame({"run": ["z", "a"], "used": True, "reason": "", "error": ""})


def curve(run, metric="loss", n=1000, rows=None, seed=0):
    tokens = np.linspace(1, 1000, n) * 1e6
    value = 3 * (tokens / 1e6) ** -0.05 + np.random.default_rng(seed).normal(0, 0.002, n)
    table = pd.DataFrame(
        {
            "run": run,
            "metric": metric,
            "tokens": tokens,
            "compute_pflop_s_days": NAN,
            "value": value,
            "kept": True,
        }
    )
    return table if rows is None else table.iloc[rows]


def flops(*rows):
    table = pd.DataFrame(rows, columns=["run", "convention", "flop_per_token"])
    conversion = np.where(table["convention"] == "logged", 1.0, NAN)
    return table.assign(parameters_counted=table["flop_per_token"] / 6, conversion=conversion)


def quality(runs):
    """A quality table that finds nothing."""
    return pd.DataFrame([{"run": r["run"], "used": True, "reason": "", "error": ""} for r in runs])


def take(cleaned, costs, metrics=("loss",), select="final", window=0.03):
    runs = [run for run in RUNS if run["run"] in set(costs["run"])]
    found = quality(runs)
    chosen = Selection(**section("points", select=select, window=window))
    return points([cleaned], runs, costs, found, list(metrics), chosen)


TWO = flops(("a", "x", 1e12), ("a", "y", 2e12), ("z", "x", 1e12), ("z", "y", 3e12))


def test_one_row_a_run_metric_and_convention_in_the_order_of_the_study():
    cleaned = pd.concat([curve(r, m) for r in "az" for m in ("eval", "loss")], ignore_index=True)
    table = take(cleaned, TWO, metrics=("loss", "eval"))
    assert list(table[["metric", "convention", "run"]].itertuples(index=False, name=None)) == [
        (metric, convention, run)
        for metric in ("loss", "eval")
        for convention in ("x", "y")
        for run in ("z", "a")
    ]
    assert set(table[table["run"] == "z"]["arm"]) == {"base"}


def test_final_is_the_local_fit_at_the_end_of_the_run():
    cleaned = curve("a", n=4000)
    row = take(cleaned, flops(("a", "x", 1e12))).iloc[0]
    expected = final(cleaned["tokens"], cleaned["value"], 0.03)
    assert (row["loss"], row["loss_se"]) == (expected.loss, expected.loss_se)
    assert row["loss_se"] > 0
    assert row["rows"] == expected.rows > 20
    assert row["compute_pflop_s_days"] == pytest.approx(1e12 * 1e9 / PFLOP_S_DAY, rel=1e-12)


def test_last_is_the_last_value():
    cleaned = curve("a")
    row = take(cleaned, flops(("a", "x", 1e12)), select="last").iloc[0]
    assert row["loss"] == cleaned["value"].iloc[-1]
    assert np.isnan(row["loss_se"])
    assert row["rows"] == 1


def test_a_convention_moves_the_compute_and_not_the_loss():
    table = take(pd.concat([curve("a", n=4000), curve("z", n=4000)]), TWO).set_index(
        ["run", "convention"]
    )
    for run, factor in (("a", 2), ("z", 3)):
        x, y = table.loc[(run, "x")], table.loc[(run, "y")]
        assert (x["loss"], x["loss_se"]) == (y["loss"], y["loss_se"])
        assert y["compute_pflop_s_days"] == pytest.approx(factor * x["compute_pflop_s_days"])


def test_a_log_of_one_row_gives_its_row():
    row = take(curve("a", rows=[999]), flops(("a", "x", 1e12))).iloc[0]
    assert row["loss"] == curve("a")["value"].iloc[-1]
    assert np.isnan(row["loss_se"])
    assert row["used"]
    assert row["reason"] == ""


def test_only_kept_values_are_looked_at():
    cleaned = curve("a").assign(kept=lambda t: t["tokens"] <= 500e6)
    cleaned.loc[~cleaned["kept"], "value"] = 1e9
    row = take(cleaned, flops(("a", "x", 1e12))).iloc[0]
    assert row["loss"] < 3
    assert row["compute_pflop_s_days"] == pytest.approx(5e20 / PFLOP_S_DAY, rel=0.01)


def test_the_end_of_a_run_is_its_last_value_of_any_metric():
    cleaned = pd.concat([curve("a"), curve("a", "eval", rows=slice(0, 995))], ignore_index=True)
    table = take(cleaned, flops(("a", "x", 1e12)), metrics=("loss", "eval"))
    assert table["compute_pflop_s_days"].nunique() == 1


def test_a_metric_that_stops_before_the_end_cannot_enter_a_fit_and_says_why():
    cleaned = pd.concat([curve("a"), curve("a", "eval", rows=slice(0, 500))], ignore_index=True)
    row = take(cleaned, flops(("a", "x", 1e12)), metrics=("loss", "eval")).iloc[1]
    assert not row["used"]
    assert np.isnan(row["loss"])
    assert row["reason"]


def test_logged_compute_is_taken_as_it_stands():
    cleaned = curve("a").assign(compute_pflop_s_days=lambda t: t["tokens"] / 1e9, tokens=NAN)
    row = take(cleaned, flops(("a", "logged", NAN))).iloc[0]
    assert row["compute_pflop_s_days"] == 1.0
    assert row["used"]


def test_a_convention_without_tokens_in_the_log_has_no_point_and_says_why():
    cleaned = curve("a").assign(compute_pflop_s_days=lambda t: t["tokens"] / 1e9, tokens=NAN)
    table = take(cleaned, flops(("a", "logged", NAN), ("a", "x", 1e12)))
    by = table.set_index("convention")
    assert by.loc["logged", "used"]
    assert not by.loc["x", "used"]
    assert by.loc["x", "reason"] == "the log has no tokens"


def test_the_order_of_the_rows_does_not_matter():
    cleaned = pd.concat([curve("a"), curve("z", seed=1)], ignore_index=True)
    shuffled = cleaned.sample(frac=1, random_state=0)
    left, right = take(cleaned, TWO), take(shuffled, TWO)
    pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True))


def test_a_run_of_which_nothing_is_kept_has_a_row_that_says_so():
    cleaned = pd.concat([curve("a"), curve("z").assign(kept=False)], ignore_index=True)
    table = take(cleaned, TWO).set_index(["run", "convention"])
    assert table.loc[("a", "x"), "used"]
    assert not table.loc[("z", "x"), "used"]
    assert table.loc[("z", "x"), "reason"]


# --- points along a run


def along(runs, **changes):
    cleaned = pd.concat([curve(run["run"]) for run in runs])
    costs = flops(*((run["run"], "x", 1e12) for run in runs))
    settings = {"select": "curve", "window": 0.03, "per_run": 4, "start": 0.125}
    chosen = Selection(**section("points", **settings | changes))
    return points([cleaned], runs, costs, quality(runs), ["loss"], chosen)


def scheduled(schedule, **more):
    return {"run": "z", "arm": "base", "model": "1M", "schedule": schedule} | more


def test_points_along_a_run_are_evenly_spaced_in_log_compute_up_to_its_end():
    table = along([scheduled("constant")])
    share = table["compute_pflop_s_days"] * PFLOP_S_DAY / 1e21
    np.testing.assert_allclose(share, [0.125, 0.25, 0.5, 1])
    assert table["loss"].is_monotonic_decreasing
    np.testing.assert_allclose(table["tokens"] / 1e9, [0.125, 0.25, 0.5, 1])
    assert table["used"].all()


def test_points_along_logged_compute_have_the_tokens_of_their_share():
    cleaned = curve("z").assign(compute_pflop_s_days=lambda t: t["tokens"] / 1e8)
    settings = section("points", select="curve", window=0.03, per_run=4, start=0.125)
    runs = [scheduled("constant")]
    costs = flops(("z", "logged", NAN))
    table = points([cleaned], runs, costs, quality(runs), ["loss"], Selection(**settings))
    np.testing.assert_allclose(table["compute_pflop_s_days"], [1.25, 2.5, 5, 10])
    np.testing.assert_allclose(table["tokens"], [1.25e8, 2.5e8, 5e8, 1e9])


def test_a_point_along_a_run_is_that_of_the_run_cut_there():
    table = along([scheduled("constant")], window=0.0301)  # no row on the window's edge
    whole = curve("z")
    cut = whole[whole["tokens"] <= 0.5e9]
    expected = final(cut["tokens"], cut["value"], 0.0301, end=0.5e9)
    assert table["loss"].iloc[2] == pytest.approx(expected.loss)


@pytest.mark.parametrize("schedule", ["cosine", "wsd", "cooldown_end", None])
def test_points_where_the_learning_rate_was_still_to_fall_are_marked_and_left_out(schedule):
    table = along([scheduled(schedule)])
    assert list(table["used"]) == [False, False, False, True]
    assert list(table["reason"].str.startswith("mid_schedule")) == [True, True, True, False]


def test_using_them_is_a_choice_and_they_stay_marked():
    table = along([scheduled("cosine")], mid_schedule="use")
    assert table["used"].all()
    assert table["reason"].str.startswith("mid_schedule").sum() == 3


@pytest.mark.parametrize(
    ("run", "used"),
    [
        (scheduled("cosine", training_tokens=2e9), False),
        (scheduled("cosine", training_tokens=1e9), True),
        (scheduled("cosine", training_tokens=1e9 / 0.985), False),
        (scheduled("cosine", training_tokens=1e9 / 0.995), True),
        (scheduled("constant", training_tokens=2e9), True),
        (scheduled(None, training_tokens=2e9), True),
    ],
)
def test_the_end_of_a_run_that_was_cut_is_in_the_middle_of_its_schedule(run, used):
    table = along([run], select="final")
    assert list(table["used"]) == [used]


# --- what a row says of a run that has no point, or is left out


def test_a_metric_of_which_nothing_is_kept_has_no_place_on_either_axis():
    cleaned = pd.concat([curve("a"), curve("a", "eval").assign(kept=False)], ignore_index=True)
    row = take(cleaned, flops(("a", "x", 1e12)), metrics=("loss", "eval")).iloc[1]
    assert (row["rows"], row["reason"]) == (0, "no value is kept")
    assert row[["loss", "loss_se", "compute_pflop_s_days", "tokens"]].isna().all()


def test_a_log_without_tokens_has_no_row_on_their_axis():
    cleaned = curve("a").assign(compute_pflop_s_days=lambda t: t["tokens"] / 1e9, tokens=NAN)
    row = take(cleaned, flops(("a", "x", 1e12))).iloc[0]
    assert row["rows"] == 0
    assert row[["loss", "loss_se", "compute_pflop_s_days", "tokens"]].isna().all()


def test_a_run_that_the_quality_table_leaves_out_keeps_its_point_and_says_why():
    found = QUALITY.assign(used=[True, False], reason=["", "diverged"])
    cleaned = pd.concat([curve("a"), curve("z")])
    chosen = Selection(**section("points"))
    table = points([cleaned], RUNS, TWO, found, ["loss"], chosen).set_index("run")
    assert not table.loc["a", "used"].any()
    assert set(table.loc["a", "reason"]) == {"diverged"}
    assert table.loc["a", "loss"].notna().all()
    assert table.loc["z", "used"].all()


def test_a_log_that_cannot_be_read_spoils_its_run_alone_unless_its_arm_has_no_other():
    out = {"error": ["", "logs/a: broken"], "used": [True, False], "reason": ["", "logs/a: broken"]}
    found, chosen = QUALITY.assign(**out), Selection(**section("points"))
    one_arm = [run | {"arm": "base"} for run in RUNS]
    table = points([curve("z")], one_arm, TWO, found, ["loss"], chosen).set_index("run")
    assert table.loc["z", "used"].all()
    assert not table.loc["a", "used"].any()
    assert set(table.loc["a", "reason"]) == {"logs/a: broken"}
    with pytest.raises(ValueError, match=r"arm new: none of its 1 logs .* Run a: logs/a: broken\."):
        points([curve("z")], RUNS, TWO, found, ["loss"], chosen)


def test_the_last_value_lies_where_it_was_logged_and_a_line_at_the_end_of_the_run():
    rows = pd.concat([curve("a"), curve("a", "eval", rows=slice(0, 995))], ignore_index=True)
    costs = flops(("a", "x", 1e12))
    chosen = {
        select: take(rows, costs, ("loss", "eval"), select).iloc[1] for select in ("last", "final")
    }
    assert chosen["last"]["tokens"] == curve("a")["tokens"].iloc[994]
    assert chosen["final"]["tokens"] == 1e9


def test_logged_compute_in_another_convention_is_converted():
    cleaned = curve("a").assign(compute_pflop_s_days=lambda t: t["tokens"] / 1e9)
    costs = flops(("a", "logged", NAN)).assign(conversion=1.5)
    row = take(cleaned, costs).iloc[0]
    assert row["compute_pflop_s_days"] == pytest.approx(1.5)
    assert row["tokens"] == pytest.approx(1e9)
