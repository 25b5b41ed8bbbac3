"""Statements about the curves of runs, and how many there are of each reader of the papers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claimed import HEADLINES, NO_MULTIPLIERS, evidence, points, published
from isoloss.claims.claims import claims
from isoloss.claims.runs import on_compute
from isoloss.units import PFLOP_S_DAY

LAWS = {"old": (2.5, 0.06), "new": (2.45, 0.06)}
POINTS = points(LAWS, own=1e-6)


def logs(bump=0.0, high=1.0):
    """Curves that come down to their run's point; and up again by `bump` at three fifths."""
    rows = []
    for point in POINTS.itertuples():
        x = np.linspace(0, 1, 60)  # of the way in log compute, over a factor 20
        log_loss = np.log(point.loss) + high * (1 - x) ** 3 * 0.5 + bump * (x > 0.6)
        tokens = point.compute_pflop_s_days * PFLOP_S_DAY / 1e10 * 20 ** (x - 1)
        part = {"run": point.run, "metric": "loss", "tokens": tokens, "value": np.exp(log_loss)}
        rows.append(pd.DataFrame(part).assign(compute_pflop_s_days=np.nan, kept=True))
    return rows


def flops():
    runs = POINTS["run"].unique()
    return pd.DataFrame(
        {"run": runs, "convention": "x", "flop_per_token": 1e10, "conversion": np.nan}
    )


def row(made=None, **claim):
    """The row of one claim about made-up curves."""
    ours = replace(evidence(POINTS), curves=on_compute(logs() if made is None else made, flops()))
    entry = {"place": "here", "metric": "loss"} | claim
    sections = {"source": "Paper", "curves": [entry]}
    of = claims(sections, ours, NO_MULTIPLIERS, None, None, baseline="old", headline="x")
    return of.iloc[0]


@pytest.mark.parametrize(
    ("claim", "outcome", "words"),
    [
        ({"of": "number", "low": "12", "high": "12"}, "reproduced", "curves 12 to 12"),
        ({"of": "number", "low": "5", "high": "6"}, "differs", "differs from ours, 12"),
        ({"of": "number", "arm": "new", "low": "5", "high": "6"}, "reproduced", ""),
        ({"of": "falls"}, "reproduced", "12 of 12"),
        ({"of": "flattens"}, "reproduced", "curves all flatten"),
        ({"of": "loss", "compute": 1, "low": "2.3", "high": "4.2"}, "reproduced", "0 of 10"),
        ({"of": "loss", "compute": 1, "low": "2.4", "high": "2.9"}, "differs", "lie outside"),
        ({"of": "loss", "compute": 100, "low": "1", "high": "9"}, "not testable", "no curve"),
        ({"of": "law", "from": 15, "to": 16, "within": 0.01}, "reproduced", "2 of 2"),
        ({"of": "law", "from": 4, "to": 16, "within": 0.01}, "differs", "of 6"),
        ({"of": "law", "from": 40, "to": 60, "within": 0.01}, "not testable", "no curve is logged"),
    ],
)
def test_curves_are_counted(claim, outcome, words):
    found = row(**claim)
    assert found["verdict"] == outcome, found["sentence"]
    assert words in found["sentence"]


def test_the_loss_of_a_curve_is_read_between_its_rows_and_of_runs_that_pass():
    found = row(of="loss", compute=1.0, low="1", high="9")
    at = [
        np.interp(0.0, np.log(log["tokens"] * 1e10 / PFLOP_S_DAY), log["value"])
        for log in logs()
        if log["tokens"].iloc[0] * 1e10 <= PFLOP_S_DAY <= log["tokens"].iloc[-1] * 1e10 * 1.0000001
    ]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([min(at), max(at)])


def test_a_curve_that_rises_or_steepens_is_seen():
    assert row(logs(bump=0.4), of="falls")["verdict"] == "differs"
    assert row(logs(high=-0.1), of="flattens")["verdict"] == "differs"


def test_curves_that_come_together_are_told_from_those_that_part():
    together = {"of": "converges", "from": 0.8, "to": 7.9}
    assert row(**together)["verdict"] == "reproduced"
    assert row(**together | {"from": 7.9, "to": 0.8})["verdict"] == "differs"


def test_only_curves_that_pass_both_places_come_together_or_part():
    """Those of large runs lie lower: fewer of them at the end would pass for coming together."""
    for first, last in ((0.1, 7.9), (0.7, 15.9)):  # no run passes both; those of the largest size
        found = row(of="converges", **{"from": first, "to": last})
        assert found["verdict"] == "not testable"
        assert "fewer than 3 curves pass both places" in found["sentence"]
    assert row(of="converges", **{"from": 0.85, "to": 15.9})["verdict"] == "not testable"
    assert row(of="converges", **{"from": 0.85, "to": 7.9})["verdict"] == "reproduced"


@pytest.mark.parametrize("of", ["falls", "flattens"])
def test_a_curve_with_too_few_values_in_a_part_is_not_told(of):
    """Logged evenly in tokens over three decades, one value lies in the first half."""

    def even(log):
        last = log.iloc[-1]
        tokens = np.r_[1e-3, np.linspace(0.5, 1, 12)] * last["tokens"]
        value = last["value"] * (tokens / last["tokens"]) ** -0.06
        return pd.DataFrame({**last, "tokens": tokens, "value": value})

    sparse = [even(log) for log in logs()]
    found = row(sparse, of=of)
    assert found["verdict"] == "not testable"
    assert "no curve is logged closely enough there" in found["sentence"]
    some = row([*logs()[:-1], sparse[-1]], of=of)
    assert (some["verdict"], some["note"]) == ("reproduced", "11 of 11, 1 not told")


def test_a_value_that_is_no_loss_is_in_no_curve():
    broken = [log.assign(value=log["value"].where(log.index != 30, 0.0)) for log in logs()]
    assert row(broken, of="falls")["verdict"] == "reproduced"


def test_logged_compute_is_converted_and_else_counted():
    (log, *_) = logs()
    logged = log.assign(compute_pflop_s_days=np.arange(60.0))
    made = on_compute([logged], flops().assign(conversion=2.0))
    assert made["compute"].tolist() == [2.0 * i for i in range(60)]
    made = on_compute([log], flops())
    assert made["compute"].to_numpy() == pytest.approx(log["tokens"] * 1e10 / PFLOP_S_DAY)


def test_without_logs_or_without_the_metric_there_are_no_curves():
    assert on_compute([], flops()) is None
    assert "no curves" in row([], of="falls")["sentence"]
    other = [log.assign(metric="other") for log in logs()]
    assert "the logs of old have no curves in loss" in row(other, of="falls")["sentence"]
    dropped = [log.assign(kept=False) for log in logs()]
    assert row(dropped, of="falls")["verdict"] == "not testable"


READERS = ("first", "second", "third", "fourth", "fifth")


def said_by(reader):
    """Entries of published.yaml that a reader of the figures said."""
    entries = [
        entry["place"]
        for study in HEADLINES
        for section in published(study).values()
        if isinstance(section, list)
        for entry in section
        if isinstance(entry, dict)
    ]
    told = [place for place in entries if "reading" in place]
    shared = "readings of Figure 5"  # by all three
    return sum(reader in place or (place == shared and READERS.index(reader) < 3) for place in told)


COUNTS = list(zip(READERS, (16, 24, 24, 34, 47), strict=True))


@pytest.mark.parametrize(("reader", "count"), COUNTS)
def test_every_statement_of_the_readings_that_data_decide_is_a_claim(reader, count):
    """Counted by hand, statement by statement; MoBA's are held against both panels."""
    assert said_by(reader) == count
