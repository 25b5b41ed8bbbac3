"""Draw the cost per token of candidates over the baseline against sequence length."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, overtake
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.overtaking, params.schemas["overtaking"])
    figure = overtake.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, overtake.caption(table, params.words))
