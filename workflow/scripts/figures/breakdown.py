"""Draw what a token's FLOPs are spent on."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import breakdown, canvas
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.breakdown, params.schemas["breakdown"])
    figure = breakdown.draw(table, params.words, params.plotting)
    canvas.save(figure, snakemake.output, breakdown.caption(table, params.words))
