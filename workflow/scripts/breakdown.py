"""Say what FLOPs are spent on, where candidates become cheaper, and what is stated."""

from pathlib import Path

from isoloss import tables
from isoloss.flops.breakdown import breakdown
from isoloss.flops.settings import Compute
from isoloss.job import job

params = snakemake.params
with job(snakemake):
    made = breakdown(
        params.runs,
        tables.read(snakemake.input.runs, params.schemas["runs"]),
        Path(params.folder),
        Compute(**params.compute),
        params.baseline,
    )
    for name, path in snakemake.output.items():
        tables.write(getattr(made, name), path, params.schemas[name])
