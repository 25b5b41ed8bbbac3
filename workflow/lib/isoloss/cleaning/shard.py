"""The logs of a shard's runs -> what later stages need of them, a run at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.cleaning.audit import audit
from isoloss.cleaning.clean import clean
from isoloss.cleaning.settings import Cleaning
from isoloss.cleaning.summary import summary
from isoloss.cleaning.thinned import drawn, tail
from isoloss.cleaning.winnowing import hashes
from isoloss.logs.ingest import Ingested, failed, ingest
from isoloss.logs.settings import Reading

TABLES = ("clean", "origins", "curves", "tails", "hashes")


@dataclass(frozen=True)
class Cleaned:
    """A run, cleaned.

    row: its summary. quarantine: a row a record that could not be read. tables: those of TABLES,
    none where the log cannot be used, each with the columns of its schema and others: `clean`
    (every value, with `kept` and `reasons`), `origins` (row by row of it, where each was read: what
    a log's file is called is there and in messages alone), `curves` (to draw), `tails` (for final
    points), `hashes` (of stretches).
    """

    row: dict[str, Any]
    quarantine: pd.DataFrame
    tables: dict[str, pd.DataFrame]


def shard(
    runs: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, str | None],
    folder: Path,
    reading: Reading,
    cleaning: Cleaning,
) -> Iterator[Cleaned]:
    """Read and clean the logs of `runs`, as `isoloss.logs.ingest` takes them, one after another."""
    for run in runs:
        got = ingest(run, metrics, folder, reading)
        try:
            yield _cleaned(got, cleaning, list(metrics))
        except MemoryError:  # the job is tried again with more
            raise
        except Exception as error:  # a fault in cleaning one run is no reason to lose the others
            yield _cleaned(failed(run, error, "cleaning"), cleaning, list(metrics))


def _cleaned(got: Ingested, cleaning: Cleaning, metrics: list[str]) -> Cleaned:
    cleaned = None if got.table is None else clean(got.table, cleaning)
    doubts = "" if got.table is None else "; ".join(audit(got.table, got.axis))
    row = summary(cleaned, got.row | {"doubts": doubts}, metrics)
    return Cleaned(row, got.quarantine, {} if cleaned is None else _tables(cleaned))


def _tables(cleaned: pd.DataFrame) -> dict[str, pd.DataFrame]:
    found = (cleaned, cleaned, drawn(cleaned), tail(cleaned), hashes(cleaned))
    return dict(zip(TABLES, found, strict=True))
