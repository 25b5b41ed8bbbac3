"""Readers of event files and `.wandb` files against the tools' own, in one run on one machine.

    PYTHONPATH=workflow/lib python benchmarks/logs_binary.py

The tools go into an environment of their own: pip install tensorboard wandb numpy pyarrow
google-crc32c. Each side reads the same file, made here; the best of three runs counts, in seconds
of processor time, all on one thread. The exit status is 1 where a ratio misses its target.
"""

import json
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
from isoloss.logs.formats import tensorboard, wandb
from isoloss.logs.formats.tfrecord import masked_crc

SCALARS, ROWS, REPEATS = 200_000, 100_000, 3


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def held(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", masked_crc(part)) for part in (length, data)]
    return length + checks[0] + data + checks[1]


def write_events(path: Path) -> None:
    """Two tags, as SummaryWriter.add_scalar writes them: an event a scalar."""
    with path.open("wb") as file:
        file.write(framed(b"\x09" + struct.pack("<d", 1.7e9) + held(3, b"brain.Event:2")))
        for i in range(SCALARS):
            step, tag = divmod(i, 2)
            name = (b"train/loss", b"tokens")[tag]
            value = (
                held(1, name) + b"\x15" + struct.pack("<f", 1e5 * step if tag else 9 / (step + 1))
            )
            when = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + varint(step + 1)
            file.write(framed(when + held(5, held(1, value))))


def write_wandb(path: Path) -> None:
    """Rows of seven keys that begin with another key each time, as wandb 0.31 writes them: with
    every row two records of the summary."""
    data = bytearray(wandb.HEADER)

    def add(content: bytes) -> None:
        first = True
        while first or content:
            left = 32768 - len(data) % 32768
            if left < 7:
                data.extend(bytes(left))
                left = 32768
            part, content = content[: left - 7], content[left - 7 :]
            kind = (1 if first else 4) if not content else (2 if first else 3)
            check = crc32(bytes([kind]) + part)
            data.extend(struct.pack("<IHB", check, len(part), kind) + part)
            first = False

    def items(row: dict[bytes, float | int]) -> bytes:
        return b"".join(
            held(1, held(2, key) + held(16, json.dumps(value).encode()))
            for key, value in row.items()
        )

    noise = np.random.default_rng(0).random(ROWS)
    for step in range(ROWS):
        row: list[tuple[bytes, float | int]] = [
            (b"iter", step + 1),
            (b"train/loss", float(np.float32(2 + noise[step]))),
            (b"lr", 3e-4 * noise[-step]),
            (b"tokens", 262144 * (step + 1)),
            (b"_timestamp", 1.7953087226911936e9 + step),
            (b"_runtime", step + noise[step]),
            (b"_step", step),
        ]
        turn = step % len(row)
        content = items(dict(row[turn:] + row[:turn]))
        number = b"\x08" + varint(3 * step + 1)
        add(number + held(2, content + held(2, b"\x08" + varint(step))))
        add(number + held(3, items({b"_runtime": step})))
        add(number + held(3, content))
    path.write_bytes(data)


def read_events_ours(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.table.num_rows for block in tensorboard.read(file).blocks)


def read_wandb_ours(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.table.num_rows for block in wandb.read(file).blocks)


def event_accumulator() -> Callable[[Path], int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read(path: Path) -> int:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        return sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"])

    return read


def wandb_protobuf() -> Callable[[Path], int]:
    """The loop of wandb's DataStore (wandb < 0.26 has it in Python), with its Record messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    def records(data: bytes):
        at, content = 7, b""
        while at + 7 <= len(data):
            left = 32768 - at % 32768
            if left < 7:
                at += left
                continue
            check, length, kind = struct.unpack_from("<IHB", data, at)
            part = data[at + 7 : at + 7 + length]
            assert crc32(part, crc32(bytes([kind]))) == check
            at += 7 + length
            content = part if kind in (1, 2) else content + part
            if kind in (1, 4):
                yield content

    def read(path: Path) -> int:
        rows = []
        for content in records(path.read_bytes()):
            record = Record()
            record.ParseFromString(content)
            if record.WhichOneof("record_type") == "history":
                items = record.history.item
                row = {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}
                rows.append(row)
        return len(rows)

    return read


def best(read: Callable[[Path], int], path: Path, rows: int) -> float:
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        assert read(path) == rows
        times.append(time.process_time() - begin)
    return min(times)


def main() -> int:
    missed = 0
    cases = [
        ("TensorBoard", SCALARS, write_events, read_events_ours, event_accumulator, 5.0),
        ("W&B", ROWS, write_wandb, read_wandb_ours, wandb_protobuf, 1.0),
    ]
    for name, rows, write, ours, other, target in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "events.out.tfevents.0")
            write(path)
            megabytes = path.stat().st_size / 1e6
            seconds = best(ours, path, rows)
            print(f"{name}: {rows:,} rows, {megabytes:.1f} MB, isoloss {seconds:.3f} s", end="")
            try:
                read = other()
            except ImportError as error:
                print(f"; not compared: {error.name} is missing (see the head of this file)")
                continue
            theirs = best(read, path, rows)
            ratio = theirs / seconds
            missed += ratio < target
            print(f", {other.__name__} {theirs:.3f} s: {ratio:.1f} x (target {target:g} x)")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
