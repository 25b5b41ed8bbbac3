"""Take the (compute, loss) point of every run, metric and convention."""

from isoloss import tables
from isoloss.job import job
from isoloss.stages.points import points

files, params = snakemake.input, snakemake.params
with job(snakemake.log[0]):
    cleaned = tables.read(files.logs, params.schemas["clean"])
    flops = tables.read(files.flops, params.schemas["flops"])
    quality = tables.read(files.quality, params.schemas["quality"])
    table = points(cleaned, params.runs, flops, quality, list(params.metrics), **params.points)
    tables.write(table, snakemake.output[0], params.schemas["points"])
