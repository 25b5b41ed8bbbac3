"""CSV, TSV and semicolon-separated logs, with repeated or grown headers and decimal commas."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from isoloss.logs import lines
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.numbers import Kinds, is_null, number, settled
from isoloss.logs.records import Bad, Block, Format, LogError, Source
from isoloss.logs.stack import stacked

_DELIMITERS = ",\t;|"
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}", re.ASCII)


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    decimal: str  # "," where numbers are written 3,14


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text and "\r" not in text and "\0" not in text:
        return text.split(delimiter)  # what `csv` does where it has nothing to decide
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _named(cells: Sequence[str]) -> list[str]:
    """The names of a header; that of a first column without one, as pandas writes its index."""
    names = [cell.strip() for cell in cells]
    return ["Unnamed: 0", *names[1:]] if names and not names[0] else names


def _is_header(cells: Sequence[str]) -> bool:
    """Names only: every cell filled, none a number, none twice."""
    if len(cells) < 2 or len(set(cells)) < len(cells):
        return False
    return all(
        re.search(r"[^\W\d]", c) and not _is_number(c) and not c.startswith(("{", "["))
        for c in cells
    )


def _is_number(cell: str) -> bool:
    try:
        number(cell)
    except ValueError:
        return bool(_COMMA_NUMBER.fullmatch(cell.strip()))
    return True


def _decimal(delimiter: str, rows: Sequence[Sequence[str]]) -> str:
    """The decimal sign: a comma if a cell is 3,14; 3,141 alone may mean thousands, so it is not."""
    if delimiter == ",":
        return "."
    commas = [c.strip() for row in rows for c in row if _COMMA_NUMBER.fullmatch(c.strip())]
    return "," if any(not _THOUSANDS.fullmatch(c) for c in commas) else "."


@lru_cache(maxsize=1)  # who recognises a file reads it next
def _dialect(head: bytes) -> tuple[_Dialect, list[str], list[list[str]]] | None:
    """Delimiter and decimal sign of a text, its header and some rows, or None if it is no table."""
    start = b"\n".join(head.split(b"\n", 200)[:200])
    text = [line.rstrip("\r") for line in start.decode(errors="replace").split("\n")]
    text = [line for line in text if line.strip()]
    if not text:
        return None
    for delimiter in sorted(_DELIMITERS, key=lambda d: -text[0].count(d)):
        try:
            header = _named(_cells(text[0], delimiter))
            if not _is_header(header):
                continue
            rows = [_cells(line, delimiter) for line in text[1:]]
        except csv.Error:
            continue
        whole = [row for row in rows if len(row) == len(header)]
        numeric = [row for row in whole if any(_is_number(c) for c in row)]
        if numeric and 2 * len(numeric) >= len(rows):
            return _Dialect(delimiter, _decimal(delimiter, whole)), header, whole
    return None


def _body(block: lines.Lines) -> lines.Lines:
    """The block without the header, if it is the first of its file."""
    if block.first > 1:
        return block
    rest = block.data.lstrip(b"\r\n").partition(b"\n")[2]
    above = block.data[: len(block.data) - len(rest)]
    return lines.Lines(1 + above.count(b"\n"), rest)


def _check_end(cell: str, lengths: list[int]) -> None:
    """ValueError if the last cell of a file without a final line end may have lost more than the
    last digit behind its decimal point; `lengths` are those of the cells above it."""
    usual = sorted(lengths[-99:])[len(lengths[-99:]) // 2] if lengths else 0
    if "." not in cell or len(cell) < usual - 1:
        raise ValueError("torn")


class _Reader:
    def __init__(
        self, dialect: _Dialect, header: list[str], keep: frozenset[str] | None, kinds: Kinds
    ) -> None:
        self.dialect, self.keep, self.kinds = dialect, keep, kinds
        self.header = header
        self.seen = dict.fromkeys(header)
        self.quarantine: list[Bad] = []
        self.notes: list[str] = []
        self.repeated = 0

    def _wanted(self) -> list[str]:
        return [name for name in self.header if self.keep is None or name in self.keep]

    def fast(self, block: lines.Lines) -> pa.Table | None:
        """The block by Arrow if every line is a row of numbers under the header, else None."""
        block, wanted = _body(block), self._wanted()
        if self.keep is None or not wanted or not block.data or b"\0" in block.data:
            return None
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(block.data),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=self.header, use_threads=False, block_size=len(block.data)
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self.dialect.delimiter, ignore_empty_lines=False
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=wanted,
                    column_types={
                        name: lines.TIME if name in self.kinds.times else pa.float64()
                        for name in wanted
                    },
                    null_values=[""],
                    quoted_strings_can_be_null=True,
                    decimal_point=self.dialect.decimal,
                ),
            )
        except pa.ArrowInvalid:
            return None
        if block.torn or len(table) != lines.count(block.data):
            return None
        for index, name in enumerate(table.column_names):
            if name in self.kinds.times:
                table = table.set_column(index, name, lines.seconds(table[name]))
        return table.add_column(0, "offset", lines.offsets(block.first, len(table)))

    def slow(self, block: lines.Lines) -> pa.Table:
        """The block line by line; what cannot be read goes to the quarantine."""
        offsets: list[int] = []
        rows: list[dict[str, float]] = []
        lengths: list[int] = []
        for number_, line in _body(block):
            if not (line := line.lstrip(b"\0")).strip(b"\0 \t\r"):
                continue
            try:
                if b"\0" in line:
                    raise ValueError(lines.NULS)
                cells = self._cells(lines.short(line))
                if self._headed(cells):
                    continue
                row = self._row(cells)
                if number_ == block.torn and self.header[-1] in self._wanted():
                    _check_end(cells[-1], lengths)
            except (ValueError, csv.Error) as error:
                if number_ == block.torn:
                    self.notes.append(lines.torn_note(number_))
                else:
                    self.quarantine.append(Bad(number_, str(error), line[:200]))
                continue
            if number_ == block.torn:
                self.notes.append(f"line {number_}, the last, has no end, but all its cells")
            lengths.append(len(cells[-1]))
            rows.append(row)
            offsets.append(number_)
        return lines.table(offsets, rows)

    def _cells(self, line: bytes) -> list[str]:
        try:
            return _cells(line.decode(), self.dialect.delimiter)
        except UnicodeDecodeError:
            raise ValueError("not UTF-8") from None

    def _headed(self, cells: list[str]) -> bool:
        """Whether a line is the header again, or a new one; the columns are then its."""
        names = _named(cells)
        if not _is_header(names) or len(set(names) & set(self.header)) < 2:
            return False
        self.repeated += 1
        self.header = names
        self.seen.update(dict.fromkeys(names))
        return True

    def _row(self, cells: list[str]) -> dict[str, float]:
        if len(cells) != len(self.header):
            raise ValueError(f"{len(cells)} cells under a header of {len(self.header)}")
        row: dict[str, float] = {}
        nulls = []
        for name, cell in zip(self.header, cells, strict=True):
            if (self.keep is None or name in self.keep) and cell.strip():
                if is_null(cell):
                    nulls.append(name)
                    continue
                try:
                    row[name] = self._number(name, cell)
                except ValueError:
                    if self.keep is not None:
                        raise ValueError(f"{name} is no number: {cell!r:.60}") from None
        if nulls:
            pairs = zip(self.header, cells, strict=True)
            row = settled(row, nulls, (n for n, c in pairs if not is_null(c) and _is_number(c)))
        return row

    def _number(self, name: str, cell: str) -> float:
        if self.dialect.decimal == ",":
            if "." in cell and name not in self.kinds.times:
                raise ValueError(cell)
            cell = cell.replace(",", ".", 1)
        return self.kinds.read(name, cell)


def _read(file: BinaryIO, keep: frozenset[str] | None) -> Source:
    start = file.tell()
    found = _dialect(file.read(1 << 16).removeprefix(b"\xef\xbb\xbf"))
    file.seek(start)
    if found is None:
        raise LogError("line 1 is no header of a delimited table; add one that names the columns")
    dialect, header, rows = found
    plain = str.maketrans(",", ".") if dialect.decimal == "," else {}
    sample = {n: [row[i].translate(plain) for row in rows] for i, n in enumerate(header)}
    kinds = Kinds.of(sample)
    notes = kinds.notes(keep) if keep is not None else []
    reader = _Reader(dialect, header, keep and keep - kinds.texts, kinds)
    table = stacked(lines.tables(file, reader.fast, reader.slow, lambda: reader.header))
    if reader.repeated:
        reader.notes.append(f"the header is repeated or changed {reader.repeated} times")
    return Source(
        (Block(table),),
        tuple(reader.quarantine),
        (*notes, *reader.notes),
        tuple(reader.seen),
    )


def read(file: BinaryIO) -> Source:
    """Every number of a delimited log; its first line names the columns."""
    return _read(file, None)


def read_columns(file: BinaryIO, keep: frozenset[str]) -> Source:
    """The numbers of the given names, whole blocks at a time."""
    return _read(file, keep)


def sniff(head: bytes) -> bool:
    """A line of names, and under it lines of as many cells with numbers in them."""
    return _dialect(head) is not None


FORMATS: tuple[Format, ...] = (
    Format("csv", sniff, read, PLAIN, read_columns=read_columns, generic=True),
)
