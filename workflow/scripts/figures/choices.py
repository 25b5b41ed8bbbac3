"""Draw the multiplier under every combination of choices."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, choices
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    read = [
        tables.read(files[name], params.schemas[name])
        for name in ("choices", "moves", "comparisons")
    ]
    figure = choices.draw(*read, params.words, params.plotting)
    canvas.save(figure, snakemake.output, choices.caption(read[0], read[2], params.words))
