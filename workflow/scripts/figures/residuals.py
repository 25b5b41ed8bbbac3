"""Draw the residuals of the laws, and what each point does to them."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, residuals
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.residuals, params.schemas["residuals"])
    figure = residuals.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, residuals.caption(table, params.words))
