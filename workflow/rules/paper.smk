# From laws and multipliers to what goes into a paper.


# A figure as it is printed (PDF), put on a page (SVG) and shown on a slide (PNG), with its caption.
rule figure:
    input:
        unpack(made_of(FIGURES)),
        again=unsound("figure"),
    output:
        **IN_LATEX,
        pdf="results/figure/{study}/{figure}.pdf",
        svg=report(
            "results/figure/{study}/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{figure}"},
        ),
        png="results/figure/{study}/{figure}.png",
        txt="results/figure/{study}/{figure}.txt",
    log:
        "logs/figure/{study}/{figure}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        words=words,
        shards=shard_names,
        plotting=PLOTTING,
        schemas=schemas(
            "curves",
            "quality",
            "flops",
            "breakdown",
            "overtaking",
            "points",
            "fit",
            "draws",
            "residuals",
            "holdout",
            "surface",
            "isoflop",
            "multiplier",
            "choices",
            "moves",
            "comparisons",
            "gain",
        ),
        script=drawn_by,
        code=figure_code,
    message:
        "{wildcards.study}: drawing {wildcards.figure}"
    script:
        "../scripts/figures/{params.script}.py"


# What a researcher opens first: every run's verdict, what to do about it, and its curve.
rule page:
    input:
        quality="results/quality/{study}.csv",
        curves=shards("results/clean/{study}/{shard}.curves.parquet"),
        again=unsound("page"),
    output:
        report(
            "results/page/{study}.html",
            caption="../report/page.rst",
            category="Data quality",
            labels={"study": "{study}"},
        ),
    log:
        "logs/page/{study}.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        labels=labels,
        schemas=schemas("curves", "quality"),
        code=code("page"),
    message:
        "{wildcards.study}: writing the data-quality page"
    script:
        "../scripts/page.py"


# A table to read by machine (CSV) and to typeset (LaTeX, booktabs).
rule table:
    input:
        unpack(made_of(TABLES)),
        again=unsound("table"),
    output:
        csv=report(
            "results/table/{study}/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            subcategory="{study}",
            labels={"table": "{table}"},
        ),
        tex="results/table/{study}/{table}.tex",
    log:
        "logs/table/{study}/{table}.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        words=words,
        schemas=schemas(
            "quality",
            "flops",
            "consistency",
            "fit",
            "multiplier",
            "comparisons",
            "moves",
            "claims",
            "break_even",
        ),
        code=code("table"),
    message:
        "{wildcards.study}: writing table {wildcards.table}"
    script:
        "../scripts/table.py"


# The numbers that a text may quote: a LaTeX macro each, and the same for programs.
rule numbers:
    input:
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
        multiplier="results/multiplier/{study}.csv",
        again=unsound("numbers"),
    output:
        tex="results/numbers/{study}.tex",
        json="results/numbers/{study}.json",
    log:
        "logs/numbers/{study}.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        conventions=conventions,
        schemas=schemas("points", "fit", "multiplier"),
        code=code("numbers"),
    message:
        "{wildcards.study}: numbers for the text"
    script:
        "../scripts/numbers.py"


# Every published statement against ours.
rule claims:
    input:
        unpack(counted_flops),
        unpack(told_curves),
        points="results/points/{study}.csv",
        fit="results/fit/{study}.csv",
        surface="results/fit/{study}.surface.csv",
        isoflop="results/fit/{study}.isoflop.csv",
        multiplier="results/multiplier/{study}.csv",
        published=ancient(published),
        again=unsound("claims"),
    output:
        report(
            "results/claims/{study}.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"study": "{study}"},
        ),
    log:
        "logs/claims/{study}.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        baseline=baseline,
        headline=headline,
        confidence=confidence,
        group_by=group_by,
        schemas=schemas(
            "points",
            "fit",
            "surface",
            "isoflop",
            "multiplier",
            "flops",
            "consistency",
            "curves",
            "claims",
        ),
        code=code("claims"),
    message:
        "{wildcards.study}: checking the published statements"
    script:
        "../scripts/claims.py"


# One line a study: its multiplier, the interval, and what the data does not carry.
rule headline:
    input:
        multipliers=of_every_study("results/multiplier/{study}.csv"),
        again=unsound("headline"),
    output:
        "results/headline.txt",
    log:
        "logs/headline.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        studies=of_every_study("{study}"),
        strict=STRICT,
        schemas=schemas("multiplier"),
        code=code("headline"),
    message:
        "the headline of every study"
    script:
        "../scripts/headline.py"
