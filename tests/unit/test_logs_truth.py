"""Every format against the ground truth of one family of three training runs.

The files under tests/data/logs are cut from a larger corpus to a few steps around the interesting
places: the resume of `s1-resumed` (died after 1150, went on from 1000), the divergence of
`s2-diverged` (inf at 1599, NaN from 1600).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import Log, detect, read

DATA = Path(__file__).parents[1] / "data" / "logs"
RUNS = ("s0-clean", "s1-resumed", "s2-diverged")
BATCH = {"tokens_per_step": 262_144}


@dataclass(frozen=True)
class Case:
    """One format: its folder, the digits it prints, and what its own log does not say."""

    format: str
    folder: str
    digits: int | None = None
    eval_digits: int | None = None
    runs: tuple[str, ...] = RUNS
    mapping: Mapping[str, Any] = field(default_factory=dict)
    micro_batches: int = 1
    resumes: bool = True

    def log(self, run: str) -> Log:
        return read(DATA / self.folder / run, run=run, **self.mapping)


CASES = [
    Case("jsonl", "jsonl"),
    Case("csv", "csv"),
    Case("lightning", "lightning_csv"),
    Case("litgpt-csv", "litgpt_csv", runs=RUNS[1:], micro_batches=4),
    Case("litgpt", "litgpt_console", 4, 5, mapping=BATCH),
    Case("megatron", "megatron", 7, 7, runs=RUNS[1:]),
    Case("nanogpt", "nanogpt", 5, 5),
    Case("llmc", "llmc", 7, 7, mapping={"format": "llmc"}),
    Case("llmc-main", "llmc", 5, 5, mapping={"format": "llmc-main", **BATCH}),
    Case("torchtitan", "torchtitan", 6, 5, mapping=BATCH),
    Case("olmo", "olmo", 4, 4),
    Case("composer", "composer_filelogger", 5, 5),
    Case("levanter", "levanter_json"),
]
MEANS = [
    Case("huggingface", "hf_trainer", resumes=False),
    Case("megatron", "megatron", 7, 7, runs=RUNS[:1], resumes=False),
]


def each(cases: list[Case]) -> list[Any]:
    return [pytest.param(c, run, id=f"{c.format}-{run}") for c in cases for run in c.runs]


def truth(kind: str, run: str) -> pd.DataFrame:
    table = pd.read_csv(DATA / f"{kind}.csv")
    return table[table["run"] == run].reset_index(drop=True)


def rows(case: Case, run: str, metric: str) -> pd.DataFrame:
    table = case.log(run).table
    table = table[table["metric"] == metric].reset_index(drop=True)
    return table.assign(step=table["step"] / case.micro_batches)


def assert_equal(ours: pd.Series, true: pd.Series, digits: int | None) -> None:
    """Equal to half a unit of the last digit that is printed."""
    if digits is None:
        np.testing.assert_array_equal(ours, true)
    else:
        np.testing.assert_allclose(ours, true, rtol=0.501 * 10.0 ** (1 - digits))


@pytest.mark.parametrize(("case", "run"), each(CASES))
def test_the_last_value_at_each_step_is_the_true_loss(case: Case, run: str) -> None:
    last = rows(case, run, "loss").drop_duplicates("step", keep="last")
    both = last.merge(truth("truth", run), on="step", suffixes=("", "_true"))
    assert len(both) == len(last) > 5
    assert_equal(both["value"], both["loss"], case.digits)
    np.testing.assert_array_equal(both["tokens"], both["tokens_true"])


@pytest.mark.parametrize(("case", "run"), each(CASES + MEANS))
def test_evaluations_are_the_true_ones(case: Case, run: str) -> None:
    last = rows(case, run, "eval_loss").drop_duplicates("step", keep="last")
    both = last.merge(truth("truth_eval", run), on="step", suffixes=("", "_true"))
    assert len(both) == len(last) == len(truth("truth_eval", run))
    assert_equal(both["value"], both["eval_loss"], case.eval_digits)
    np.testing.assert_array_equal(both["tokens"], both["tokens_true"])


@pytest.mark.parametrize(("case", "run"), each(MEANS))
def test_means_over_windows_are_the_true_ones_and_say_so(case: Case, run: str) -> None:
    ours = rows(case, run, "loss")
    both = ours.merge(truth("truth_means_of_10", run), on="step")
    assert len(both) == len(truth("truth_means_of_10", run))
    np.testing.assert_allclose(both["value"], both["mean"], rtol=1e-6)
    assert set(ours["aggregation"]) == {"window_mean(10)"}
    assert any("mean over steps" in note for note in case.log(run).notes)


@pytest.mark.parametrize(
    "case", [c for c in CASES if "s1-resumed" in c.runs], ids=lambda c: c.format
)
def test_a_resume_keeps_what_it_supersedes_in_the_segment_before(case: Case) -> None:
    loss = rows(case, "s1-resumed", "loss")
    again = loss[loss.duplicated("step", keep="last")]
    assert set(loss["segment"]) == {0, 1}
    assert set(again["segment"]) == {0}
    both = again.merge(truth("truth_superseded", "s1-resumed"), on="step")
    assert len(both) == len(again) > 0
    assert_equal(both["value"], both["loss"], case.digits)


@pytest.mark.parametrize("case", [*CASES, MEANS[0]], ids=lambda c: c.format)
def test_a_run_that_diverged_says_so(case: Case) -> None:
    assert any(note.startswith("loss is not finite") for note in case.log("s2-diverged").notes)


@pytest.mark.parametrize(("case", "run"), each(CASES + MEANS))
def test_the_format_is_told_by_content(case: Case, run: str) -> None:
    log = case.log(run)
    assert log.format == case.format
    assert log.quarantine.empty
    if "format" not in case.mapping:
        assert detect(DATA / case.folder / run) == case.format


def test_copies_in_checkpoint_folders_are_read_once() -> None:
    log = read(DATA / "hf_trainer" / "s1-resumed")
    assert log.table["source"].nunique() == 1
    assert sum("read once" in note for note in log.notes) == 2


def test_two_logs_of_one_run_in_a_folder_are_read_once_and_said() -> None:
    log = read(DATA / "llmc" / "s0-clean")
    assert log.format == "llmc"
    assert any("main.log (llmc-main) is the same run again" in note for note in log.notes)
