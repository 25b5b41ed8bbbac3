"""TensorBoard's Event messages: where the scalars of one stand in its bytes.

Sources: tensorboard/compat/proto/{event,summary,tensor,tensor_shape,types}.proto.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoloss.logs.formats.wire import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    WireError,
    fields,
    signed,
    varint,
)

# DataType -> numpy type in `tensor_content` ("bf2": the upper half of a float32), and the field of
# TensorProto that holds the values otherwise.
_DTYPES = {
    1: ("<f4", 5),
    2: ("<f8", 6),
    3: ("<i4", 7),
    4: ("|u1", 7),
    5: ("<i2", 7),
    6: ("|i1", 7),
    9: ("<i8", 10),
    10: ("|b1", 11),
    14: ("bf2", 13),
    17: ("<u2", 7),
    19: ("<f2", 13),
    22: ("<u4", 16),
    23: ("<u8", 17),
}
_VALUES = frozenset(field for _, field in _DTYPES.values())
_DIGITS = {"<f4": 7, "<f2": 3, "bf2": 2}
_KINDS = {3: "histogram", 4: "image", 5: "histogram", 6: "audio"}


@dataclass(frozen=True)
class Number:
    """A scalar: `value`, of type `dtype`, from byte `at` of its record on (-1: of no fixed width).

    plugin: what TensorBoard shows it with, where the record says so.
    """

    tag: str
    dtype: str
    at: int
    value: float
    plugin: str = ""

    @property
    def digits(self) -> int | None:
        """Significant decimal digits of the type, None for those that a float64 holds."""
        return _DIGITS.get(self.dtype)


@dataclass(frozen=True)
class Event:
    """One event: wall time (s), step and scalars, and the spans of bytes of the first two.

    others: the kinds of its values that are not scalars.
    """

    wall_time: float
    wall_span: tuple[int, int]
    step: int
    step_span: tuple[int, int]
    numbers: tuple[Number, ...]
    others: tuple[str, ...]


def parse_event(data: bytes) -> Event:
    """Parse an Event; WireError where it is none. Absent fields are 0, as proto3 has it."""
    wall, step, wall_span, step_span = 0.0, 0, (0, 0), (0, 0)
    numbers: list[Number] = []
    others: list[str] = []
    for number, kind, start, end in fields(data, 0, len(data)):
        if (number, kind) == (1, FIXED64):
            wall, wall_span = struct.unpack_from("<d", data, start)[0], (start, end)
        elif (number, kind) == (2, VARINT):
            step, step_span = signed(varint(data, start, end)[0]), (start, end)
        elif (number, kind) == (5, LENGTH):
            for inner, inner_kind, first, after in fields(data, start, end):
                if (inner, inner_kind) == (1, LENGTH):
                    value = _value(data, first, after)
                    if isinstance(value, Number):
                        numbers.append(value)
                    else:
                        others.append(value)
    return Event(wall, wall_span, step, step_span, tuple(numbers), tuple(others))


def numbers_of(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float64]:
    """(n,) values of the type `dtype` from (n, width) bytes."""
    raw = np.ascontiguousarray(raw)
    if dtype == "bf2":
        bits = raw.view("<u2")[:, 0].astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32).astype(np.float64)
    return raw.view(dtype)[:, 0].astype(np.float64)


def width(dtype: str) -> int:
    """Bytes of a value of this type."""
    return int(dtype[-1])


def _value(data: bytes, start: int, end: int) -> Number | str:
    """The scalar in a Summary.Value, or the kind of what else it holds."""
    tag, plugin = "", ""
    held: tuple[str, int, float] | str = "nothing"
    for number, kind, first, after in fields(data, start, end):
        if (number, kind) == (1, LENGTH):
            tag = _text(data, first, after)
        elif (number, kind) == (2, FIXED32):
            held = ("<f4", first, struct.unpack_from("<f", data, first)[0])
        elif (number, kind) == (8, LENGTH):
            held = _tensor(data, first, after)
        elif (number, kind) == (9, LENGTH):
            plugin = _plugin(data, first, after)
        elif number in _KINDS and kind == LENGTH:
            held = _KINDS[number]
    return plugin or held if isinstance(held, str) else Number(tag, *held, plugin)


def _plugin(data: bytes, start: int, end: int) -> str:
    for number, kind, first, after in fields(data, start, end):
        if (number, kind) == (1, LENGTH):
            for inner, inner_kind, left, right in fields(data, first, after):
                if (inner, inner_kind) == (1, LENGTH):
                    return _text(data, left, right)
    return ""


def _tensor(data: bytes, start: int, end: int) -> tuple[str, int, float] | str:
    """Type, place and value of a TensorProto of one number."""
    dtype, size, held = 0, 1, (0, 0, 0, 0)
    for number, kind, first, after in fields(data, start, end):
        if (number, kind) == (1, VARINT):
            dtype = varint(data, first, after)[0]
        elif (number, kind) == (2, LENGTH):
            size = _elements(data, first, after)
        elif number in _VALUES or (number == 4 and after > first):
            held = (number, kind, first, after)
    if dtype not in _DTYPES or size != 1:
        return "tensor"
    name, field = _DTYPES[dtype]
    number, kind, first, after = held
    if number == 0:  # Values that are zero may be left out.
        return name, -1, 0.0
    if number not in (4, field):
        raise WireError(f"a tensor of type {dtype} with values in field {number}, not {field}")
    if number == 4 or field in (5, 6):
        if after - first != width(name):
            raise WireError(f"a number of {after - first} bytes: expected {width(name)}")
        raw = np.frombuffer(data, np.uint8, after - first, first)
        return name, first, float(numbers_of(raw[None], name)[0])
    bits, stop = varint(data, first, after)
    if stop != after:
        raise WireError("a tensor of shape () with several values")
    if field == 13:
        raw = np.frombuffer((bits & 0xFFFF).to_bytes(2, "little"), np.uint8)
        return name, -1, float(numbers_of(raw[None], name)[0])
    return name, -1, float(signed(bits) if field in (7, 10) else bits)


def _elements(data: bytes, start: int, end: int) -> int:
    """How many elements a TensorShapeProto has; -1 for an unknown rank."""
    size = 1
    for number, kind, first, after in fields(data, start, end):
        if (number, kind) == (3, VARINT) and varint(data, first, after)[0]:
            return -1
        if (number, kind) == (2, LENGTH):
            dim = 0
            for inner, inner_kind, left, right in fields(data, first, after):
                if (inner, inner_kind) == (1, VARINT):
                    dim = signed(varint(data, left, right)[0])
            size *= dim
    return size


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode("utf-8", "backslashreplace")
