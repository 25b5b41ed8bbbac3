"""The protobuf wire format: messages as spans of bytes, without generated classes.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are not a protobuf message."""


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Unsigned 64-bit number that starts at byte `at`, and the byte after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise WireError("a number runs past the end of its message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise WireError("a number of more than ten bytes")


def signed(value: int) -> int:
    """Two's complement of an unsigned 64-bit number (int32 and int64 fields)."""
    return value - (1 << 64) if value >> 63 else value


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Field number, wire type and span [first, after) of the content of each field of a message.

    The span of a LENGTH field leaves its length out. Raises WireError where a field runs past the
    end or is of a kind that proto3 does not write.
    """
    while start < end:
        tag, first = varint(data, start, end)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            start = varint(data, first, end)[1]
        elif kind == LENGTH:
            length, first = varint(data, first, end)
            start = first + length
        elif kind == FIXED64:
            start = first + 8
        elif kind == FIXED32:
            start = first + 4
        else:
            raise WireError(f"wire type {kind} of field {number}: expected 0, 1, 2 or 5")
        if number == 0 or start > end:
            raise WireError(f"field {number} runs past the end of its message")
        yield number, kind, first, start
