"""JSON lines by Arrow: lines that it reads as we would, their types, nested columns as flat."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from isoloss.logs import lines

_DEEP = 200
_START = 1 << 14


def schema(keep: Iterable[str]) -> pa.Schema:
    """Arrow's schema of the wanted names: `a.b` is a name as it stands, or b nested in a."""
    leaf: dict[str, Any] = {}
    for name in sorted(keep):
        leaf.setdefault(name, pa.float64())
        *outer, last = name.split(".")
        node = leaf
        for part in outer:
            inner = node.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node.setdefault(last, pa.float64())

    def fields(node: Mapping[str, Any]) -> list[pa.Field]:
        return [
            pa.field(name, pa.struct(fields(inner)) if isinstance(inner, dict) else inner)
            for name, inner in node.items()
        ]

    return pa.schema(fields(leaf))


def flatten(table: pa.Table) -> pa.Table:
    """Nested columns as columns of their own, `a.b`; of two of one name the first that is there."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        both = name in columns
        columns[name] = pc.coalesce(columns[name], column) if both else column
    return pa.table(columns)


def whole(block: lines.Lines) -> bool:
    """Whether every line starts with { and ends with }, so that no object spans lines, and no line
    is nested deeply: that, Arrow does not survive."""
    data, ends = np.frombuffer(block.data, np.uint8), block.ends
    back = 2 if block.data[: ends[0]].endswith(b"\r") else 1
    if ends[0] < back or (np.diff(ends) <= back).any():
        return False
    starts = data[np.concatenate(([0], ends[:-1] + 1))]
    if (starts != ord("{")).any() or (data[ends - back] != ord("}")).any():
        return False
    openings = (data == ord("{")) | (data == ord("["))
    if np.count_nonzero(openings) < len(ends) + _DEEP:
        return True
    each = np.diff(np.searchsorted(np.flatnonzero(openings), ends), prepend=0)
    return bool(each.max() <= _DEEP)


def parsed(data: bytes, **options: Any) -> pa.Table | None:
    """What Arrow reads, with options of its ParseOptions; None where it does not."""
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(data),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data)),
            parse_options=pyarrow.json.ParseOptions(**options),
        )
    except pa.ArrowInvalid:
        return None


def _numbers(kind: pa.DataType) -> pa.DataType:
    """A type with doubles in the place of all numbers, and times as the texts that they are."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_numbers(field.type)) for field in kind])
    if pa.types.is_timestamp(kind):
        return pa.string()
    number_ = pa.types.is_integer(kind) or pa.types.is_null(kind)
    return pa.float64() if number_ else kind


def leaves(column: pa.ChunkedArray, name: str) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns in a column, by the names that `flat` gives them.

    ValueError where some rows do not have the outer one: names need not be in every row.
    """
    if not pa.types.is_struct(column.type):
        yield name, column
        return
    if column.null_count:
        raise ValueError(name)
    for field, inner in zip(column.type, column.flatten(), strict=True):
        yield from leaves(inner, f"{name}.{field.name}")


def types(head: bytes) -> pa.Schema | None:
    """The names and types that Arrow finds in the first lines, if they are one object each."""
    first = lines.Lines(1, head[: head.rfind(b"\n", 0, _START) + 1])
    found = parsed(first.data) if first.data and whole(first) else None
    try:
        kinds = [] if found is None else [f.with_type(_numbers(f.type)) for f in found.schema]
    except UnicodeDecodeError:
        return None
    return pa.schema(kinds) if kinds else None
