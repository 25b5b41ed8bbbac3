"""A short run of the fuzzer on every target, and what it found, kept."""

import sqlite3
from pathlib import Path

import fuzz
import pytest
from isoloss.logs import LogError, read
from isoloss.logs.runs import choose_run
from limited import error_of
from log_bytes import held

TARGETS = fuzz.targets()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_answered(tmp_path: Path, name: str) -> None:
    found, outcomes = fuzz.fuzz(TARGETS[name], 40, "test", tmp_path)
    assert not found, found[0].said
    assert outcomes > 1


def test_the_studies_that_are_mutated_can_be_loaded(tmp_path: Path) -> None:
    target = TARGETS["study"]
    for files in target.seeds:
        (said, *_), wrong = fuzz.outcome(target, files, tmp_path)
        assert (said[:6], wrong) == ("loaded", "")


# --- what was found


def test_of_two_files_one_may_have_no_sound_record(tmp_path: Path) -> None:
    line = '2025-01-01 00:00:00,0 - 0 - levanter - INFO :: {"tracker": "json_logger", "event": '
    good = line + '"log", "step": 0, "metrics": {"train/loss": 2.5}}\n'
    (tmp_path / "a.txt").write_text(good)
    (tmp_path / "b.txt").write_text(good.replace("}", ""))
    log = read(tmp_path, max_bad_fraction=1)
    assert log.table["value"].tolist() == [2.5]
    assert len(log.quarantine) == 1


def test_what_a_library_says_of_a_damaged_file_is_put_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"PAR1" + bytes(40) + b"\x08\0\0\0PAR1")
    with sqlite3.connect(tmp_path / "b") as database:
        database.execute("CREATE TABLE runs (run_uuid, name, lifecycle_stage)")
        database.execute("CREATE TABLE metrics (run_uuid, key, step, timestamp, value, is_nan)")
        database.executemany("INSERT INTO metrics (key) VALUES (?)", [["x" * 900]] * 90)
    database.close()
    data = bytearray((tmp_path / "b").read_bytes())
    data[4096 * 8 : 4096 * 12] = b"\xff" * (4096 * 4)
    (tmp_path / "b").write_bytes(data)
    for name, format in (("a", "parquet"), ("b", "mlflow_sqlite")):
        with pytest.raises(LogError, match=f"{name}: the .* (is damaged|cannot be read)") as error:
            read(tmp_path / name, format=format)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("start", ["", "step,loss\n1,2\n"])
def test_a_cell_of_very_many_digits_is_read_in_linear_time(tmp_path: Path, start: str) -> None:
    digits = "9" * 60_000
    (tmp_path / "log").write_text(f"{start}{digits}x,{digits}.{digits}x\n")
    code = "from isoloss.logs.reading import read\nread(Path('log'))\nraise ValueError('read')"
    assert error_of(code, folder=tmp_path)


def test_half_a_character_in_a_name_is_spelt(tmp_path: Path) -> None:
    entries = r'{"step": 1, "loss": 2.5, "\ud800": 1.0}'
    (tmp_path / "a").write_text(f'{{"log_history": [{entries}]}}')
    tree = rb'{"\ud800": 1}'
    keys = ((b"loss", b"2.5"), (b"_step", b"1"), (b"x", tree))
    items = [held(1, held(1, key) + held(16, value)) for key, value in keys]
    (tmp_path / "b").write_bytes(fuzz.leveldb(held(2, b"".join(items))))
    for name, format in (("a", "huggingface"), ("b", "wandb")):
        assert read(tmp_path / name, format=format).table["value"].tolist() == [2.5]


def test_of_long_names_of_runs_no_more_than_their_starts_are_told() -> None:
    with pytest.raises(LogError, match="holds several runs: 'xxx") as error:
        choose_run({f"{i}": "x" * 9000 for i in range(30)}, None, "the store")
    assert len(str(error.value)) < 2000
