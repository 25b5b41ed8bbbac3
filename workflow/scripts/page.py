"""Write the data-quality page of a study."""

import csv
from pathlib import Path

from isoloss.job import job
from isoloss.paper.page import page

files, params = snakemake.input, snakemake.params
with job(snakemake):
    with Path(files.quality).open(encoding="utf-8", newline="") as table:
        text = page(params.title, list(csv.DictReader(table)), Path(files.picture).read_bytes())
    Path(snakemake.output[0]).write_text(text, encoding="utf-8")
