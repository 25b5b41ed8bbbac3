"""Reads logs of any format into one long table: one row a logged value of a wanted metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import pandas as pd

from isoloss.logs import opening, sources
from isoloss.logs.assembly import assembled, ordered
from isoloss.logs.axis import Axis, choice
from isoloss.logs.columns import Wanted
from isoloss.logs.longtable import MIXED_TIMES, Rows, long_rows
from isoloss.logs.paths import Entry, Paths
from isoloss.logs.records import Format, LogError, Source
from isoloss.logs.tokens import Units

# Records that may be broken in any log, however short.
_FEW = 3
_BROKEN = pd.DataFrame(columns=["source", "offset", "reason", "head"])


@dataclass(frozen=True)
class Log:
    """A log as read.

    table: columns run, segment, source, offset (line, or byte of a binary format), step, tokens,
        compute_pflop_s_days, metric, value, wall_time_s, aggregation, digits, tokens_from; one row
        a logged value, in the order read. Nothing is left out: values that a resumed run logged
        again are there, in an earlier segment.
    quarantine: source, offset, reason, head: the records that could not be read.
    format: the name of the format.
    notes: what a reader of the table should know.
    lossy: those of the notes that say what the log has lost: digits, points, steps between.
    axis: how the step was chosen.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    format: str
    notes: tuple[str, ...]
    lossy: tuple[str, ...] = ()
    axis: Axis = field(default_factory=Axis)


def detect(path: Paths) -> str:
    """The name of the format of a log, told by its content; LogError if none or several match."""
    return sources.chosen(path, "auto", [], losses)[0].name


def losses(files: Sequence[Path], format: str) -> "pd.Series[float]":
    """The losses of a log by step, in the order read."""
    table = read(list(files), format).table
    table = table[table["metric"] == table["metric"].iloc[0]]
    return table.set_index("step")["value"]


def read(
    paths: Paths,
    format: str = "auto",
    *,
    run: str = "",
    step: str | None = None,
    tokens: str | None = None,
    compute: str | None = None,
    wall_time: str | None = None,
    metrics: Mapping[str, str | None] | None = None,
    tokens_per_step: float | None = None,
    sequence_length: float | None = None,
    samples: str | None = None,
    step_base: int | None = None,
    max_bad_fraction: float = 1e-3,
    patterns: str | PathLike[str] | None = None,
    by_format: Mapping[str, Mapping[str, str | int]] | None = None,
) -> Log:
    """Read a log: a file, several, a pattern or a folder; gzip, bzip2, xz and zstd are undone.

    paths: what to read; all the files of one run, in any order.
    format: a name from the registry, or `auto`: by content.
    step, tokens, samples, compute, wall_time: the logged columns, instead of the format's own;
        compute in PFLOP/s-days, samples are consumed sequences.
    metrics: metric name to logged column. None for a column: the one of the metric's name, else
        the format's own for `loss` (train) and `eval_loss`. None for all: the train loss as `loss`
        and, where there is one, the evaluation loss as `eval_loss`.
    tokens_per_step, sequence_length: tokens are those of the log, at that step; else
        samples x sequence_length, else step x tokens_per_step, else NaN. The column `tokens_from`
        says which. Some logs print the two numbers themselves.
    step_base: the number that the log gives its first update; the table's steps count from 1.
    max_bad_fraction: the largest fraction of unreadable records that is accepted; 3 are in any case
        (of a log with as many sound ones), unless it is 0.
    patterns: a file of formats of the study's own (docs/logs.md), which go before those of isoloss.
    by_format: of a format's name what goes before the columns and the step_base given here, where
        the log is of that format: role, metric or `step_base` -> column or number.

    Segments: a new file, or a step that goes back (see `segments.resumes`); files are ordered by
    content. A file whose rows are the first rows of another (the copies in checkpoint folders) is
    read once.

    Raises LogError: no such file, no or several formats, a named column that is not there (of
    several metrics, those that are not there have no rows, and a note), too many records that
    cannot be read, hostile content.
    """
    if not 0 <= max_bad_fraction <= 1:
        raise ValueError(f"max_bad_fraction is {max_bad_fraction}, expected 0 to 1")
    notes: list[str] = []
    kind, entries = sources.chosen(paths, format, notes, losses, sources.own_formats(patterns))
    wanted = Wanted(step, tokens, samples, compute, wall_time, metrics)
    mapping = (by_format or {}).get(kind.name, {})
    wanted = wanted.over({key: str(name) for key, name in mapping.items() if key != "step_base"})
    step_base = int(mapping["step_base"]) if "step_base" in mapping else step_base
    if step_base is None:
        step_base = kind.preset.step_base
    keep = wanted.names(kind.preset)
    by_source = {
        name: source
        for entry in entries
        for name, source in _sources(entry, kind, keep, run, notes).items()
    }
    names = {name for source in by_source.values() for name in _names(source)}
    logged = names | {name for source in by_source.values() for name in source.columns}
    if not logged and not any(source.quarantine for source in by_source.values()):
        raise _nothing(entries[0].files[0], kind)
    try:
        columns = wanted.resolve(kind.preset, names, logged)
    except LogError as error:
        raise LogError(f"{sources.text(paths)}: {error}") from None
    absent = [metric for metric, name in columns.metrics.items() if name not in logged]
    notes += [
        f"the log has no column {columns.metrics[name]!r} for metric {name}" for name in absent
    ]
    quarantine = _quarantine(by_source, max_bad_fraction)
    blocks = [block for source in by_source.values() for block in source.blocks]
    axis = choice(columns.step, wanted.step is not None, kind, blocks, logged)
    del blocks
    units = Units(step_base, sequence_length, tokens_per_step)
    by_name: dict[str, Rows] = {}
    aggregations: list[str] = []
    digits: dict[str, int] = {}
    for name in list(by_source):
        source = by_source.pop(name)
        its_units = units.with_constants(source.constants, notes)
        blocks = list(source.blocks)
        # Only the list holds them now, so that their memory is free as they are used up.
        del source
        by_name[name] = long_rows(blocks, columns, its_units, aggregations, digits, notes)
    order = ordered(by_name, kind.cumulative, notes)
    files = [(name, by_name.pop(name)) for name in order]
    table, lossy = assembled(run, files, list(columns.metrics), aggregations, digits, notes)
    axis = replace(axis, mixed_times=MIXED_TIMES in notes)
    return Log(table, quarantine, kind.name, tuple(notes), tuple(lossy), axis)


def _sources(
    entry: Entry, kind: Format, keep: frozenset[str], run: str, notes: list[str]
) -> dict[str, Source]:
    """The files of an entry as read, by the name that their rows are listed by."""
    if kind.read_all is None:
        return {file.as_posix(): _one(file, kind, keep, notes) for file in entry.files}
    files = sources.openers(entry)
    try:
        try:
            found = kind.read_all(files, None)
        except LogError:
            # Several runs: the one of this name. A single one may have any name.
            if not run:
                raise
            found = kind.read_all(files, run)
    except LogError as error:
        raise LogError(f"{entry.path.as_posix()}: {error}") from error
    home = entry.path if entry.is_folder else entry.path.parent
    by_name = {(home / name).as_posix(): source for name, source in found.items()}
    notes += [f"{name}: {note}" for name, source in by_name.items() for note in source.notes]
    return by_name


def _one(path: Path, kind: Format, keep: frozenset[str], notes: list[str]) -> Source:
    own: list[str] = []
    try:
        with opening.opened(path, own) as file:
            source = kind.read_columns(file, keep) if kind.read_columns else kind.read(file)
    except LogError as error:
        raise LogError(f"{path.as_posix()}: {error}") from error
    except Exception as error:
        error.add_note(path.as_posix())
        raise
    notes += [f"{path.as_posix()}: {note}" for note in (*own, *source.notes)]
    return source


def _nothing(path: Path, format: Format) -> LogError:
    """What to say of a file in which a format finds no record at all, whole or broken."""
    where = path.as_posix()
    head = opening.head(path) if path.stat().st_size else b""
    if head and format.sniff(head):
        return LogError(
            f"{where}: empty: it is of format {format.name}, but has no number: the run has logged "
            "nothing (yet), or to another file"
        )
    kind = opening.looks_like(head) if head else "an empty file"
    return LogError(
        f"{where}: nothing in it is of format {format.name}; it looks like {kind}; see `isoloss "
        f"explain {where}`"
    )


def _names(source: Source) -> set[str]:
    """The names that have at least one value."""
    return {
        name
        for block in source.blocks
        for name in block.table.column_names
        if name != "offset" and block.table[name].null_count < len(block.table)
    }


def _quarantine(by_source: Mapping[str, Source], largest: float) -> pd.DataFrame:
    rows = [
        (name, bad.offset, bad.reason, _printable(bad.head))
        for name, source in by_source.items()
        for bad in source.quarantine
    ]
    good = sum(len(block.table) for source in by_source.values() for block in source.blocks)
    few = min(_FEW, good) if largest else 0
    if len(rows) > max(few, largest * (good + len(rows))):
        where, offset, reason, head = rows[0]
        if not good:  # words of what may be no log at all are nobody's to print
            raise LogError(
                f"{where}: none of its {len(rows)} records can be read; is it a log of this "
                f"format? It looks like {opening.looks_like(by_source[where].quarantine[0].head)}"
            )
        raise LogError(
            f"{where}: {len(rows)} of {good + len(rows)} records cannot be read, more than the "
            f"fraction {largest:g} that max_bad_fraction accepts; the first is at {offset}: "
            f"{reason}: {head[:60]!r}"
        )
    return pd.DataFrame(rows, columns=list(_BROKEN)) if rows else _BROKEN.copy()


def _printable(head: bytes) -> str:
    text = head.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
