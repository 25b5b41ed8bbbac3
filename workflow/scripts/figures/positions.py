"""Draw the compute multiplier of every metric side by side."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, positions
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.multiplier, params.schemas["multiplier"])
    figure = positions.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, positions.caption(table, params.words))
