"""Every format against the ground truth of one family of three training runs.

The files under tests/data/logs are cut from a larger corpus to a few steps around the interesting
places: the resume of `s1-resumed` (died after 1150, went on from 1000), the divergence of
`s2-diverged` (inf at 1599, NaN from 1600).
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import Log, detect, read

DATA = Path(__file__).parents[1] / "data" / "logs"
RUNS = ("s0-clean", "s1-resumed", "s2-diverged")
TOKENS_PER_STEP = 262_144


@dataclass(frozen=True)
class Case:
    folder: str
    digits: float = 17
    runs: tuple[str, ...] = RUNS
    mapping: dict[str, object] = field(default_factory=dict)


CASES = [Case("jsonl"), Case("csv")]
EACH = [pytest.param(case, run, id=f"{case.folder}-{run}") for case in CASES for run in case.runs]


def truth(kind: str, run: str) -> pd.DataFrame:
    table = pd.read_csv(DATA / f"{kind}.csv")
    return table[table["run"] == run].reset_index(drop=True)


def rows(log: Log, metric: str) -> pd.DataFrame:
    return log.table[log.table["metric"] == metric]


def logged(case: Case, run: str) -> Log:
    return read(DATA / case.folder / run, run=run, **case.mapping)  # type: ignore[arg-type]


def assert_digits(ours: pd.Series, true: pd.Series, digits: float) -> None:
    np.testing.assert_allclose(ours, true, rtol=0.5001 * 10 ** (1 - digits) if digits < 17 else 0)


@pytest.mark.parametrize(("case", "run"), EACH)
def test_the_last_value_at_each_step_is_the_true_loss(case: Case, run: str) -> None:
    last = rows(logged(case, run), "loss").drop_duplicates("step", keep="last")
    both = last.merge(truth("truth", run), on="step", suffixes=("", "_true"))
    assert len(both) == len(last) > 10
    assert_digits(both["value"], both["loss"], case.digits)
    np.testing.assert_array_equal(both["tokens"], both["tokens_true"])


@pytest.mark.parametrize(("case", "run"), EACH)
def test_evaluations_are_the_true_ones(case: Case, run: str) -> None:
    last = rows(logged(case, run), "eval_loss").drop_duplicates("step", keep="last")
    both = last.merge(truth("truth_eval", run), on="step")
    assert len(both) == len(last) == len(truth("truth_eval", run))
    assert_digits(both["value"], both["eval_loss"], case.digits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_a_resume_keeps_what_it_supersedes_in_the_segment_before(case: Case) -> None:
    loss = rows(logged(case, "s1-resumed"), "loss")
    again = loss[loss.duplicated("step", keep="last")]
    assert set(loss["segment"]) == {0, 1}
    assert set(again["segment"]) == {0}
    both = again.merge(truth("truth_superseded", "s1-resumed"), on="step")
    assert len(both) == len(again) > 0
    assert_digits(both["value"], both["loss"], case.digits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_a_run_that_diverged_says_so(case: Case) -> None:
    log = logged(case, "s2-diverged")
    assert any("not finite" in note for note in log.notes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_the_format_is_told_by_content(case: Case) -> None:
    for run in case.runs:
        assert logged(case, run).format == detect(DATA / case.folder / run)
