"""Read the raw logs of a shard's runs into one long table."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.logs.ingest import ingest
from isoloss.logs.settings import Reading

params, output = snakemake.params, snakemake.output
with job(snakemake):
    got = ingest(params.runs, params.metrics, Path(params.folder), Reading(**params.log))
    tables.write(got.table, output.table, params.schemas["ingest"])
    tables.write(got.runs, output.runs, params.schemas["ingest_runs"])
    tables.write(got.quarantine, output.quarantine, params.schemas["quarantine"])
