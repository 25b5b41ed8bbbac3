"""Count FLOPs per token and training compute of every run under every convention."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.stages.flops import flops

params = snakemake.params
with job(snakemake.log[0]):
    logged = tables.read(snakemake.input.runs, params.schemas["runs"])
    table = flops(params.runs, logged, Path(params.folder), params.conventions)
    tables.write(table, snakemake.output[0], params.schemas["flops"])
