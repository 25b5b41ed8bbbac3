"""The TFRecord framing of event files, with checksums verified and broken places passed over.

A record is: length (uint64, little-endian), masked CRC-32C of these 8 bytes, data, masked CRC-32C
of the data. Source: tensorflow/core/lib/io/record_writer.h.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO

import google_crc32c
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from isoloss.logs.quarantine import HEAD, Quarantine

HEADER, FOOTER = 12, 4
WINDOW = 4 << 20
MAX_RECORD = 64 << 20  # A scalar has some 50 bytes; this leaves room for images and graphs.


@dataclass(frozen=True)
class Window:
    """Whole, verified records in one stretch of a file.

    data: the bytes; base: the offset of data[0] in the file; starts, lengths: (n,) int64, where in
    `data` the content of each record is.
    """

    data: bytes
    base: int
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


def masked_crc(data: bytes) -> int:
    """CRC-32C of `data` as it is stored in records: rotated by 15 bits, plus a constant."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record_length(header: bytes) -> int:
    """The length in a record's first 12 bytes; -1 where its checksum is wrong."""
    if len(header) < HEADER or masked_crc(header[:8]) != int.from_bytes(header[8:12], "little"):
        return -1
    return int.from_bytes(header[:8], "little")


def windows(stream: BinaryIO, bad: Quarantine, notes: list[str]) -> Iterator[Window]:
    """The sound records of a stream, some 4 MiB at a time; broken ones go to `bad`.

    Where no record can begin, the next sound length is searched for. A last record that is cut, and
    NUL bytes at the end, are notes.
    """
    buffer = _Buffer(stream)
    lost: _Lost | None = None
    while not buffer.ended:
        buffer.fill()
        frames = _Frames()
        while lost := lost or frames.scan(buffer):
            found = _find_header(buffer.data, buffer.at)
            if found < 0:
                lost.blank &= buffer.data.count(0, buffer.at) == len(buffer.data) - buffer.at
                buffer.at = max(buffer.at, len(buffer.data) - HEADER + 1)
                break
            bad.add(lost.offset, lost.reason, lost.head)
            lost, buffer.at = None, found
        if frames.starts:
            yield frames.verified(buffer, bad)
    if lost:
        size = buffer.base + len(buffer.data) - lost.offset
        if lost.blank:
            notes.append(f"the last {size} bytes, from byte {lost.offset}, are NUL padding")
        elif lost.cut:
            notes.append(f"the last record, at byte {lost.offset}, is cut: {lost.reason}")
        else:
            bad.add(lost.offset, lost.reason, lost.head)


@dataclass
class _Buffer:
    """A stretch of a stream: `at` is the first byte of `data` that has not been dealt with."""

    stream: BinaryIO
    data: bytes = b""
    at: int = 0
    base: int = 0
    need: int = 0
    ended: bool = False

    def fill(self) -> None:
        """Drop what has been dealt with; have a window, or all there is (then `ended`)."""
        pieces = [self.data[self.at :]]
        self.base += self.at
        missing = max(self.need, WINDOW) - len(pieces[0])
        while missing > 0 and (piece := self.stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self.data, self.at, self.need, self.ended = b"".join(pieces), 0, 0, missing > 0


@dataclass
class _Lost:
    """A place where no record can begin; `blank` while everything from there on is NUL."""

    offset: int
    reason: str
    head: bytes
    cut: bool = False
    blank: bool = True


@dataclass
class _Frames:
    """Records found in a buffer, with the checksums of their data."""

    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    checksums: list[int] = field(default_factory=list)

    def scan(self, buffer: _Buffer) -> _Lost | None:
        """Go from record to record up to the end of the buffer, or to a place that is lost."""
        data, at, size = buffer.data, buffer.at, len(buffer.data)
        known: dict[bytes, int] = {}  # The same few lengths recur: each is verified once.
        length = 0
        add_start, add_length = self.starts.append, self.lengths.append
        add_checksum, checksum = self.checksums.append, google_crc32c.value
        reason = ""
        while at + HEADER <= size:
            header = data[at : at + HEADER]
            if header in known:
                length = known[header]
            else:
                length = record_length(header)
                if not 0 <= length <= MAX_RECORD:
                    reason = (
                        "wrong checksum of the record's length"
                        if length < 0
                        else f"a record of {length} bytes: at most {MAX_RECORD} are read"
                    )
                    break
                known[header] = length
            start = at + HEADER
            after = start + length + FOOTER
            if after > size:
                break
            add_start(start)
            add_length(length)
            add_checksum(checksum(data[start : start + length]))
            at = after
        buffer.at = at
        left = size - at
        if reason and left < HEAD and not buffer.ended:
            buffer.need = HEAD
            return None
        cut = not reason and buffer.ended and left > 0
        if cut:
            wanted = HEADER if left < HEADER else length + HEADER + FOOTER
            reason = f"{left} of its {wanted} bytes are there"
        if reason:
            buffer.at += 1
            return _Lost(buffer.base + at, reason, data[at : at + HEAD], cut, data[at] == 0)
        if left >= HEADER:
            buffer.need = length + HEADER + FOOTER
        return None

    def verified(self, buffer: _Buffer, bad: Quarantine) -> Window:
        """The records whose data has the checksum that follows it; the others go to `bad`."""
        starts, lengths = np.array(self.starts), np.array(self.lengths)
        stored = sliding_window_view(np.frombuffer(buffer.data, np.uint8), FOOTER)
        footers = stored[starts + lengths].view("<u4")[:, 0]
        sound = _mask(np.array(self.checksums, np.uint32)) == footers
        for start, length in zip(starts[~sound].tolist(), lengths[~sound].tolist(), strict=True):
            head = buffer.data[start - HEADER : start + length + FOOTER]
            bad.add(buffer.base + start - HEADER, "wrong checksum of the record's data", head)
        return Window(buffer.data, buffer.base, starts[sound], lengths[sound])


def _mask(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)


@cache
def _length_tables() -> tuple[np.uint32, NDArray[np.uint32]]:
    """CRC-32C of 8 bytes is affine: that of zeros, and (4, 256) what each low byte changes."""
    zero = google_crc32c.value(bytes(8))
    change = [
        [zero ^ google_crc32c.value(bytes(i) + bytes([byte]) + bytes(7 - i)) for byte in range(256)]
        for i in range(4)
    ]
    return np.uint32(zero), np.array(change, np.uint32)


def _find_header(data: bytes, at: int) -> int:
    """The first byte, from `at` on, at which a sound length of a record stands; -1 if none."""
    zero, change = _length_tables()
    size = 1024
    while at + HEADER <= len(data):
        piece = np.frombuffer(data, np.uint8, min(size, len(data) - at), at)
        words = sliding_window_view(piece, HEADER)
        high = words[:, 4] | words[:, 5] | words[:, 6] | words[:, 7]
        places = np.flatnonzero((high == 0) & (words[:, 3] <= MAX_RECORD >> 24))
        header = words[places]
        crc = np.full(len(places), zero)
        for i in range(4):
            crc ^= change[i][header[:, i]]
        length = header[:, :4].copy().view("<u4")[:, 0]
        stored = header[:, 8:].copy().view("<u4")[:, 0]
        hits = places[(_mask(crc) == stored) & (length > 0) & (length <= MAX_RECORD)]
        if len(hits):
            return at + int(hits[0])
        at += len(words)
        size = min(2 * size, 1 << 20)
    return -1
