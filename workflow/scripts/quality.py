"""Say what is wrong with each run, and which runs enter the fits."""

from isoloss import tables
from isoloss.cleaning.quality import CURVES, quality
from isoloss.cleaning.settings import Quality
from isoloss.job import job

files, params = snakemake.input, snakemake.params
with job(snakemake):
    table = quality(
        tables.read(files.logs, params.schemas["clean"], CURVES),
        tables.read(files.runs, params.schemas["runs"]),
        params.runs,
        list(params.metrics),
        exclude=params.exclude,
        settings=Quality(**params.quality),
    )
    tables.write(table, snakemake.output[0], params.schemas["quality"])
