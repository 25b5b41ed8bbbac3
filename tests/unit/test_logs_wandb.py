"""W&B offline runs, written by wandb itself (tests/data/logs/write_binary.py)."""

import io
import json
import math
import re
import struct
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.logs.formats import leveldb, wandb
from isoloss.logs.formats.wandb import FORMATS, HEADER, read, read_all, sniff
from isoloss.logs.records import LogError
from log_bytes import damaged, held, tree, varint

DATA = Path(__file__).parents[1] / "data" / "logs"
TRUTH = pd.read_csv(DATA / "binary_truth.csv")
RESUMED = sorted((DATA / "wandb" / "resumed").rglob("*.wandb"))
DIVERGED = next((DATA / "wandb" / "diverged").rglob("*.wandb")).read_bytes()
KINDS = next((DATA / "wandb" / "kinds").rglob("*.wandb")).read_bytes()


def item(key, text, nested=True):
    return held(1, held(2 if nested else 1, key) + held(16, text))


def history(*items, step=None):
    content = b"".join(items)
    if step is not None:
        content += held(2, (b"\x08" + varint(step)) if step else b"")
    return b"\x08\x05" + held(2, content)


def chunk(kind, content):
    return struct.pack("<IHB", crc32(bytes([kind]) + content), len(content), kind) + content


def log(*contents):
    """A `.wandb` file of these records, framed as LevelDB does it."""
    data = bytearray(HEADER)
    for content in contents:
        first, rest = True, content
        while first or rest:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += bytes(left)
                left = 32768
            part, rest = rest[: left - 7], rest[left - 7 :]
            data += chunk((1 if first else 4) if not rest else (2 if first else 3), part)
            first = False
    return bytes(data)


def chunks(data):
    """(offset, kind, offset after) of the chunks of a sound file."""
    at, found = 7, []
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        found.append((at, kind, at + 7 + length))
        at += 7 + length
    return found


def parse(data):
    return read(io.BytesIO(data))


def rows(source):
    """Every row as a dictionary, in the order of the file."""
    found = []
    for block in source.blocks:
        for row in block.table.to_pylist():
            found.append({key: repr(value) for key, value in row.items()} | row_offset(row))
    return sorted(found, key=lambda row: row["offset"])


def row_offset(row):
    return {"offset": row["offset"]}


def table(source, key):
    (block,) = (b for b in source.blocks if key in b.table.column_names)
    return block.table.to_pandas()


@pytest.mark.parametrize("segment", [0, 1])
def test_equals_the_truth_of_a_resumed_run(segment):
    source = parse(RESUMED[segment].read_bytes())
    truth = TRUTH[(TRUTH.run == "resumed") & (TRUTH.segment == segment)]
    train, evaluated = table(source, "train/loss"), table(source, "val/loss")
    np.testing.assert_array_equal(train["iter"], truth.step)
    np.testing.assert_array_equal(train["tokens"], truth.tokens)
    np.testing.assert_array_equal(train["train/loss"], truth.loss)
    truth = truth[truth.step % 10 == 0]
    np.testing.assert_array_equal(evaluated["iter"], truth.step)
    np.testing.assert_array_equal(evaluated["val/loss"], truth.eval_loss)
    assert min(train["_step"]) == 0
    assert source.quarantine == ()
    assert source.notes == ()


def test_equals_the_truth_of_a_diverged_run_with_nan_bare_in_its_json():
    train = table(parse(DIVERGED), "train/loss")
    truth = TRUTH[TRUTH.run == "diverged"]
    np.testing.assert_array_equal(train["iter"], truth.step)
    np.testing.assert_array_equal(train["train/loss"], truth.loss)
    assert np.isposinf(train["train/loss"][46])
    assert np.isnan(train["train/loss"][47:]).all()


def test_reads_nested_keys_words_and_long_names_and_names_what_is_no_number():
    source = parse(KINDS)
    first, second = (row.to_pylist()[0] for row in (b.table for b in source.blocks))
    assert first["a.b"] == 1
    assert first["a.c.d"] == 2.5
    assert (first["up"], first["down"], first["yes"]) == (math.inf, -math.inf, 1.0)
    assert math.isnan(first["not"])
    assert math.isnan(first["none"])
    assert (second["large"], second["größe"], second["_step"]) == (1e20, 3, 7)
    assert second["b" * 200] == 4
    assert not {"text", "list", "json", "long"} & {*first, *second}
    (note,) = source.notes
    assert note == (
        "keys that do not hold numbers: "
        "histogram._type, histogram.bins, histogram.values, json, list, long, text"
    )


def test_keys_in_any_order_make_one_kind_of_row():
    ab = history(item(b"a", b"1"), item(b"b", b"2"), step=0)
    ba = history(item(b"b", b"4"), item(b"a", b"3"), step=1)
    (block,) = parse(log(ab, ba)).blocks
    assert block.table.select(["a", "b", "_step"]).to_pylist() == [
        {"a": 1, "b": 2, "_step": 0},
        {"a": 3, "b": 4, "_step": 1},
    ]


def test_values_of_every_field_of_an_item():
    def value(content):
        return held(1, held(2, b"x") + content)

    fields = {
        b"\x18\x01": "nan",
        b"\x20\x01": "1.0",
        b"\x28" + varint(7): "-4.0",
        b"\x31" + struct.pack("<d", 0.1): "0.1",
        held(8, b"2.5"): "2.5",
        held(16, b'"NaN"'): "nan",
        held(16, b'"-Infinity"'): "-inf",
        held(16, b" 3 "): "3.0",
        held(16, b'{"y":null}'): "nan",
        held(16, b'{"y":{"z":true,"w":[1]}}'): "1.0",
        held(7, b"text"): None,
        held(16, b"[1, 2]"): None,
        held(16, b'{"_type":"histogram","n":1}'): None,
        b"": None,
    }
    source = parse(log(*(history(value(field)) for field in fields)))
    got = [next((v for k, v in row.items() if k != "offset"), None) for row in rows(source)]
    assert got == list(fields.values())
    assert source.quarantine == ()


def test_the_step_of_the_record_stands_in_for_a_missing_one():
    source = parse(log(history(item(b"x", b"1"), step=9), history(item(b"_step", b"4"), step=9)))
    assert [row["_step"] for row in rows(source)] == ["9.0", "4.0"]


def test_a_key_logged_twice_holds_its_last_value():
    source = parse(log(history(item(b"x", b"1"), item(b"x", b"2"), item(b"offset", b"3"))))
    (row,) = rows(source)
    assert row == {"offset": 7, "offset (logged)": "3.0", "x": "2.0"}


def test_keys_and_values_that_look_like_tags_are_read_right():
    tag = b"\x82\x01"
    odd = [
        item(b"a" + tag + b"b", b"1"),
        item(b"a", b"2"),
        held(1, held(16, b"3") + held(2, b"late")),
        item(b"flat", b"4", nested=False),
        held(1, held(2, b"n") + held(2, b"m") + held(16, b"5")),
    ]
    source = parse(log(*(history(one) for one in odd * 2)))
    names = ["a\\x82\x01b", "a", "late", "flat", "n.m"]
    assert [(key, value) for row in rows(source) for key, value in row.items()][1::2] == [
        (name, f"{i}.0") for name, i in zip(names * 2, [1, 2, 3, 4, 5] * 2, strict=True)
    ]
    assert source.quarantine == ()


@pytest.mark.parametrize(
    "broken",
    [
        b"\x08\x05" + held(2, b"\x0a\x7f"),
        b"\x08\x05\x12\x7f",
        history(item(b"x", b"1.2.3")),
        history(item(b"x", b'{"y": }')),
        history(item(b"x", b'{"y":' * 100_000)),
        history(item(b"x", b"nul")),
        b"\xff" * 20,
    ],
    ids=["item", "history", "number", "json", "nesting", "word", "varint"],
)
def test_a_sound_record_with_broken_content_is_quarantined(broken):
    good = history(item(b"x", b"1"))
    source = parse(log(good, broken, good))
    assert len(rows(source)) == 2
    (bad,) = source.quarantine
    assert bad.offset == 7 + 7 + len(good)
    assert bad.reason.startswith("not a Record message: ")


def test_a_flipped_bit_quarantines_one_record_wherever_it_is():
    whole, found = rows(parse(DIVERGED)), chunks(DIVERGED)
    history_offsets = {row["offset"] for row in whole}
    assert len(whole) == 66
    for at in range(7, len(DIVERGED), 31):
        broken = bytearray(DIVERGED)
        broken[at] ^= 1 << at % 8
        source = parse(bytes(broken))
        begin = max(start for start, _, _ in found if start <= at)
        (bad,) = source.quarantine
        assert bad.offset == begin
        lost = begin in history_offsets
        assert rows(source) == [row for row in whole if row["offset"] != begin]
        assert len(rows(source)) == 66 - lost


def test_a_flipped_bit_in_any_part_of_a_long_record_loses_that_record_only():
    long = history(item(b"x", b"1"), item(b"text", b'"' + b"a" * 100_000 + b'"'))
    short = history(item(b"y", b"2"))
    data = log(short, long, short, short)
    assert [kind for _, kind, _ in chunks(data)] == [1, 2, 3, 3, 4, 1, 1]
    for at, kind, after in chunks(data)[1:5]:
        for place in (at, at + 4, at + 5, at + 6, at + 30, after - 1):
            broken = bytearray(data)
            broken[place] ^= 0x40
            source = parse(bytes(broken))
            assert [row.get("y") for row in rows(source)] == ["2.0"] * 3, (kind, place - at)
            (bad,) = source.quarantine
            assert bad.offset in (at, 7 + 7 + len(short))


def test_a_cut_last_record_is_a_note_and_all_before_it_is_read():
    whole, found = rows(parse(DIVERGED)), chunks(DIVERGED)
    for size in range(found[-9][0], len(DIVERGED)):
        source = parse(DIVERGED[:size])
        kept = [start for start, _, after in found if after <= size]
        assert rows(source) == [row for row in whole if row["offset"] in kept]
        assert source.quarantine == ()
        cut = size not in [start for start, _, _ in found]
        assert len([note for note in source.notes if "is cut" in note]) == cut
        assert any(note.startswith("no record of the run's exit") for note in source.notes)


@pytest.mark.parametrize("size", [20, 32768, 33_000, 65_536, 100_000])
def test_a_long_record_cut_anywhere_is_a_note(size):
    short = history(item(b"y", b"2"))
    data = log(short, history(item(b"text", b'"' + b"a" * 110_000 + b'"')), short)
    source = parse(data[: size + 1])
    assert len(rows(source)) == (size > 20)
    assert source.quarantine == ()
    assert sum("is cut" in note for note in source.notes) == 1


def test_nul_bytes_at_the_end_are_a_note_and_in_the_middle_a_broken_record():
    short = history(item(b"y", b"2"))
    data = log(*[short] * 10)
    source = parse(data + bytes(100_000))
    assert len(rows(source)) == 10
    assert source.quarantine == ()
    assert "the last 100000 bytes are NUL padding" in source.notes
    padded = data + bytes(32768 - len(data)) + chunk(1, short)
    source = parse(padded)
    assert len(rows(source)) == 11
    (bad,) = source.quarantine
    assert (bad.offset, bad.reason) == (len(data), "NUL bytes in place of a record")


def test_parts_without_their_record_are_quarantined():
    short = history(item(b"y", b"2"))
    data = HEADER + chunk(4, b"abc") + chunk(1, short) + chunk(2, b"\x08") + chunk(1, short)
    source = parse(data)
    assert len(rows(source)) == 2
    assert [bad.reason for bad in source.quarantine] == [
        "a part of a record without its first",
        "a record without its last part",
    ]


def test_a_record_too_long_to_hold_is_quarantined(monkeypatch):
    monkeypatch.setattr(leveldb, "MAX_RECORD", 50_000)
    long = history(item(b"x", b"1"), item(b"text", b'"' + b"a" * 100_000 + b'"'))
    short = history(item(b"y", b"2"))
    source = parse(log(long, short))
    assert [row.get("y") for row in rows(source)] == ["2.0"]
    assert [bad.reason for bad in source.quarantine] == [f"a record of {len(long)} bytes"]


def test_a_length_of_two_to_the_sixty_inside_a_record_is_quarantined():
    giant = b"\x08\x05\x12" + varint(1 << 60) + b"x" * 20
    good = history(item(b"x", b"1"))
    source = parse(log(good, giant, good))
    assert len(rows(source)) == 2
    assert len(source.quarantine) == 1


def test_another_version_is_an_error():
    with pytest.raises(LogError, match="does not begin with :W&B"):
        parse(HEADER[:-1] + b"\x01" + DIVERGED[7:])


def test_more_kinds_of_rows_than_a_run_has_are_an_error(monkeypatch):
    monkeypatch.setattr(wandb, "MAX_KEYS", 3)
    with pytest.raises(LogError, match="3 keys or sets of keys"):
        parse(log(*(history(item(b"k%d" % i, b"1")) for i in range(4))))


def test_many_orders_of_keys_are_one_kind():
    keys = [b"a", b"b", b"c", b"d"]
    turns = [keys[i % 4 :] + keys[: i % 4] for i in range(20)]
    records = [
        history(*(item(key, str(i).encode()) for key in turn)) for i, turn in enumerate(turns)
    ]
    (block,) = parse(log(*records)).blocks
    for key in "abcd":
        assert block.table[key].to_pylist() == list(range(20))


def test_a_folder_of_several_runs_needs_a_choice():
    files = tree(DATA / "wandb")
    with pytest.raises(LogError, match=re.escape("'diverged' (id isodiverged), 'kinds'")):
        read_all(files, None)
    assert [path.split("/")[0] for path in read_all(files, "resumed")] == ["resumed"] * 2
    assert [path.split("/")[0] for path in read_all(files, "isokinds")] == ["kinds"]
    with pytest.raises(LogError, match="no run of the name or id 'nobody'"):
        read_all(files, "nobody")


def test_a_resumed_run_has_two_files_and_the_link_to_the_last_is_left_out():
    files = tree(DATA / "wandb" / "resumed")
    files["latest-run/run-isoresumed.wandb"] = lambda: RESUMED[1].open("rb")
    files["logs/debug.log"] = lambda: io.BytesIO(b"INFO")
    sources = read_all(files, None)
    assert [len(rows(source)) for source in sources.values()] == [44, 33]


def test_recognises_wandb_files_by_content():
    assert sniff(DIVERGED[:65536])
    for other in (b"", HEADER[:5], b'{"a": 1}', bytes(50)):
        assert not sniff(other)
    assert [form.name for form in FORMATS] == ["wandb"]


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_header_give_rows_and_a_quarantine(data):
    source = parse(HEADER + data)
    assert not data or source.quarantine or source.notes or source.blocks


@given(st.binary(max_size=400))
def test_any_record_is_read_or_quarantined(data):
    source = parse(log(b"\x08\x05" + held(2, data), history(item(b"x", b"1"))))
    assert len(source.quarantine) + len(rows(source)) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(max_size=20), JSON, max_size=5), max_size=20))
def test_rows_in_are_rows_out(logged):
    records = [
        history(*(item(key.encode(), json.dumps(value).encode()) for key, value in row.items()))
        for row in logged
    ]
    source = parse(log(*records))
    assert source.quarantine == ()
    for row, got in zip(logged, rows(source), strict=True):
        for key, value in row.items():
            if isinstance(value, int | float) and key != "offset":
                assert got[key] == repr(float(value)), key


@given(damaged(DIVERGED[7:]))
def test_damage_loses_rows_and_changes_none(data):
    source = parse(HEADER + data)
    kept = iter([list(row.items())[1:] for row in rows(parse(DIVERGED))])
    assert all(list(row.items())[1:] in kept for row in rows(source))


@pytest.mark.parametrize("junk", [b"\x0a\0", b"\x0a\x12", b"\x0a\x02\x12\0"])
def test_a_row_of_a_million_bytes_of_junk_takes_no_longer_than_another(junk):
    source = parse(log(history(junk * 250_000), history(item(b"x", b"1"))))
    assert rows(source)[-1]["x"] == "1.0"
    assert len(rows(source)) + len(source.quarantine) == 2


def test_a_row_of_more_keys_than_a_run_has_is_an_error():
    with pytest.raises(LogError, match="10,000 keys or sets of keys"):
        parse(log(history(*(item(b"k%d" % i, b"1") for i in range(10_000)))))
