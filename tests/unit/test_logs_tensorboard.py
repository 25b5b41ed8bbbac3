"""TensorBoard event files, written by the real tools (tests/data/logs/write_binary.py)."""

import io
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.logs import quarantine
from isoloss.logs.formats import tensorboard, tfrecord
from isoloss.logs.formats.tensorboard import FORMATS, read, read_all, sniff
from isoloss.logs.formats.tfrecord import masked_crc
from isoloss.logs.records import LogError
from log_bytes import damaged, held, record, scalar, tree

DATA = Path(__file__).parents[1] / "data" / "logs"
TRUTH = pd.read_csv(DATA / "binary_truth.csv")
RESUMED = sorted((DATA / "tensorboard" / "resumed").iterdir())
DIVERGED = next((DATA / "tensorboard" / "diverged").iterdir()).read_bytes()
TENSORS = next((DATA / "tensorboard" / "tensors").iterdir()).read_bytes()


def frames(data):
    """Offset of each record of a sound file."""
    at, found = 0, []
    while at < len(data):
        found.append(at)
        at += 16 + struct.unpack_from("<Q", data, at)[0]
    return found


def parse(data):
    return read(io.BytesIO(data))


def rows(source):
    """(offset, tag, step, value) of every scalar, in the order of the file."""
    found = []
    for block in source.blocks:
        offset, step, _, value = (column.to_pylist() for column in block.table.columns)
        tag = block.table.column_names[-1]
        found += [(o, tag, s, repr(v)) for o, s, v in zip(offset, step, value, strict=True)]
    return sorted(found)


def column(source, tag):
    (block,) = (b for b in source.blocks if b.table.column_names[-1] == tag)
    return block.table["step"].to_numpy(), block.table[tag].to_numpy()


@pytest.mark.parametrize("segment", [0, 1])
def test_equals_the_truth_of_a_resumed_run(segment):
    source = parse(RESUMED[segment].read_bytes())
    truth = TRUTH[(TRUTH.run == "resumed") & (TRUTH.segment == segment)]
    evaluated = truth[truth.step % 10 == 0]
    for tag, frame, name in [
        ("train/loss", truth, "loss"),
        ("tokens", truth, "tokens"),
        ("eval/loss", evaluated, "eval_loss"),
    ]:
        step, value = column(source, tag)
        np.testing.assert_array_equal(step, frame.step)
        np.testing.assert_array_equal(value, frame[name])
    assert source.quarantine == ()
    assert source.notes == ()


def test_equals_the_truth_of_a_diverged_run():
    source = parse(DIVERGED)
    truth = TRUTH[TRUTH.run == "diverged"]
    step, value = column(source, "train/loss")
    np.testing.assert_array_equal(step, truth.step)
    np.testing.assert_array_equal(value, truth.loss)
    assert np.isposinf(value[46])
    assert np.isnan(value[47:]).all()
    assert source.blocks[0].table["train/loss"].null_count == 0


def test_gives_wall_time_offset_and_the_digits_of_a_float32():
    (block,) = parse(DIVERGED).blocks
    assert block.digits == {"train/loss": 7}
    assert block.aggregation == "step"
    np.testing.assert_array_equal(block.table["wall_time"], 1_760_000_000.0 + np.arange(1, 61))
    assert block.table["offset"].to_pylist() == frames(DIVERGED)[1:]


def test_reads_tensors_of_every_type():
    source = parse(TENSORS)
    x = np.arange(30) + 0.1
    upper = (x.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    wanted = {
        "float_val": (x.astype(np.float32), 7),
        "float_content": (x.astype(np.float32), 7),
        "double_val": (x, None),
        "double_content": (x, None),
        "half_val": (x.astype(np.float16), 3),
        "half_content": (x.astype(np.float16), 3),
        "bfloat16_content": (upper, 2),
        "int32_val": (-np.arange(30.0), None),
        "int64_content": (-np.arange(30.0), None),
        "no_value": (np.zeros(30), None),
    }
    assert {block.table.column_names[-1] for block in source.blocks} == set(wanted)
    for tag, (values, digits) in wanted.items():
        step, value = column(source, tag)
        np.testing.assert_array_equal(step, np.arange(30), err_msg=tag)
        np.testing.assert_array_equal(value, values, err_msg=tag)
        (block,) = (b for b in source.blocks if b.table.column_names[-1] == tag)
        assert block.digits.get(tag) == digits
    assert source.notes == ("values that are not scalars were passed over: 1 tensor, 1 text",)
    assert source.quarantine == ()


def test_a_plugin_named_only_once_holds_for_the_tag():
    plugin = held(9, held(1, held(1, b"pr_curves")))
    number = held(1, b"odd") + b"\x15" + struct.pack("<f", 1.0)
    named = record(held(5, held(1, number + plugin)))
    source = parse(record(scalar(b"odd", 2.0, 1)) + named + record(scalar(b"even", 3.0, 1)))
    assert [row[1:] for row in rows(source)] == [("even", 1.0, "3.0")]
    assert source.notes == ("values that are not scalars were passed over: 2 pr_curves",)


def test_folders_of_add_scalars_prefix_the_tags():
    sources = read_all(tree(DATA / "tensorboard" / "scalars"), None)
    columns = {path: [b.table.column_names[-1] for b in s.blocks] for path, s in sources.items()}
    assert columns == {
        "events.out.tfevents.1760000000.host": [],
        "loss_train/events.out.tfevents.1760000000.host": ["loss_train/loss"],
        "loss_val/events.out.tfevents.1760000000.host": ["loss_val/loss"],
    }
    (block,) = sources["loss_val/events.out.tfevents.1760000000.host"].blocks
    np.testing.assert_array_equal(block.table["loss_val/loss"], np.arange(1, 41) / 4)
    assert block.digits == {"loss_val/loss": 7}


def opened(paths):
    return {path: lambda: io.BytesIO(DIVERGED) for path in paths} | {
        "readme.txt": lambda: io.BytesIO(b"not events")
    }


def names(sources):
    return {path: s.blocks[0].table.column_names[-1] for path, s in sources.items()}


def test_keras_folders_are_two_curves_of_one_run():
    sources = read_all(opened(["a/train/e.v2", "a/validation/e.v2"]), None)
    assert names(sources) == {
        "a/train/e.v2": "train/train/loss",
        "a/validation/e.v2": "validation/train/loss",
    }


def test_lightning_versions_are_one_run():
    sources = read_all(opened(["version_0/e", "version_1/e"]), None)
    assert names(sources) == {"version_0/e": "train/loss", "version_1/e": "train/loss"}


def test_other_folders_side_by_side_are_several_runs():
    with pytest.raises(LogError, match=re.escape("'a' (id a), 'b' (id x/b); say which by `run:`")):
        read_all(opened(["a/e", "x/b/e"]), None)
    assert set(read_all(opened(["a/e", "x/b/e"]), "b")) == {"x/b/e"}
    assert set(read_all(opened(["a/e", "x/b/e"]), "x/b")) == {"x/b/e"}


def test_a_folder_without_event_files_is_an_error():
    with pytest.raises(LogError, match="holds no runs"):
        read_all(opened([]), None)


def test_a_cut_last_record_is_a_note_and_all_before_it_is_read():
    starts = frames(DIVERGED)
    whole = rows(parse(DIVERGED))
    for size in range(starts[-3] + 1, len(DIVERGED)):
        source = parse(DIVERGED[:size])
        sound = sum(after <= size for after in [*starts[2:], len(DIVERGED)])
        assert rows(source) == whole[:sound]
        assert source.quarantine == ()
        assert len(source.notes) == (size not in starts)


def test_a_flipped_bit_quarantines_one_record_wherever_it_is():
    starts, whole = frames(DIVERGED), rows(parse(DIVERGED))
    for at in range(0, len(DIVERGED), 2):
        broken = bytearray(DIVERGED)
        broken[at] ^= 1 << at % 8
        source = parse(bytes(broken))
        (bad,) = source.quarantine
        assert bad.offset == max(start for start in starts if start <= at)
        assert broken[bad.offset :].startswith(bad.head)
        assert rows(source) == [row for row in whole if row[0] != bad.offset]
        assert source.notes == ()


def test_reads_on_behind_bytes_that_are_no_record():
    starts, whole = frames(DIVERGED), rows(parse(DIVERGED))
    for junk in (bytes(1000), b"\x01" * 999, DIVERGED[5:40], b"\0\0\0\x10" * 300):
        source = parse(DIVERGED[: starts[9]] + junk + DIVERGED[starts[9] :])
        assert [row[1:] for row in rows(source)] == [row[1:] for row in whole]
        assert [bad.offset for bad in source.quarantine] == [starts[9]]


def test_nul_bytes_at_the_end_are_a_note():
    source = parse(DIVERGED + bytes(5000))
    assert rows(source) == rows(parse(DIVERGED))
    assert source.quarantine == ()
    assert source.notes == (f"the last 5000 bytes, from byte {len(DIVERGED)}, are NUL padding",)


@pytest.mark.parametrize("checked", [True, False])
def test_a_length_of_two_to_the_sixty_is_quarantined_in_little_memory(checked):
    length = struct.pack("<Q", 1 << 60)
    giant = length + (struct.pack("<I", masked_crc(length)) if checked else b"abcd")
    at = frames(DIVERGED)[20]
    tracemalloc.start()
    source = parse(DIVERGED[:at] + giant + DIVERGED[at:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (bad,) = source.quarantine
    assert bad.offset == at
    assert ("1152921504606846976 bytes" in bad.reason) == checked
    assert len(rows(source)) == 60
    assert peak < 4 << 20


def test_a_long_record_that_is_not_there_hides_nothing():
    length = struct.pack("<Q", 50 << 20)
    giant = length + struct.pack("<I", masked_crc(length))
    source = parse(DIVERGED + giant + DIVERGED)
    assert len(rows(source)) == 120
    (bad,) = source.quarantine
    assert bad.offset == len(DIVERGED)


def test_a_sound_record_that_is_no_event_is_quarantined():
    odd = record(b"\x2a\xff\x01")
    group = record(b"\x0b\x0c")
    source = parse(record(scalar(b"x", 1.0, 1)) + odd + group + record(scalar(b"x", 2.0, 2)))
    assert len(rows(source)) == 2
    assert [bad.reason.split(":")[0] for bad in source.quarantine] == ["not an Event message"] * 2


@pytest.mark.parametrize("window", [16, 50, 61, 1000])
def test_windows_of_any_size_give_the_same(monkeypatch, window):
    broken = bytearray(DIVERGED + bytes(70) + DIVERGED + DIVERGED[:70])
    broken[frames(DIVERGED)[7]] ^= 4
    broken[frames(DIVERGED)[9] + 20] ^= 4
    whole = parse(bytes(broken))
    assert len(whole.quarantine) == 3
    assert len(rows(whole)) == 118
    monkeypatch.setattr(tfrecord, "WINDOW", window)
    small = parse(bytes(broken))
    assert rows(small) == rows(whole)
    assert small.quarantine == whole.quarantine
    assert small.notes == whole.notes


def test_many_tags_of_one_length_are_kept_apart():
    data = b"".join(record(scalar(b"t%04d" % i, i, 1 + i % 3)) for i in range(3000))
    source = parse(data)
    assert [(tag, value) for _, tag, _, value in rows(source)] == [
        (f"t{i:04d}", repr(float(i))) for i in range(3000)
    ]


def test_steps_and_names_out_of_the_ordinary():
    steps = [0, -1, 127, 128, 1 << 40, -(1 << 62)]
    data = b"".join(record(scalar(b"step", i, step)) for i, step in enumerate(steps))
    data += record(held(5, held(1, held(1, b"caf\xe9") + b"\x15" + struct.pack("<f", 1.0))))
    source = parse(data)
    step, value = column(source, "step (logged)")
    np.testing.assert_array_equal(step, steps)
    np.testing.assert_array_equal(value, range(6))
    np.testing.assert_array_equal(column(source, "caf\\xe9"), [[0.0], [1.0]])


def test_more_tags_than_a_run_has_are_an_error(monkeypatch):
    monkeypatch.setattr(tensorboard, "MAX_TAGS", 5)
    with pytest.raises(LogError, match="more than 5 tags"):
        parse(b"".join(record(scalar(b"t%d" % i, 1, 1)) for i in range(6)))


def test_a_file_damaged_throughout_is_an_error(monkeypatch):
    monkeypatch.setattr(quarantine, "MAX_RECORDS", 5)
    broken = b"".join(record(scalar(b"x", 1, 1))[:-1] + b"?" for _ in range(6))
    with pytest.raises(LogError, match=r"more than 5 broken records, the first at 0 \(wrong check"):
        parse(broken)


def test_an_empty_file_has_no_rows():
    assert parse(b"").blocks == ()


def test_recognises_event_files_by_content():
    assert sniff(DIVERGED[:65536])
    assert sniff(TENSORS[:65536])
    assert sniff(b"\xff" + DIVERGED[1:1000])
    for other in (b"", b'{"step": 1}\n', b":W&B\xe1\xbe\x00", bytes(100), b"step,loss\n1,2\n"):
        assert not sniff(other)
    assert [form.name for form in FORMATS] == ["tensorboard"]


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_and_a_quarantine(data):
    source = parse(data)
    assert data.strip(b"\0") == b"" or source.quarantine or source.notes or source.blocks


PIECES = st.one_of(
    st.builds(
        lambda tag, value, step: (record(scalar(tag, value, step)), "row"),
        st.binary(max_size=200),
        st.floats(width=32),
        st.integers(-(1 << 63), (1 << 63) - 1),
    ),
    st.builds(lambda data: (record(b"\x2a\x7f" + data), "bad"), st.binary(max_size=100)),
    st.builds(lambda tag: (record(scalar(tag, 1, 1))[:-1] + b"\xff", "bad"), st.just(b"x")),
    st.builds(lambda: (record(b"\x1a\x0dbrain.Event:2"), "none")),
)


@given(st.lists(PIECES, max_size=30))
def test_records_in_are_rows_and_quarantine(pieces):
    source = parse(b"".join(data for data, _ in pieces))
    kinds = [kind for _, kind in pieces]
    assert len(rows(source)) == kinds.count("row")
    assert len(source.quarantine) == kinds.count("bad")
    assert source.notes == ()


@given(st.binary(max_size=200))
def test_any_sound_record_is_read_or_quarantined(data):
    source = parse(record(b"\x0a" + data) + record(scalar(b"x", 1, 1)))
    assert len(source.quarantine) <= 1
    assert ("x", 1.0, "1.0") in [row[1:] for row in rows(source)]


@given(damaged(DIVERGED))
def test_damage_loses_records_and_changes_none(data):
    source = parse(data)
    whole = [row[1:] for row in rows(parse(DIVERGED))]
    kept = iter(whole)
    assert all(row[1:] in kept for row in rows(source))  # In order: each later than the one before.
    assert len(rows(source)) == 60 or source.quarantine or source.notes or data in cut(DIVERGED)


def cut(data):
    """What is left of a file that ends, or begins, or has a gap, just between records."""
    starts = [*frames(data), len(data)]
    return {data[:a] + data[b:] for a in starts for b in starts if a <= b}
