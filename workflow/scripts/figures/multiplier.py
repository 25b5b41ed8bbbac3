"""Draw the compute multiplier against loss, by convention."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, multiplier
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.multiplier, params.schemas["multiplier"])
    figure = multiplier.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, multiplier.caption(table, params.words))
