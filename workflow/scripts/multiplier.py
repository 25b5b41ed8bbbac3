"""Compare the compute that arms need for the same loss."""

from isoloss import tables
from isoloss.files import whole
from isoloss.fit.settings import Fitting
from isoloss.job import job
from isoloss.multiplier.multiplier import multipliers
from isoloss.multiplier.settings import Comparison, Gate
from isoloss.multiplier.summary import summary

READ = ("fit", "points", "draws", "surface")
files, params = snakemake.input, snakemake.params
with job(snakemake):
    read = {name: tables.read(files[name], params.schemas[name]) for name in READ}
    table = multipliers(
        *read.values(),
        baseline=params.baseline,
        headline=params.conventions[0],
        settings=Comparison(**params.multiplier),
        gate=Gate(**params.gate),
        fitting=Fitting(**params.fit),
    )
    tables.write(table, snakemake.output.table, params.schemas["multiplier"])
    with whole(snakemake.output.summary) as part:
        part.write_text(summary(snakemake.wildcards.study, table, read["points"]), encoding="utf-8")
