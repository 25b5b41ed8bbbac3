"""Check every published number against ours."""

from pathlib import Path

from isoloss import tables
from isoloss.claims.claims import claims
from isoloss.job import job
from isoloss.study.validation import read_yaml

files, params = snakemake.input, snakemake.params
with job(snakemake):
    table = claims(
        read_yaml(Path(files.published)) if files.get("published") else {},
        tables.read(files.fit, params.schemas["fit"]),
        tables.read(files.multiplier, params.schemas["multiplier"]),
        *(
            tables.read(files[name], params.schemas[name]) if files.get(name) else None
            for name in ("flops", "consistency")
        ),
        headline=params.headline,
        confidence=params.confidence,
    )
    tables.write(tables.harmless(table), snakemake.output[0], params.schemas["claims"])
