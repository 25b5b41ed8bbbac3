"""Count FLOPs per token and training compute of every run under every convention."""

from pathlib import Path

from isoloss import tables
from isoloss.flops.flops import flops
from isoloss.flops.settings import Compute
from isoloss.job import job

params = snakemake.params
with job(snakemake):
    table = flops(
        params.runs,
        tables.read(snakemake.input.runs, params.schemas["runs"]),
        Path(params.folder),
        Compute(**params.compute),
    )
    tables.write(table, snakemake.output[0], params.schemas["flops"])
