# From points to scaling laws and compute multipliers.


# A law for every arm, metric and convention.
rule fit:
    input:
        points="results/points/{study}.csv",
    output:
        "results/fit/{study}.csv",
    log:
        "logs/fit/{study}.log",
    conda:
        "../../environment.yml"
    params:
        fit=setting("fit"),
        schemas=schemas("points", "fit"),
        code=code("fit"),
    message:
        "{wildcards.study}: fitting the laws"
    script:
        "../scripts/fit.py"


# Compute of the baseline over compute of the candidate at equal loss, with its interval.
rule multiplier:
    input:
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
    output:
        "results/multiplier/{study}.csv",
    log:
        "logs/multiplier/{study}.log",
    conda:
        "../../environment.yml"
    params:
        baseline=baseline,
        conventions=conventions,
        multiplier=setting("multiplier"),
        schemas=schemas("points", "fit", "multiplier"),
        code=code("multiplier"),
    message:
        "{wildcards.study}: comparing compute at equal loss"
    script:
        "../scripts/multiplier.py"
