"""Lightning's CSVLogger: `metrics.csv` with sparse rows, steps from 0; a resume is a new version_N.

It is told from other CSV by the columns `epoch` and `step`, names in alphabetical order or line
ends of Python's csv module. Source: lightning/fabric/loggers/csv_logs.py.
"""

from isoloss.logs.formats import delimited
from isoloss.logs.formats.plain import PLAIN
from isoloss.logs.records import Format, Preset


def _sniff(head: bytes) -> bool:
    line = head.split(b"\n", 1)[0]
    names = line.strip().split(b",")
    if not {b"epoch", b"step"} <= set(names) or b"iter_time" in names:
        return False
    return (line.endswith(b"\r") or names == sorted(names)) and delimited.sniff(head)


FORMATS: tuple[Format, ...] = (
    Format(
        "lightning",
        _sniff,
        delimited.read,
        Preset(
            tokens=PLAIN.tokens,
            train_loss=("train_loss_step", *PLAIN.train_loss, "train_loss_epoch"),
            eval_loss=(*PLAIN.eval_loss, "val_loss_epoch"),
            step_base=0,
        ),
        read_columns=delimited.read_columns,
    ),
)
