"""Check every published statement against ours."""

from pathlib import Path

from isoloss import tables
from isoloss.claims.claims import claims
from isoloss.claims.evidence import Evidence
from isoloss.claims.runs import NEEDED, on_compute
from isoloss.job import job
from isoloss.study.validation import read_yaml

files, params, schemas = snakemake.input, snakemake.params, snakemake.params.schemas
with job(snakemake):
    named = [name for name in schemas if files.get(name) and name != "curves"]
    of = {name: tables.read(files[name], schemas[name]) for name in named}
    logs = [tables.read(x, schemas["curves"], NEEDED) for x in files.get("curves", [])]
    settings = params.confidence, params.group_by == "model", on_compute(logs, of.get("flops"))
    table = claims(
        read_yaml(Path(files.published)) if files.get("published") else {},
        Evidence(*(of[name] for name in ("fit", "points", "surface", "isoflop")), *settings),
        *(of.get(name) for name in ("multiplier", "flops", "consistency")),
        baseline=params.baseline,
        headline=params.headline,
    )
    tables.write(tables.harmless(table), snakemake.output[0], schemas["claims"])
