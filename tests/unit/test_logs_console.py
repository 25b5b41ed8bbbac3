"""What training programs print: broken, glued and coloured records; losses that are not printed."""

import json
from pathlib import Path

import numpy as np
import pytest
from isoloss.logs import Log, LogError, expressions, read


def log_of(folder: Path, lines: list[str], **mapping: object) -> Log:
    path = folder / "log"
    path.write_text("\n".join(lines) + "\n")
    return read(path, **{"max_bad_fraction": 1.0, **mapping})  # type: ignore[arg-type]


def megatron(step: int, loss: str | None = "2.5E+00", skipped: int = 0, nan: int = 0) -> str:
    printed = "" if loss is None else f" lm loss: {loss} |"
    return (
        f" [2025-10-09 08:53:{step % 60:02d}.5] iteration {step:8d}/    2000 | consumed samples:"
        f" {step * 128:12d} | elapsed time per iteration (ms): 930.0 | learning rate: 3.0E-06 |"
        f" global batch size:   128 |{printed} loss scale: 1.0 | grad norm: 0.430 | number of"
        f" skipped iterations: {skipped:3d} | number of nan iterations: {nan:3d} |"
    )


def nanogpt(step: int) -> str:
    return f"iter {step}: loss {8 / step:.4f}, time 916.34ms, mfu 41.20%"


def llmc(step: int) -> str:
    return f"step {step:4d}/2000 | loss {8 / step:.6f} (+nanz)| norm 0.6 (+0.1z)| lr 3e-06 | 930 ms"


def llmc_main(step: int) -> str:
    return f"s:{step - 1} trl:{8 / step:.4f} lr:0.000003 norm:0.63"


def torchtitan(step: int, colour: bool = True) -> str:
    red, green, blue, end = ("\x1b[31m", "\x1b[32m", "\x1b[34m", "\x1b[39m") if colour else [""] * 4
    return (
        f"[titan] 2025-10-10 08:53:20,906 - root - INFO - {red}step: {step:2}  {green}loss: "
        f"{8 / step:8.5f}  {blue}grad_norm:  0.6338  {end}memory: 38.21GiB(48.31%)  tps: 35,234"
    )


def litgpt(step: int) -> str:
    return f"Epoch 1 | iter {step * 4} step {step} | loss train: {8 / step:.3f}, val: n/a | iter"


def composer(step: int) -> str:
    return f"[metric][batch={step - 1}]: loss/train/total: {8 / step:.4f} "


def levanter(step: int) -> str:
    record = {"tracker": "json_logger", "event": "log", "step": step - 1}
    text = json.dumps(record | {"metrics": {"train/loss": 8 / step}})
    return f"2025-10-10 09:20:54,185 - 0 - levanter :: {text}"


LINES = {
    "nanogpt": nanogpt,
    "llmc": llmc,
    "llmc-main": llmc_main,
    "torchtitan": torchtitan,
    "litgpt": litgpt,
    "composer": composer,
    "levanter": levanter,
    "megatron": lambda step: megatron(step, f"{8 / step:.6E}"),
}
each_format = pytest.mark.parametrize("format", LINES)
STEPS = range(1, 61)


def assert_steps(log: Log, format: str, without: tuple[int, ...] = ()) -> None:
    steps = np.setdiff1d(STEPS, without)
    assert log.format == format
    np.testing.assert_array_equal(log.table["step"], steps)
    np.testing.assert_allclose(log.table["value"], 8 / steps, atol=6e-4)


@each_format
def test_text_between_records_is_passed_over(tmp_path: Path, format: str) -> None:
    lines = [LINES[format](s) for s in STEPS]
    lines[10:10] = ["saving checkpoint at iteration 10", "", "loss", "Traceback (most recent call)"]
    log = log_of(tmp_path, lines, format=format)
    assert_steps(log, format)
    assert log.quarantine.empty


@each_format
def test_glued_records_are_each_read(tmp_path: Path, format: str) -> None:
    lines = [LINES[format](s) for s in STEPS]
    lines[20:22] = [lines[20] + lines[21]]
    log = log_of(tmp_path, lines)
    if format in ("composer", "levanter", "llmc-main"):
        # Nothing says where such a record ends: both are broken.
        kept = tuple(s for s in (21, 22) if s not in set(log.table["step"]))
        assert len(log.quarantine) == 1
    else:
        kept = ()
        assert log.quarantine.empty
    assert_steps(log, format, kept)


@each_format
def test_a_record_that_is_cut_is_quarantined(tmp_path: Path, format: str) -> None:
    lines = [LINES[format](s) for s in STEPS]
    cut = {"composer": 20, "llmc-main": 7, "llmc": 20, "nanogpt": 18, "litgpt": 45}.get(format, 80)
    lines[30] = lines[30][:cut]
    log = log_of(tmp_path, lines)
    assert_steps(log, format, (31,))
    assert list(log.quarantine["offset"]) == [31]
    assert log.quarantine["head"][0].encode().decode("unicode_escape") == lines[30]


@each_format
def test_a_torn_last_record_is_a_note(tmp_path: Path, format: str) -> None:
    lines = [LINES[format](s) for s in STEPS]
    (tmp_path / "log").write_text("\n".join(lines)[: -len(lines[-1]) + 12])
    log = read(tmp_path / "log", max_bad_fraction=0)
    assert_steps(log, format, (60,))
    assert any("line 60, the last, is torn" in note for note in log.notes)


def test_colour_codes_make_no_difference(tmp_path: Path) -> None:
    coloured = log_of(tmp_path, [torchtitan(s) for s in STEPS])
    plain = log_of(tmp_path, [torchtitan(s, colour=False) for s in STEPS])
    assert coloured.table.equals(plain.table)


def test_a_loss_that_megatron_does_not_print_is_nan(tmp_path: Path) -> None:
    lines = [
        megatron(s, None if s in (3, 5) else "2.5E+00", nan=s == 5, skipped=s == 5) for s in STEPS
    ]
    log = log_of(tmp_path, lines)
    assert list(log.table["step"][log.table["value"].isna()]) == [3, 5]
    assert "the log counts 1 NaN losses" in " ".join(log.notes)


@pytest.mark.parametrize("loss", [None, "0.000000E+00"])
def test_a_skipped_update_has_no_loss(tmp_path: Path, loss: str | None) -> None:
    lines = [megatron(s, loss if s == 4 else "2.5E+00", skipped=s == 4) for s in STEPS]
    log = log_of(tmp_path, lines)
    np.testing.assert_array_equal(log.table["step"], np.setdiff1d(STEPS, [4]))
    assert (log.table["value"] == 2.5).all()
    assert "the log counts 1 skipped updates" in " ".join(log.notes)


def test_a_damaged_name_is_no_missing_loss(tmp_path: Path) -> None:
    lines = [megatron(s) for s in STEPS]
    lines[9] = lines[9].replace("lm loss", "lm lnss")
    log = log_of(tmp_path, lines)
    assert list(log.quarantine["offset"]) == [10]
    assert not log.table["value"].isna().any()


def test_megatron_deepspeed(tmp_path: Path) -> None:
    lines = [
        f" iteration {s:8d}/     500 | consumed samples: {s * 16:12d} | consumed tokens: "
        f"{s * 32768:12d} | elapsed time per iteration (s): 1.53 | learning rate: 1.0E-05 | global "
        f"batch size:    16 | lm loss: {8 / s:.6E} | grad norm: 1.0 | num zeros: 0.0 | number of "
        "skipped iterations:   0 | number of nan iterations:   0 | TFLOPs: 44.3 |"
        for s in range(10, 201, 10)
    ]
    log = log_of(tmp_path, lines)
    np.testing.assert_array_equal(log.table["tokens"], log.table["step"] * 32768)
    assert set(log.table["aggregation"]) == {"window_mean(10)"}


def test_the_given_batch_wins_over_the_printed_one_with_a_note(tmp_path: Path) -> None:
    lines = ["tokens per iteration will be: 491,520", *map(nanogpt, STEPS)]
    printed, given = log_of(tmp_path, lines), log_of(tmp_path, lines, tokens_per_step=10)
    assert printed.table["tokens"].iloc[-1] == 60 * 491_520
    assert given.table["tokens"].iloc[-1] == 600
    assert any("tokens_per_step 491,520; the given 10 is used" in note for note in given.notes)


def test_a_printed_batch_that_is_cut_is_not_used(tmp_path: Path) -> None:
    lines = ["tokens per iteration will be: 491,52", *map(nanogpt, STEPS)]
    assert log_of(tmp_path, lines).table["tokens"].isna().all()


def test_olmo_core(tmp_path: Path) -> None:
    lines = []
    for s in range(1, 40):
        lines += [
            f"2025-01-01 00:00:{s:02d}.123\thost:0\ttrain:45\tINFO\t[step={s}/99,epoch=1,eta=1h]",
            "    optim/LR (group 0)=0.0003",
            f"    train/CE loss={8 / s:.4g}",
            f"    throughput/total tokens={s * 4096:,}",
        ]
    lines[6] = "    train/CE loss=8x0"
    log = log_of(tmp_path, lines)
    steps = np.setdiff1d(np.arange(1, 40), [2])
    assert log.format == "olmo"
    np.testing.assert_array_equal(log.table["step"], steps)
    np.testing.assert_array_equal(log.table["tokens"], steps * 4096)
    assert list(log.quarantine["offset"]) == [7]


def test_a_trainer_state_that_is_cut_off_is_read_to_there(tmp_path: Path) -> None:
    history = [{"epoch": 0.1, "loss": 8 / s, "step": s} for s in range(1, 100)]
    state = {"best_metric": None, "global_step": 99, "log_history": history, "logging_steps": 1}
    text = json.dumps(state, indent=2)
    path = tmp_path / "trainer_state.json"
    path.write_text(text[: len(text) // 2])
    log = read(path, max_bad_fraction=0)
    n = len(log.table)
    assert 40 < n < 60
    np.testing.assert_array_equal(log.table["value"], 8 / np.arange(1, n + 1))
    assert text.split("\n")[log.table["offset"].iloc[3] - 1] == "    {"
    assert any("ends at line" in note for note in log.notes)


def test_checkpoints_of_an_attempt_that_was_given_up_are_a_segment(tmp_path: Path) -> None:
    def write(name: str, steps: range, low: float) -> None:
        history = [{"loss": (8 if s <= 50 else low) / s, "step": s} for s in steps]
        state = {"best_metric": None, "global_step": 9, "log_history": history}
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text(json.dumps(state))

    write("checkpoint-50", range(1, 51), 8)
    write("checkpoint-70", range(1, 71), 7)
    write("checkpoint-90", range(1, 91), 9)
    log = read(tmp_path)
    assert list(log.table["segment"]) == [0] * 20 + [1] * 90
    assert list(log.table["step"]) == [*range(51, 71), *range(1, 91)]


def test_a_format_that_a_file_is_not_of_gives_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nothing in it is of format nanogpt"):
        log_of(tmp_path, [megatron(s) for s in STEPS], format="nanogpt")


@pytest.mark.parametrize(
    ("expression", "certain"),
    [
        (r"^step \d+/\d+ loss: ", (" loss: ",)),
        (r"^(?:iter \d+: loss |val \d+: x)", (": loss ", "val ")),
        (r"\d+ (?:loss)?", (" ",)),
        (r"(?:loss|\d+)", ()),
        (r"one\ntwo.", ("one",)),
        (r"\d+", ()),
    ],
)
def test_texts_without_which_an_expression_cannot_match(expression, certain):
    assert expressions.words(expression) == certain
