"""Draw the worst curves with their flagged values marked, and where all the others lie."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, quality
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake), rc_context(paper(params.plotting)):
    logs = (tables.read(path, params.schemas["curves"]) for path in files.curves)
    runs = tables.read(files.quality, params.schemas["quality"])
    figure = quality.figure(logs, runs, next(iter(params.words["metrics"])), params.plotting)
    canvas.save(figure, [output.pdf, output.svg, output.png])
