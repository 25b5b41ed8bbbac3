"""Console formats as data: tables of line patterns in YAML, checked when they are loaded.

`formats/console.yaml` holds the formats that come along and explains every key. What is checked:
the keys, that every expression compiles, and that none of them can take very long (expressions.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from isoloss.logs.expressions import unsafe
from isoloss.logs.records import LogError, Preset

# A number as C and Python print it, with or without commas between thousands.
NUMBER = (
    r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|nan|NaN|NAN|inf|Inf|INF)"
)
STAMP = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?"
_ROLES = {"loss": "train_loss"} | {
    role: role for role in ("step", "tokens", "samples", "compute", "wall_time", "eval_loss")
}
_CONSTANTS = ("tokens_per_step", "sequence_length")


@dataclass(frozen=True)
class Fields:
    """How `name: value | name: value |` is written.

    equals: what stands between name and value. between: between the fields. end: behind the last
    field, "" for the end of the line. after: an expression for what may follow; None: anything.
    quote: what names and values may be quoted in.
    """

    equals: str
    between: str
    end: str = ""
    after: str | None = r"\s*"
    quote: str = ""

    @property
    def pair(self) -> re.Pattern[bytes]:
        """One field: its name and its value."""
        equals, split, quote = self._signs
        no = f"[^{equals}{split}{quote}"
        spaced = not equals or self.between.isspace()
        name = rf"{no}\s]+" if spaced else rf"{no} ](?:{no}\n]*{no} ])?"
        quote = f"{quote}?" if quote else ""
        sign = rf" *{equals} *" if equals else " +"
        value = rf"[^\s{split}{re.escape(self.end)}{self.quote}]+"
        text = rf" *{quote}({name}){quote}{sign}{quote}({value}){quote} *"
        return re.compile(text.encode())

    @property
    def body(self) -> str:
        """All the fields of a whole record; there is one way at most to match a text."""
        split = self._signs[1]
        name, value = self._quick
        field = name + value
        if split and self.end == self.between.strip():
            return rf"(?:{field} *{split})+"
        gap = rf" *{split}" if split else f"{self.between} *"
        return rf" *{field}(?:{gap}{field})* *{re.escape(self.end)}"

    @property
    def parts(self) -> re.Pattern[bytes]:
        """Each field in what `body` matches: all that stands before its value, and the value."""
        name, value = self._quick
        split, end = self._signs[1], re.escape(self.end)
        return re.compile(rf"({name})({value})(?: *(?:{split}|{end}|$)| +)".encode())

    @property
    def _quick(self) -> tuple[str, str]:
        """Expressions of a name with what follows, and of a value, that fit most fields.

        A value has no sign of those between name and value: that would be a glued record. And no
        underscore: Python reads 1_000 too.
        """
        equals, split, _ = self._signs
        if not equals:
            name = rf" *[^{split}\s]+ +"
        elif split:
            name = rf"[^{equals}{split}\n]+{equals} *"
        else:
            name = rf"[^{equals}\s]+{equals}{' *' * self.equals.endswith(' ')}"
        return name, rf"[^\s{split}{re.escape(self.end)}{equals}_]+"

    @property
    def _signs(self) -> tuple[str, str, str]:
        parts = (self.equals.strip(), self.between.strip(), self.quote)
        equals, split, quote = (re.escape(part) for part in parts)
        return equals, split, quote


@dataclass(frozen=True)
class Unprinted:
    """A program that leaves out a loss that is not above zero, NaN among them.

    loss: the name of the loss. skipped, nan: the fields that count skipped updates and NaN losses.
    other: the name that some versions print instead.
    """

    loss: str
    skipped: str
    nan: str
    other: str = ""


@dataclass(frozen=True)
class Line:
    """One kind of record in a line: see console.yaml."""

    kind: str
    record: str
    start: str
    hint: str | None = None
    before: str = ""
    after: str | None = None
    fields: Fields | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)
    adds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    required: Sequence[str] = ()
    numbers: str | None = None
    unprinted: Unprinted | None = None
    aggregation: str = "step"
    aggregates: str | None = None
    window: str | None = None
    state: bool = False
    last: bool = False


@dataclass(frozen=True)
class Console:
    """One console format: see console.yaml."""

    name: str
    source: str
    recognise: str
    unless: str | None = None
    preset: Preset = field(default_factory=Preset)
    constants: Mapping[str, str] = field(default_factory=dict)
    suffixes: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    counts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    time: bool = False
    generic: bool = False
    returns: bool = False
    lines: Sequence[Line] = ()


def load(path: Path) -> dict[str, Console]:
    """The formats of a file by name; LogError that names file, format, key, value and mend."""
    return parse(Path(path.name), path.read_bytes())


def parse(path: Path, content: bytes) -> dict[str, Console]:
    """The same of what is in a file; path: what messages call it."""
    try:
        table = yaml.safe_load(content.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LogError(f"{path.as_posix()}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(table, dict) or not table:
        raise LogError(f"{path.as_posix()}: expected a mapping from names of formats to formats")
    return {str(name): _console(_At(path.as_posix(), (str(name),)), table[name]) for name in table}


@dataclass(frozen=True)
class _At:
    """A place in a file of patterns."""

    file: str
    keys: tuple[str, ...]

    def __truediv__(self, key: object) -> "_At":
        return _At(self.file, (*self.keys, str(key)))

    def error(self, text: str) -> LogError:
        return LogError(f"{self.file}: format {self.keys[0]}: {'.'.join(self.keys[1:])}: {text}")

    def mapping(self, value: Any, allowed: Sequence[str], needed: Sequence[str] = ()) -> Any:
        """The value if it is a mapping with known keys."""
        if not isinstance(value, dict):
            raise self.error(f"expected a mapping, not {value!r:.60}")
        for key in value:
            if allowed and key not in allowed:
                raise (self / key).error(f"no such key; there are: {', '.join(allowed)}")
        for key in needed:
            if key not in value:
                raise (self / key).error("is missing")
        return value

    def typed(self, value: Any, kind: type | tuple[type, ...], what: str) -> Any:
        """The value if it is of a type."""
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"expected {what}, not {value!r:.60}")
        return value

    def texts(self, value: Any) -> tuple[str, ...]:
        """A list of texts."""
        return tuple((self / i).typed(v, str, "a text") for i, v in enumerate(self.list(value)))

    def list(self, value: Any) -> list[Any]:
        found: list[Any] = self.typed(value, list, "a list")
        return found

    def numbers(self, value: Any) -> dict[str, float]:
        """A mapping to numbers."""
        return {
            str(k): float((self / k).typed(v, (int, float), "a number"))
            for k, v in self.mapping(value, ()).items()
        }

    def expression(self, value: Any, groups: int | None = None) -> str:
        """A regular expression that is safe, its macros filled in."""
        text: str = self.typed(value, str, "a regular expression")
        text = text.replace("{number}", NUMBER).replace("{stamp}", STAMP)
        try:
            compiled = re.compile(text.encode())
            reason = unsafe(text)
        except (ValueError, OverflowError, RecursionError, re.error) as error:
            raise self.error(f"no regular expression ({error}): {value!r:.80}") from None
        if reason:
            raise self.error(f"{reason}, which can take for ever: {value!r:.80}")
        if groups is None and compiled.groups != len(compiled.groupindex):
            raise self.error(f"name each group `(?P<name>...)`, or write `(?:...)`: {value!r:.80}")
        if groups is not None and compiled.groups != groups:
            raise self.error(f"expected {groups} group, it has {compiled.groups}: {value!r:.80}")
        return text


def _console(at: _At, given: Any) -> Console:
    allowed = [f.name for f in fields(Console) if f.name not in ("name", "preset")]
    given = at.mapping(given, [*allowed, "columns", "step_base"], ["recognise"])
    columns = (at / "columns").mapping(given.get("columns", {}), list(_ROLES))
    roles: dict[str, Any] = {_ROLES[k]: (at / "columns" / k).texts(v) for k, v in columns.items()}
    base = (at / "step_base").typed(given.get("step_base", 1), int, "a whole number")
    constants = (at / "constants").mapping(given.get("constants", {}), _CONSTANTS)
    units = (at / "units").mapping(given.get("units", {}), ())
    counts = (at / "counts").mapping(given.get("counts", {}), ())
    lines = (at / "lines").mapping(given.get("lines", {}), ())
    return Console(
        at.keys[0],
        (at / "source").typed(given.get("source", ""), str, "a text"),
        (at / "recognise").expression(given["recognise"]),
        (at / "unless").expression(given["unless"]) if "unless" in given else None,
        Preset(**roles, step_base=base),
        {k: (at / "constants" / k).expression(v, groups=1) for k, v in constants.items()},
        (at / "suffixes").numbers(given.get("suffixes", {})),
        {str(k): (at / "units" / k).numbers(v) for k, v in units.items()},
        {k: (at / "counts" / k).typed(v, str, "a text") for k, v in counts.items()},
        (at / "notes").texts(given.get("notes", [])),
        **_flags(at, given),
        lines=[_line(at / "lines" / kind, str(kind), line) for kind, line in lines.items()],
    )


def _flags(at: _At, given: Any) -> dict[str, bool]:
    return {
        key: (at / key).typed(given.get(key, False), bool, "true or false")
        for key in ("time", "generic", "returns")
    }


def _line(at: _At, kind: str, given: Any) -> Line:
    given = at.mapping(given, [f.name for f in fields(Line) if f.name != "kind"], ["record"])
    found: dict[str, Any] = {}
    for key in ("record", "start", "hint", "before", "after", "numbers"):
        if key in given:
            found[key] = (at / key).expression(given[key])
    if "window" in given:
        found["window"] = (at / "window").expression(given["window"], groups=1)
    if "fields" in given:
        own = (at / "fields").mapping(
            given["fields"], [f.name for f in fields(Fields)], ["equals", "between"]
        )
        for key, value in own.items():
            if value is not None or key != "after":
                (at / "fields" / key).typed(value, str, "a text")
        if not own["between"]:
            raise (at / "fields.between").error("expected what stands between fields, not ''")
        if own.get("after") is not None:
            (at / "fields" / "after").expression(own["after"])
        found["fields"] = Fields(**own)
    names = re.compile(found["record"].encode()).groupindex
    if not names and "fields" not in given:
        raise (at / "record").error("it has no group `(?P<name>...)`: what is its column?")
    for key in ("names", "shift", "adds"):
        for group in (at / key).mapping(given.get(key, {}), ()):
            if group not in names:
                raise (at / key / group).error(f"no such group; there are: {', '.join(names)}")
    found["shift"] = (at / "shift").numbers(given.get("shift", {}))
    found["names"] = {
        g: (at / "names" / g).typed(n, str, "a text") for g, n in given.get("names", {}).items()
    }
    found["adds"] = {}
    for group, factors in given.get("adds", {}).items():
        found["adds"][group] = (at / "adds" / group).texts(factors)
        for factor in found["adds"][group]:
            if factor not in names:
                raise (at / "adds" / group).error(f"no group {factor!r}: {', '.join(names)}")
    found["required"] = (at / "required").texts(given.get("required", []))
    if "unprinted" in given:
        names_ = [f.name for f in fields(Unprinted)]
        unprinted = (at / "unprinted").mapping(given["unprinted"], names_, names_[:3])
        for key, value in unprinted.items():
            (at / "unprinted" / key).typed(value, str, "a text")
        found["unprinted"] = Unprinted(**unprinted)
    for key in ("aggregation", "aggregates"):
        if key in given:
            found[key] = (at / key).typed(given[key], str, "a text")
    for key in ("state", "last"):
        found[key] = (at / key).typed(given.get(key, False), bool, "true or false")
    found.setdefault("start", found["record"])
    return Line(kind, **found)
