"""Draw every curve with its flagged values marked."""

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, quality
from isoloss.paper.style import paper
from matplotlib import rc_context

files, params, output = snakemake.input, snakemake.params, snakemake.output
with job(snakemake), rc_context(paper(params.plotting)):
    logs = tables.read(files.clean, params.schemas["clean"], quality.NEEDED)
    runs = tables.read(files.quality, params.schemas["quality"])
    pages = quality.pages(logs, runs, params.plotting)
    canvas.save_pages(pages, output.pdf)
    whole = pages if len(pages) == 1 else quality.pages(logs, runs, params.plotting, size=0)
    canvas.save(whole[0], [output.svg, output.png])
