"""What the pipeline is held against: one plain script that reads the same logs and fits them.

    python benchmarks/plain/fit.py FOLDER    (a study that benchmarks/scale.py has made)

No checks, no cleaning but that runs which end in NaN are left out, nothing written. CSV and JSON
lines are read by pandas and pyarrow; of TensorBoard's records the scalars are taken as they lie,
without protobuf and checksums, which is far faster than its own reader.
"""

import sys
from pathlib import Path
from struct import unpack_from

import numpy as np
import pandas as pd
from pyarrow import json
from scipy.optimize import curve_fit

PFLOP_S_DAY = 86400e15


def main() -> None:
    folder = Path(sys.argv[1], "data/scale")
    rows = []
    for run in pd.read_csv(folder / "runs.csv").itertuples():
        steps, losses = read(folder / run.log)
        final = losses[-max(1, len(losses) * 3 // 100) :].mean()
        compute = 6.0 * run.parameters * steps[-1] * run.tokens_per_step / PFLOP_S_DAY
        if np.isfinite(final):
            rows.append((run.arm, compute, final))
    points = pd.DataFrame(rows, columns=["arm", "compute", "loss"])
    for arm, of in points.groupby("arm"):
        law, _ = curve_fit(lambda x, a, b: a - b * x, np.log(of["compute"]), np.log(of["loss"]))
        print(f"{arm}: L = {np.exp(law[0]):.4f} C^-{law[1]:.5f} ({len(of):,} runs)")


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Steps and losses of a log."""
    if path.suffix == ".csv":
        table = pd.read_csv(path)
    elif path.suffix == ".jsonl":
        table = json.read_json(path).to_pandas()
    else:
        return events(next(path.iterdir()))
    return table["step"].to_numpy(), table["loss"].to_numpy()


def events(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of every event with a summary: the step, a varint at byte 10, and the float at its end."""
    data, steps, losses = path.read_bytes(), [], []
    at = 0
    while at + 12 <= len(data):
        (size,) = unpack_from("<Q", data, at)
        if data[at + 21] == 0x10:  # after the time of the event comes its step
            step, shift, byte = 0, 0, at + 22
            while data[byte] > 0x7F:
                step |= (data[byte] & 0x7F) << shift
                shift, byte = shift + 7, byte + 1
            steps.append(step | data[byte] << shift)
            losses.append(unpack_from("<f", data, at + 8 + size)[0])
        at += size + 16
    return np.array(steps), np.array(losses)


if __name__ == "__main__":
    main()
