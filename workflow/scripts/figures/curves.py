"""Draw every training curve against compute with the laws of the arms."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, curves
from isoloss.paper.style import paper
from isoloss.study.validation import read_yaml
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    figure = curves.draw(
        (tables.read(path, params.schemas["curves"], curves.NEEDED) for path in files.curves),
        tables.read(files.points, params.schemas["points"]),
        tables.read(files.flops, params.schemas["flops"]),
        tables.read(files.fit, params.schemas["fit"]),
        params.words,
        params.plotting,
        read_yaml(Path(files.published)) if files.get("published") else None,
    )
    canvas.save(figure, snakemake.output)
