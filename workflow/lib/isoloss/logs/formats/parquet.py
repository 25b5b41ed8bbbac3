"""Parquet files: a table with one column a logged name, one row a record."""

from textwrap import shorten
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.records import Block, Format, LogError, Source

# Runs of equal numbers take next to nothing; a small file that claims to hold billions is a bomb.
_MAX_RATIO, _ALWAYS_ALLOWED = 1000, 1 << 29


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    try:
        parquet = pyarrow.parquet.ParquetFile(file)
        names = [
            field.name
            for field in parquet.schema_arrow
            if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
        ]
        wanted = [name for name in names if keep is None or name in keep]
        size = 8 * parquet.metadata.num_rows * (len(wanted) + 1)
        if size > max(_MAX_RATIO * file.seek(0, 2), _ALWAYS_ALLOWED):
            raise LogError(f"its columns take {size:,} bytes, {_MAX_RATIO} times those of the file")
        table = parquet.read(columns=wanted) if wanted else pa.table({})
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        words = shorten(str(error), 300, placeholder=" ...")
        raise LogError(f"the Parquet file is damaged ({words})") from error
    table = table.cast(pa.schema([pa.field(name, pa.float64()) for name in wanted]), safe=False)
    rows = pa.array(range(1, len(table) + 1), pa.int64())
    table = table.add_column(0, "offset", rows) if wanted else pa.table({"offset": rows})
    return Source((Block(table),), columns=tuple(parquet.schema_arrow.names))


def read(file: BinaryIO) -> Source:
    """Every number of a Parquet file; the offset is the 1-based row."""
    return _read(file, None)


def read_columns(file: BinaryIO, keep: frozenset[str]) -> Source:
    """The columns of the given names."""
    return _read(file, keep)


FORMATS: tuple[Format, ...] = (
    Format(
        "parquet",
        lambda head: head.startswith(b"PAR1"),
        read,
        PLAIN,
        read_columns=read_columns,
        generic=True,
    ),
)
