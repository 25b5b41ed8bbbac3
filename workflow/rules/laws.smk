# From points to scaling laws and compute multipliers.


# The laws of every arm, metric and convention, and resamples of the headline.
rule fit:
    input:
        points="results/points/{study}.csv",
        again=unsound("fit"),
    output:
        fit="results/fit/{study}.csv",
        draws="results/fit/{study}.draws.parquet",
        surface="results/fit/{study}.surface.csv",
        isoflop="results/fit/{study}.isoflop.csv",
    log:
        "logs/fit/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        fit=setting("fit"),
        group_by=group_by,
        schemas=schemas("points", "fit", "draws", "surface", "isoflop"),
        code=code("fit"),
    message:
        "{wildcards.study}: fitting the laws"
    script:
        "../scripts/fit.py"


# What attacks the laws: residuals with the law fitted without each point, and predictions of the
# largest sizes from the others.
rule diagnose:
    input:
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
        surface="results/fit/{study}.surface.csv",
        again=unsound("diagnose"),
    output:
        residuals="results/diagnose/{study}.residuals.csv",
        holdout="results/diagnose/{study}.holdout.csv",
    log:
        "logs/diagnose/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        fit=setting("fit"),
        schemas=schemas("points", "fit", "surface", "residuals", "holdout"),
        code=code("diagnose"),
    message:
        "{wildcards.study}: checking the laws"
    script:
        "../scripts/diagnose.py"


# Compute of the baseline over compute of the candidate at equal loss, with its interval, and what it
# rests on in words.
rule multiplier:
    input:
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
        draws="results/fit/{study}.draws.parquet",
        surface="results/fit/{study}.surface.csv",
        again=unsound("multiplier"),
    output:
        table="results/multiplier/{study}.csv",
        summary="results/multiplier/{study}.md",
    log:
        "logs/multiplier/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        baseline=baseline,
        conventions=conventions,
        fit=setting("fit"),
        multiplier=setting("multiplier"),
        gate=setting("gate"),
        schemas=schemas("points", "fit", "draws", "surface", "multiplier"),
        code=code("multiplier"),
    message:
        "{wildcards.study}: comparing compute at equal loss"
    script:
        "../scripts/multiplier.py"


# The multiplier under every combination of choices, and which choice moves it most.
rule choices:
    input:
        unpack(final_points),
        again=unsound("choices"),
    output:
        choices="results/choices/{study}.csv",
        moves="results/choices/{study}.moves.csv",
        comparisons="results/choices/{study}.comparisons.csv",
    log:
        "logs/choices/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        runs=point_runs,
        exclude=setting("exclude"),
        metrics=metric_columns,
        conventions=conventions,
        baseline=baseline,
        points=setting("points"),
        fit=setting("fit"),
        multiplier=setting("multiplier"),
        choices=setting("choices"),
        shards=shard_names,
        of=points_of,
        schemas=schemas(
            "clean", "tails", "flops", "quality", "choices", "moves", "comparisons"
        ),
        code=code("choices"),
    message:
        "{wildcards.study}: comparing under every combination of choices"
    script:
        "../scripts/choices.py"


# The multiplier across scale, and where the arms need the same compute.
rule gain:
    input:
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
        draws="results/fit/{study}.draws.parquet",
        surface="results/fit/{study}.surface.csv",
        again=unsound("gain"),
    output:
        gain="results/gain/{study}.csv",
        break_even="results/gain/{study}.break_even.csv",
    log:
        "logs/gain/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        baseline=baseline,
        multiplier=setting("multiplier"),
        schemas=schemas("points", "fit", "draws", "surface", "gain", "break_even"),
        code=code("gain"),
    message:
        "{wildcards.study}: following the multiplier across scale"
    script:
        "../scripts/gain.py"
