"""Draw the loss surface over parameters and tokens."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, surface
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    read = [tables.read(files[name], params.schemas[name]) for name in ("points", "surface")]
    figure = surface.draw(*read, params.words, params.plotting)
    canvas.save(figure, snakemake.output, surface.caption(*read, params.words))
