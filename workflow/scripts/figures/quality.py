"""Draw the worst curves with their flagged values marked, and where all the others lie."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, quality
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    logs = (tables.read(path, params.schemas["curves"]) for path in files.curves)
    runs = tables.read(files.quality, params.schemas["quality"])
    figure = quality.draw(logs, runs, params.words, params.plotting)
    canvas.save(figure, snakemake.output, quality.caption(runs, params.words))
