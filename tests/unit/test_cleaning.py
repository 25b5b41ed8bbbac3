import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isoloss.cleaning.clean import RULES
from isoloss.cleaning.clean import clean as cleaned_by
from isoloss.cleaning.curve_rules import spikes
from isoloss.cleaning.settings import Cleaning
from isoloss.cleaning.summary import summary as summary_of
from sections import section

NAN = float("nan")


def log(steps, values, run="r", metric="loss", segments=None, tokens=None, compute=None):
    """A long table as `isoloss.logs.read` returns it, in the order of the log."""
    n = len(steps)
    return pd.DataFrame(
        {
            "run": run,
            "segment": [0] * n if segments is None else segments,
            "offset": np.arange(2, n + 2),
            "step": np.asarray(steps, dtype=float),
            "tokens": np.asarray(steps, dtype=float) * 100 if tokens is None else tokens,
            "compute_pflop_s_days": NAN if compute is None else compute,
            "metric": metric,
            "value": np.asarray(values, dtype=float),
        }
    )


def clean(table, **changes):
    """A table cleaned by the defaults, but for some settings."""
    return cleaned_by(table, Cleaning(**section("clean", **changes)))


def joined(*tables):
    return pd.concat(tables, ignore_index=True)


def smooth(n=200, noise=0.01, seed=0):
    """A training curve: a power law with noise."""
    steps = np.arange(1, n + 1)
    return 3 * steps**-0.1 + np.random.default_rng(seed).normal(0, noise, n)


def reasons(cleaned):
    """Step -> reason, of the flagged rows."""
    flagged = cleaned[~cleaned["kept"]]
    return list(zip(flagged["step"].astype(int), flagged["reasons"], strict=True))


def test_a_clean_log_is_kept_whole():
    cleaned = clean(log(range(1, 201), smooth()))
    assert cleaned["kept"].all()
    assert (cleaned["reasons"] == "").all()


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_flagged(value):
    assert reasons(clean(log([1, 2, 3], [3, value, 2]))) == [(2, "non_finite")]


def test_of_a_step_logged_twice_the_later_value_is_kept():
    cleaned = clean(log([1, 2, 2, 3], [3.0, 2.5, 2.4, 2.0]))
    assert reasons(cleaned) == [(2, "duplicate_step")]
    assert list(cleaned[cleaned["kept"]]["value"]) == [3.0, 2.4, 2.0]


def test_two_metrics_of_one_step_are_no_duplicates():
    table = joined(log([1, 2], [3, 2]), log([1, 2], [3, 2], metric="eval"))
    assert clean(table)["kept"].all()


def test_a_resume_supersedes_what_the_run_had_logged_beyond():
    # To step 5, back to step 2, on with every step; step 5 is logged every second step only.
    table = log(
        [1, 2, 3, 4, 5, 2, 4, 6],
        [5, 4, 3.5, 3.4, 3.3, 3.9, 3.2, 3.0],
        segments=[0, 0, 0, 0, 0, 1, 1, 1],
    )
    cleaned = clean(table)
    assert reasons(cleaned) == [
        (2, "duplicate_step"),
        (3, "backward_step"),
        (4, "duplicate_step"),
        (5, "backward_step"),
    ]
    assert list(cleaned[cleaned["kept"]]["value"]) == [5, 3.9, 3.2, 3.0]


def test_a_second_resume_further_back_supersedes_the_first():
    table = log(
        [1, 2, 3, 4, 3, 4, 5, 2, 6],
        [9, 8, 7, 6, 5, 4, 3, 2, 1],
        segments=[0, 0, 0, 0, 1, 1, 1, 2, 2],
    )
    cleaned = clean(table)
    assert list(cleaned[cleaned["kept"]]["value"]) == [9, 2, 1]


def test_each_metric_goes_back_by_itself():
    loss = log([1, 2, 3, 2, 3], [5, 4, 3, 3.5, 2.5], segments=[0, 0, 0, 1, 1])
    evals = log([2, 3], [4.5, 3.5], metric="eval", segments=[0, 1])
    cleaned = clean(joined(loss, evals))
    assert cleaned[cleaned["metric"] == "eval"]["kept"].all()


def test_disorder_within_a_segment_is_sorted_and_not_flagged():
    table = log([1, 2, 4, 3, 5, 7, 6], [7, 6, 4, 5, 3, 1, 2])
    cleaned = clean(table)
    assert cleaned["kept"].all()
    assert list(cleaned["step"]) == [1, 2, 3, 4, 5, 6, 7]
    assert list(cleaned["value"]) == [7, 6, 5, 4, 3, 2, 1]


def test_values_before_warm_up_are_flagged_by_step_or_tokens():
    table = log([1, 2, 3, 4], [5, 4, 3, 2])
    assert reasons(clean(table, warm_up_steps=3)) == [(1, "warm_up"), (2, "warm_up")]
    assert reasons(clean(table, warm_up_tokens=200)) == [(1, "warm_up")]


def test_warm_up_steps_without_steps_is_a_mistake_that_names_the_other_key():
    table = log([NAN, NAN], [3, 2], tokens=[100, 200])
    with pytest.raises(ValueError, match=r"clean\.warm_up_steps.*no steps; use warm_up_tokens"):
        clean(table, warm_up_steps=10)
    assert list(clean(table, warm_up_tokens=150)["kept"]) == [False, True]


def test_a_log_without_steps_is_ordered_by_tokens_else_by_compute():
    tokens = log([NAN] * 3, [3, 1, 2], tokens=[10, 30, 20])
    assert list(clean(tokens)["value"]) == [3, 2, 1]
    compute = log([NAN] * 4, [3, 1, 2, 1.9], tokens=[NAN] * 4, compute=[0.1, 0.3, 0.2, 0.2])
    cleaned = clean(compute)
    assert list(cleaned["value"]) == [3, 2, 1.9, 1]
    assert list(cleaned["reasons"]) == ["", "duplicate_step", "", ""]


def test_the_second_metric_is_put_in_order_like_the_first():
    table = joined(log([1, 2], [3, 2], metric="eval"), log([1, 3, 2, 2], [4, 2, 3.1, 3]))
    cleaned = clean(table)
    assert list(cleaned["step"]) == [1, 2, 1, 2, 2, 3]
    assert reasons(cleaned) == [(2, "duplicate_step")]


def test_of_values_without_any_place_the_last_stands():
    cleaned = clean(log([1, NAN, NAN], [3, 2, 1], tokens=[100, NAN, NAN]))
    assert list(cleaned["value"]) == [3, 2, 1]
    assert list(cleaned["reasons"]) == ["", "duplicate_step", ""]


def test_a_spike_is_flagged_and_its_neighbours_are_not():
    values = smooth()
    values[120] += 1
    assert reasons(clean(log(range(1, 201), values))) == [(121, "spike")]


@pytest.mark.parametrize("at", [0, 1, 198, 199])
def test_a_spike_at_either_end_is_judged_by_the_nearest_window(at):
    # The first value is its own lowest so far: only the window can tell.
    values = 2 + np.random.default_rng(3).normal(0, 0.01, 200)
    values[at] += 1
    flagged = spikes(values, 51, 10)
    assert list(np.flatnonzero(flagged)) == ([] if at == 0 else [at])


def test_a_drop_is_no_spike():
    values = smooth()
    values[120] -= 1
    assert clean(log(range(1, 201), values))["kept"].all()


def test_the_steep_fall_of_a_young_run_is_no_spike():
    steps = np.arange(1, 401)
    values = 2 + 8 * np.exp(-steps / 6) + np.random.default_rng(1).normal(0, 1e-4, 400)
    assert clean(log(steps, values))["kept"].all()


def test_a_curve_shorter_than_the_window_has_no_spikes():
    values = smooth(50)
    values[25] += 5
    assert clean(log(range(1, 51), values))["kept"].all()


def test_a_window_without_spread_flags_nothing():
    values = np.full(200, 2.0)
    values[100] = 3
    assert not spikes(values, 51, 10).any()


def test_how_far_a_spike_must_jump_is_set_in_robust_standard_deviations():
    values = 2 + np.random.default_rng(2).normal(0, 0.01, 200)
    values[100] = 2.08
    table = log(range(1, 201), values)
    assert reasons(clean(table, spike_mads=6)) == [(101, "spike")]
    assert clean(table, spike_mads=12)["kept"].all()


def test_values_flagged_for_other_reasons_do_not_count_among_a_spikes_neighbours():
    values = smooth(120)
    values[60:80] = np.nan  # of 100 usable values none is a spike
    cleaned = clean(log(range(1, 121), values))
    assert set(cleaned["reasons"]) == {"", "non_finite"}


def test_a_value_with_two_reasons_carries_both_in_the_order_of_the_rules():
    table = log([1, 2, 2, 3], [4, NAN, 3, 2])
    cleaned = clean(table, warm_up_steps=3)
    assert list(cleaned["reasons"]) == [
        "warm_up",
        "non_finite;duplicate_step;warm_up",
        "warm_up",
        "",
    ]


def test_tokens_that_fall_back_are_flagged_as_such():
    table = log([1, 2, 3, 4], [3.0, 2.9, 2.8, 2.7], tokens=[100.0, 200.0, 50.0, 300.0])
    assert reasons(clean(table)) == [(3, "backward_tokens")]


def test_what_was_superseded_beyond_a_divergence_keeps_its_own_reason():
    values = np.concatenate([smooth(), np.full(60, 8.0) + 0.01 * np.arange(60)])
    steps = [*range(1, 261)]
    steps[249] = 249  # logged twice
    found = dict(reasons(clean(log(steps, values))))
    assert found[251] == "divergence"
    flagged = [reason for step, reason in reasons(clean(log(steps, values))) if step == 249]
    assert flagged == ["duplicate_step", "divergence"]


@pytest.mark.parametrize(("rows", "found"), [(25, [(13, "spike")]), (24, [])])
def test_a_curve_as_long_as_the_window_is_searched_for_spikes(rows, found):
    values = smooth(rows)
    values[12] += 2
    assert reasons(clean(log(range(1, rows + 1), values), spike_window=25)) == found


def test_all_rules_together():
    values = smooth()
    values[150] += 2
    values[30] = NAN
    resumed = log(range(191, 221), 1.7 + 1e-4 * np.arange(30), segments=[1] * 30)
    table = joined(log(range(1, 201), values), resumed)
    table["offset"] = np.arange(len(table))
    cleaned = clean(table, warm_up_steps=5)
    found = dict.fromkeys(RULES, 0) | cleaned["reasons"].value_counts().drop("").to_dict()
    assert found == dict.fromkeys(RULES, 0) | {
        "warm_up": 4,
        "non_finite": 1,
        "spike": 1,
        "duplicate_step": 10,
    }


def test_sorted_by_metric_and_step_whatever_their_order_and_type():
    parts = [log([1, 2], [3, 2], metric=metric) for metric in ("eval", "loss")]
    table = joined(*parts[::-1])
    coded = table.assign(metric=pd.Categorical(table["metric"], ["loss", "eval"]))
    turns = joined(*parts).take([0, 2, 1, 3])  # eval, loss, eval, loss, as most logs have them
    for cleaned in (clean(table), clean(coded), clean(joined(*parts)), clean(turns)):
        assert list(cleaned["metric"]) == ["eval", "eval", "loss", "loss"]
        assert list(cleaned["step"]) == [1, 2, 1, 2]
        assert cleaned["kept"].all()


def test_a_metric_that_starts_where_another_ends_is_sorted_too():
    cleaned = clean(joined(log([1, 2], [3, 2]), log([3, 4], [3, 2], metric="eval")))
    assert list(cleaned["metric"]) == ["eval", "eval", "loss", "loss"]
    assert list(cleaned["step"]) == [3, 4, 1, 2]


# --- what was read = what is kept + what is flagged

runs_of_logs = st.lists(
    st.tuples(
        st.integers(0, 1),  # metric
        st.integers(0, 2),  # segment
        st.integers(0, 12),  # step
        st.sampled_from([1.0, 1.5, 2.0, 9.0, NAN, float("inf")]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(rows=runs_of_logs, warm_up=st.integers(0, 5), window=st.integers(5, 9))
def test_nothing_is_dropped_whatever_the_log(rows, warm_up, window):
    table = pd.DataFrame(rows, columns=["metric", "segment", "step", "value"])
    table = table.sort_values("segment", kind="stable", ignore_index=True)
    table = table.assign(
        run="r",
        metric=table["metric"].map({0: "eval", 1: "loss"}),
        step=table["step"].astype(float),
        offset=np.arange(len(table)),
        tokens=table["step"] * 10.0,
        compute_pflop_s_days=NAN,
    )
    cleaned = clean(table, warm_up_steps=warm_up, spike_window=window, spike_mads=3)
    assert sorted(cleaned["offset"]) == sorted(table["offset"])
    pd.testing.assert_frame_equal(
        cleaned.sort_values("offset", ignore_index=True)[table.columns.tolist()], table
    )
    assert (cleaned["kept"] == (cleaned["reasons"] == "")).all()
    assert set(";".join(cleaned["reasons"]).split(";")) <= {"", *RULES}
    kept = cleaned[cleaned["kept"]]
    assert np.isfinite(kept["value"]).all()
    assert not kept.duplicated(["metric", "step"]).any()
    for _, curve in kept.groupby("metric"):
        assert curve["step"].is_monotonic_increasing
        assert curve["segment"].is_monotonic_increasing  # no stretch that was abandoned
    counts = summary(cleaned, table)
    assert counts["kept"] + counts["flagged"] == counts["values"] == len(table)


def summary(cleaned, table):
    """The summary of a cleaned run, of which the ingest read `table`."""
    return summary_of(cleaned, {"run": "r", "values": len(table)}, ["loss", "eval"])


def test_the_summary_counts_by_rule_and_names_the_ends_of_what_is_kept():
    table = log([1, 2, 2, 3, 4], [4, NAN, 3, 2, NAN])
    row = summary(clean(table, warm_up_steps=2), table)
    assert (row["values"], row["kept"], row["flagged"]) == (5, 2, 3)
    assert {rule: row[rule] for rule in RULES} == dict.fromkeys(RULES, 0) | {
        "non_finite": 2,
        "duplicate_step": 1,
        "warm_up": 1,
        "divergence": 1,  # it ends in NaN
    }
    assert (row["first_step"], row["last_step"], row["last_tokens"]) == (2, 3, 300)
    assert np.isnan(row["last_compute_pflop_s_days"])
    assert (row["final_loss"], row["without"]) == (2, "eval")
    assert (row["divergence_step"], row["divergence_tokens"]) == (4, 400)


def test_where_nothing_at_all_is_kept_nothing_is_counted_as_kept():
    table = log([1, 2], [NAN, NAN])
    row = summary(clean(table), table)
    assert (row["values"], row["kept"], row["flagged"], row["without"]) == (2, 0, 2, "loss;eval")
    assert np.isnan(row["last_step"])


def test_a_run_that_cannot_be_read_has_a_summary_all_the_same():
    row = summary(None, [])
    assert (row["kept"], row["flagged"], row["digest"]) == (0, 0, "")


def test_a_value_lost_between_ingest_and_clean_is_an_error():
    table = log([1, 2, 3], [4, 3, 2])
    with pytest.raises(AssertionError, match="lost"):
        summary(clean(table.iloc[:2]), table)


def test_a_digest_tells_logs_apart_by_metric_step_tokens_and_value():
    def digest(*arguments, **more):
        return summary(*2 * [clean(log(*arguments, **more))])["digest"]

    own = digest([1, 2, 3], [4, 3, 2])
    assert own == digest([1, 2, 3], [4, 3, 2], segments=[0, 0, 1])
    others = [
        digest([1, 2, 4], [4, 3, 2], tokens=[100, 200, 300]),
        digest([1, 2, 3], [4, 3, 2], tokens=[100, 200, 400]),
        digest([1, 2, 3], [4, 3, 1]),
        digest([1, 2, 3], [4, 3, 2], metric="eval"),
    ]
    assert len({own, *others}) == 5
    # Two different values are a coincidence.
    assert digest([1, 2, 3], [4, 3, 4]) == digest([1], [2]) == digest([1, 2], [4, NAN]) == ""


@pytest.mark.parametrize("places", [[0], [100], [197, 198, 199], [0, 50, 51, 199]])
def test_a_logged_loss_of_0_is_no_loss_and_spoils_no_other(places):
    """Columns are filled up with 0: as a best level it would make of all that follows a rise."""
    values = smooth()
    values[places] = 0
    cleaned = clean(log(range(1, 201), values))
    assert reasons(cleaned) == [(place + 1, "non_finite") for place in places]
