"""Draw the compute multiplier against the baseline's compute."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, gain
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    read = [tables.read(files[name], params.schemas[name]) for name in ("gain", "multiplier")]
    figure = gain.draw(*read, params.words, params.plotting)
    canvas.save(figure, snakemake.output, gain.caption(*read, params.words))
