"""What a log looks like: its lines, its columns, what they could be, and a `log:` block for it."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoloss.logs import opening, sources
from isoloss.logs.columns import Columns, Wanted
from isoloss.logs.paths import Entry, entries
from isoloss.logs.records import Bad, Format, LogError, Source
from isoloss.logs.registry import BY_NAME
from isoloss.logs.roles import Candidate, candidates
from isoloss.units import Floats

_SHOWN, _LINES, _LONG = 40, 5, 90
_ROLES = ("step", "tokens", "samples", "compute", "wall_time")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")


def explain(
    path: Path, format: str = "auto", run: str | None = None, patterns: Path | None = None
) -> list[str]:
    """What is known of a log, in lines for a person; of a folder, what each of its files is.

    format: a name of the registry, or `auto`. run: the run that is meant in a store of several.
    patterns: a file of formats of a study's own. Raises LogError where there is no such path, a
    file cannot be read at all, or the patterns have a mistake.
    """
    own = sources.own_formats(patterns)
    found = entries(path)
    files = [file for entry in found for file in entry.files]
    if len(files) == 1:
        return _file(files[0], format, run, own)
    if not files:
        raise LogError(f"{path.as_posix()}: no file in it")
    kinds = {file: _kind(file, own) for file in files[:_SHOWN]}
    lines = [f"{path.as_posix()}: {len(files):,} files"]
    lines += [f"  {file.relative_to(path).as_posix()}: {kind}" for file, kind in kinds.items()]
    if len(files) > _SHOWN:
        lines.append(f"  and {len(files) - _SHOWN:,} more")
    names = {kind for kind in kinds.values() if kind in BY_NAME}
    stores = [name for name in names if BY_NAME[name].read_all is not None]
    if len(stores) == 1 and len(names) == 1:
        return [*lines, "", *_read_and_told(BY_NAME[stores[0]], found, run)]
    return [*lines, "", "`isoloss explain` of one of them tells more."]


def _kind(file: Path, own: Mapping[str, Format]) -> str:
    """The name of a file's format, or what it looks like."""
    try:
        format = sources.recognise(file, own)
        return format.name if format else opening.looks_like(opening.head(file))
    except (LogError, OSError) as error:
        return str(error).removeprefix(f"{file.as_posix()}: ")


def _file(file: Path, name: str, run: str | None, own: Mapping[str, Format]) -> list[str]:
    size = file.stat().st_size
    lines = [f"{file.as_posix()}: {size:,} bytes"]
    is_told = name == "auto"
    format = sources.recognise(file, own) if is_told else sources.of_name(name, own)
    if format is None:
        start = opening.head(file)
        kind = opening.looks_like(start) if start else "an empty file"
        lines.append(f"No format recognises it; it looks like {kind}.")
        if not kind.startswith("text"):
            return lines
        if not BY_NAME["pairs"].sniff(start):
            lines.append(
                "No numbers with names, as `loss: 3.2` or `loss=3.2`, are in its first lines: line "
                "patterns of its own can describe it (docs/logs.md)."
            )
            return [*lines, *_unmatched(file, frozenset(), ())]
        lines.append("It has numbers with names, which format `pairs` reads:")
        format = BY_NAME["pairs"]
    else:
        lines.append(f"Format `{format.name}`.")
    return [*lines, *_read_and_told(format, [Entry(file, (file,))], run)]


def _read_and_told(format: Format, found: Sequence[Entry], run: str | None) -> list[str]:
    file = found[0].files[0]
    if format.read_all is None:
        with opening.opened(file) as stream:
            read = {file.as_posix(): format.read(stream)}
    else:
        try:
            read = format.read_all(sources.openers(found[0]), run)
        except LogError as error:
            return [f"It cannot be read as one run: {error}"]
    blocks = [block for source in read.values() for block in source.blocks]
    offsets = [block.table["offset"].to_numpy() for block in blocks]
    bad = [bad for source in read.values() for bad in source.quarantine]
    lines = [f"note: {note}" for source in read.values() for note in source.notes]
    records = sum(map(len, offsets))
    if format.read_all is None and not _binary(file):
        there = frozenset(np.concatenate([*offsets, np.empty(0, np.int64)]).tolist())
        lines += _unmatched(file, there, bad)
    else:
        lines.append(f"records: {records:,}; broken: {len(bad):,}")
    lines += _broken(bad)
    columns = _columns(read.values())
    if not columns:
        return [*lines, "No column in it has a number: the format may be another one."]
    roles = {name: candidates(name, values) for name, values in columns.items()}
    return [*lines, "", *_table(columns, roles), "", *_block(format, columns, roles)]


def _binary(file: Path) -> bool:
    return b"\0" in opening.head(file)[:1024]


def _columns(read: Collection[Source]) -> dict[str, Floats]:
    """The numbers of each column, in the order of the records."""
    found: dict[str, list[Floats]] = {}
    for source in read:
        for block in source.blocks:
            for name in block.table.column_names:
                if name != "offset":
                    for chunk in block.table[name].chunks:
                        plain = pc.run_end_decode(chunk) if _is_encoded(chunk) else chunk
                        found.setdefault(name, []).append(plain.drop_null().to_numpy())
    whole = {name: np.concatenate(parts) for name, parts in found.items()}
    return {name: values for name, values in whole.items() if len(values)}


def _is_encoded(column: pa.Array) -> bool:
    return bool(pa.types.is_run_end_encoded(column.type))


def _unmatched(file: Path, there: Collection[int], bad: Sequence[Bad]) -> list[str]:
    """How many lines of a text hold records, and what the others look like."""
    broken = {record.offset for record in bad}
    shapes: Counter[str] = Counter()
    first: dict[str, int] = {}
    number = 0
    with opening.opened(file) as stream:
        for number, line in enumerate(stream, 1):
            if number not in there and number not in broken and line.strip():
                shape = _DIGITS.sub("N", _printable(line[:300]).strip())[:_LONG]
                if shape in shapes or len(shapes) < 10_000:
                    shapes[shape] += 1
                    first.setdefault(shape, number)
    if max(there, default=0) > number:  # its lines end at carriage returns too
        return [f"records: {len(there):,}; broken: {len(broken):,}"]
    none = shapes.total()
    lines = [
        f"lines: {number:,}; with a record: {len(there):,}; broken: {len(broken):,}; "
        f"with none: {none:,}"
    ]
    for shape, count in shapes.most_common(_LINES):
        lines.append(f"  none: {count:,} like {shape!r}, the first in line {first[shape]:,}")
    if len(shapes) > _LINES:
        lines.append(f"  none: {len(shapes) - _LINES:,} other shapes")
    return lines


def _broken(bad: Sequence[Bad]) -> list[str]:
    lines = [
        f"  broken: at {one.offset:,}: {one.reason}: {_printable(one.head)[:60]!r}"
        for one in bad[:_LINES]
    ]
    more = len(bad) - _LINES
    return [*lines, f"  broken: {more:,} more"] if more > 0 else lines


def _printable(text: bytes) -> str:
    words = text.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in words)


def _table(columns: Mapping[str, Floats], roles: Mapping[str, list[Candidate]]) -> list[str]:
    """A line a column: its name, how often it is logged, its first values, what it could be."""
    order = sorted(columns, key=lambda name: (not roles[name], -len(columns[name]), name))
    shown = order[:_SHOWN]
    width = min(_LONG // 2, max(len(_name(name)) for name in shown))
    lines = ["columns, how often each is logged, its first values, what it could be:"]
    for name in shown:
        values = ", ".join(f"{value:.6g}" for value in columns[name][:3].tolist())
        could = "; ".join(f"{one.role.replace('_', ' ')}: {one.why}" for one in roles[name])
        tail = f"  {could}" if could else ""
        lines.append(f"  {_name(name):<{width}}  {len(columns[name]):>7,}  {values}{tail}")
    if len(order) > _SHOWN:
        lines.append(f"  and {len(order) - _SHOWN:,} more")
    return lines


def _name(name: str) -> str:
    return ascii(name)[1:-1]


def _block(
    format: Format, columns: Mapping[str, Floats], roles: Mapping[str, list[Candidate]]
) -> list[str]:
    """What of it isoloss takes by itself, what competes, and a block to paste into the study."""
    own = _own(format, columns)
    best = {
        role: _best(role, columns, roles)
        for role in (*_ROLES, "loss", "eval_loss", "tokens_per_step")
    }
    taken: dict[str, str | None] = {
        role: (getattr(own, role) if own else None) or best[role] for role in _ROLES
    }
    if taken["tokens"] or taken["compute"]:
        taken["samples"] = None
    losses = {
        metric: (own.metrics.get(metric) if own else None) or best[metric]
        for metric in ("loss", "eval_loss")
    }
    lines = []
    if own is not None:
        words = [f"{role} `{_name(name)}`" for role in _ROLES if (name := getattr(own, role))]
        words += [f"{metric} `{_name(name)}`" for metric, name in own.metrics.items()]
        lines += [f"By itself isoloss takes: {', '.join(words)}."]
    rivals = [
        name
        for name, could in roles.items()
        if any(could_be.role == "step" and could_be.score >= 1 for could_be in could)
        and (step := taken["step"])
        and not np.array_equal(columns[name], columns[step])
    ]
    if rivals:
        lines.append(f"Other columns that count steps: {', '.join(map(_name, rivals))}.")
    lines += ["To paste into the study:", ""]
    block = {"format": format.name} if format.named else {}
    block |= {role: name for role, name in taken.items() if name and not _is_own(own, role, name)}
    if block:
        lines.append(f"log: {{{', '.join(f'{k}: {_quoted(v)}' for k, v in block.items())}}}")
    lines.append("metrics:")
    for metric, name in losses.items():
        if name:
            lines.append(f"  {metric}: {{column: {_quoted(name)}}}")
    if not any(losses.values()):
        lines.append("  loss: {column: ...}  # no column looks like a loss")
    if not taken["step"]:
        lines.append("# no column looks like a step")
    if not (taken["tokens"] or taken["compute"] or taken["samples"]):
        each = best["tokens_per_step"]
        hint = f", as `{_name(each)}` seems to say: {columns[each][0]:,g}" if each else ""
        lines.append(f"# nothing counts tokens: give tokens_per_step in the run sheet{hint}")
    elif taken["samples"]:
        lines.append("# samples become tokens by sequence_length in the run sheet")
    return lines


def _own(format: Format, columns: Mapping[str, Floats]) -> Columns | None:
    """What the format takes where the study names nothing; None if it finds no loss."""
    if format.named:
        return None
    try:
        return Wanted().resolve(format.preset, columns, columns)
    except LogError:
        return None


def _is_own(own: Columns | None, role: str, name: str) -> bool:
    return own is not None and getattr(own, role) == name


def _best(
    role: str, columns: Mapping[str, Floats], roles: Mapping[str, list[Candidate]]
) -> str | None:
    """The column that is most like a role, of equals the one logged most often."""
    scores = {
        name: (could.score, len(columns[name]), [-ord(c) for c in name])
        for name, found in roles.items()
        for could in found
        if could.role == role
    }
    return max(scores, key=lambda name: scores[name]) if scores else None


def _quoted(name: str) -> str:
    """A name as YAML reads it again."""
    return name if re.fullmatch(r"[A-Za-z_][\w/.-]*", name) else json.dumps(name)
