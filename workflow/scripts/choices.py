"""Compare arms under every combination of choices, and see which of them moves the answer."""

from isoloss import tables
from isoloss.fit.settings import Fitting
from isoloss.job import job
from isoloss.multiplier import choices
from isoloss.multiplier.settings import Comparison, Varied
from isoloss.points.from_table import tabled_points
from isoloss.points.points import NEEDED, points
from isoloss.points.settings import Selection

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake):
    varied = Varied(**params.choices)
    own = Selection(**params.points)
    if files.get("table"):
        of_table = params.runs, params.metrics, params.conventions, params.exclude
        selections = {own.label: tabled_points(*of_table)}
    else:
        read = [tables.read(files[key], params.schemas[key]) for key in ("flops", "quality")]
        schema = params.schemas[params.of]
        columns = [name for name in NEEDED if name in schema["properties"]]
        logs = [tables.read(path, schema, columns) for path in files.logs]
        selections = {
            label: points(logs, params.runs, *read, list(params.metrics), chosen)
            for label, chosen in own.varied(varied.points).items()
        }
    settings = Fitting(**params.fit), Comparison(**params.multiplier), varied
    made = choices.tabled(choices.Data(selections, params.baseline, *settings))
    for name, path in output.items():
        tables.write(made[name], path, params.schemas[name])
