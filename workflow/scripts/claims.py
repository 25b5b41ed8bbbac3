"""Check every published statement against ours."""

from pathlib import Path

from isoloss import tables
from isoloss.claims.claims import claims
from isoloss.claims.evidence import Evidence
from isoloss.job import job
from isoloss.study.validation import read_yaml

files, params = snakemake.input, snakemake.params
named = [name for name in params.schemas if files.get(name)]
with job(snakemake):
    of = {name: tables.read(files[name], params.schemas[name]) for name in named}
    ours = [of[name] for name in ("fit", "points", "surface", "isoflop")]
    table = claims(
        read_yaml(Path(files.published)) if files.get("published") else {},
        Evidence(*ours, params.confidence, params.group_by == "model"),
        *(of.get(name) for name in ("multiplier", "flops", "consistency")),
        baseline=params.baseline,
        headline=params.headline,
    )
    tables.write(tables.harmless(table), snakemake.output[0], params.schemas["claims"])
