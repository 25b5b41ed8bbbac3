"""Write the data-quality page of a study."""

from isoloss import tables
from isoloss.files import whole
from isoloss.job import job
from isoloss.paper.page import page

files, params = snakemake.input, snakemake.params
with job(snakemake):
    runs = tables.read(files.quality, params.schemas["quality"])
    logs = (tables.read(path, params.schemas["curves"]) for path in files.curves)
    text = page(params.labels, runs, logs)
    with whole(snakemake.output[0]) as part:
        part.write_text(text, encoding="utf-8")
