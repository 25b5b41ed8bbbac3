"""Fit a law for every arm, metric and convention."""

from isoloss import tables
from isoloss.job import job
from isoloss.stages.fit import fits

params = snakemake.params
with job(snakemake.log[0]):
    points = tables.read(snakemake.input.points, params.schemas["points"])
    tables.write(fits(points, **params.fit), snakemake.output[0], params.schemas["fit"])
