"""Say what is wrong with each run, and which runs enter the fits."""

from functools import partial

from isoloss import tables
from isoloss.cleaning.quality import COMPARED, quality
from isoloss.cleaning.settings import Quality
from isoloss.job import job

files, params = snakemake.input, snakemake.params
with job(snakemake):
    table = quality(
        tables.read(files.runs, params.schemas["runs"]),
        params.runs,
        (tables.read(path, params.schemas["hashes"]) for path in files.hashes),
        partial(tables.read, files.clean, params.schemas["clean"], COMPARED),
        exclude=params.exclude,
        settings=Quality(**params.quality),
    )
    tables.write(table, snakemake.output[0], params.schemas["quality"])
