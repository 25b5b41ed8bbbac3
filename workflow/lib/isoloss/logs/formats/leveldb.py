"""The LevelDB log framing of `.wandb` files, with checksums verified and broken places passed over.

A file is cut into blocks of 32 KiB; a block holds chunks: CRC-32 of kind and data, length of the
data (uint16), kind (1 a whole record, 2 its first part, 3 a middle, 4 its last), data. Fewer than
7 bytes at the end of a block are NUL. Source: doc/log_format.md of LevelDB; W&B begins the first
block with a header of its own, and takes the CRC-32 of zlib.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from zlib import crc32

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from isoloss.logs.quarantine import HEAD, Quarantine

BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
MAX_RECORD = 64 << 20
_SEARCH = 64 * BLOCK  # Bytes checked at most for the next chunk of a broken block.


def records(stream: BinaryIO, bad: Quarantine, notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """Offset and content of each sound record of a stream that begins with W&B's header.

    A stretch without a sound record is one broken record. A last record that is cut, and NUL bytes
    at the end, are notes.
    """
    parts: _Parts | None = None
    damage: _Damage | None = None
    base, at = 0, HEADER  # W&B's header is as long as that of a chunk.
    stream.seek(0)
    while block := _read(stream):
        size = len(block)
        while at + HEADER <= size:
            stored, length, kind = struct.unpack_from("<IHB", block, at)
            after = at + HEADER + length
            if after > size or not FULL <= kind <= LAST or crc32(block[at + 6 : after]) != stored:
                found = _Damage.at(block, base, at)
                damage = damage.extended(found) if damage else found.begun(parts)
                parts, at = None, _next_chunk(block, at)
                continue
            content = block[at + HEADER : after]
            if kind in (FULL, FIRST):
                if parts:
                    damage = parts.lost("a record without its last part")
                if damage:
                    bad.add(damage.offset, damage.reason, damage.head)
                parts, damage = None, None
                if kind == FULL:
                    yield base + at, content
                else:
                    parts = _Parts(base + at, block[at : at + HEAD], [content])
            elif parts:
                parts.add(content)
                if kind == LAST and parts.size > MAX_RECORD:
                    bad.add(parts.offset, f"a record of {parts.size} bytes", parts.head)
                elif kind == LAST:
                    yield parts.offset, b"".join(parts.contents)
                parts = None if kind == LAST else parts
            elif not damage:
                damage = _Damage(base + at, "a part of a record without its first", block[at:])
            at = after
        if at < size < BLOCK:
            found = _Damage.at(block, base, at)
            damage = damage.extended(found) if damage else found.begun(parts)
            parts = None
        base, at = base + size, 0
    if parts:
        damage = parts.lost("its last part is missing")
        damage.cut = True
    if damage and damage.blank:
        notes.append(f"the last {base - damage.offset} bytes are NUL padding")
    elif damage and damage.cut:
        notes.append(f"the last record, at byte {damage.offset}, is cut: {damage.reason}")
    elif damage:
        bad.add(damage.offset, damage.reason, damage.head)


@dataclass
class _Parts:
    """The record that is being put together."""

    offset: int
    head: bytes
    contents: list[bytes]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.contents[0])

    def add(self, content: bytes) -> None:
        self.size += len(content)
        if self.size <= MAX_RECORD:
            self.contents.append(content)

    def lost(self, reason: str) -> "_Damage":
        return _Damage(self.offset, reason, self.head)


@dataclass
class _Damage:
    """A stretch without a sound record: cut by the end of the file, or nothing but NUL bytes."""

    offset: int
    reason: str
    head: bytes
    cut: bool = False
    blank: bool = False

    @staticmethod
    def at(block: bytes, base: int, at: int) -> "_Damage":
        """What is wrong with the chunk at `at`, the last one of its block or not."""
        size, head = len(block), block[at : at + HEAD]
        if block.count(0, at) == size - at:
            return _Damage(base + at, "NUL bytes in place of a record", head, blank=True)
        if at + HEADER > size:
            return _Damage(base + at, f"{size - at} of the 7 bytes of its header", head, cut=True)
        after = at + HEADER + int.from_bytes(block[at + 4 : at + 6], "little")
        if after > BLOCK or block[at + 6] not in (FULL, FIRST, MIDDLE, LAST):
            return _Damage(base + at, "no header of a record", head)
        if after > size:
            return _Damage(base + at, f"{size - at} of its {after - at} bytes", head, cut=True)
        return _Damage(base + at, "wrong checksum of a record", head)

    def begun(self, parts: "_Parts | None") -> "_Damage":
        """This damage, from the beginning of the record that it breaks."""
        if parts:
            self.offset, self.head, self.blank = parts.offset, parts.head, False
        return self

    def extended(self, more: "_Damage") -> "_Damage":
        """This damage, with another place in which it goes on."""
        self.blank &= more.blank
        return self


def _read(stream: BinaryIO) -> bytes:
    """The next block: shorter than BLOCK only at the end of the stream."""
    block = b""
    while len(block) < BLOCK and (piece := stream.read(BLOCK - len(block))):
        block += piece
    return block


def _sound(block: bytes, at: int) -> bool:
    """Whether a chunk with the right checksum begins at `at`."""
    stored, length = struct.unpack_from("<IH", block, at)
    after = at + HEADER + int(length)
    return after <= len(block) and crc32(block[at + 6 : after]) == stored


def _next_chunk(block: bytes, at: int) -> int:
    """Where the first sound chunk after the broken one at `at` begins; the block's end if none."""
    after = at + HEADER + int.from_bytes(block[at + 4 : at + 6], "little")
    if after + HEADER <= len(block) and _sound(block, after):
        return after
    words = sliding_window_view(np.frombuffer(block, np.uint8), HEADER)[at + 1 :]
    lengths = words[:, 4] + words[:, 5].astype(np.int64) * 256
    fits = np.arange(len(words)) + at + 1 + HEADER + lengths <= len(block)
    places = np.flatnonzero(fits & (words[:, 6] >= FULL) & (words[:, 6] <= LAST))
    within = np.cumsum(lengths[places]) <= _SEARCH
    for place in places[within].tolist():
        if _sound(block, at + 1 + place):
            return at + 1 + int(place)
    return len(block)
