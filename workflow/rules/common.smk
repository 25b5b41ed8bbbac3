# What the rules share: the checked studies, and functions from wildcards to inputs and parameters.
import io
import atexit
import math
import os
import sys
import tarfile
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace


def home(rules):
    """The folder of this project, whichever Snakefile was started: where it lies or, of a module
    that is named by its repository (`github(...)`), a copy of the workflow at that tag or commit.
    """
    if isinstance(rules, os.PathLike):
        return Path(rules).parents[1]
    repository = rules.hosted_repo.repo  # as Snakemake's own cache has it
    copy = Path.cwd() / ".snakemake/isoloss" / repository.commit(rules.ref).hexsha
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        archive = io.BytesIO()
        repository.archive(archive, rules.ref, path="workflow")
        archive.seek(0)
        part = tempfile.mkdtemp(dir=copy.parent)
        tarfile.open(fileobj=archive).extractall(part, filter="data")
        os.rename(part, copy)
    return copy


HOME = home(workflow.current_basedir)
LIBRARY = str(HOME / "workflow/lib")
# This library, and not an installed one: here, and in the scripts, which inherit the environment.
sys.path.insert(0, LIBRARY)
os.environ.update(PYTHONPATH=LIBRARY)

from isoloss import forked, stamps, status
from isoloss.logs.settings import OF_RUN
from isoloss.study import resolved, study
from isoloss.study.validation import InputError, read_yaml

# Looked through before Snakemake loads it, which some YAML would not let it survive.
try:
    if Path("config/config.yaml").exists():
        read_yaml(Path("config/config.yaml"))
except InputError as error:
    sys.exit(f"isoloss: {error}")


configfile: "config/config.yaml"


SCRIPTS = HOME / "workflow/scripts"
SCHEMAS = HOME / "workflow/schemas"

# What each figure is drawn from, and each table made of: results of these stages.
FIGURES = {
    "scaling": ["points", "fit", "draws", "multiplier"],
    "curves": ["curves", "points", "flops", "fit", "draws"],
    "panels": ["curves", "points", "flops", "fit", "draws"],
    "multiplier": ["multiplier"],
    "positions": ["multiplier"],
    "choices": ["choices", "moves", "comparisons"],
    "gain": ["gain", "multiplier"],
    "breakdown": ["breakdown"],
    "overtake": ["overtaking"],
    "quality": ["curves", "quality"],
    "residuals": ["residuals"],
    "holdout": ["holdout"],
    "surface": ["points", "surface"],
    "isoflop": ["points", "isoflop"],
}
# On which what is published is drawn as well.
OVERLAID = ("scaling", "curves", "panels")
# The scripts of figures that are not drawn by the script of their own name.
DRAWN_BY = {"panels": "curves"}
TABLES = {
    "fits": ["fit"],
    "multipliers": ["multiplier"],
    "choices": ["comparisons", "moves"],
    "break_even": ["break_even"],
    "runs": ["quality", "flops", "consistency"],
    "claims": ["claims"],
}
# Tables that a stage makes besides its own.
BESIDE = {
    "overtaking": "breakdown",
    "consistency": "breakdown",
    "residuals": "diagnose",
    "holdout": "diagnose",
    "moves": "choices",
    "break_even": "gain",
    "comparisons": "choices",
} | dict.fromkeys(["draws", "surface", "isoflop"], "fit")

try:
    # Kept from the last start, where nothing has changed that they hang on.
    MAIN = workflow.is_main_process
    CODE = resolved.code(SCRIPTS, save=MAIN)
    PLOTTING, COLUMNS = resolved.looks(Path("config/plotting.yaml"), SCHEMAS, save=MAIN)
    STUDIES = resolved.load(
        config, Path("config/studies"), SCHEMAS, FIGURES, TABLES, save=MAIN
    )
except InputError as error:
    # One line, where a WorkflowError would add Snakemake's own.
    sys.exit(f"isoloss: {error}")

# Each figure for LaTeX to set, where the looks ask for it.
IN_LATEX = {"pgf": "results/figure/{study}/{figure}.pgf"} if PLOTTING.get("pgf") else {}

# What a job asks of a cluster: megabytes and minutes, and what each megabyte of raw logs adds to
# them. Twice what was measured; half of the first is the two Snakemakes that start a job there.
MEMORY, MEMORY_A_MB = 1000, 50
MINUTES, MINUTES_A_MB = 10, 0.1
READS_ALL = {"clean"}  # every logged value

# The studies in which a refused headline is an error.
STRICT = [name for name, chosen in STUDIES.items() if chosen.typed.gate.strict]

# The runs of each study by shard; none where it starts from a table of points.
SHARDS = {
    name: chosen.shards(chosen.settings["ingest"]["runs_per_shard"])
    for name, chosen in STUDIES.items()
}


wildcard_constraints:
    study=study.NAME,
    shard="[0-9]+-of-[0-9]+|alone-[0-9a-f]+",
    figure="|".join(FIGURES),
    table="|".join(TABLES),


# Digests of files, kept for the next start.
DIGESTS = stamps.Cache()
# Every job of the plan, for `isoloss status` and `isoloss why`.
PLAN = {}
if workflow.is_main_process:
    stamps.settle(Path("results"), DIGESTS)
    atexit.register(DIGESTS.save)
    atexit.register(status.leave, PLAN, DIGESTS)


def asked(name, wildcards, values):
    """What a job is asked: its params, and the paths of its results. values: of its wildcards."""
    made_by = getattr(rules, name)
    params = {
        key: value(wildcards) if callable(value) else value
        for key, value in made_by.params.items()
    }
    return params, [str(path).format(**values) for path in made_by.output]


def unsound(name):
    """A function from wildcards to what makes a job run again: nothing, if its stamp is sound.

    Snakemake that was started for one job, on a cluster or here, was told to run it: it judges no
    stamp, and sets no result back that another job may just have written.
    """

    def of(wildcards):
        if not workflow.is_main_process:
            return []
        params, outputs = asked(name, wildcards, dict(wildcards.items()))
        PLAN[outputs[0]] = {"rule": name, "params": params, "outputs": outputs}
        return stamps.again(params, outputs, DIGESTS)

    return of


def shards_first():
    """The shards that are not sound, of studies that have results which may outlast them.

    `make` sets ISOLOSS_FIRST in a call that makes these alone, and calls again if a file of that
    name is there afterwards: what follows from a shard runs only where the shard came out
    different, which nothing can know before it is made. In one call, what follows runs all the same.
    """
    mark = os.environ.get("ISOLOSS_FIRST")
    if mark is None or not workflow.is_main_process:
        return []
    found = []
    for name, by_shard in SHARDS.items():
        if Path(f"results/quality/{name}.csv").exists():
            for shard in by_shard:
                values = {"study": name, "shard": shard}
                params, outputs = asked("clean", SimpleNamespace(**values), values)
                if not stamps.sound(params, outputs, DIGESTS):
                    found.append(outputs[0])
    if found:
        Path(mark).parent.mkdir(exist_ok=True)
        Path(mark).touch()
    return found


def digests(paths):
    """A function from wildcards to the digests of raw files, by path."""

    def of(wildcards):
        return {path: DIGESTS.digest(path) for path in paths(wildcards)}

    return of


def code(script):
    """Digests of a script and of the library code behind it, by name."""
    return CODE[script]


def drawn_by(wildcards):
    """The script that draws a figure: that of its name, if no other."""
    return DRAWN_BY.get(wildcards.figure, wildcards.figure)


def figure_code(wildcards):
    """Digests of the code that draws one figure."""
    return code(f"figures/{drawn_by(wildcards)}")


def schemas(*names):
    """Columns of stage tables, by table; descriptions left out, so that they rerun nothing."""
    return {name: COLUMNS[name] for name in names}


@cache
def logged_mb(name, shard=None):
    """The megabytes of a study's raw files, or of those of one of its shards."""
    chosen = STUDIES[name]
    runs = SHARDS[name][shard] if shard else chosen.runs
    paths = (
        [chosen.table] if chosen.table else chain.from_iterable(map(chosen.files, runs))
    )
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path)) / 1e6


def memory(wildcards, attempt, rulename):
    """The memory that a job asks of a cluster, in megabytes; a killed one asks for twice as much."""
    logs = logged_mb(wildcards.study, wildcards.get("shard"))
    needed = MEMORY + MEMORY_A_MB * logs * (rulename in READS_ALL)
    return math.ceil(needed) * 2 ** (attempt - 1)


def minutes(wildcards, attempt):
    """The time that a job asks of a cluster; one that ran out of it asks for twice as much."""
    logs = logged_mb(wildcards.study, wildcards.get("shard"))
    return math.ceil(MINUTES + MINUTES_A_MB * logs) * 2 ** (attempt - 1)


def setting(section):
    """A function from wildcards to one section of the study's settings."""

    def of(wildcards):
        return STUDIES[wildcards.study].settings[section]

    return of


def shards(pattern):
    """A function from wildcards to a file for each of the study's shards."""

    def of(wildcards):
        return expand(pattern, study=wildcards.study, shard=SHARDS[wildcards.study])

    return of


def shard_names(wildcards):
    """The study's shards, for what reads them: shared out otherwise, they are other files."""
    figure = wildcards.get("figure")
    reads = figure is None or "curves" in FIGURES[figure]
    return list(SHARDS[wildcards.study]) if reads else []


def shard_runs(wildcards):
    """What the reading of a shard's logs needs to know of each run."""
    columns = ("run", "log", "format", "tokens_per_step", "sequence_length")
    runs = SHARDS[wildcards.study][wildcards.shard]
    return [
        {key: run.get(key) for key in columns}
        | {key: value for key, value in run.items() if key.startswith(OF_RUN)}
        for run in runs
    ]


def of_study(*columns):
    """A function from wildcards to these columns of the study's run sheet."""

    def of(wildcards):
        return [
            {key: run.get(key) for key in columns}
            for run in STUDIES[wildcards.study].runs
        ]

    return of


def shard_files(wildcards):
    """The log files of a shard's runs, and the patterns by which they are read."""
    chosen = STUDIES[wildcards.study]
    runs = SHARDS[wildcards.study][wildcards.shard]
    patterns = chosen.settings["log"].get("patterns")
    logs = [str(path) for run in runs for path in chosen.files(run)]
    return logs if patterns is None else [*logs, patterns]


def points_of(wildcards):
    """Which table of cleaned logs the points are taken from: their ends, where these suffice."""
    return "tails" if STUDIES[wildcards.study].typed.points.at_the_end else "clean"


def final_points(wildcards):
    """What the points come from: cleaned logs with their FLOPs, or a table of final points."""
    chosen = STUDIES[wildcards.study]
    if chosen.table:
        return {"table": ancient(chosen.table)}
    part = ".tails" if chosen.typed.points.at_the_end else ""
    return {
        "logs": shards(f"results/clean/{{study}}/{{shard}}{part}.parquet")(wildcards),
        "flops": f"results/flops/{wildcards.study}.csv",
        "quality": f"results/quality/{wildcards.study}.csv",
    }


def point_runs(wildcards):
    """What the points need to know of the runs: of a table of points, all of it."""
    if STUDIES[wildcards.study].table:
        return list(STUDIES[wildcards.study].runs)
    columns = ["run", "arm", "model", "schedule", "training_tokens"]
    return of_study(*columns)(wildcards)


def metric_columns(wildcards):
    """The log column of each metric; None where the study leaves it to the log's format."""
    metrics = STUDIES[wildcards.study].settings["metrics"]
    return {metric: value.get("column") for metric, value in metrics.items()}


def run_folder(wildcards):
    """What the paths in the run sheet are relative to."""
    return str(STUDIES[wildcards.study].folder)


def architectures(wildcards):
    """The files of the study's architectures."""
    chosen = STUDIES[wildcards.study]
    paths = {run["architecture"] for run in chosen.runs if "architecture" in run}
    return [str(chosen.folder / path) for path in sorted(paths)]


def conventions(wildcards):
    """The FLOP conventions, the headline first."""
    return list(STUDIES[wildcards.study].conventions)


def group_by(wildcards):
    """What is resampled together: runs of one model where arms are paired by it, else a run."""
    paired = STUDIES[wildcards.study].settings["multiplier"]["pair_by"] == "model"
    return "model" if paired else "run"


def headline(wildcards):
    """The FLOP convention of the headline numbers."""
    return STUDIES[wildcards.study].conventions[0]


def confidence(wildcards):
    """The nominal coverage of the intervals."""
    return STUDIES[wildcards.study].settings["multiplier"]["confidence"]


def baseline(wildcards):
    """The arm that the others are compared with."""
    return STUDIES[wildcards.study].baseline


def counted_flops(wildcards):
    """The FLOP tables, where the study starts from logs."""
    names = [] if STUDIES[wildcards.study].table else ["flops", "consistency"]
    return {name: result(name, wildcards.study) for name in names}


def told_curves(wildcards):
    """The curves of the runs, where something is published of them and there are logs."""
    if STUDIES[wildcards.study].table or not published(wildcards):
        return {}
    return {"curves": shards("results/clean/{study}/{shard}.curves.parquet")(wildcards)}


def published(wildcards):
    """The file of published numbers, where the study has one."""
    return STUDIES[wildcards.study].settings.get("published", [])


def labels(wildcards):
    """What things are called: the title, and the labels of arms and metrics."""
    chosen = STUDIES[wildcards.study]
    metrics = chosen.settings["metrics"]
    return {
        "title": chosen.settings["title"],
        "arms": {name: arm["label"] for name, arm in chosen.arms.items()},
        "metrics": {
            name: metric.get("label", name) for name, metric in metrics.items()
        },
        "units": {name: metric.get("unit", "nats") for name, metric in metrics.items()},
    }


def words(wildcards):
    """The same with the conventions, for figures and tables of laws."""
    return labels(wildcards) | {"conventions": list(conventions(wildcards))}


def result(name, of):
    """The file of a study's table by name."""
    if name not in BESIDE:
        return f"results/{name}/{of}.csv"
    form = "parquet" if name == "draws" else "csv"
    return f"results/{BESIDE[name]}/{of}.{name}.{form}"


def made_of(stages):
    """A function from wildcards to the stage tables that a figure or a table is made of."""

    def of(wildcards):
        names = stages[wildcards.get("figure") or wildcards.get("table")]
        files = {name: result(name, wildcards.study) for name in names}
        if "curves" in files:
            pattern = "results/clean/{study}/{shard}.curves.parquet"
            files["curves"] = shards(pattern)(wildcards)
        if wildcards.get("figure") in OVERLAID and published(wildcards):
            files["published"] = ancient(published(wildcards))
        return files

    return of


def of_every_study(pattern, section=None, logged=False, **more):
    """The files of a pattern for every study, and for what the study lists in the section.

    logged: of studies that start from logs alone.
    """
    files = []
    for name, chosen in STUDIES.items():
        if logged and chosen.table:
            continue
        listed = (
            {section.removesuffix("s"): chosen.settings[section]} if section else {}
        )
        files += expand(pattern, study=name, **listed, **more)
    return files
