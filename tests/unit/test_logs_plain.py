"""CSV, JSON lines and Parquet, whole and damaged; expected counts are those of the damage done."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import Log, LogError, read

N = 3000
LOSS = np.round(2 + 9 * np.arange(1, N + 1) ** -0.3, 6)


def csv_lines(delimiter: str = ",", decimal: str = ".") -> list[str]:
    rows = [f"{step}{delimiter}{step * 1000}{delimiter}{loss}" for step, loss in enumerate(LOSS, 1)]
    return [f"step{delimiter}tokens{delimiter}loss", *(row.replace(".", decimal) for row in rows)]


def json_lines() -> list[str]:
    return [
        json.dumps({"step": step, "tokens": step * 1000, "loss": float(loss)})
        for step, loss in enumerate(LOSS, 1)
    ]


def log_of(folder: Path, lines: list[str] | bytes, **mapping: object) -> Log:
    path = folder / "log"
    path.write_bytes(
        lines if isinstance(lines, bytes) else "".join(f"{x}\n" for x in lines).encode()
    )
    return read(path, **{"max_bad_fraction": 1.0, **mapping})  # type: ignore[arg-type]


def assert_whole(log: Log, without: tuple[int, ...] = ()) -> None:
    """Every step is there with its loss and its tokens, but those of the lines that were broken."""
    steps = np.setdiff1d(np.arange(1, N + 1), without)
    np.testing.assert_array_equal(log.table["step"], steps)
    np.testing.assert_array_equal(log.table["value"], LOSS[steps - 1])
    np.testing.assert_array_equal(log.table["tokens"], steps * 1000)


@pytest.mark.parametrize("lines", [csv_lines(), json_lines()], ids=["csv", "jsonl"])
def test_a_whole_log_gives_every_value_with_its_line(tmp_path: Path, lines: list[str]) -> None:
    log = log_of(tmp_path, lines)
    assert_whole(log)
    header = len(lines) - N
    np.testing.assert_array_equal(log.table["offset"], np.arange(N) + 1 + header)
    assert set(log.table["tokens_from"]) == {"log"}
    assert log.quarantine.empty
    assert log.notes == ()
    assert list(log.table.columns) == [
        "run",
        "segment",
        "source",
        "offset",
        "step",
        "tokens",
        "compute_pflop_s_days",
        "metric",
        "value",
        "wall_time_s",
        "aggregation",
        "digits",
        "tokens_from",
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_broken_lines_are_quarantined_and_nothing_else(tmp_path: Path, kind: str) -> None:
    lines = csv_lines() if kind == "csv" else json_lines()
    header = len(lines) - N
    broken = (7, 1500, 2999)
    for step in broken:
        lines[step - 1 + header] = lines[step - 1 + header][:4]
    log = log_of(tmp_path, lines)
    assert_whole(log, broken)
    assert list(log.quarantine["offset"]) == [step + header for step in broken]
    assert list(log.quarantine["head"]) == [lines[step - 1 + header] for step in broken]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_too_many_broken_lines_are_one_error(tmp_path: Path, kind: str) -> None:
    lines = csv_lines() if kind == "csv" else json_lines()
    lines[10:14] = ["@"] * 4
    with pytest.raises(
        LogError, match=r"4 of 3000 records cannot be read, more than .* 0.001 .* 11"
    ):
        log_of(tmp_path, lines, max_bad_fraction=1e-3)


@pytest.mark.parametrize("lines", [csv_lines(), json_lines()], ids=["csv", "jsonl"])
@pytest.mark.parametrize("cut", [3, 9, 14])
def test_a_torn_last_record_is_a_note(tmp_path: Path, lines: list[str], cut: int) -> None:
    data = "".join(f"{x}\n" for x in lines).encode()
    log = log_of(tmp_path, data[:-cut], max_bad_fraction=0)
    assert_whole(log, (N,))
    assert log.quarantine.empty
    assert len(log.notes) == 1
    assert f"line {len(lines)}, the last, is torn" in log.notes[0]


@pytest.mark.parametrize("lines", [csv_lines(), json_lines()], ids=["csv", "jsonl"])
def test_a_whole_last_record_without_a_line_end_is_read(tmp_path: Path, lines: list[str]) -> None:
    assert_whole(log_of(tmp_path, "\n".join(lines).encode()))


def test_glued_json_lines_are_two_records(tmp_path: Path) -> None:
    lines = json_lines()
    lines[99:101] = [lines[99] + lines[100]]
    log = log_of(tmp_path, lines)
    assert_whole(log)
    assert log.quarantine.empty
    assert list(log.table["offset"][98:103]) == [99, 100, 100, 101, 102]


def test_a_blank_line_beside_glued_ones_does_not_shift_the_line_numbers(tmp_path: Path) -> None:
    lines = json_lines()
    lines[99:101] = [lines[99] + lines[100], ""]
    log = log_of(tmp_path, lines)
    assert_whole(log)
    assert list(log.table["offset"][98:103]) == [99, 100, 100, 102, 103]


def test_glued_csv_rows_are_quarantined(tmp_path: Path) -> None:
    lines = csv_lines()
    lines[100:102] = [lines[100] + lines[101]]
    log = log_of(tmp_path, lines)
    assert_whole(log, (100, 101))
    assert list(log.quarantine["reason"]) == ["5 cells under a header of 3"]


@pytest.mark.parametrize("lines", [csv_lines(), json_lines()], ids=["csv", "jsonl"])
def test_nul_padding_is_left_out(tmp_path: Path, lines: list[str]) -> None:
    lines[50] = "\0" * 5000 + lines[50]
    lines.append("\0" * 4096)
    log = log_of(tmp_path, lines)
    assert_whole(log)
    assert log.quarantine.empty


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("lines", [csv_lines(), json_lines()], ids=["csv", "jsonl"])
def test_other_encodings_are_read(tmp_path: Path, lines: list[str], encoding: str) -> None:
    log = log_of(tmp_path, "".join(f"{x}\r\n" for x in lines).encode(encoding))
    assert_whole(log)
    assert log.quarantine.empty


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_are_read_where_commas_do_not_separate(
    tmp_path: Path, delimiter: str
) -> None:
    assert_whole(log_of(tmp_path, csv_lines(delimiter, ",")))
    assert_whole(log_of(tmp_path, csv_lines(delimiter)))


@pytest.mark.parametrize(
    ("delimiter", "cell"), [(",", '"3,14"'), (";", "1,234"), ("\t", "12,345"), (";", "1.234,5")]
)
def test_a_number_that_may_mean_two_things_is_quarantined(
    tmp_path: Path, delimiter: str, cell: str
) -> None:
    lines = csv_lines(delimiter)
    lines[20] = f"20{delimiter}20000{delimiter}{cell}"
    log = log_of(tmp_path, lines)
    assert_whole(log, (20,))
    assert log.quarantine["reason"].str.startswith("loss is no number").all()


def test_decimal_commas_under_a_comma_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"no log format|cells under a header"):
        log_of(tmp_path, csv_lines(",", ","), max_bad_fraction=1e-3)


def test_a_repeated_and_a_grown_header_go_on(tmp_path: Path) -> None:
    lines = csv_lines()
    lines[2000:] = ["step,tokens,loss,val_loss", *(f"{x},{x[-3:]}" for x in lines[2000:])]
    lines.insert(1000, lines[0])
    log = log_of(tmp_path, lines, metrics={"loss": "loss", "val": "val_loss"})
    assert len(log.table) == N + N - 1999
    loss = log.table[log.table["metric"] == "loss"]
    np.testing.assert_array_equal(loss["value"], LOSS)
    assert list(loss["offset"].iloc[[998, 999, 1998, 1999]]) == [1000, 1002, 2001, 2003]
    assert log.quarantine.empty
    assert "header is repeated or changed 2 times" in log.notes[0]


def test_rows_that_outgrow_their_header_are_quarantined(tmp_path: Path) -> None:
    lines = csv_lines()
    lines[11:21] = [f"{line},1.5" for line in lines[11:21]]
    log = log_of(tmp_path, lines)
    assert_whole(log, tuple(range(11, 21)))
    assert len(log.quarantine) == 10


@pytest.mark.parametrize("text", ["NaN", "nan", " nan ", "null", "None", "NULL", "N/A"])
def test_a_csv_cell_without_a_number_is_nan_and_a_blank_one_is_not_logged(
    tmp_path: Path, text: str
) -> None:
    log = log_of(tmp_path, ["step,tokens,loss", f"1,10,{text}", "2,20,", "3,30,1.5"])
    assert list(log.table["step"]) == [1, 3]
    assert np.isnan(log.table["value"][0])
    assert any("not finite in 1 rows, first at step 1" in note for note in log.notes)


@pytest.mark.parametrize("text", ["NaN", '"NaN"', '"nan"', "null", '"None"'])
def test_a_json_value_without_a_number_is_nan_and_a_missing_key_is_not_logged(
    tmp_path: Path, text: str
) -> None:
    lines = [f'{{"step": 1, "tokens": 10, "loss": {text}}}', '{"step": 2, "tokens": 20}']
    lines.append('{"step": 3, "tokens": 30, "loss": 1.5, "note": "x: null", "other": null}')
    log = log_of(tmp_path, lines)
    assert list(log.table["step"]) == [1, 3]
    assert np.isnan(log.table["value"][0])
    assert log.table["value"][1] == 1.5


def test_infinity_in_all_its_spellings(tmp_path: Path) -> None:
    spellings = ["inf", "Infinity", "-inf", "1.797e308", "-1.7976931348623157e308", "1e999"]
    log = log_of(tmp_path, ["step,tokens,loss", *(f"{i},1,{x}" for i, x in enumerate(spellings))])
    assert list(log.table["value"]) == [np.inf, np.inf, -np.inf, np.inf, -np.inf, np.inf]


def test_nested_json_has_dotted_names(tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {"step": s, "train": {"loss": s / 8, "aux": {"z": s / 4}}, "seen": {"tokens": s}}
        )
        for s in range(1, 100)
    ]
    lines.append('{"step": 100, "train": {"loss": 12.5}, "late": {"loss": 3.0}}')
    mapping = {"a": "train.loss", "b": "train.aux.z", "c": "late.loss"}
    log = log_of(tmp_path, lines, metrics=mapping, tokens="seen.tokens")
    counts = log.table.groupby("metric", observed=True).size()
    assert dict(counts) == {"a": 100, "b": 99, "c": 1}
    b = log.table[log.table["metric"] == "b"]
    np.testing.assert_array_equal(b["value"], b["step"] / 4)
    assert list(log.table["tokens"])[:4] == [1, 1, 2, 2]


def test_one_metric_a_line(tmp_path: Path) -> None:
    lines = []
    for s in range(1, 201):
        lines.append(json.dumps({"step": s, "name": "train/loss", "value": 8 / s}))
        lines.append(json.dumps({"step": s, "name": "tokens", "value": s * 50}))
        if s % 20 == 0:
            lines.append(json.dumps({"step": s, "name": "eval/loss", "value": 9 / s}))
    log = log_of(tmp_path, lines)
    loss, late = (log.table[log.table["metric"] == name] for name in ("loss", "eval_loss"))
    np.testing.assert_array_equal(loss["value"], 8 / np.arange(1, 201))
    np.testing.assert_array_equal(late["value"], 9 / np.arange(20, 201, 20))
    np.testing.assert_array_equal(log.table["tokens"], log.table["step"] * 50)


def test_a_column_that_changes_its_type_does_not_hide_the_others(tmp_path: Path) -> None:
    lines = json_lines()
    lines[::2] = [line.replace("{", '{"ckpt": "a", ') for line in lines[::2]]
    lines[1::2] = [
        line.replace("{", '{"ckpt": 3, "ok": true, "h": [1, 2], ') for line in lines[1::2]
    ]
    log = log_of(tmp_path, lines)
    assert_whole(log)
    assert log.quarantine.empty


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    loss = pd.array([1.5, None, 2.5], "Float64")
    frame = pd.DataFrame({"step": [1, 2, 3], "tokens": [5, 6, 7], "loss": loss, "name": "x"})
    frame.to_parquet(path)
    log = read(path)
    assert log.format == "parquet"
    assert list(log.table["step"]) == [1, 3]
    assert list(log.table["offset"]) == [1, 3]
    assert list(log.table["value"]) == [1.5, 2.5]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LogError, match="Parquet file is damaged"):
        read(path)


def test_the_chart_of_the_web_page_is_sampled(tmp_path: Path) -> None:
    names = ["Step", "a - train/loss", "a - train/loss__MIN", "a - train/loss__MAX"]
    rows = [",".join(f'"{x}"' for x in (s, 5 / s, 5 / s - (s == 9), 5 / s)) for s in range(1, 501)]
    log = log_of(tmp_path, [",".join(f'"{name}"' for name in names), *rows])
    assert log.format == "wandb-chart"
    np.testing.assert_array_equal(log.table["value"], 5 / np.arange(1, 501))
    assert set(log.table["aggregation"]) == {"sampled"}
    text = " ".join(log.notes)
    assert "exactly 500 points" in text
    assert "minimum and maximum differ" in text
    assert "sampled history" in text


CHART = [
    '"Step","a - loss","a - loss__MIN","b - x - loss","b - x - loss__MIN"',
    '"1","2","2","",""',
    '"2","1.5","1.5","3","3"',
]


def test_a_chart_of_several_runs_has_the_run_of_the_name(tmp_path: Path) -> None:
    first = log_of(tmp_path, CHART, run="a")
    assert list(first.table["value"]) == [2, 1.5]
    other = log_of(tmp_path, CHART, run="b - x")
    assert other.table[["step", "value"]].to_numpy().tolist() == [[2, 3]]


def test_a_chart_of_several_runs_asks_for_the_run_or_the_column(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"several runs: 'a' \(id a\), 'b - x' \(id b - x\); name"):
        log_of(tmp_path, CHART)
    with pytest.raises(LogError, match=r"no column 'loss' .* has Step, a - loss, b - x - loss"):
        log_of(tmp_path, CHART, run="c")
    named = log_of(tmp_path, CHART, run="c", metrics={"loss": "b - x - loss"})
    assert list(named.table["value"]) == [3]


def test_the_index_that_pandas_writes_needs_no_name(tmp_path: Path) -> None:
    log = log_of(tmp_path, [",step,tokens,loss", "0,1,10,2.5", "1,2,20,2.25", "2,3,30,2.125"])
    assert log.format == "csv"
    assert list(log.table["step"]) == [1, 2, 3]
    assert list(log.table["value"]) == [2.5, 2.25, 2.125]


def test_iterations_of_detectron2_count_from_0(tmp_path: Path) -> None:
    rows = [
        {"data_time": 0.01, "iteration": s, "lr": 0.1, "loss_mask": 0.5, "total_loss": 9 / (s + 1)}
        for s in (19, 39, 59)
    ]
    log = log_of(tmp_path, [json.dumps(row) for row in rows])
    assert log.format == "detectron2"
    assert log.table["step"].tolist() == [20, 40, 60]
    assert log.table["value"].tolist() == [9 / s for s in (20, 40, 60)]
    assert set(log.table["aggregation"]) == {"window_median(20)"}


def test_current_steps_are_steps(tmp_path: Path) -> None:
    rows = [{"current_steps": s, "total_steps": 9, "loss": 9 / s, "lr": 0.1} for s in (1, 2, 3)]
    rows.append({"current_steps": 3, "total_steps": 9, "loss": None, "percentage": 100.0})
    log = log_of(tmp_path, [json.dumps(row) for row in rows])
    assert list(log.table["step"]) == [1, 2, 3]


@pytest.mark.parametrize("digits", [3, 4, 5, 7])
def test_digits_are_those_that_are_printed(tmp_path: Path, digits: int) -> None:
    random = np.random.default_rng(digits)
    lines = [f"{s},{s},{2 + random.random():.{digits - 1}f}" for s in range(1, 400)]
    log = log_of(tmp_path, ["step,tokens,loss", *lines])
    assert set(log.table["digits"]) == {digits}
    assert any("significant digits" in note for note in log.notes) == (digits <= 4)


def test_full_precision_has_no_digits(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = [f"{s},{s},{np.float32(random.random()).item()!r}" for s in range(1, 400)]
    assert log_of(tmp_path, ["step,tokens,loss", *lines]).table["digits"].isna().all()


def test_a_named_column_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"log: no column 'los' for metric m; .*did you mean 'loss'"):
        log_of(tmp_path, csv_lines(), metrics={"m": "los"})
    with pytest.raises(LogError, match="no column 'tokns' for tokens"):
        log_of(tmp_path, csv_lines(), tokens="tokns")
    with pytest.raises(LogError, match="no column 'loss' for metric loss"):
        log_of(tmp_path, ["step,tokens,accuracy", "1,2,3"])


def test_tokens_come_from_samples_or_steps_if_not_from_the_log(tmp_path: Path) -> None:
    lines = ["step,seen,loss", "1,8,3.5", "2,16,2.5"]
    assert log_of(tmp_path, lines).table["tokens"].isna().all()
    by_step = log_of(tmp_path, lines, tokens_per_step=100)
    assert list(by_step.table["tokens"]) == [100, 200]
    assert set(by_step.table["tokens_from"]) == {"step x tokens_per_step"}
    by_sample = log_of(tmp_path, lines, samples="seen", sequence_length=10, tokens_per_step=7)
    assert list(by_sample.table["tokens"]) == [80, 160]
    assert set(by_sample.table["tokens_from"]) == {"samples x sequence_length"}


def test_compute_and_step_base_are_mapped(tmp_path: Path) -> None:
    lines = ["c,n,loss", "0.5,0,3.5", "0.75,1,2.5"]
    log = log_of(tmp_path, lines, compute="c", step="n", step_base=0)
    assert list(log.table["compute_pflop_s_days"]) == [0.5, 0.75]
    assert list(log.table["step"]) == [1, 2]


@pytest.mark.parametrize(
    "stamp", ["2025-10-10 08:53:20.5", "2025-10-10T08:53:20.5", "1760086400.5"]
)
@pytest.mark.parametrize("kind", ["csv", "csv;", "jsonl"])
def test_dates_become_seconds(tmp_path: Path, kind: str, stamp: str) -> None:
    text = stamp if stamp.startswith("1") or kind != "jsonl" else f'"{stamp}"'
    if kind == "jsonl":
        lines = [f'{{"step": {s}, "loss": 2.5, "time": {text}}}' for s in range(1, 99)]
    else:
        between = kind[3:] or ","
        lines = ["step,loss,time".replace(",", between)]
        lines += [f"{s},2.5,{text}".replace(",", between) for s in range(1, 99)]
    log = log_of(tmp_path, lines)
    assert len(log.table) == 98
    np.testing.assert_array_equal(log.table["wall_time_s"], 1760086400.5)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_column_of_text_that_only_might_be_of_use_is_left_out(tmp_path: Path, kind: str) -> None:
    if kind == "jsonl":
        lines = [f'{{"step": {s}, "loss": 2.5, "time": "{s} min"}}' for s in range(1, 99)]
    else:
        lines = ["step,loss,time", *(f"{s},2.5,{s} min" for s in range(1, 99))]
    log = log_of(tmp_path, lines, max_bad_fraction=0)
    assert len(log.table) == 98
    assert log.table["wall_time_s"].isna().all()
    assert any("column 'time' holds text" in note for note in log.notes)


def test_integers_above_what_a_double_holds_are_rounded(tmp_path: Path) -> None:
    log = log_of(tmp_path, [f'{{"step": 1, "loss": 1, "tokens": {2**53 + 1}}}'])
    assert log.table["tokens"][0] == 2**53


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_histories_of_weights_and_biases(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame(
        {
            "_step": range(10_000),
            "_timestamp": 1.76e9 + np.arange(10_000),
            "train/loss": 5 / np.arange(1, 10_001),
            "train/global_step": np.arange(1, 10_001),
        }
    )
    path = tmp_path / "history"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_parquet(path)
    log = read(path)
    assert log.format == kind
    np.testing.assert_allclose(log.table["value"] * log.table["step"], 5, rtol=1e-9)
    assert log.table["wall_time_s"].iloc[0] == 1.76e9
    assert any("exactly 10,000 points" in note for note in log.notes)


def with_loss(cells: dict[int, str], **keys: str) -> list[str]:
    """JSON lines in which some losses are other cells, and to which keys are added."""
    added = "".join(f', "{key}": {cell}' for key, cell in keys.items())
    return [
        f'{{"step": {step}, "tokens": {step * 1000}, "loss": {cells.get(step, loss)}{added}}}'
        for step, loss in enumerate(LOSS, 1)
    ]


@pytest.mark.parametrize("bad", [range(1, 301), range(900, 1200), range(2500, 2510)])
@pytest.mark.parametrize("cell", ['"warm"', "{}", '"1e"'])
def test_words_among_numbers_go_to_the_quarantine_wherever_they_stand(tmp_path, bad, cell):
    log = log_of(tmp_path, with_loss(dict.fromkeys(bad, cell)))
    if cell == "{}":  # an object without keys logs nothing
        assert log.quarantine.empty
    else:
        assert log.quarantine["offset"].tolist() == list(bad)
    assert_whole(log, tuple(bad))


@pytest.mark.parametrize("cell", ['"loss"', "true"])
def test_a_column_of_words_is_not_used(tmp_path, cell):
    log = log_of(tmp_path, with_loss({}, train_loss=cell), metrics={"loss": "train_loss"})
    assert log.table.empty
    assert [note.split(": ", 1)[1] for note in log.notes] == [
        "column 'train_loss' holds text and is not used"
    ]
    assert_whole(log_of(tmp_path, with_loss({}, train_loss=cell)))


@pytest.mark.parametrize("size", [50, N])
def test_times_as_text_are_read_in_seconds(tmp_path, size):
    lines = with_loss({}, time='"1970-01-01T00:01:00"')[:size]
    log = log_of(tmp_path, lines)
    np.testing.assert_array_equal(log.table["wall_time_s"], np.full(size, 60.0))


@pytest.mark.parametrize("late", [20, 400, 2000])
def test_keys_that_come_late_are_read(tmp_path, late):
    lines = json_lines()
    lines[late:] = [
        line.replace("{", '{"val_loss": 2.5, "x": {"y": [1]}, ', 1) for line in lines[late:]
    ]
    log = log_of(tmp_path, lines)
    counts = log.table.groupby("metric", observed=True)["value"].count()
    assert counts.to_dict() == {"loss": N, "eval_loss": N - late}


def test_a_metric_a_line_is_known_by_its_name(tmp_path):
    lines = [f'{{"step": {s}, "name": "loss", "value": {loss}}}' for s, loss in enumerate(LOSS, 1)]
    np.testing.assert_array_equal(log_of(tmp_path, lines).table["value"], LOSS)
    lines = [f'{{"step": {s}, "name": "a", "loss": {loss}}}' for s, loss in enumerate(LOSS, 1)]
    np.testing.assert_array_equal(log_of(tmp_path, lines).table["value"], LOSS)


@pytest.mark.parametrize(
    ("cells", "digits"),
    [
        ("{:.4f}", 5),
        ("{:.13f}", 14),
        ("{:.14f}", None),
        ("{:.17f}", None),
        ("{:.6e}", 7),
    ],
)
def test_the_digits_of_a_metric_are_those_of_most_of_its_values(tmp_path, cells, digits):
    loss = 2 + np.random.default_rng(0).random(500)
    lines = [f'{{"step": {s}, "loss": {cells.format(x)}}}' for s, x in enumerate(loss, 1)]
    assert log_of(tmp_path, lines).table["digits"].fillna(0).eq(digits or 0).all()
