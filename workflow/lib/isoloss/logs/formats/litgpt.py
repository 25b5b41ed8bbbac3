"""The CSV of litgpt's Fabric logger; what litgpt prints is in console.yaml.

The logger writes iter - 1 over `step`, so that its steps are micro-batches from 0, and `tokens` are
those of one device. Source: litgpt/pretrain.py.
"""

from isoloss.logs.formats import delimited
from isoloss.logs.records import Format, Preset


def _sniff_csv(head: bytes) -> bool:
    header = set(head.split(b"\n", 1)[0].strip().split(b","))
    return {b"iter", b"iter_time", b"step", b"total_tokens"} <= header


FORMATS: tuple[Format, ...] = (
    Format(
        "litgpt-csv",
        _sniff_csv,
        delimited.read,
        Preset(tokens=("total_tokens",), eval_loss=("val_loss",), step_base=0),
        read_columns=delimited.read_columns,
    ),
)
