"""Compare arms under every combination of choices, and see which of them moves the answer."""

from isoloss import tables
from isoloss.fit.settings import Fitting
from isoloss.job import job
from isoloss.multiplier.choices import Data
from isoloss.multiplier.moves import tabled
from isoloss.multiplier.settings import Comparison, Varied
from isoloss.points.selections import selections

params = snakemake.params
with job(snakemake):
    varied = Varied(**params.choices)
    points = selections(snakemake.input, params, varied.selections)
    settings = Fitting(**params.fit), Comparison(**params.multiplier), varied
    made = tabled(Data(points, params.baseline, *settings))
    for name, path in snakemake.output.items():
        tables.write(made[name], path, params.schemas[name])
