"""Which files a path means; compression; hostile content."""

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from isoloss.logs import LogError, detect, read

STEPS = range(1, 2001)
TEXT = "\n".join(["step,tokens,loss", *(f"{s},{s * 7},{9 / s!r}" for s in STEPS)]).encode() + b"\n"


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("parts", [1, 2])
def test_compression_is_told_by_content(tmp_path: Path, kind: str, parts: int) -> None:
    path = tmp_path / "log.txt"
    half = TEXT.index(b"\n", len(TEXT) // 2)
    pieces = [TEXT] if parts == 1 else [TEXT[:half], TEXT[half:]]
    path.write_bytes(b"".join(map(COMPRESS[kind], pieces)))
    log = read(path)
    np.testing.assert_array_equal(log.table["value"], 9 / np.array(STEPS))
    assert log.notes == ()


def compressed(kind: str) -> tuple[bytearray, list[float]]:
    """A log that takes several blocks of its compression, and its values."""
    values = np.random.default_rng(0).random(90_000 if kind == "bzip2" else 20_000).tolist()
    lines = (f"{s},{x!r}" for s, x in enumerate(values, 1))
    return bytearray(COMPRESS[kind](("step,loss\n" + "\n".join(lines) + "\n").encode())), values


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_a_compressed_log_that_ends_too_early_is_read_to_there(tmp_path: Path, kind: str) -> None:
    data, values = compressed(kind)
    (tmp_path / "log").write_bytes(data[: len(data) * 2 // 3])
    log = read(tmp_path / "log")
    n = len(log.table)
    assert len(values) / 3 < n < len(values)
    np.testing.assert_array_equal(log.table["value"], values[:n])
    assert any("end too early" in note for note in log.notes)


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_a_number_in_which_compressed_data_end_is_left_out(tmp_path: Path, kind: str) -> None:
    rows = [f"{step},{9 / step!r}\n" for step in range(1, 400)]
    data = COMPRESS[kind](("step,loss\n" + "".join(rows)).encode())
    notes = set[str]()
    for cut in range(len(data) // 2, len(data), 7):
        (tmp_path / "log").write_bytes(data[:cut])
        try:
            log = read(tmp_path / "log")
        except LogError:  # nothing of it can be read yet
            continue
        np.testing.assert_array_equal(log.table["value"], 9 / np.arange(1, len(log.table) + 1))
        assert any("end too early" in note for note in log.notes)
        notes.update(log.notes)
    assert len(log.table) > 300
    assert any("the line in which they end is left out" in note for note in notes)


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damaged_compressed_data_are_an_error(tmp_path: Path, kind: str) -> None:
    data, _ = compressed(kind)
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "log").write_bytes(data)
    with pytest.raises(LogError, match=r"log: the compressed data are damaged"):
        read(tmp_path / "log")


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_decompression_bomb_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb"
    line = b'{"step": 1, "loss": 2.0, "tokens": 5}' + b" " * 4000 + b"\n"
    block = COMPRESS[kind](line * (2**25 // len(line)))
    path.write_bytes(block * 10)
    with pytest.raises(LogError, match="decompression bomb"):
        read(path)


def test_paths_may_be_several_a_pattern_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    halves = TEXT.split(b"\n1001,")
    (tmp_path / "a.csv").write_bytes(halves[0] + b"\n")
    (tmp_path / "deep" / "er" / "b.csv").write_bytes(b"step,tokens,loss\n1001," + halves[1])
    (tmp_path / "deep" / ".hidden.csv").write_bytes(TEXT)
    (tmp_path / "deep" / "readme.md").write_text("# A run\nof no interest\n")
    expected = 9 / np.array(STEPS)
    one, two = tmp_path / "a.csv", tmp_path / "deep" / "er" / "b.csv"
    for paths in (
        [one, two],
        [str(two), str(one)],
        tmp_path,
        f"{tmp_path}/**/*.csv",
        [one, two, one],
    ):
        log = read(paths)  # type: ignore[arg-type]
        np.testing.assert_array_equal(log.table["value"], expected)
        assert log.table["segment"].nunique() == 2
    assert any("readme.md is no log and was left out" in note for note in read(tmp_path).notes)
    with pytest.raises(LogError, match="no log format recognises it"):
        read(tmp_path / "deep" / "readme.md")


def test_a_relative_path_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    Path("logs/a.csv").write_bytes(TEXT)
    assert set(read("logs").table["source"]) == {"logs/a.csv"}
    assert set(read("logs/*.csv").table["source"]) == {"logs/a.csv"}


def test_a_link_out_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "log.csv").write_bytes(TEXT)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "here.csv").write_bytes(TEXT)
    (tmp_path / "logs" / "log.csv").symlink_to(tmp_path / "secret" / "log.csv")
    for paths in (tmp_path / "logs", f"{tmp_path}/logs/*.csv"):
        with pytest.raises(LogError, match=r"log\.csv: a symbolic link that leads out of"):
            read(paths)
    (tmp_path / "logs" / "log.csv").unlink()
    (tmp_path / "logs" / "log.csv").symlink_to("here.csv")
    assert len(read(tmp_path / "logs").table) == len(STEPS)


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no such file"):
        read(tmp_path / "none*.csv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="not a regular file"):
        read(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    with pytest.raises(LogError, match="the file is empty"):
        read(tmp_path / "empty")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    with pytest.raises(LogError, match=r"no log format 'csvv'; there are: auto, .*csv.*megatron"):
        read(tmp_path / "log", format="csvv")
    assert read(tmp_path / "log", format="tsv").format == "csv"
    with pytest.raises(ValueError, match="max_bad_fraction is 2"):
        read(tmp_path / "log", max_bad_fraction=2)


def test_several_formats_in_one_log_ask_for_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    (tmp_path / "b").write_text('{"step": 1, "loss": 2.5}\n')
    with pytest.raises(LogError, match=r"several formats \(csv: .*a; jsonl: .*b\).*`format:`"):
        detect(tmp_path)
    assert list(read(tmp_path, format="jsonl").table["value"]) == [2.5]


def test_a_line_without_end_is_an_error_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b'{"step": 1, "loss": 2.5}\n{"step": 2, "loss": "')
        file.truncate(2**31)
    with pytest.raises(LogError, match="line 2 is over 64 MiB long"):
        read(path)


@pytest.mark.parametrize("depth", [500, 20_000, 400_000])
@pytest.mark.parametrize("pair", [('{"a":', "}"), ("[", "]")])
def test_deep_nesting_is_quarantined(tmp_path: Path, depth: int, pair: tuple[str, str]) -> None:
    path = tmp_path / "log"
    good = [f'{{"step": {s}, "loss": 2.5}}' for s in range(1, 50)]
    deep = '{"step": 99, "loss": 2.5, "x": ' + pair[0] * depth + "1" + pair[1] * depth + "}"
    path.write_text("\n".join([*good[:20], deep, *good[20:]]) + "\n")
    log = read(path, max_bad_fraction=0.1)
    steps = set(log.table["step"])
    assert steps >= set(range(1, 50))
    assert len(log.quarantine) == (99 not in steps)
    assert depth < 1000 or list(log.quarantine["offset"]) == [21]


def test_control_characters_do_not_reach_messages_or_tables(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f'{{"step": {s}, "loss\\u001b[31m": 2.5}}' for s in range(1, 50)]
    path.write_text("\n".join([*lines, "\x1b[2J\x07{", ""]))
    with pytest.raises(LogError) as error:
        read(path)
    assert str(error.value).isprintable()
    lines = [f'{{"step": {s}, "loss": 2.5}}' for s in range(1, 50)]
    path.write_text("\n".join([*lines, "\x1b[2J\x07{", ""]))
    log = read(path, max_bad_fraction=1)
    assert log.quarantine["head"].iloc[0] == "\\x1b[2J\\x07{"


def test_a_huge_number_of_columns_is_listed_in_part(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(",".join(f"c{i}" for i in range(5000)) + "\n" + ",".join("1" * 5000) + "\n")
    with pytest.raises(LogError, match="and 4950 more"):
        read(path)


def test_a_parquet_file_of_billions_of_equal_rows_is_an_error(tmp_path: Path) -> None:
    zeros = pa.array(np.zeros(2**20))
    schema = pa.schema([("step", pa.float64()), ("loss", pa.float64())])
    with pyarrow.parquet.ParquetWriter(tmp_path / "log", schema) as writer:
        for _ in range(40):
            writer.write_table(pa.table([zeros, zeros], schema=schema))
    with pytest.raises(LogError, match=r"its columns take 1,006,632,960 bytes"):
        read(tmp_path / "log")
