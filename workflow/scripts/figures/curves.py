"""Draw every training curve against compute with the laws of the arms."""

from pathlib import Path

from isoloss import tables
from isoloss.job import job
from isoloss.paper.figures import canvas, curves
from isoloss.paper.style import paper
from isoloss.study.validation import read_yaml
from matplotlib import rc_context

files, params = snakemake.input, snakemake.params
with job(snakemake), rc_context(paper(params.plotting)):
    logs = (tables.read(path, params.schemas["curves"], curves.NEEDED) for path in files.curves)
    points, flops, fit, draws = (
        tables.read(files[name], params.schemas[name])
        for name in ("points", "flops", "fit", "draws")
    )
    said = read_yaml(Path(files.published)) if files.get("published") else None
    of = params.words, params.plotting
    figure = curves.draw(logs, points, flops, fit, draws, *of, said)
    canvas.save(figure, snakemake.output, curves.caption(points, fit, params.words, said))
