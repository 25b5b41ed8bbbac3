"""Write one line a study: its multiplier, the interval, and what the data does not carry."""

from isoloss import tables
from isoloss.files import whole
from isoloss.job import job
from isoloss.multiplier.headline import headline, none_refused

params = snakemake.params
with job(snakemake):
    lines, strict = [], []
    for study, path in zip(params.studies, snakemake.input.multipliers, strict=True):
        said = headline(study, tables.read(path, params.schemas["multiplier"]))
        lines += said
        strict += said if study in params.strict else []
    with whole(snakemake.output[0]) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    none_refused(strict)
