"""Write the numbers that a text may quote, as LaTeX macros and as JSON."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.paper import numbers

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake):
    made_of = {
        name: tables.read(files[name], params.schemas[name])
        for name in ("points", "fit", "multiplier")
    }
    quoted = numbers.numbers(snakemake.wildcards.study, made_of, params.conventions)
    numbers.write(quoted, Path(output.tex), Path(output.json))
