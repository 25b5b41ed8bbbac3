"""The data-quality page of a study: one HTML file that needs no other.

Its rows are made by `page.js` from what is embedded: columns of the quality table as JSON, and the
curves as whole numbers (`isoloss.paper.sketch`), both deflated (zlib) and written in base64.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined, Template

from isoloss.cleaning.advice import (
    ADVICE,
    STATES,
    Row,
    balance,
    cells,
    counts,
    findings,
    flags,
    state,
    worst_first,
)
from isoloss.paper.sketch import LEVELS, LOOKS, MARKED, PLACES, UNITS, Sketches, joined, sketched

CURVES = 12_000  # drawn at most: of a study with more, the first metrics
PLAIN = 200  # unusable runs in the table that needs no script
# Columns of numbers and words, of what kind, and what is above them.
COLUMNS = (
    ("final_loss", "loss", "Final loss"),
    ("logged_tokens", "tokens", "Tokens"),
    ("training_tokens", "tokens", "Planned"),
    ("last_step", "steps", "Steps"),
    ("rows", "count", "Rows"),
    ("flagged", "count", "Flagged"),
    ("quarantined", "count", "Broken"),
    ("segments", "count", "Segments"),
    ("divergence_step", "count", "Diverged at"),
    ("format", "word", "Format"),
    ("tokens_from", "word", "Tokens from"),
)
MEANINGS = {
    "unusable": "kept out of the fits",
    "look": "used, but something was found",
    "ok": "used, nothing was found",
    "excluded": "left out by the study, with its reason",
}


def page(words: Mapping[str, Any], quality: pd.DataFrame, logs: Iterable[pd.DataFrame]) -> str:
    """HTML from what things are called, the quality table, and the cleaned logs, part by part.

    words: title; labels of `arms` and, in order, of `metrics`. logs: frames with the columns
    `sketch.NEEDED`; all values of a run are in one of them.
    """
    runs = worst_first(quality.to_dict("records"))
    metrics = list(words["metrics"])[: max(1, CURVES // len(runs))]
    sketches = joined(sketched(part, metrics) for part in logs)
    return _template().render(
        title=words["title"],
        counts=counts(runs),
        balance=balance(runs),
        undrawn=list(words["metrics"].values())[len(metrics) :],
        drawn=[words["metrics"][name] for name in metrics],
        plain=_plain(words, [row for row in runs if state(row) == "unusable"][:PLAIN]),
        unusable=sum(state(row) == "unusable" for row in runs),
        places=PLACES,
        runs=_packed(json.dumps(_table(words, runs, sketches), separators=(",", ":")).encode()),
        curves=_packed(_planes(_numbers(sketches))),
        style=_beside("page.css"),
        script=_beside("page.js"),
    )


def _template() -> Template:
    kind = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return kind.from_string(_beside("page.html"))


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _plain(words: Mapping[str, Any], runs: Iterable[Row]) -> list[dict[str, Any]]:
    """Runs as the table shows them that needs no script."""
    return [
        {
            "run": row["run"],
            "arm": words["arms"].get(row["arm"], row["arm"]),
            "final_loss": cells(row)["Final loss"],
            "findings": [
                {"name": name, "words": text, "advice": advice}
                for name, text, advice in findings(row)
            ],
        }
        for row in runs
    ]


def _table(words: Mapping[str, Any], runs: Iterable[Row], sketches: Sketches) -> dict[str, Any]:
    """What the page knows of the runs, by columns."""
    panels = {name: row for row, name in enumerate(sketches.panels["run"])}
    names = [*(name for name, _, _ in COLUMNS), "run", "arm", "model", "first_step", "notes"]
    columns: dict[str, list[Any]] = {name: [_cell(row[name]) for row in runs] for name in names}
    return {
        "levels": LEVELS,
        "places": PLACES,
        "marked": MARKED,
        "units": UNITS,
        "states": [[name, MEANINGS[name]] for name in STATES],
        "arms": words["arms"],
        "advice": ADVICE,
        "looks": [[name, *look] for name, look in LOOKS.items()],
        "columns": COLUMNS,
        **columns,
        "state": [state(row) for row in runs],
        "why": [row["reason"] if state(row) == "excluded" else "" for row in runs],
        "findings": [[[name, text] for name, text, _ in findings(row)] for row in runs],
        "flags": [flags(row) for row in runs],
        "panel": [panels.get(row["run"], -1) for row in runs],
        "panels": {
            name: sketches.panels[name].tolist() for name in ("unit", "start", "end", "low", "high")
        },
        "curves": sketches.curves["panel"].tolist(),
        "metric": sketches.curves["metric"].tolist(),
        "marks": np.bincount(sketches.marks["panel"], minlength=len(panels)).tolist(),
    }


def _cell(value: Any) -> Any:
    """None for NaN; whole numbers without a point."""
    if not isinstance(value, float):
        return value
    if value != value:
        return None
    return int(value) if value.is_integer() else value


def _numbers(sketches: Sketches) -> list[np.ndarray[Any, Any]]:
    """The whole numbers of the curves and signs, small ones where they can be.

    Of each curve the lowest level of each place less that of the place before, zigzag (0, -1, 1,
    -2, ... as 0, 1, 2, 3, ...), 0 where no value is; then of each the highest less the lowest,
    plus 1, and 0 where no value is. Of the signs, in the order of the panels, place, level, reason.
    """
    there = sketches.highs >= 0
    last = np.maximum.accumulate(np.where(there, np.arange(PLACES), 0), axis=1)
    lows = np.take_along_axis(np.where(there, sketches.lows, 0), last, axis=1)
    steps = np.diff(lows, axis=1, prepend=0)
    spans = np.where(there, sketches.highs - sketches.lows + 1, 0)
    signs = [sketches.marks[name].to_numpy() for name in ("place", "level", "reason")]
    return [np.where(steps < 0, -2 * steps - 1, 2 * steps), spans, *signs]


def _planes(numbers: Iterable[np.ndarray[Any, Any]]) -> bytes:
    """All numbers in 16 bits each, first the low bytes of all, then the high ones."""
    flat = np.concatenate([part.ravel() for part in numbers]).astype("<u2")
    return flat.view(np.uint8).reshape(-1, 2).T.tobytes()


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()
