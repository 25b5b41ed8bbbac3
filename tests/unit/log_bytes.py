"""What the tests of the binary log readers share."""

import struct

from hypothesis import strategies as st
from isoloss.logs.formats.tfrecord import masked_crc


def varint(value):
    """The bytes of a number, in two's complement of 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def held(number, content):
    """A field of bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def record(data):
    """A record of a TensorBoard event file."""
    length = struct.pack("<Q", len(data))
    return (
        length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))
    )


def scalar(tag, value, step, wall=1.5):
    """What the event of a scalar holds."""
    number = held(1, tag) + b"\x15" + struct.pack("<f", value)
    return b"\x09" + struct.pack("<d", wall) + b"\x10" + varint(step) + held(5, held(1, number))


def tree(folder):
    """Every file below a folder: relative path -> how to open it."""
    return {
        path.relative_to(folder).as_posix(): lambda path=path: path.open("rb")
        for path in folder.rglob("*")
        if path.is_file()
    }


def damaged(data):
    """Strategy: `data` with up to four stretches of it replaced by other bytes, or by none."""
    at = st.integers(0, len(data))
    wounds = st.lists(st.tuples(at, st.integers(0, 100), st.binary(max_size=60)), max_size=4)

    def wound(places):
        broken = data
        for start, length, junk in places:
            broken = broken[:start] + junk + broken[start + length :]
        return broken

    return wounds.map(wound)
