"""The kinds of records that the line patterns of a format describe."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, pairwise
from math import prod

from isoloss.logs.patterns import Console, Line, Unprinted
from isoloss.logs.printed import Broken, Found, Row, value, wall_time

_LAYOUTS = 1000
_Texts = tuple[bytes, ...]
_Conversion = tuple[int, str, Callable[[bytes], float | None]]
# Line numbers, and columns of as many cells.
_Columns = tuple[list[int], dict[str, list[float | None]]]


@dataclass(frozen=True)
class _Layout:
    """Which fields of a record are read, and which count what is unusual."""

    conversions: list[_Conversion]
    counts: list[int]


def _columns(lines: list[int], rows: list[_Texts], conversions: list[_Conversion]) -> _Columns:
    """The numbers in the rows, without those with a text that is none; an empty text is null."""
    try:
        return lines, {
            name: [convert(row[at]) if row[at] else None for row in rows]
            for at, name, convert in conversions
        }
    except ValueError:
        is_good = [_converts(row, conversions) for row in rows]
        return _columns(list(compress(lines, is_good)), list(compress(rows, is_good)), conversions)


def _converts(row: _Texts, conversions: list[_Conversion]) -> bool:
    try:
        for at, _, convert in conversions:
            if row[at]:
                convert(row[at])
    except ValueError:
        return False
    return True


class Kind:
    """One kind of record, its expressions compiled.

    whole: matches a line that is one record and holds nothing else; None if there is none. It need
    not match every such line: it only spares the search for records in most of them.
    """

    def __init__(self, console: Console, line: Line) -> None:
        self.console, self.line, self.name = console, line, line.kind
        self.record, self.start = re.compile(line.record.encode()), re.compile(line.start.encode())
        self.hint = re.compile(line.hint.encode()) if line.hint else None
        self.numbers = re.compile(line.numbers) if line.numbers else None
        after = line.fields.after if line.fields else None
        self.after = None if after is None else re.compile(after.encode())
        self.pair = line.fields.pair if line.fields else None
        self.parts = line.fields.parts if line.fields else None
        self.others: list[Kind] = []
        self.whole: str | None = None
        record = line.record.removeprefix("^")
        if line.adds:
            pass  # what is added needs a closer look
        elif line.fields and not line.last:
            self.whole = rf"{line.before}{record}({line.fields.body})[ \t]*"
        elif line.after is not None:
            self.whole = line.before + record + line.after
        # The names of the groups of `whole`; what is not named is the body of fields.
        whole = re.compile(self.whole or "")
        self.n_groups = whole.groups
        # What to do with each text of a whole line: (position, column, conversion).
        self.groups: list[_Conversion] = [
            (at - 1, self.column(group), self._conversion(group))
            for group, at in whole.groupindex.items()
        ]
        # The group that every whole line fills.
        own = [whole.groupindex.get(group, 0) - 1 for group in self.record.groupindex]
        self.mark = self.n_groups - 1 if line.fields else min(own, default=0)
        self.layouts: dict[tuple[bytes, ...], _Layout | None] = {}

    def _conversion(self, group: str) -> Callable[[bytes], float | None]:
        if group == "time":
            return wall_time
        shift = self.line.shift.get(group)
        return float if shift is None else lambda text: float(text) + shift

    def column(self, group: str) -> str:
        """The column of a group."""
        return self.line.names.get(group, group)

    def fast(self, lines: list[int], rows: list[_Texts], found: Found) -> Iterator["_Columns"]:
        """The columns of whole lines by the texts of their groups, those that need no closer look.

        lines: the numbers of the lines, in ascending order.
        """
        if self.parts is None:
            yield _columns(lines, rows, [g for g in self.groups if found.keeps(g[1])])
            return
        by_layout: dict[tuple[bytes, ...], tuple[list[int], list[_Texts]]] = {}
        find, glued = self.parts.findall, self.start.search
        body, rule = self.n_groups - 1, self.line.unprinted
        for line, texts in zip(lines, rows, strict=True):
            if glued(texts[body]):
                continue
            names, values = zip(*find(texts[body]), strict=True)
            there = by_layout.get(names) or by_layout.setdefault(names, ([], []))
            there[0].append(line)
            there[1].append(texts[:body] + values)
        for names, (lines_, rows_) in by_layout.items():
            if names not in self.layouts:
                self.layouts = self.layouts if len(self.layouts) < _LAYOUTS else {}
                self.layouts[names] = self._layout(names, found)
            if (layout := self.layouts[names]) is not None:
                if rule:
                    usual = [all(row[at] == b"0" for at in layout.counts) for row in rows_]
                    lines_, rows_ = list(compress(lines_, usual)), list(compress(rows_, usual))
                yield _columns(lines_, rows_, layout.conversions)

    def _layout(self, names: Sequence[bytes], found: Found) -> "_Layout | None":
        """What to do with fields of these names; None if they need a closer look."""
        whole = [self.pair.fullmatch(name + b"0") if self.pair else None for name in names]
        record = b"0".join([*names, b""])
        if any(other.sees(record) for other in self.others):
            return None
        try:
            texts = [match[1].decode() for match in whole if match]
            self._check(dict.fromkeys(texts), found, texts)
        except ValueError:
            return None
        if len(texts) < len(names):
            return None
        rule, body = self.line.unprinted, self.n_groups - 1
        if rule and not {rule.loss, rule.other} & {*texts}:
            return None
        is_plain = not self.console.suffixes
        conversions = [group for group in self.groups if found.keeps(group[1])]
        for at, name in enumerate(texts, body):
            if found.keeps(name) or self._must(name):
                plain = is_plain and name not in self.console.units
                conversions.append((at, name, float if plain else partial(self.number, name)))
        counts = (rule.skipped, rule.nan) if rule else ()
        return _Layout(conversions, [body + texts.index(n) for n in counts if n in texts])

    def sees(self, line: bytes) -> bool:
        """Whether a line has such a record, maybe a broken one."""
        return bool(self.start.search(line) or (self.hint and self.hint.search(line)))

    def _must(self, name: str) -> bool:
        """Whether the record is broken if this field is no number."""
        required = name.startswith(tuple(self.line.required))
        return required or bool(self.numbers and self.numbers.search(name))

    def __call__(self, line: bytes, found: Found) -> Iterator[Row | Broken]:
        """The records of a line."""
        starts = [match.start() for match in self.start.finditer(line)]
        if not starts and not (self.hint and self.hint.search(line)):
            return
        if self.line.fields:
            yield from self._fielded(line, starts[-1:] if self.line.last else starts, found)
            return
        matches = list(self.record.finditer(line))
        time = {"time": wall_time(line)} if self.console.time else {}
        for match in matches:
            yield {**self._groups(match), **time}
        if len(matches) < max(len(starts), 1):
            yield Broken(f"not a whole {self.name} record")

    def _groups(self, match: re.Match[bytes]) -> Row:
        numbers = {
            group: value(text) + self.line.shift.get(group, 0)
            for group, text in match.groupdict().items()
            if text is not None
        }
        for group, factors in self.line.adds.items():
            numbers[group] += prod(numbers[factor] for factor in factors)
        return {self.column(group): number for group, number in numbers.items()}

    def _fielded(self, line: bytes, starts: list[int], found: Found) -> Iterator[Row | Broken]:
        if not starts:
            yield Broken(f"a {self.name} record whose start is broken")
            return
        time = {"time": wall_time(line[: starts[0]])} if self.console.time else {}
        for start, end in pairwise([*starts, len(line)]):
            try:
                yield {**self._fields(line[start:end], found), **time}
            except ValueError as error:
                yield Broken(str(error))

    def _fields(self, text: bytes, found: Found) -> Row:
        """The row of one record; ValueError if it is damaged."""
        head = self.record.match(text)
        if head is None:
            raise ValueError(f"not a whole {self.name} record")
        row = self._groups(head)
        names = list(row)
        for part in self._parts(text[head.end() :]):
            match = self.pair.fullmatch(part) if self.pair else None
            if match is None:
                raise ValueError(f"no field: {part[:40]!r}")
            name = match[1].decode("utf-8", "replace")
            names.append(name)
            try:
                row[name] = self.number(name, match[2])
            except ValueError:
                if self.numbers and self.numbers.search(name):
                    raise ValueError(f"{name} is no number: {match[2][:40]!r}") from None
        self._check(row, found, names)
        if self.line.unprinted:
            _unprinted(row, self.line.unprinted, found)
        return row

    def _parts(self, body: bytes) -> list[bytes]:
        """The texts of the fields."""
        assert self.line.fields
        end, between = self.line.fields.end.encode(), self.line.fields.between.encode()
        rest, split = b"", between.strip() or between
        if end and end != split:
            body, closed, rest = body.partition(end)
            if not closed:
                raise ValueError(f"a {self.name} record that is cut off")
        parts = body.split(split)
        if end == split:
            rest = parts.pop()
        if self.after and not self.after.fullmatch(rest):
            # What stands before the next record that is glued to this one is no field.
            raise ValueError(f"a {self.name} record that is cut off")
        return parts if between.strip() else [part for part in parts if part.strip()]

    def _check(self, row: Row, found: Found, names: Iterable[str]) -> None:
        """ValueError if fields are missing; where a loss is missing, damage may be the reason.

        names: those of the fields that are no numbers too.
        """
        rule = self.line.unprinted
        if rule and not {rule.loss, rule.other} & row.keys():
            unknown = set(row) - set(found.names) - set(self.record.groupindex)
            if found.names and unknown:
                raise ValueError(f"no {rule.loss}, but unknown fields: {sorted(unknown)}")
        for name in self.line.required:
            if not any(there.startswith(name) for there in row):
                raise ValueError(f"a {self.name} record without {name}")
        for name in names:
            found.keeps(name)

    def number(self, name: str, text: bytes) -> float:
        """The value of a field, in the units that the format names."""
        if units := self.console.units.get(name):
            digits = text.rstrip(b"abcdefghijklmnopqrstuvwxyz")
            unit = text[len(digits) :].decode()
            if text.startswith(b"nan"):
                digits, unit = text[:3], text[3:].decode()
            if unit not in units:
                raise ValueError(f"{name} in {unit!r}")
            return value(digits) * units[unit]
        if self.console.suffixes and (factor := self.console.suffixes.get(chr(text[-1]))):
            return value(text[:-1]) * factor
        return value(text)


def _unprinted(row: Row, rule: Unprinted, found: Found) -> None:
    """Put NaN for a loss that is left out, unless the update was skipped."""
    skipped = (row.get(rule.skipped) or 0) > 0
    if not {rule.loss, rule.other} & row.keys():
        if not skipped or (row.get(rule.nan) or 0) > 0:
            other = rule.loss not in found.names and rule.other in found.names
            row[rule.other if other else rule.loss] = float("nan")
    elif skipped and row.get(rule.loss) == 0:
        del row[rule.loss]
