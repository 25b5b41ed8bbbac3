"""What `isoloss explain` says of a file, and that a study made of its words reads the log."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from isoloss.cli import main
from isoloss.logs import LogError, read
from isoloss.logs.explain import explain
from isoloss.logs.roles import candidates

HOME_MADE = """\
2026-01-05 10:00:00 INFO model: 12 layers
{lines}
Saving checkpoint 7 to disk
"""
LINES = "\n".join(
    f"2026-01-05 10:00:{s:02d} INFO iter {s}: Train Loss: {9 / s:.5f} - tokens={s * 1024}"
    f" (lr: 1e-4, {s * 1.5:.1f} it/s)"
    for s in range(1, 40)
)


def told(path: Path, **options: str) -> str:
    return "\n".join(explain(path, **options))


def block(text: str) -> dict:
    """The block that is to be pasted."""
    return yaml.safe_load(text.split("To paste into the study:\n\n")[1])


def test_a_log_of_no_format_is_read_by_the_block_that_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(HOME_MADE.format(lines=LINES))
    with pytest.raises(LogError, match=r"format `pairs` reads; see `isoloss explain .*run.log`"):
        read(path)
    text = told(path)
    assert "lines: 41; with a record: 40; broken: 0; with none: 1" in text
    assert "1 like 'Saving checkpoint N to disk', the first in line 41" in text
    assert re.search(r"iter +39  1, 2, 3  step: whole numbers from 1 to 39 that never fall", text)
    made = block(text)
    assert made == {
        "log": {"format": "pairs", "step": "iter", "tokens": "tokens"},
        "metrics": {"loss": {"column": "Train Loss"}},
    }
    log = read(path, **made["log"], metrics={"loss": made["metrics"]["loss"]["column"]})
    steps = np.arange(1, 40)
    np.testing.assert_array_equal(log.table["step"], steps)
    np.testing.assert_array_equal(log.table["tokens"], steps * 1024)
    np.testing.assert_array_equal(log.table["value"], [float(f"{9 / s:.5f}") for s in steps])


def test_pairs_is_never_chosen_by_itself_and_joins_lines_to_their_step(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("".join(f"Step [{s}/900]\n  loss = {5 / s:.3f}, lr = 1\n" for s in range(1, 9)))
    with pytest.raises(LogError, match="no log format"):
        read(path)
    log = read(path, format="pairs", step="Step")
    np.testing.assert_array_equal(log.table["step"], np.arange(1, 9))
    np.testing.assert_array_equal(log.table["offset"], np.arange(2, 17, 2))


def test_a_known_format_says_what_it_takes_and_what_competes(tmp_path: Path) -> None:
    rows = [{"step": s // 2, "global_step": s, "loss": 9 / s} for s in range(1, 30)]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 30, "lo\n{"step": 31}\n')
    text = told(path)
    assert "Format `jsonl`." in text
    assert "lines: 31; with a record: 30; broken: 1; with none: 0" in text
    assert "broken: at 30: not JSON" in text
    assert "By itself isoloss takes: step `step`, loss `loss`." in text
    assert "Other columns that count steps: global_step." in text
    assert "nothing counts tokens: give tokens_per_step in the run sheet" in text


def test_one_number_of_tokens_is_offered_as_those_of_a_step(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "step,batch_tokens,loss\n" + "".join(f"{s},524288,{9 / s}\n" for s in (1, 2, 3))
    )
    text = told(path)
    assert "tokens" not in block(text).get("log", {})
    assert "as `batch_tokens` seems to say: 524,288" in text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b" \n\n", "an empty file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer: the log itself is not here; fetch it by `git lfs pull`",
        ),
        (b"/annex/objects/SHA256E-s12--ab.log\n", "a git-annex pointer"),
        (b"\n<!doctype HTML>\n<title>404: loss=3</title>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "an XML document"),
        (
            b"import torch\n\ndef main(step=0):\n    loss = 3.0\n    return loss\n\nmain(step=1)\n",
            "a program's source",
        ),
    ],
)
def test_what_is_no_log_is_called_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(content)
    assert kind in told(path)
    with pytest.raises(LogError, match=re.escape(kind) if content else "the file is empty"):
        read(path)
    other = tmp_path / "runs"
    other.mkdir()
    (other / "a.log").write_bytes(content)
    with pytest.raises(LogError, match=re.escape(kind)):
        read(other)


def test_a_log_of_a_format_that_is_named_wrongly_is_told_from_an_error_page(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("<html><body>404 Not Found</body></html>\n")
    with pytest.raises(LogError, match=r"nothing in it is of format megatron; .* a web page"):
        read(path, format="megatron")


def test_the_verb_prints_it_for_a_file_and_for_a_folder(tmp_path: Path, capsys) -> None:
    (tmp_path / "a.log").write_text(HOME_MADE.format(lines=LINES))
    (tmp_path / "b.csv").write_text("step,loss\n1,3.5\n2,3.2\n")
    assert main(["explain", str(tmp_path / "a.log")]) == 0
    assert "log: {format: pairs, step: iter, tokens: tokens}" in capsys.readouterr().out
    assert main(["explain", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "a.log: text, in lines" in out
    assert "b.csv: csv" in out
    assert main(["explain", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("trainer/global_step", [1, 2, 3], "step"),
        ("total_steps", [900, 900, 900], None),
        ("steps_per_second", [1, 2, 3], None),
        ("tokens_per_sec", [100, 200, 300], None),
        ("consumed_tokens", [100, 200, 300], "tokens"),
        ("tokens", [100, 100, 100], "tokens_per_step"),
        ("consumed samples", [1, 2, 3], "samples"),
        ("val/nll", [3.0, 2.0, 2.5], "eval_loss"),
        ("valLoss", [3.0, 2.0, 2.5], "eval_loss"),
        ("loss_scale", [3.0, 2.0, 2.5], None),
        ("loss", [float("nan")] * 3, None),
        ("_timestamp", [1.7e9, 1.8e9], "wall_time"),
    ],
)
def test_a_column_is_offered_for_what_its_name_and_numbers_say(name, values, role) -> None:
    found = candidates(name, np.array(values, float))
    assert [one.role for one in found[:1]] == ([role] if role else [])
