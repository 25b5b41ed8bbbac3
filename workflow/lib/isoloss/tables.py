"""Stage tables: read and written with their columns checked, whole or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from isoloss.files import whole

# Ten digits: more than any input has, fewer than where machines begin to differ.
FLOAT_FORMAT = "%.10g"
# Of what is computed and kept as Parquet, resamples by the thousand: some of them always lie where
# ten digits would round differently.
PARQUET_FORMAT = "%.8g"
_DTYPES: Mapping[str, Any] = {
    "string": "str",
    "number": "float64",
    "integer": "int64",
    "boolean": "bool",
}
_TYPES: Mapping[str, Any] = {
    "string": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}
PIECE = 1 << 18  # rows that are written at a time


def check(table: pd.DataFrame, schema: Mapping[str, Any], where: str) -> pd.DataFrame:
    """The columns of `schema`, in its order and of its types, then any others.

    schema: a JSON schema of one row, of which `type` (one, no union), `enum`, `minimum`,
    `exclusiveMinimum` and `required` count. Numbers may be NaN (not known), texts may be empty.
    """
    columns: Mapping[str, Any] = schema["properties"]
    if table.empty:  # it has the columns of its schema all the same
        table = table.reindex(columns=[*columns, *(name for name in table if name not in columns)])
    missing = [name for name in schema.get("required", columns) if name not in table]
    if missing:
        raise ValueError(f"{where}: column(s) {', '.join(missing)} missing; it has {list(table)}")
    extra = [name for name in table if name not in columns]
    present = [name for name in columns if name in table]
    table = table[[*present, *extra]].copy()
    for name in present:
        rule = columns[name]
        if rule["type"] == "string":
            table[name] = _texts(table[name])
        else:
            table[name] = table[name].astype(_DTYPES[rule["type"]])
        bad = pd.Series(False, index=table.index)
        if "enum" in rule:
            bad |= ~table[name].isin(rule["enum"])
        if "minimum" in rule:
            bad |= table[name] < rule["minimum"]
        if "exclusiveMinimum" in rule:
            bad |= table[name] <= rule["exclusiveMinimum"]
        if bad.any():
            row = table[bad].iloc[0]
            raise ValueError(
                f"{where}: row {table.index.get_loc(bad.idxmax())}: {name} = {row[name]!r}; "
                f"expected {rule.get('description', rule)}"
            )
    return table


def _texts(column: pd.Series) -> pd.Series:
    """A column as texts, empty where it has none; of labels each is made a text once."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = pd.array([*map(str, column.cat.categories), ""], dtype="str")
        return pd.Series(labels.take(column.cat.codes.to_numpy()), column.index)
    if not isinstance(column.dtype, pd.StringDtype):
        column = column.astype(object)
    return column.fillna("").astype("str")


def write(table: pd.DataFrame, path: str | Path, schema: Mapping[str, Any]) -> None:
    """Write a table checked against its schema as CSV or, by the name's ending, Parquet.

    Numbers are rounded coarser than processors agree on, unless the schema calls them `exact`: as
    they were logged, and products of those. A column with `decimals` in its schema is first rounded
    to so many, for of a difference of nearly equal numbers the significant digits are not sound.
    """
    path = Path(path)
    table = check(table, schema, path.as_posix())
    for name, rule in schema["properties"].items():
        if "decimals" in rule and name in table:
            table[name] = table[name].round(rule["decimals"]) + 0.0  # -0 is 0.
    with whole(path) as part:
        if path.suffix == ".parquet":
            floats = table.select_dtypes("float64") if not schema.get("exact") else table[[]]
            table[floats.columns] = floats.map(lambda value: float(PARQUET_FORMAT % value))
            table.to_parquet(part, index=False, compression="zstd")
        else:
            table.to_csv(part, index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


@contextmanager
def appending(path: str | Path, schema: Mapping[str, Any]) -> Iterator[Callable[..., None]]:
    """A function that appends a table to a Parquet file, which is there when all went well.

    For `exact` tables that are written piece by piece; of their schema the columns and their types
    count. A column that the schema does not name is left out.
    """
    columns = {name: _TYPES[rule["type"]] for name, rule in schema["properties"].items()}
    fields = pa.schema(columns)
    waiting: list[list[Any]] = []  # pieces of tables, each a column after the other
    count = 0  # their rows
    with whole(path) as part, pq.ParquetWriter(part, fields, compression="zstd") as file:

        def flush() -> None:
            nonlocal count
            if waiting:
                arrays = map(_arrow, zip(*waiting, strict=True), columns.values())
                file.write_table(pa.Table.from_arrays(list(arrays), schema=fields))
                waiting.clear()
                count = 0

        def append(table: pd.DataFrame) -> None:
            nonlocal count
            whole = [table[name].array for name in columns]
            for start in range(0, len(table), PIECE):
                some = slice(start, start + PIECE)
                waiting.append([column[some] for column in whole] if len(table) > PIECE else whole)
                count += len(waiting[-1][0])
                if count >= PIECE:
                    flush()

        yield append
        flush()


def _arrow(pieces: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Arrays of pandas as one is written: numbers and texts that are not known are null."""
    if pa.types.is_dictionary(kind):
        return _labels(pieces)
    if pa.types.is_floating(kind):
        numbers = [column.to_numpy(np.float64, na_value=np.nan) for column in pieces]
        return pa.array(np.concatenate(numbers), from_pandas=True)
    return pa.array(np.concatenate([column.to_numpy() for column in pieces]), kind)


def _labels(pieces: Iterable[Any]) -> pa.Array:
    """Arrays of texts as one of numbers into all the texts, these in the order of their coming."""
    number: dict[str, int] = {}
    codes = []
    for column in pieces:
        labels = column if isinstance(column, pd.Categorical) else pd.Categorical(column)
        texts = labels.categories.tolist()
        # Last the number of what is not known, whose code is -1.
        numbers = [*(number.setdefault(text, len(number)) for text in texts), -1]
        codes.append(np.array(numbers, np.int32)[labels.codes])
    every = np.concatenate(codes)
    return pa.DictionaryArray.from_arrays(
        pa.array(every, mask=every < 0), pa.array(list(number), pa.string())
    )


def read(
    paths: str | Path | Iterable[str | Path],
    schema: Mapping[str, Any],
    columns: Sequence[str] | None = None,
    runs: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read one table, or several of the same kind (shards) as one, checked against the schema.

    columns: of the schema, the only ones to read (default: all there are). runs: the only ones to
    read of Parquet tables.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    if columns is not None:
        schema = {"properties": {name: schema["properties"][name] for name in columns}}
    texts = {name: str for name, rule in schema["properties"].items() if rule["type"] == "string"}
    parts = [
        pd.read_parquet(
            path, columns=columns, filters=None if runs is None else [("run", "in", runs)]
        )
        if str(path).endswith(".parquet")
        else pd.read_csv(path, usecols=columns, dtype=texts, keep_default_na=False, na_values=[""])
        for path in paths
    ]
    # Checked one by one: labels that differ from part to part would become objects together.
    checked = [check(part, schema, f"{path}") for part, path in zip(parts, paths, strict=True)]
    return pd.concat(checked, ignore_index=True)


# What makes a cell a formula, wide signs too, where East Asian ones are used.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before texts that a spreadsheet would run as a formula."""
    return table.map(_harmless)


def _harmless(cell: Any) -> Any:
    formula = isinstance(cell, str) and cell.startswith(_FORMULA)
    return f"'{cell}" if formula else cell
