"""Where a segment starts: a new file, a resume; and what is only out of order."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.logs import Log, read
from isoloss.logs.segments import resumes


def log_of(folder: Path, *files: list[int], names: str = "abcdef") -> Log:
    for name, steps in zip(names, files, strict=False):
        lines = [f"{s},{s * 10},{100 / s + 0.01 * len(steps)}" for s in steps]
        (folder / f"{name}.csv").write_text("\n".join(["step,tokens,loss", *lines]) + "\n")
    return read(folder)


def starts(steps: list[float]) -> tuple[list[int], int]:
    found, disorder = resumes(np.array(steps, float), np.zeros(len(steps), int))
    return found.tolist(), disorder


def test_steps_that_are_logged_again_are_a_resume() -> None:
    assert starts([1, 2, 3, 4, 5, 4, 5, 6]) == ([5], 0)
    assert starts([10, 20, 30, 20]) == ([3], 0)
    assert starts([1, 2, 3, 1, 2, 3, 2, 3]) == ([3, 6], 0)


def test_several_new_steps_below_the_largest_are_a_resume() -> None:
    assert starts([10, 20, 30, 40, 11, 21, 31, 41]) == ([4], 0)


def test_single_rows_that_go_back_are_disorder() -> None:
    assert starts([1, 4, 3, 5, 8, 7, 9]) == ([], 2)
    assert starts([1, 9, 4, 6, 10]) == ([], 2)


def test_unknown_steps_are_passed_over() -> None:
    nan = np.nan
    assert starts([1, 2, nan, 3, nan, 1, nan, 2]) == ([5], 0)
    assert starts([nan, nan]) == ([], 0)


def test_a_late_evaluation_is_no_resume() -> None:
    steps = np.array([1, 2, 3, 2, 4, 5, 6, 5, 7])
    metric = np.array([0, 0, 0, 1, 0, 0, 0, 1, 0])
    found, disorder = resumes(steps.astype(float), metric)
    assert found.tolist() == []
    assert disorder == 2


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), min_size=1, max_size=6),
    st.integers(1, 3),
)
def test_every_resume_of_a_run_logged_at_each_step_is_found(
    parts: list[tuple[int, int]], metrics: int
) -> None:
    """Each part goes back a few steps of those logged so far in the last part, and then on."""
    steps, expected, last, low = [0], [], 0, 0
    for back, on in parts:
        first = max(low, last - back) if last > low else last + 1
        if first <= last:
            expected.append(len(steps) * metrics)
            low = first
        steps += range(first, last + on + 1)
        last = steps[-1]
    metric = np.tile(np.arange(metrics), len(steps))
    found, disorder = resumes(np.repeat(steps, metrics).astype(float), metric)
    assert found.tolist() == expected
    assert disorder == 0


def test_files_are_ordered_by_their_content(tmp_path: Path) -> None:
    log = log_of(tmp_path, [5, 6, 7, 8], [1, 2, 3, 4, 5, 6], names="ab")
    assert list(log.table["step"]) == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8]
    assert list(log.table["segment"]) == [0] * 6 + [1] * 4
    assert log.table["source"].iloc[0] == (tmp_path / "b.csv").as_posix()


def test_a_run_started_anew_comes_after_the_one_that_died_sooner(tmp_path: Path) -> None:
    log = log_of(tmp_path, list(range(1, 50)), list(range(1, 20)))
    assert list(log.table.groupby("segment")["step"].max()) == [19, 49]


def test_wall_time_orders_files_before_steps_do(tmp_path: Path) -> None:
    for name, start in (("a", 1.7e9), ("b", 1.6e9)):
        lines = [f"{s},{s},{1 / s},{start + s}" for s in range(1, 9)]
        (tmp_path / name).write_text("\n".join(["step,tokens,loss,time", *lines]) + "\n")
    (tmp_path / "b").write_text((tmp_path / "b").read_text().replace("0.125", "0.5"))
    log = read(tmp_path)
    assert list(log.table["source"].unique()) == [(tmp_path / n).as_posix() for n in "ba"]


def test_a_copy_of_the_first_rows_is_read_once(tmp_path: Path) -> None:
    steps = list(range(1, 9))
    for name, n in (("a", 8), ("b", 5)):
        lines = [f"{s},{s},{1 / s}" for s in steps[:n]]
        (tmp_path / name).write_text("\n".join(["step,tokens,loss", *lines]) + "\n")
    log = read(tmp_path)
    assert list(log.table["step"]) == steps
    assert any("b repeats the first rows of" in note for note in log.notes)


def test_rows_out_of_order_are_kept_in_one_segment_and_counted(tmp_path: Path) -> None:
    log = log_of(tmp_path, [1, 5, 4, 6, 9, 8, 12])
    assert set(log.table["segment"]) == {0}
    assert list(log.table["step"]) == [1, 5, 4, 6, 9, 8, 12]
    assert any("2 rows go back and at once go on" in note for note in log.notes)


def test_tokens_tell_the_order_where_no_step_is_logged(tmp_path: Path) -> None:
    rows = [f"{t},{1 / t}" for t in (1, 2, 3, 4, 3, 4, 5)]
    (tmp_path / "log").write_text("\n".join(["tokens,loss", *rows]) + "\n")
    assert list(read(tmp_path).table["segment"]) == [0] * 4 + [1] * 3


@pytest.mark.parametrize("n", [100_000])
def test_many_rows_out_of_order_take_little_time(n: int) -> None:
    steps = np.arange(n, dtype=float)
    steps[1::2], steps[2::2] = steps[1::2] + 1.5, steps[2::2].copy()
    found, disorder = resumes(steps, np.zeros(n, int))
    assert len(found) == 0
    assert disorder == (n - 1) // 2
