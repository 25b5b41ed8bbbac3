"""Write one line a study: its multiplier, the interval, and what the data does not carry."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.stages.headline import headline

params = snakemake.params
with job(snakemake.log[0]):
    lines = []
    for study, path in zip(params.studies, snakemake.input.multipliers, strict=True):
        lines += headline(study, tables.read(path, params.schemas["multiplier"]))
    Path(snakemake.output[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
