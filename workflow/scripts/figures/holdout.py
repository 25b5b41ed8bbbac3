"""Draw how well laws fitted to the smaller sizes predict the largest."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, holdout
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.holdout, params.schemas["holdout"])
    figure = holdout.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, holdout.caption(table, params.words))
