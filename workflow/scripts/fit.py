"""Fit the laws for every arm, metric and convention, resample them and check them."""

from isoloss import tables
from isoloss.fit.fit import fits
from isoloss.fit.settings import Fitting
from isoloss.job import job

params = snakemake.params
with job(snakemake):
    points = tables.read(snakemake.input.points, params.schemas["points"])
    found = fits(points, Fitting(**params.fit), params.group_by)
    for name, path in snakemake.output.items():
        schema = params.schemas[name]
        tables.write(found.table(name, list(schema["properties"])), path, schema)
