# The workflow is workflow/Snakefile; this file starts it from here. The default target is named
# again, because Snakemake forgets that of an included file.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
    message:
        "every figure, table and claim"
