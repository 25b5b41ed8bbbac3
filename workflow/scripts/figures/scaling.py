"""Draw the scaling laws of the arms with their points and the multiplier."""

from isoloss import tables
from isoloss.figures import canvas, scaling
from isoloss.job import job
from isoloss.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake.log[0]), rc_context(paper(params.plotting)):
    figure = scaling.draw(
        tables.read(files.points, params.schemas["points"]),
        tables.read(files.fit, params.schemas["fit"]),
        tables.read(files.multiplier, params.schemas["multiplier"]),
        params.words,
        params.plotting,
    )
    canvas.save(figure, snakemake.output)
