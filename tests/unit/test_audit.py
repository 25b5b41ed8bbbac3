"""Logs with a wrong axis, as tools leave them: each is doubted, and no sound log is."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from isoloss.cleaning.quality import quality
from isoloss.cleaning.settings import Cleaning, Quality
from isoloss.cleaning.shard import shard
from isoloss.logs.settings import Reading
from sections import section

Checked = Callable[..., Mapping[str, Any]]
NOW = 1_767_225_600  # 1 January 2026


def loss(step: float, level: float = 2.0) -> float:
    """A curve with the noise of a batch, the same in every test."""
    noise = np.random.default_rng(int(step) + 7).normal(0, 0.01)
    return round(level + 6 * (step + 1) ** -0.3 + noise, 6)


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """The quality row of a run whose log is these files: `log` -> text, or rows of JSON lines."""

    def check(
        files: Mapping[str, Any] | Any, column: str | None = None, **options: Any
    ) -> Mapping[str, Any]:
        files = files if isinstance(files, dict) else {"log": files}
        for name, content in files.items():
            path = tmp_path / "run" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, str):
                content = "".join(json.dumps(row) + "\n" for row in content)
            path.write_text(content)
        run = {"run": "a", "arm": "base", "model": "10M", "log": "run"}
        run |= {k: options.pop(k) for k in ("tokens_per_step",) if k in options}
        settings = Reading(**section("log", **options)), Cleaning(**section("clean"))
        (got,) = shard([run], {"loss": column}, tmp_path, *settings)
        table = quality(
            pd.DataFrame([got.row]),
            [run],
            [],
            lambda _: pd.DataFrame(),
            exclude={},
            settings=Quality(**section("quality", copied_rows=0)),
        )
        found: Mapping[str, Any] = table.iloc[0].to_dict()
        assert ("axis" in found["findings"].split(";")) == bool(got.row["doubts"])
        assert not got.row["doubts"] or found["verdict"] != "ok"
        return found | {"doubts": got.row["doubts"]}

    return check


def plain(n: int = 300, start: int = 1, level: float = 2.0, **more: Any) -> list[dict[str, Any]]:
    """Rows with the tokens of each step, as a tidy logger writes them."""
    steps = range(start, start + n)
    return [{"step": s, "tokens": s * 4096, "loss": loss(s, level)} | more for s in steps]


def test_a_sound_log_has_no_doubt(checked: Checked) -> None:
    rows = [row | {"_timestamp": NOW + 0.5 * row["step"]} for row in plain()]
    assert checked(rows)["verdict"] == "ok"


def test_a_resume_and_another_rate_of_logging_are_no_doubt(checked: Checked) -> None:
    every = plain(200)[:100] + plain(600, 101)[::10]
    assert checked(every)["verdict"] == "ok"
    resumed = plain(300) + [row | {"loss": row["loss"] + 0.003} for row in plain(200, 271)]
    assert checked(resumed)["doubts"] == ""


def test_a_resume_from_before_a_divergence_is_no_doubt(checked: Checked) -> None:
    bad = plain(300)
    for row in bad[250:]:
        row["loss"] = 9.0
    assert checked(bad + plain(300, 241))["doubts"] == ""


def test_a_resume_on_the_steep_start_is_no_doubt(checked: Checked) -> None:
    assert checked(plain(60) + plain(300, 30))["doubts"] == ""


# Which column is the step


def test_a_column_that_competes_for_the_step_is_named(checked: Checked) -> None:
    rows = [{"step": s * 4, "global_step": s * 4 // 16, "loss": loss(s)} for s in range(1, 200)]
    found = checked(rows, tokens_per_step=4096)
    assert "counted from `step`, but `global_step` counts otherwise" in found["doubts"]
    assert checked(rows, step="step", tokens_per_step=4096)["verdict"] == "ok"


def test_columns_that_count_together_do_not_compete(checked: Checked) -> None:
    rows = [{"step": s + 1, "iter": s, "global_step": s + 1, "loss": loss(s)} for s in range(200)]
    assert checked(rows, tokens_per_step=4096)["doubts"] == ""


def test_what_competes_does_not_matter_where_tokens_are_logged(checked: Checked) -> None:
    rows = [row | {"global_step": row["step"] // 4} for row in plain()]
    assert checked(rows)["doubts"] == ""


def test_calls_of_wandb_log_are_no_steps(checked: Checked) -> None:
    # An export of a history: an evaluation, and the learning rate, have calls of their own.
    rows = [{"_step": 3 * s, "_timestamp": NOW + s, "loss": loss(s)} for s in range(1, 200)]
    found = checked(rows, tokens_per_step=4096)
    assert "counts calls of wandb.log" in found["doubts"]
    assert checked(rows, step="_step", tokens_per_step=4096)["verdict"] == "ok"


@pytest.mark.parametrize("extremes", [True, False])
def test_the_axis_of_a_chart_counts_calls_too(checked: Checked, extremes: bool) -> None:
    names = ["Step", "a - loss", *(["a - loss__MIN", "a - loss__MAX"] if extremes else [])]
    text = ",".join(f'"{name}"' for name in names) + "\n"
    for s in range(99):
        text += ",".join([str(3 * s), *[str(loss(s))] * (len(names) - 1)]) + "\n"
    found = checked(text, column="a - loss", tokens_per_step=4096)
    assert "counts calls of wandb.log" in found["doubts"]


@pytest.mark.parametrize(
    ("line", "step", "what"),
    [
        ("{pct}%|##  | {s}/400 [00:0{m}<00:09, 9.9it/s, loss={loss}]\r", "step", "batches of a"),
        (
            "Epoch 0: {pct}%|##  | {s}/400 [00:0{m}<00:09, 9.9it/s, v_num=0, train_loss={loss}]\r",
            "step",
            "batches of a",
        ),
        (
            "Epoch {s}/400\n9/9 [====] - 1s 9ms/step - loss: {loss} - val_loss: 3.1\n",
            "epoch",
            "epochs",
        ),
    ],
)
def test_bars_count_batches_and_keras_epochs(checked: Checked, line, step, what) -> None:
    text = "".join(
        line.format(pct=f"{s // 4:3d}", s=s, m=s % 10, loss=f"{loss(s):.4f}") for s in range(1, 400)
    )
    found = checked(text, tokens_per_step=4096)
    assert f"tokens are counted from `{step}`, which counts {what}" in found["doubts"]
    assert found["verdict"] != "ok"
    assert "which counts" not in checked(text, step=step, tokens_per_step=4096)["doubts"]


# Several runs or ranks


def test_a_step_that_starts_again_each_epoch(checked: Checked) -> None:
    rows = [
        {"epoch": epoch, "step": batch, "loss": loss(100 * epoch + batch)}
        for epoch in range(4)
        for batch in range(100)
    ]
    assert "starts again at 0 3 times" in checked(rows, tokens_per_step=4096)["doubts"]


def test_two_runs_in_one_file(checked: Checked) -> None:
    rows = [row | {"run": name} for name in "ab" for row in plain(level=2 + (name == "b"))]
    doubts = checked(rows)["doubts"]
    assert "the log goes back to its start, step 1" in doubts
    assert "tell them apart by column `run`" in doubts


def test_ranks_in_one_file(checked: Checked) -> None:
    rows = [row | {"rank": r} for row in plain(100) for r in range(4)]
    doubts = checked(rows)["doubts"]
    assert "75% of the values are at a step that has one already" in doubts
    assert "tell them apart by column `rank`" in doubts


def test_a_rewind_to_the_start(checked: Checked) -> None:
    assert "goes back to its start" in checked(plain(120) + plain(300))["doubts"]


def test_two_runs_in_a_folder_that_start_alike(checked: Checked) -> None:
    files = {"one.jsonl": plain(200), "two.jsonl": plain(300, level=2.4)}
    doubts = checked(files)["doubts"]
    assert "several files start at step 1" in doubts
    assert "one.jsonl, " in doubts
    assert "two.jsonl)" in doubts


def test_another_run_that_looks_like_a_resume(checked: Checked) -> None:
    # The log of the smaller model lost its start, as logs that are rotated do.
    files = {"one.jsonl": plain(300), "two.jsonl": plain(300, start=250, level=2.5)}
    doubts = checked(files)["doubts"]
    assert "is not where the loss was" in doubts
    assert "two.jsonl" in doubts
    same = {"two.jsonl": plain(300, start=250)}
    assert checked(same)["doubts"] == ""


def test_duplicates_below_a_fifth_are_a_resume(checked: Checked) -> None:
    assert checked(plain(300) + plain(300, 251))["doubts"] == ""
    assert "has one already" in checked(plain(300) + plain(150, 151))["doubts"]


# Tokens


def test_tokens_of_a_batch(checked: Checked) -> None:
    rows = [row | {"tokens": 524288} for row in plain()]
    assert "are 524,288 at every step" in checked(rows)["doubts"]


def test_tokens_of_batches_without_padding(checked: Checked) -> None:
    rows = [row | {"tokens": 500_000 + (row["step"] * 7919) % 5000} for row in plain()]
    assert "rise and fall" in checked(rows)["doubts"]


def test_tokens_of_batches_that_grow(checked: Checked) -> None:
    rows = [row | {"tokens": 2 ** (10 + row["step"] // 100)} for row in plain()]
    assert "stand still over steps" in checked(rows)["doubts"]


def test_tokens_in_billions(checked: Checked) -> None:
    rows = [row | {"tokens": row["tokens"] * 1e-9} for row in plain()]
    assert "fewer than one a step" in checked(rows)["doubts"]


# The grid


def test_a_hole_in_a_regular_log(checked: Checked) -> None:
    rows = [row for row in plain(1000)[::10] if not 400 < row["step"] < 600]
    assert "20 values are missing in 1 holes of a log with one every 10" in checked(rows)["doubts"]
    few = [row for row in plain(1000) if row["step"] not in (500, 700, 701)]
    assert checked(few)["doubts"] == ""


# Times


def test_times_in_mixed_units_are_made_seconds_and_doubted(checked: Checked) -> None:
    rows = [row | {"timestamp": NOW + row["step"]} for row in plain()]
    for row in rows[150:]:
        row["timestamp"] *= 1000  # the new version of a logger
    found = checked(rows)
    assert "in different units from row to row" in found["doubts"]
    assert "a second" not in found["doubts"]


def test_all_times_in_milliseconds_are_no_doubt(checked: Checked) -> None:
    rows = [row | {"timestamp": 1000 * (NOW + row["step"])} for row in plain()]
    assert checked(rows)["doubts"] == ""


def test_times_since_the_start_and_since_1970(checked: Checked) -> None:
    rows = [row | {"time": row["step"] + (NOW if row["step"] > 100 else 0)} for row in plain()]
    assert "cannot be compared" in checked(rows)["doubts"]


def test_tokens_that_no_machine_reaches(checked: Checked) -> None:
    rows = [row | {"tokens": row["step"] * 10**10, "time": NOW + row["step"]} for row in plain()]
    assert "1e+10 tokens a second: no machine" in checked(rows)["doubts"]


def test_steps_that_no_machine_reaches(checked: Checked) -> None:
    rows = [{"step": s * 10**5, "time": NOW + s, "loss": loss(s)} for s in range(1, 99)]
    assert "1e+05 steps a second" in checked(rows, tokens_per_step=2)["doubts"]


# Values


def test_a_metric_that_is_never_finite_has_the_wrong_column(checked: Checked) -> None:
    found = checked([row | {"loss": float("nan")} for row in plain()])
    assert found["findings"].split(";") == ["empty", "axis", "non_finite"]
    assert "loss is never finite in 300 values: is it the wrong column?" in found["doubts"]


def test_nulls_at_the_end_are_no_end_of_the_run(checked: Checked) -> None:
    rows = [row | {"lr": 0.1} for row in plain()]
    for row in rows[200:]:
        row["loss"] = None  # of a writer that knows no NaN
    doubts = checked(rows)["doubts"]
    assert "loss ends at step 200, but the log goes on to 300: is it null there" in doubts
    rows = plain() + [{"step": 301 + s, "lr": 0.1} for s in range(4)]
    assert checked(rows)["doubts"] == ""
