"""metrics_step<N>.json of OLMo-core's MetricSaverCallback: one JSON object a step.

The step is in the name of the file alone, and counts updates. The object has the last value of each
metric, so that one may be of an earlier step. metrics.json is the last of them again.
"""

import json
import re
from collections.abc import Mapping

from isoloss.logs import lines
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.records import Bad, Block, Format, LogError, Open, Preset, Source

_NAME = re.compile(r"(?:.*/)?metrics_step(\d+)\.json")
_LARGEST = 1 << 22  # bytes of one step's metrics
_SIGN = re.compile(rb'\A\s*\{(?=[^{}]*"(?:train/CE loss|train/CrossEntropyLoss)": )[^{}]*\}\s*\Z')
_NOTE = "a metric of metrics_step files stays until it is logged again"


def sniff(head: bytes) -> bool:
    """One flat object with a training loss of OLMo-core."""
    return bool(_SIGN.match(head))


def _row(data: bytes) -> dict[str, float | None]:
    """The numbers of a file; ValueError if it is damaged."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no object")
    kinds = (int, float)
    return {k: float(v) for k, v in found.items() if type(v) in kinds}


def read_all(files: Mapping[str, Open], run: str | None) -> dict[str, Source]:
    """A row of each step's file, in their order; LogError where there is none."""
    steps = {int(match[1]): name for name in files if (match := _NAME.fullmatch(name))}
    if not steps:
        raise LogError("no metrics_step<N>.json: nothing says of which step such metrics are")
    rows: dict[int, dict[str, float | None]] = {}
    bad: list[Bad] = []
    for number, (step, name) in enumerate(sorted(steps.items()), 1):
        with files[name]() as file:
            data = file.read(_LARGEST)
        try:
            rows[number] = {**_row(data), "step": float(step)}
        except ValueError as error:
            bad.append(Bad(number, f"{name}: not JSON: {error}", data[:200]))
    table = lines.table(list(rows), list(rows.values()))
    return {"metrics_step*.json": Source((Block(table),), tuple(bad), (_NOTE,))}


FORMATS: tuple[Format, ...] = (
    Format(
        "olmo-metrics",
        sniff,
        lambda file: read_all({"metrics_step1.json": lambda: file}, None)["metrics_step*.json"],
        Preset(
            tokens=("throughput/total tokens", *PLAIN.tokens),
            train_loss=("train/CE loss", "train/CrossEntropyLoss"),
            eval_loss=("eval/*/CE loss", "eval/*/CrossEntropyLoss"),
        ),
        read_all=read_all,
    ),
)
