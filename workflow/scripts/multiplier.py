"""Compare the compute that arms need for the same loss."""

from isoloss import tables
from isoloss.job import job
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.settings import Comparison

READ = ("fit", "points", "draws", "surface")
files, params = snakemake.input, snakemake.params
with job(snakemake):
    table = multipliers(
        *(tables.read(files[name], params.schemas[name]) for name in READ),
        baseline=params.baseline,
        headline=params.conventions[0],
        settings=Comparison(**params.multiplier),
    )
    tables.write(table, snakemake.output[0], params.schemas["multiplier"])
