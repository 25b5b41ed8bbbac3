"""Take the (compute, loss) points of every run, metric and convention."""

from isoloss import tables
from isoloss.job import job
from isoloss.points.from_table import tabled_points
from isoloss.points.points import NEEDED, points
from isoloss.points.settings import Selection

files, params = snakemake.input, snakemake.params
with job(snakemake):
    if files.get("table"):
        table = tabled_points(params.runs, params.metrics, params.conventions, params.exclude)
    else:
        read = (tables.read(files[key], params.schemas[key]) for key in ("flops", "quality"))
        schema = params.schemas[params.of]
        columns = [name for name in NEEDED if name in schema["properties"]]
        logs = (tables.read(path, schema, columns) for path in files.logs)
        chosen = Selection(**params.points)
        table = points(logs, params.runs, *read, list(params.metrics), chosen)
    tables.write(table, snakemake.output[0], params.schemas["points"])
