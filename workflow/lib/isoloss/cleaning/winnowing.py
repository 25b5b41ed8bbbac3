"""Which runs may have a stretch of values in common, told without comparing them all.

Winnowing (Schleimer, Wilkerson and Aiken 2003): of the hashes of all windows of 8 values, the least
of each 13 in a row. A stretch of 20 values that two curves have in common (8 + 13 - 1) leaves a
hash that they have in common. What is found is to be compared value by value: `run_rules.copies`.
"""

import zlib
from collections.abc import Container, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isoloss.cleaning.curves import curves
from isoloss.units import Floats

WINDOW, KEPT_OF = 8, 13
SHORTEST = WINDOW + KEPT_OF - 1  # values: the shortest stretch that cannot be missed
# Changes from value to value in a window: fewer say nothing, and no stretch half of whose values
# differ is without a window that has more.
CHANGES = 3
BLOCK = 1 << 18  # windows at a time, to bound the memory
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits in disorder
NONE = np.uint64(2**64 - 1)
Hashes = NDArray[np.uint64]


def hashes(cleaned: pd.DataFrame) -> pd.DataFrame:
    """Columns run and hash (int64) of a cleaned run: the hashes that all its curves leave."""
    value = cleaned["value"].to_numpy()
    found = [winnowed(value[rows], metric) for metric, rows in curves(cleaned)]
    every = np.concatenate(found) if found else np.empty(0, np.uint64)
    run = cleaned["run"].array[:1].repeat(len(every))
    return pd.DataFrame({"run": run, "hash": every.view(np.int64)}, copy=False)


def winnowed(value: Floats, metric: str) -> Hashes:
    """The hashes that stand for a curve, each once, in order of size. value: shape (n,)."""
    finite = np.isfinite(value)
    value = value if finite.all() else value[finite]
    seed = np.uint64(zlib.crc32(metric.encode()))
    blocks = [
        _winnowed(value[start : start + BLOCK + SHORTEST - 1], seed)
        for start in range(0, len(value) - SHORTEST + 1, BLOCK)
    ]
    found: Hashes = np.unique(np.concatenate([np.empty(0, np.uint64), *blocks]))
    return found[:-1] if len(found) and found[-1] == NONE else found


def _winnowed(value: Floats, seed: np.uint64) -> Hashes:
    bits = (value + 0.0).view(np.uint64)  # + 0.0: no negative zero
    bits = (bits ^ (bits >> np.uint64(29)) ^ seed) * SPREAD
    count = len(value) - WINDOW + 1
    mixed = np.zeros(count, np.uint64)
    for i in range(WINDOW):
        mixed = mixed * SPREAD + bits[i : i + count]
    mixed ^= mixed >> np.uint64(32)
    mixed *= SPREAD
    changes = np.concatenate([[0], np.cumsum(value[1:] != value[:-1])])
    mixed[changes[WINDOW - 1 :] - changes[:count] < CHANGES] = NONE
    # The least of 13 in a row from the least of 2, 4 and 8.
    for step in (1, 2, 4, KEPT_OF - 8):
        mixed = np.minimum(mixed[:-step], mixed[step:])
    return np.unique(mixed)


def candidates(tables: Iterable[pd.DataFrame], among: Container[str]) -> list[str]:
    """The runs that have a hash in common with another, in order of their names.

    tables: columns run and hash, a run in one of them. among: the runs that count.
    """
    names: list[str] = []
    every, owners = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for table in tables:
        for run, mine in table.groupby("run", observed=True)["hash"]:
            if run in among:
                every.append(mine.to_numpy())
                owners.append(np.full(len(mine), len(names), np.int32))
                names.append(str(run))
    found, owner = np.concatenate(every), np.concatenate(owners)
    order = np.argsort(found)
    found, owner = found[order], owner[order]
    same = np.flatnonzero(found[1:] == found[:-1])
    shared = np.zeros(len(names), bool)
    shared[owner[same]] = shared[owner[same + 1]] = True
    return sorted(name for name, is_shared in zip(names, shared, strict=True) if is_shared)
