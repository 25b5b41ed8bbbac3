# isoloss: raw training logs -> the figures, tables and numbers of a paper.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/laws.smk"
include: "workflow/rules/paper.smk"


rule all:
    default_target: True
    input:
        of_every_study(
            "results/figure/{study}/{figure}.{form}",
            "figures",
            form=["pdf", "svg", "png"],
        ),
        of_every_study(
            "results/table/{study}/{table}.{form}", "tables", form=["csv", "tex"]
        ),
        of_every_study("results/claims/{study}.csv"),
        of_every_study("results/page/{study}.html", logged=True),
        "results/headline.txt",
    message:
        "every figure, table and claim"
