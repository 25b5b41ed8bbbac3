"""Draw the compute multiplier against the baseline's compute."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, gain
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    table = tables.read(files.gain, params.schemas["gain"])
    canvas.save(gain.draw(table, params.words, params.plotting), snakemake.output)
