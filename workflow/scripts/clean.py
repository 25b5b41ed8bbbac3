"""Read and clean the logs of a shard's runs; leave of each what later stages need."""

from contextlib import ExitStack
from pathlib import Path

import pandas as pd
from isoloss import tables
from isoloss.cleaning.settings import Cleaning
from isoloss.cleaning.shard import TABLES, shard
from isoloss.job import job
from isoloss.logs.settings import Reading

output, params, schemas = snakemake.output, snakemake.params, snakemake.params.schemas
given = params.runs, params.metrics, Path(params.folder), Reading(**params.log)
with job(snakemake), ExitStack() as files:
    rows, broken = [], [pd.DataFrame()]
    to = {n: files.enter_context(tables.appending(output[n], schemas[n])) for n in TABLES}
    for run in shard(*given, Cleaning(**params.clean)):
        rows.append(run.row)
        broken.append(run.quarantine)
        for name, table in run.tables.items():
            to[name](table)
    tables.write(pd.DataFrame(rows), output.runs, schemas["runs"])
    quarantine = tables.harmless(pd.concat(broken, ignore_index=True))
    tables.write(quarantine, output.quarantine, schemas["quarantine"])
