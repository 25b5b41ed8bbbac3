"""What is wrong between runs: the same log under two names, a stretch copied from another run."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ODD = np.uint64(0x9E3779B97F4A7C15)  # multiplier of a rolling hash modulo 2^64
COPIES = ("run", "metric", "other", "rows", "first", "last")


def duplicates(digests: Mapping[str, str]) -> dict[str, str]:
    """Runs that hold the same as an earlier one, run -> the first that does.

    digests: run -> digest of what its log holds, empty where that could be chance; in the order in
    which the first counts as the original.
    """
    first: dict[str, str] = {}
    known = {run: digest for run, digest in digests.items() if digest}
    found = {run: first.setdefault(digest, run) for run, digest in known.items()}
    return {run: original for run, original in found.items() if run != original}


def copies(curves: pd.DataFrame, least: int) -> pd.DataFrame:
    """Stretches of `least` or more values in a row that two runs have in common.

    curves: columns run, metric and value, one row a logged value, sorted within a run; runs in the
    order in which the first is the one that the others are said to have copied. Only finite values
    are compared, exactly, metric by metric, whatever their steps. A stretch counts if half of its
    values at least differ from each other: runs that both stand still have copied nothing. Returns
    run, metric, other (the first run that has the same), rows, first, last (row labels of
    `curves`); one row a stretch and run.
    """
    rows = [
        {"run": run, "metric": metric, "other": other, "rows": len(labels)}
        | {"first": labels[0], "last": labels[-1]}
        for metric, group in curves[np.isfinite(curves["value"])].groupby("metric", observed=True)
        for run, other, labels in _stretches(group, least)
    ]
    return pd.DataFrame(rows, columns=list(COPIES))


def _stretches(curves: pd.DataFrame, least: int) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Run, other run and row labels of each stretch of one metric."""
    codes, names = pd.factorize(curves["run"])
    values = curves["value"].to_numpy(np.float64)
    hashes, starts = _windows(values, codes, least)
    if not len(hashes):
        return
    # Of the windows with the same content, the first of each run; two runs make a copy.
    table = pd.DataFrame({"hash": hashes, "run": codes[starts], "start": starts})
    table = table[table["hash"].duplicated(keep=False)]
    firsts = table.drop_duplicates(["hash", "run"])
    firsts = firsts[firsts["hash"].duplicated(keep=False)]
    earliest = firsts.drop_duplicates("hash").set_index("hash")["run"]
    second = firsts[firsts.duplicated("hash")].drop_duplicates("hash").set_index("hash")["run"]
    table = table[table["hash"].isin(earliest.index)]
    own = table["hash"].map(earliest)
    table["other"] = own.where(own != table["run"], table["hash"].map(second))
    for (run, other), group in table.sort_values("start").groupby(["run", "other"], sort=True):
        begins = group["start"].to_numpy()
        cuts = np.flatnonzero(np.diff(begins) > least) + 1
        for low, high in pairwise([0, *cuts, len(begins)]):
            stretch = np.arange(begins[low], begins[high - 1] + least)
            yield names[run], names[other], curves.index.to_numpy()[stretch]


def _windows(
    values: NDArray[np.float64], runs: NDArray[np.intp], size: int
) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """A hash of every window of `size` values within one run and where it starts; without those
    of which more than half of the values are repeated."""
    count = len(values) - size + 1
    if count < 1:
        return np.empty(0, np.uint64), np.empty(0, np.intp)
    bits = (values + 0.0).view(np.uint64)  # + 0.0: no negative zero
    bits = bits ^ (bits >> np.uint64(29))
    hashes = np.zeros(count, np.uint64)
    for i in range(size):
        hashes = hashes * ODD + bits[i : i + count]
    new = np.concatenate([[0], np.cumsum(values[1:] != values[:-1])])  # changes up to a row
    varied = new[size - 1 :] - new[:count] >= size // 2
    starts = np.flatnonzero((runs[:count] == runs[size - 1 :]) & varied)
    return hashes[starts], starts
