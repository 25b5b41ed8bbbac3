"""Hugging Face's `trainer_state.json`: the history of a whole run, again in each checkpoint.

A loss is the mean over the steps since the last one, `logging_steps` of them; `train_loss` is the
mean of the whole run and no point of the curve. Source: TrainerState and Trainer of transformers.
"""

import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any, BinaryIO

from isoloss.logs import lines
from isoloss.logs.formats import jsonl
from isoloss.logs.numbers import settled
from isoloss.logs.records import Bad, Block, Format, LogError, Preset, Source

_LARGEST = 1 << 28
_HISTORY = re.compile(r'"log_history":\s*\[')
_TOKENS = "num_input_tokens_seen"


def read(file: BinaryIO) -> Source:
    """The log history; the offset is the line on which a record starts.

    A file that is cut off gives the records before the cut, with a note.
    """
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise LogError(f"larger than {_LARGEST >> 20} MiB: no trainer state")
    text = data.decode("utf-8-sig", "replace")
    start = _HISTORY.search(text)
    if start is None:
        raise LogError("no log_history in it")
    offsets: list[int] = []
    rows: list[dict[str, float | None]] = []
    quarantine: list[Bad] = []
    notes: list[str] = []
    decoder, at, line, counted = json.JSONDecoder(), start.end(), 1, 0
    while True:
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
        line += text.count("\n", counted, at)
        counted = at
        if text.startswith("]", at):
            break
        try:
            record, at = decoder.raw_decode(text, at)
            rows.append(_row(record))
            offsets.append(line)
        except (ValueError, AttributeError, RecursionError, OverflowError) as error:
            head = text[at : at + 200].encode()
            if _cut(text, at):
                notes.append(f"the file ends at line {text.count(chr(10)) + 1}, in a record")
                break
            quarantine.append(Bad(line, jsonl.reason(error), head))
            following = re.compile(r"\n\s*\{").search(text, at + 1)
            if following is None:
                break
            at = following.start() + 1
    if not any(row.get(_TOKENS) for row in rows):
        rows = [{name: v for name, v in row.items() if name != _TOKENS} for row in rows]
    return Source(_blocks(offsets, rows, text), tuple(quarantine), tuple(notes))


def _row(record: Any) -> dict[str, float | None]:
    if not isinstance(record, dict):
        raise ValueError("not an object")
    leaves = {name: value for name, value in jsonl.flat(record) if not isinstance(value, str)}
    cells = {name: jsonl.cell(value) for name, value in leaves.items() if value is not None}
    row = {name: number for name, number in cells.items() if number is not None}
    nulls = [name for name, value in leaves.items() if value is None]
    return {**settled(row, nulls, jsonl.measured(leaves))}


def _cut(text: str, at: int) -> bool:
    """Whether the text ends before the record that starts at `at` does."""
    return "}" not in text[at:] or not text.rstrip().endswith("}")


def _blocks(
    offsets: list[int], rows: list[dict[str, float | None]], text: str
) -> tuple[Block, ...]:
    """Train losses, as means, and everything else, as it is."""
    match = re.search(r'"logging_steps": (\d+)\b', text)
    steps = [row["step"] or 0 for row in rows if "loss" in row and "step" in row]
    gaps = Counter(b - a for a, b in pairwise(steps) if b > a)
    window = float(match[1]) if match else gaps.most_common(1)[0][0] if gaps else 1.0
    blocks = []
    for train in (True, False):
        chosen = [index for index, row in enumerate(rows) if ("loss" in row) == train]
        table = lines.table([offsets[i] for i in chosen], [rows[i] for i in chosen])
        kind = f"window_mean({window:g})" if train and window > 1 else "step"
        blocks.append(Block(table, kind))
    return tuple(blocks)


FORMATS: tuple[Format, ...] = (
    Format(
        "huggingface",
        lambda head: head.lstrip().startswith(b"{") and _is_state(head),
        read,
        Preset(tokens=(_TOKENS,)),
        cumulative=True,
    ),
)


def _is_state(head: bytes) -> bool:
    return b'"best_metric"' in head and b'"log_history"' in head and b'"global_step"' in head
