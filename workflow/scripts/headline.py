"""Write one line a study: its multiplier, the interval, and what the data does not carry."""

from isoloss import tables
from isoloss.files import whole
from isoloss.job import job
from isoloss.multiplier.headline import headline

params = snakemake.params
with job(snakemake):
    lines = []
    for study, path in zip(params.studies, snakemake.input.multipliers, strict=True):
        lines += headline(study, tables.read(path, params.schemas["multiplier"]))
    with whole(snakemake.output[0]) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
