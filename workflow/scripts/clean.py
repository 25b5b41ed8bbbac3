"""Flag the values not to be used, and count them by run and reason."""

from isoloss import tables
from isoloss.cleaning import clean as cleaning
from isoloss.cleaning.settings import Cleaning
from isoloss.job import job

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake):
    table = tables.read(files.table, params.schemas["ingest"])
    runs = tables.read(files.runs, params.schemas["ingest_runs"])
    cleaned = cleaning.clean(table, Cleaning(**params.clean))
    tables.write(cleaned, output.table, params.schemas["clean"])
    tables.write(cleaning.summary(cleaned, runs), output.runs, params.schemas["runs"])
