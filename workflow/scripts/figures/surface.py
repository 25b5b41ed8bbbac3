"""Draw the loss surface over parameters and tokens."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, surface
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    read = (tables.read(files[key], params.schemas[key]) for key in ("points", "surface"))
    canvas.save(surface.draw(*read, params.words, params.plotting), snakemake.output)
