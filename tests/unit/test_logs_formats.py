"""Formats as data: every table reads whole, resumed, diverged, cut and damaged logs exactly."""

import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.logs import Log, LogError, console, detect, patterns, read
from isoloss.logs.columns import Wanted
from isoloss.logs.formats import programs
from log_lines import SHAPES, Shape, late, loss

DATA = Path(__file__).parents[1] / "data" / "logs"
SHARED = Path(__file__).parents[3] / "shared"
TABLES = patterns.load(programs.DATA)
STEPS = range(1, 61)
each = pytest.mark.parametrize("name", SHAPES)


def log_of(folder: Path, text: str, name: str = "log", **mapping: object) -> Log:
    (folder / name).write_text(text)
    return read(folder / name, **{"max_bad_fraction": 1.0, **mapping})  # type: ignore[arg-type]


def of(log: Log, metric: str) -> pd.DataFrame:
    return log.table[log.table["metric"] == metric].reset_index(drop=True)


def assert_losses(log: Log, shape: Shape, steps: list[int]) -> None:
    """Exactly these steps with their true losses, and the evaluations among them."""
    trained, evaluated = of(log, "loss"), of(log, "eval_loss")
    first = trained if len(trained) else evaluated
    true = loss if len(trained) or shape is SHAPES["modded-nanogpt 3"] else late
    assert first["value"].tolist() == pytest.approx([true(s) for s in steps], abs=1e-9)
    if shape.axis:
        assert first["step"].tolist() == steps
    else:
        assert first["step"].isna().all()


@each
def test_a_whole_log(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    log = log_of(tmp_path, shape.text(STEPS), max_bad_fraction=0)
    assert log.format == name.split()[0]
    assert log.quarantine.empty
    assert_losses(log, shape, [*STEPS])
    if shape.late:
        evaluated = of(log, "eval_loss")
        assert evaluated["value"].tolist() == pytest.approx([late(s) for s in (20, 40, 60)])
        if shape.axis:
            assert evaluated["step"].tolist() == [20, 40, 60]


@each
def test_a_resumed_log(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "a").write_text(shape.text(range(1, 41)))
    (folder / "b").write_text(shape.text(range(31, 61)))
    log = read(folder, max_bad_fraction=0)
    assert_losses(log, shape, [*range(1, 41), *range(31, 61)])
    if shape.axis:
        assert log.table.groupby("segment")["step"].min().tolist() == [1, 31]


@each
def test_a_diverged_log(tmp_path: Path, name: str) -> None:
    log = log_of(tmp_path, SHAPES[name].text(STEPS, diverges=50), max_bad_fraction=0)
    table = log.table
    main = table[table["metric"] == table["metric"].iloc[0]]
    assert len(main) == 60
    assert np.flatnonzero(main["value"].isna()).tolist() == [*range(49, 60)]
    assert any("is not finite in 11 rows" in note for note in log.notes)


@each
def test_a_cut_log(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    last = shape.train(60, loss(60))
    text = shape.text(range(1, 60)) + last[: int(shape.cut * len(last))]
    log = log_of(tmp_path, text, max_bad_fraction=0)
    assert_losses(log, shape, [*range(1, 60)])
    assert log.quarantine.empty
    assert any("the last, is torn" in note for note in log.notes)


@each
def test_a_damaged_log(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    lines = [shape.header] if shape.header else []
    for s in STEPS:
        line = shape.train(s, loss(s))
        if s == 30:
            head, _, line = line.rpartition("\n")
            lines += [head] if head else []
            line = line[: int(shape.cut * len(line))]
        lines.append(line)
        if s in (10, 20):
            lines += ["", "loss", "Traceback (most recent call last):", "saving at step 10: done"]
    at = lines.index(shape.train(40, loss(40)))
    lines[at : at + 2] = ["".join(lines[at : at + 2])]
    log = log_of(tmp_path, "\n".join(lines) + "\n")
    assert_losses(log, shape, [s for s in STEPS if s != 30 and not (shape.lost and s == 40)])
    assert len(log.quarantine) == 1 + shape.lost


def _texts() -> dict[str, tuple[str, bytes]]:
    """Logs of every format: of these shapes, and those of tests/data."""
    found = {name: (name.split()[0], s.text(STEPS).encode()) for name, s in SHAPES.items()}
    folders = {"litgpt_console": "litgpt", "composer_filelogger": "composer"}
    for folder in ("nanogpt", "megatron", "torchtitan", "litgpt_console", "llmc"):
        for path in sorted(p for p in (DATA / folder).rglob("*") if p.is_file()):
            format = "llmc-main" if path.name == "main.log" else folders.get(folder, folder)
            found[path.relative_to(DATA).as_posix()] = (format, path.read_bytes())
    return found


TEXTS = _texts()


def damaged(data: bytes, seed: str) -> bytes:
    """The data with some bytes changed, cut out, repeated elsewhere or put in."""
    choose = random.Random(seed)
    out = bytearray(data[-20_000:])
    for _ in range(25):
        at = choose.randrange(len(out))
        match choose.randrange(4):
            case 0:
                out[at] = choose.randrange(256)
            case 1:
                del out[at : at + choose.randrange(40)]
            case 2:
                out[at:at] = out[choose.randrange(len(out)) :][: choose.randrange(60)]
            case _:
                out[at:at] = bytes([choose.choice(b"\n\0\r 5,:|")])
    return bytes(out)


@pytest.mark.parametrize("name", TEXTS)
def test_many_lines_at_once_are_read_as_one_by_one(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    format, text = TEXTS[name]
    logs: list[list[Log]] = []
    for taken in (True, False):
        if not taken:
            monkeypatch.setattr(console._Reader, "fast", lambda *_: set())
        logs.append([])
        for seed in ("whole", "a", "b", "c"):
            (tmp_path / seed).write_bytes(text if seed == "whole" else damaged(text, name + seed))
            logs[-1].append(read(tmp_path / seed, format=format, max_bad_fraction=1.0))
    for ours, careful in zip(*logs, strict=True):
        pd.testing.assert_frame_equal(ours.table, careful.table, check_exact=True)
        pd.testing.assert_frame_equal(ours.quarantine, careful.quarantine)
        assert ours.notes == careful.notes


# Of the others the lines are no single records, hold words, or need a closer look.
SLOW = ("keras", "lightning-bar", "tqdm")
QUICK = [name for name, table in TABLES.items() if table.lines and name not in SLOW]


@pytest.mark.parametrize("name", QUICK)
def test_most_records_are_taken_many_at_a_time(name: str) -> None:
    wanted = Wanted().names(TABLES[name].preset)
    for shape, (format, text) in TEXTS.items():
        if format == name and shape not in ("fairseq json", "hf-stdout 5", "mmengine epoch"):
            reader = console._Reader(TABLES[name], wanted)
            whole = text[: text.rfind(b"\n") + 1]
            taken = len(reader.fast(whole, 1))
            quick = [kind for kind in reader.kinds if kind.whole]
            rows = [len(list(k(line, reader.found))) for line in whole.split(b"\n") for k in quick]
            assert taken >= 0.6 * sum(rows) > 0


@pytest.mark.parametrize("prefix", ["[default0]:", "[rank0]: ", "0: ", "\t[default3]: "])
def test_what_launchers_put_before_a_line_is_taken_off(tmp_path: Path, prefix: str) -> None:
    for name in ("modded-nanogpt 3", "nanochat", "maxtext", "hf-stdout"):
        text = SHAPES[name].text(STEPS)
        lined = "".join(f"{prefix}{line}\n" for line in text.splitlines())
        plain, prefixed = log_of(tmp_path, text), log_of(tmp_path, lined)
        assert plain.table.drop(columns="source").equals(prefixed.table.drop(columns="source"))
        assert prefixed.quarantine.empty


def test_a_log_with_carriage_returns_at_its_line_ends(tmp_path: Path) -> None:
    for name in ("modded-nanogpt 3", "gpt-neox", "clu"):
        text = SHAPES[name].text(STEPS)
        plain, windows = log_of(tmp_path, text), log_of(tmp_path, text.replace("\n", "\r\n"))
        assert plain.table.equals(windows.table)


def test_times_of_modded_nanogpt_are_seconds_in_both_units(tmp_path: Path) -> None:
    for name in ("modded-nanogpt", "modded-nanogpt 3"):
        table = log_of(tmp_path, SHAPES[name].text(STEPS)).table
        np.testing.assert_allclose(table["wall_time_s"], 0.095 * table["step"], atol=1e-9)


def test_the_loss_of_a_micro_batch_is_told_from_that_of_an_evaluation(tmp_path: Path) -> None:
    log = log_of(tmp_path, SHAPES["modded-nanogpt"].text(STEPS))
    assert set(of(log, "loss")["aggregation"]) == {"last_microbatch"}
    assert set(of(log, "eval_loss")["aggregation"]) == {"step"}


def test_a_program_alone_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "train_gpt.py").write_text(SHAPES["modded-nanogpt"].header)
    with pytest.raises(LogError, match="no log format recognises it"):
        detect(tmp_path / "train_gpt.py")


def test_tokens_with_three_digits_are_used_only_if_they_are_named(tmp_path: Path) -> None:
    text = SHAPES["nanotron"].text(STEPS)
    log = log_of(tmp_path, text)
    assert log.table["tokens"].isna().all()
    assert any("three digits" in note for note in log.notes)
    named = log_of(tmp_path, text, tokens="consumed_tokens").table
    np.testing.assert_allclose(named["tokens"], named["step"] * 1020, rtol=6e-3)


def test_counts_in_the_log_become_tokens(tmp_path: Path) -> None:
    nanochat = log_of(tmp_path, SHAPES["nanochat"].text(STEPS)).table
    np.testing.assert_array_equal(nanochat["tokens"], nanochat["step"] * 524_288)
    nemo = log_of(tmp_path, SHAPES["nemo"].text(STEPS), sequence_length=2048).table
    np.testing.assert_array_equal(nemo["tokens"], nemo["step"] * 512 * 2048)


GOOD = {
    "source": "here",
    "recognise": "^at ",
    "lines": {"train": {"record": r"at (?P<step>\d+) loss (?P<loss>{number})"}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recognize": "x"}, "mine: recognize: no such key; there are: source, recognise"),
        ({"recognise": "("}, "mine: recognise: no regular expression"),
        ({"recognise": "(?:a+)+b"}, "mine: recognise: a repeat of what repeats"),
        ({"recognise": "(?:[ab]c|ad)*"}, "mine: recognise: a repeat of alternatives"),
        ({"recognise": 3}, "mine: recognise: expected a regular expression, not 3"),
        ({"columns": {"lost": ["a"]}}, "mine: columns.lost: no such key; there are: loss, step"),
        ({"columns": {"loss": "a"}}, "mine: columns.loss: expected a list, not 'a'"),
        ({"step_base": True}, "mine: step_base: expected a whole number, not True"),
        ({"units": {"t": {"s": "1"}}}, "mine: units.t.s: expected a number, not '1'"),
        ({"constants": {"tokens_per_step": "x"}}, "tokens_per_step: expected 1 group, it has 0"),
        ({"lines": {"train": {}}}, "mine: lines.train.record: is missing"),
        ({"lines": {"train": {"record": "loss"}}}, "lines.train.record: it has no group"),
        ({"lines": {"train": {"record": "(a)(?P<b>c)"}}}, "lines.train.record: name each group"),
        (
            {"lines": {"train": {"record": "(?P<a>b)", "shift": {"c": 1}}}},
            "lines.train.shift.c: no such group; there are: a",
        ),
        (
            {"lines": {"train": {"record": "a", "fields": {"equals": "="}}}},
            "lines.train.fields.between: is missing",
        ),
    ],
)
def test_a_fault_of_a_table_is_named_with_file_format_and_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    import yaml

    path = tmp_path / "patterns.yaml"
    path.write_text(yaml.safe_dump({"mine": GOOD}))
    patterns.load(path)
    path.write_text(yaml.safe_dump({"mine": GOOD | change}))
    with pytest.raises(LogError, match=re.escape(message)) as error:
        patterns.load(path)
    assert str(error.value).startswith("patterns.yaml: format mine: ")


def test_a_table_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "patterns.yaml"
    path.write_text("a: [")
    with pytest.raises(LogError, match=r"patterns\.yaml: not YAML"):
        patterns.load(path)


def test_the_tables_are_part_of_what_is_installed() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    assert data["isoloss.logs.formats"] == ["*.yaml"]


def test_bars_overprinted_in_one_long_line_are_each_read(tmp_path: Path) -> None:
    bars = SHAPES["lightning-bar"].text(range(1, 2001)).replace("\n", "\r")
    log = log_of(tmp_path, bars + "\n", max_bad_fraction=0)
    assert of(log, "loss")["step"].tolist() == [*range(1, 2001)]
    assert any("gradients are not accumulated" in note for note in log.notes)


def test_a_bar_of_anybody_is_read_and_yields_to_other_formats(tmp_path: Path) -> None:
    bars = "".join(
        f"train:  {s}%|##   | {s}/100 [00:01<?, 2.5s/it, loss={9 / s:.4f}, lr=1e-4]\r"
        for s in range(1, 101)
    )
    log = log_of(tmp_path, f"starting\n{bars}\n", max_bad_fraction=0)
    assert log.format == "tqdm"
    assert of(log, "loss")["step"].tolist() == [*range(1, 101)]
    assert any("may be one behind" in note for note in log.notes)
    log = log_of(tmp_path, bars + "\n" + SHAPES["hf-stdout"].text(STEPS))
    assert log.format == "hf-stdout"


def test_a_very_long_line_is_not_searched_to_its_end(tmp_path: Path) -> None:
    text = SHAPES["clu"].text(STEPS)
    long = text.splitlines()[0] + ", a=1" * 100_000
    log = log_of(tmp_path, text + long + "\n")
    assert list(log.quarantine["reason"]) == [f"a line of {len(long):,} bytes"]
    assert_losses(log, SHAPES["clu"], [*STEPS])


there = pytest.mark.skipif(
    not (SHARED / "zoo").is_dir(), reason="reads real logs of ../shared, which is not there"
)


@there
@pytest.mark.parametrize(
    "path",
    [
        *sorted((SHARED / "zoo/modded_nanogpt").glob("*.txt")),
        *sorted((SHARED / "studies/track3").glob("*/*.txt")),
    ],
    ids=lambda path: path.stem[-40:],
)
def test_real_logs_of_modded_nanogpt_are_read_as_by_hand(path: Path) -> None:
    log = read(path, max_bad_fraction=0)
    lines = path.read_text().splitlines()
    for metric, key in (("loss", "train_loss:"), ("eval_loss", "val_loss:")):
        rows = [line.replace("/", ":").split() for line in lines if f" {key}" in line]
        ours = of(log, metric)
        assert ours["step"].tolist() == [float(row[0].split(":")[1]) for row in rows]
        assert ours["value"].tolist() == [float(row[1].removeprefix(key)) for row in rows]
    assert log.format == "modded-nanogpt"


@there
def test_a_real_log_of_clu_is_read_as_by_hand() -> None:
    path = SHARED / "zoo/clu/algoperf_fastmri.log"
    log = read(path, max_bad_fraction=0)
    lines = [line for line in path.read_text().splitlines() if "logging_writer.py" in line]
    for metric, key in (("loss", " loss="), ("eval_loss", " validation/loss=")):
        rows = [line for line in lines if key in line]
        found = [float(line.split(key)[1].split(",")[0]) for line in rows]
        steps = [float(line.split("] [")[1].split("]")[0]) for line in rows]
        assert of(log, metric)["value"].tolist() == found
        assert of(log, metric)["step"].tolist() == steps


@there
@pytest.mark.parametrize(
    ("name", "format", "steps", "first", "last"),
    [
        ("fairseq.log", "fairseq", [40100, 150100], 3.147, 3.01),
        ("fairseq_json.log", "fairseq", [1, 2, 3], 16.475, 16.22),
        ("hf_stdout.log", "hf-stdout", None, 10.5366, 0.0501),
        ("maxtext.log", "maxtext", [1, 2, 3], 12.938, 11.412),
        ("megatron_dit.log", "megatron", [200, 300, 400], 0.1927525, 0.1830679),
        ("megatron_skips.log", "megatron", [20, 30], 11.05231, 10.95231),
        ("megatron_torchrun.log", "megatron", [1, 2, 3], 12.0, 11.8),
        ("mmengine.log", "mmengine", [10, 20, 30], 2.69, 2.4795),
        ("nanochat.log", "nanochat", [1, 2, 3], 11.090355, 10.179083),
        ("nanotron.log", "nanotron", [91, 101], 9.2, 9.18),
        ("nemo.log", "nemo", [20, 30], 11.03, 11.03),
        ("neox.log", "gpt-neox", [1, 2, 3, 4], 11.0, 9.9),
        ("olmo.log", "olmo", [1, 2, 3], 11.25, 10.64),
        ("titan.log", "torchtitan", [1, 10, 20], 12.2254, 8.9196),
    ],
)
def test_samples_of_real_logs(
    name: str, format: str, steps: list[int] | None, first: float, last: float
) -> None:
    log = read(SHARED / "zoo/samples" / name, max_bad_fraction=0)
    trained = of(log, "loss")
    assert log.format == format
    assert trained["value"].iloc[[0, -1]].tolist() == [first, last]
    if steps is not None:
        assert trained["step"].tolist() == steps
