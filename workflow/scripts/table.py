"""Write one table of the paper as CSV and as LaTeX."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.paper import table

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake):
    made_of = {
        name: tables.read(files[name], params.schemas[name])
        for name in params.schemas
        if files.get(name)
    }
    content = table.TABLES[snakemake.wildcards.table](made_of, params.words)
    table.write(content, Path(output.csv), Path(output.tex))
