"""Draw the scaling laws of the arms with their points and the multiplier."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, scaling
from isoloss.paper.style import paper
from isoloss.study.validation import read_yaml
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    points, fit, draws, multiplier = (
        tables.read(files[name], params.schemas[name])
        for name in ("points", "fit", "draws", "multiplier")
    )
    said = read_yaml(Path(files.published)) if files.get("published") else None
    of = params.words, params.plotting
    figure = scaling.draw(points, fit, draws, multiplier, *of, said)
    canvas.save(
        figure, snakemake.output, scaling.caption(points, fit, multiplier, params.words, said)
    )
