"""Check the fits: residuals, the laws without each point, and predictions of the largest sizes."""

from isoloss import tables
from isoloss.fit.diagnose import diagnoses
from isoloss.fit.settings import Fitting
from isoloss.job import job

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake):
    made = diagnoses(
        *(tables.read(files[name], params.schemas[name]) for name in ("points", "fit", "surface")),
        Fitting(**params.fit),
        {name: list(params.schemas[name]["properties"]) for name in ("residuals", "holdout")},
    )
    for name, path in output.items():
        tables.write(made[name], path, params.schemas[name])
