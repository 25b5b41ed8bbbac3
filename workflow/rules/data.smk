# From raw logs to the (compute, loss) points that enter the fits.


# The logs of a shard's runs, read and cleaned: values not to be used are flagged with their reasons,
# none is dropped; what could not be read goes to the quarantine. The long table of all values is
# kept, but later stages read what is left beside it: of each run a summary, its curves thinned for
# drawing, the rows that its final points may need, and hashes that tell of copied stretches.
rule clean:
    input:
        again=unsound("clean"),
    output:
        clean="results/clean/{study}/{shard}.parquet",
        origins="results/clean/{study}/{shard}.origins.parquet",
        quarantine="results/clean/{study}/{shard}.quarantine.csv",
        runs="results/clean/{study}/{shard}.csv",
        curves="results/clean/{study}/{shard}.curves.parquet",
        tails="results/clean/{study}/{shard}.tails.parquet",
        hashes="results/clean/{study}/{shard}.hashes.parquet",
    log:
        "logs/clean/{study}/{shard}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        runs=shard_runs,
        folder=run_folder,
        metrics=metric_columns,
        log=setting("log"),
        clean=setting("clean"),
        files=digests(shard_files),
        schemas=schemas(
            "clean", "origins", "quarantine", "runs", "curves", "tails", "hashes"
        ),
        code=code("clean"),
    message:
        "{wildcards.study}: reading and cleaning logs (shard {wildcards.shard})"
    script:
        "../scripts/clean.py"


# What is wrong with each run, and which runs enter the fits. Of the long tables only runs are read
# that have a hash in common with another.
rule quality:
    input:
        runs=shards("results/clean/{study}/{shard}.csv"),
        hashes=shards("results/clean/{study}/{shard}.hashes.parquet"),
        clean=shards("results/clean/{study}/{shard}.parquet"),
        again=unsound("quality"),
    output:
        "results/quality/{study}.csv",
    log:
        "logs/quality/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        runs=of_study("run", "arm", "model", "training_tokens"),
        shards=shard_names,
        exclude=setting("exclude"),
        quality=setting("quality"),
        schemas=schemas("clean", "runs", "hashes", "quality"),
        code=code("quality"),
    message:
        "{wildcards.study}: checking every run"
    script:
        "../scripts/quality.py"


# FLOPs per token of every run under every convention, and the training compute that they give.
rule flops:
    input:
        runs=shards("results/clean/{study}/{shard}.csv"),
        architectures=ancient(architectures),
        again=unsound("flops"),
    output:
        "results/flops/{study}.csv",
    log:
        "logs/flops/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        runs=of_study("run", "architecture", "parameters", "sequence_length"),
        shards=shard_names,
        folder=run_folder,
        compute=setting("compute"),
        schemas=schemas("runs", "flops"),
        code=code("flops"),
    message:
        "{wildcards.study}: counting FLOPs"
    script:
        "../scripts/flops.py"


# What those FLOPs are spent on, the sequence lengths from which on a candidate costs less, and what
# the run sheet and the logs say against what is counted. No fit depends on it.
rule breakdown:
    input:
        runs=shards("results/clean/{study}/{shard}.csv"),
        architectures=ancient(architectures),
        again=unsound("breakdown"),
    output:
        breakdown="results/breakdown/{study}.csv",
        overtaking="results/breakdown/{study}.overtaking.csv",
        consistency="results/breakdown/{study}.consistency.csv",
    log:
        "logs/breakdown/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        runs=of_study(
            "run",
            "arm",
            "model",
            "architecture",
            "parameters",
            "sequence_length",
            "training_tokens",
        ),
        shards=shard_names,
        folder=run_folder,
        baseline=baseline,
        compute=setting("compute"),
        schemas=schemas("runs", "breakdown", "overtaking", "consistency"),
        code=code("breakdown"),
    message:
        "{wildcards.study}: breaking FLOPs down"
    script:
        "../scripts/breakdown.py"


# The loss at the end of every run, with its standard error: from its log, or from a table.
rule points:
    input:
        unpack(final_points),
        again=unsound("points"),
    output:
        "results/points/{study}.csv",
    log:
        "logs/points/{study}.log",
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
        points=setting("points"),
        shards=shard_names,
        of=points_of,
        schemas=schemas("clean", "tails", "flops", "quality", "points"),
        code=code("points"),
    message:
        "{wildcards.study}: taking each run's final loss"
    script:
        "../scripts/points.py"
