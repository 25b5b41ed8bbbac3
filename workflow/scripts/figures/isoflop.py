"""Draw the iso-FLOP curves and the growth of the best size."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, isoflop
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    read = [tables.read(files[name], params.schemas[name]) for name in ("points", "isoflop")]
    figure = isoflop.draw(*read, params.words, params.plotting)
    canvas.save(figure, snakemake.output, isoflop.caption(*read, params.words))
