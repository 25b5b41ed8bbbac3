"""Mistakes that people make: each is told in one line, before any job starts."""

import shutil

import pytest

STUDY, SHEET = "config/studies/tiny.yaml", "data/tiny/runs.csv"
PUBLISHED = """\
source: Its maker
multipliers:
  - {place: here, candidate: new, metric: loss, loss: 3.2, multiplier: "1.25"}
"""


def told(done, *parts):
    """The one line of the output in which the mistake is told."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "Exception" not in done.stdout
    lines = [line for line in done.stdout.splitlines() if str(parts[0]) in line]
    assert len(lines) == 1, done.stdout
    for part in parts:
        assert part in lines[0]
    return lines[0]


# Nine levels, each of nine aliases of the one above.
BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
MISTAKES = {
    "an alias bomb in the config": (
        "config/config.yaml",
        "studies: [",
        BOMB + "studies: [",
        ["config/config.yaml, line ", "more than 20,000 values"],
    ),
    "a key of a study misspelt": (
        STUDY,
        "metrics:",
        "metrcs:",
        [STUDY, "unknown key `metrcs`", "Did you mean `metrics`?"],
    ),
    "a key of a section misspelt": (
        STUDY,
        "at_loss:",
        "at_los:",
        [STUDY, "multiplier", "unknown key `at_los`", "Did you mean `at_loss`?"],
    ),
    "a key of the config misspelt": (
        "config/config.yaml",
        "studies: [",
        "ingset: {}\nstudies: [",
        ["config/config.yaml", "`ingset`", "Did you mean `ingest`?"],
    ),
    "a key of the looks misspelt": (
        "config/plotting.yaml",
        "colors:",
        "colours:",
        ["config/plotting.yaml", "`colours`", "Did you mean `colors`?"],
    ),
    "a key twice": (
        STUDY,
        "metrics:",
        "title: again\nmetrics:",
        [STUDY, "line 6, column 1", "key `title` stands twice"],
    ),
    "no YAML": (STUDY, "arms:", "arms: [", [STUDY, "line "]),
    "no baseline": (
        STUDY,
        ", role: baseline",
        "",
        [STUDY, "arms", "role: baseline", "base, new"],
    ),
    "an arm without runs": (
        STUDY,
        "  new: {label: New optimiser}",
        "  new: {label: New optimiser}\n  newer: {label: Newer}",
        [SHEET, "arm `newer` has no runs"],
    ),
    "an arm of the sheet misspelt": (
        SHEET,
        "new-10M,new,",
        "new-10M,nwe,",
        [SHEET, "line 6", "arm `nwe`", "Did you mean `new`?"],
    ),
    "a missing log": (
        SHEET,
        "logs/new-10M.csv",
        "logs/new-11M.csv",
        [SHEET, "line 6", "`logs/new-11M.csv` does not exist", "Did you mean `logs/"],
    ),
    "a missing column of the sheet": (
        SHEET,
        "run,arm,model,",
        "run,arm,modle,",
        [SHEET, "column `modle`", "Did you mean `model`?"],
    ),
    "a missing column of the logs": (
        STUDY,
        "  loss: {label: Training loss}",
        "  eval: {label: Evaluation loss}",
        [STUDY, "metrics.eval", "`eval` does not occur in data/tiny/logs/base-10M.csv"],
    ),
    "a run twice": (SHEET, "new-20M,", "new-10M,", [SHEET, "line 7", "run `new-10M`", "line 6"]),
    "a bad number in the sheet": (
        SHEET,
        "logs/new-10M.csv,10000000",
        "logs/new-10M.csv,10O00000",
        [SHEET, "line 6", "new-10M", "parameters", "10O00000", "number"],
    ),
    "a bad number in the study": (
        STUDY,
        "at_loss: [3.2]",
        "at_loss: [-3.2]",
        [STUDY, "multiplier.at_loss", "-3.2"],
    ),
    "a number that is none": (
        STUDY,
        "at_loss: [3.2]",
        "at_loss: [.nan]",
        [STUDY, "at_loss", "nan"],
    ),
    "an unknown figure": (
        STUDY,
        "figures: [curves",
        "figures: [curvs",
        [STUDY, "figures", "`curvs`", "Did you mean `curves`?"],
    ),
    "an unknown convention": (
        STUDY,
        "6n_non_embedding",
        "6n_nonembedding",
        [STUDY, "`6n_nonembedding`", "Did you mean `6n_non_embedding`?"],
    ),
    "a convention that the sheet cannot give": (
        STUDY,
        "6n_non_embedding",
        "matmul_causal",
        [SHEET, "line 2", "`matmul_causal` needs `architecture`"],
    ),
    "a published number of no arm": (
        "data/tiny/published.yaml",
        "candidate: new",
        "candidate: nwe",
        ["data/tiny/published.yaml", "entry 1", "candidate `nwe`", "Did you mean `new`?"],
    ),
}


@pytest.fixture
def tiny_copy(project):
    """The study `tiny` with a published number, not built."""
    home = project("tiny")
    with (home.folder / STUDY).open("a") as file:
        file.write("published: data/tiny/published.yaml\n")
    (home.folder / "data/tiny/published.yaml").write_text(PUBLISHED)
    return home


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_before_any_job_starts(tiny_copy, mistake):
    name, old, new, parts = MISTAKES[mistake]
    tiny_copy.replace(name, old, new)
    told(tiny_copy.snakemake("-n"), *parts)
    assert not (tiny_copy.folder / "results").exists()


def test_without_a_mistake_the_same_copy_has_everything_to_do(tiny_copy):
    done = tiny_copy.snakemake("-n")
    assert done.returncode == 0
    assert "headline" in done.stdout


@pytest.mark.parametrize(
    ("studies", "parts"),
    [
        ("[tny]", ["no study `tny`", "Did you mean `tiny`?"]),
        ("3", ["config/config.yaml: studies: 3 is not of type"]),
    ],
)
def test_a_study_named_on_the_command_line_is_checked(tiny_copy, studies, parts):
    told(tiny_copy.snakemake("-n", "--config", f"studies={studies}"), *parts)


def test_a_name_that_cannot_be_a_folder_of_results_is_told(tiny_copy):
    folder = tiny_copy.folder / "config/studies"
    shutil.copy(folder / "tiny.yaml", folder / "My_Study.yaml")
    told(tiny_copy.snakemake("-n", "--config", "studies=[My_Study]"), "My_Study", "lower-case")


@pytest.fixture
def broken(tiny_copy):
    """The same with ten broken rows in one log."""
    log = tiny_copy.folder / "data/tiny/logs/base-10M.csv"
    lines = log.read_text().splitlines()
    lines[10:20] = ["torn,row,of,a,log"] * 10
    log.write_text("\n".join(lines) + "\n")
    return tiny_copy


def test_a_log_whose_rows_are_broken_spoils_its_run_and_the_study_goes_on(broken):
    broken.build()
    made = broken.files("results")
    quality = made["quality/tiny.csv"].decode()
    (row,) = (line for line in quality.splitlines() if line.startswith("base-10M,"))
    assert 'base-10M,base,10M,unusable,False,"data/tiny/logs/base-10M.csv: 10 of 742 records' in row
    for part in ("max_bad_fraction", "the first is at 11", "torn,row"):
        assert part in row
    assert "10 of 742 records cannot be read" in made["page/tiny.html"].decode()
    points = made["points/tiny.csv"].decode().splitlines()
    assert sum(",True," in line for line in points) == 7
    assert "; no partner: 10M" in made["headline.txt"].decode()


def test_where_no_log_of_an_arm_can_be_read_the_fits_stop_and_nothing_is_half_written(broken):
    for log in (broken.folder / "data/tiny/logs").glob("base-*.csv"):
        log.write_bytes((broken.folder / "data/tiny/logs/base-10M.csv").read_bytes())
    done = broken.snakemake("--cores", "2")
    assert done.returncode != 0
    message = [line for line in done.stdout.splitlines() if line.startswith("isoloss: ")]
    assert len(message) == 1
    assert "arm base: none of its 4 logs can be read. Run base-10M: data/tiny/logs/" in message[0]
    assert "Traceback" not in done.stdout
    made = broken.files("results")
    assert not [name for name in made if name.startswith(("points", "fit")) or "part" in name]
    assert "page/tiny.html" in made
    assert b"Traceback" in broken.files("logs")["points/tiny.log"]


def test_a_few_broken_rows_are_set_aside_and_named(tiny_copy):
    tiny_copy.append("config/config.yaml", "log: {max_bad_fraction: 0.01}\n")
    log = tiny_copy.folder / "data/tiny/logs/base-10M.csv"
    log.write_text(log.read_text() + "torn\n")
    target = "results/clean/tiny/0-of-1.csv"
    tiny_copy.build(target)
    quarantine = (tiny_copy.folder / "results/clean/tiny/0-of-1.quarantine.csv").read_text()
    header, *rows = quarantine.splitlines()
    assert header == "run,source,offset,reason,head"
    assert len(rows) == 1
    assert rows[0].startswith("base-10M,data/tiny/logs/base-10M.csv,744,")
    assert rows[0].endswith(",torn")
    first = (tiny_copy.folder / target).read_text().splitlines()[1]
    assert first.startswith("base-10M,csv,742,1,1,")  # run, format, values, segments, quarantined


def test_a_fit_without_enough_runs_is_told_before_any_job(tiny_copy):
    sheet = tiny_copy.folder / SHEET
    rows = [row for row in sheet.read_text().splitlines() if "new-40M" not in row]
    sheet.write_text("\n".join(row for row in rows if "new-80M" not in row) + "\n")
    told(tiny_copy.snakemake("-n"), STUDY, "fit: arm new", "3 or more distinct computes; got 2")
