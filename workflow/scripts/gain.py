"""Follow the multiplier across scale, and find where the arms need the same compute."""

from isoloss import tables
from isoloss.job import job
from isoloss.multiplier.gain import gains
from isoloss.multiplier.settings import Comparison

READ = ("fit", "points", "draws", "surface")
files, params = snakemake.input, snakemake.params
with job(snakemake):
    made = gains(
        *(tables.read(files[name], params.schemas[name]) for name in READ),
        baseline=params.baseline,
        settings=Comparison(**params.multiplier),
    )
    for name, path in snakemake.output.items():
        tables.write(made[name], path, params.schemas[name])
