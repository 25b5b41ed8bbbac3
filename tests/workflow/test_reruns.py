"""What runs again after a change, and what does not: each the exact set of jobs."""

import os
import time

import pytest

LIB = "workflow/lib/isoloss"
DRAWN = {f"figure/tiny/{name}" for name in ("curves", "scaling", "multiplier")}
FIGURES = DRAWN | {"figure/tiny/quality"}
LOGGED_FIGURES = {f"figure/logged/{name}" for name in ("scaling", "multiplier", "quality")}
PAGE = {"page/tiny"}
TABLES = {f"table/tiny/{name}" for name in ("fits", "multipliers", "runs")}
LAST = {"claims/tiny", "numbers/tiny", "headline"}
STAGES = {
    f"{stage}/tiny" for stage in ("quality", "flops", "breakdown", "points", "fit", "multiplier")
}
AFTER_CLEAN = STAGES | FIGURES | TABLES | PAGE | LAST


def of_both(*jobs):
    return {job.format(study=study) for job in jobs for study in ("tiny", "logged")}


def shard_of(tiny, run):
    """The shard whose cleaned table has the run."""
    for path in (tiny.folder / "results/clean/tiny").glob("*.csv"):
        if f"\n{run}," in path.read_text():
            return path.stem
    raise AssertionError(f"no shard has {run}")


def test_there_are_several_shards(tiny):
    assert len(list((tiny.folder / "results/clean/tiny").glob("*.csv"))) > 1


def test_touching_every_file_reruns_nothing(tiny):
    later = time.time() + 60
    before = {}
    for folder in ("config", "data", "workflow", "Snakefile", "environment.yml"):
        top = tiny.folder / folder
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file():
                before[path] = path.stat()
                os.utime(path, (later, later))
    assert len(before) > 60
    try:
        assert tiny.pending() == set()
    finally:
        for path, old in before.items():
            os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def test_a_changed_byte_in_one_log_reruns_its_shard_and_what_follows_in_its_study_alone(tiny):
    log = "data/tiny/logs/base-10M.csv"
    shard = shard_of(tiny, "base-10M")
    with tiny.changed(log):
        tiny.replace(log, "19,4.6076", "19,4.6077")
        assert tiny.pending() == {f"clean/tiny/{shard}"} | AFTER_CLEAN


def test_a_changed_pattern_reruns_the_reading_of_its_study(tiny):
    name = "data/tiny/patterns.yaml"
    shards = {
        f"clean/tiny/{path.stem}"
        for path in (tiny.folder / "results/clean/tiny").glob("*-of-?.csv")
    }
    with tiny.changed(name):
        tiny.replace(name, "ce=(", "nll=(")
        assert tiny.pending() == shards | AFTER_CLEAN


def test_a_colour_reruns_figures_alone(tiny):
    with tiny.changed("config/plotting.yaml"):
        tiny.replace("config/plotting.yaml", '"#0072B2"', '"#0072B3"')
        assert tiny.pending() == FIGURES | LOGGED_FIGURES


def test_a_comment_in_the_looks_reruns_nothing(tiny):
    with tiny.changed("config/plotting.yaml", "config/config.yaml", "config/studies/tiny.yaml"):
        for name in ("config/plotting.yaml", "config/config.yaml", "config/studies/tiny.yaml"):
            path = tiny.folder / name
            path.write_text("# A remark.\n" + path.read_text())
        assert tiny.pending() == set()


def test_a_label_reruns_figures_tables_and_the_page_alone(tiny):
    study = "config/studies/tiny.yaml"
    with tiny.changed(study):
        tiny.replace(study, "label: New optimiser", "label: Newer optimiser")
        assert tiny.pending() == FIGURES | TABLES | PAGE


def test_a_loss_to_report_reruns_multipliers_and_what_follows(tiny):
    study = "config/studies/tiny.yaml"
    with tiny.changed(study):
        tiny.replace(study, "at_loss: [3.2]", "at_loss: [3.2, 3.1]")
        assert tiny.pending() == {
            "multiplier/tiny",
            "figure/tiny/scaling",
            "figure/tiny/multiplier",
            "table/tiny/multipliers",
            *LAST,
        }


def test_a_changed_published_number_reruns_claims_and_the_figures_that_show_it(tiny):
    name = "data/tiny/published.yaml"
    with tiny.changed(name):
        tiny.replace(name, '"1.9"', '"1.8"')
        assert tiny.pending() == {"claims/tiny", "figure/tiny/curves", "figure/tiny/scaling"}


def test_adding_a_run_touches_one_shard(tiny):
    sheet, log = "data/tiny/runs.csv", "data/tiny/logs/base-15M.csv"
    with tiny.changed(sheet, log):
        text = (tiny.folder / "data/tiny/logs/base-20M.csv").read_text()
        (tiny.folder / log).write_text(text.replace("4.2698", "4.2699"))
        path = tiny.folder / sheet
        path.write_text(path.read_text() + "base-15M,base,15M,logs/base-15M.csv,15000000,262144\n")
        pending = tiny.pending()
    assert pending >= AFTER_CLEAN
    rest = sorted(pending - AFTER_CLEAN)
    assert len(rest) == 1
    assert rest[0].startswith("clean/tiny/")


def test_the_order_of_the_run_sheet_reruns_no_reading(tiny):
    sheet = "data/tiny/runs.csv"
    with tiny.changed(sheet):
        path = tiny.folder / sheet
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([header, *rows[4:], *rows[:4]]) + "\n")
        pending = tiny.pending()
    assert "flops/tiny" in pending  # its rows are in the order of the sheet
    assert not [job for job in pending if job.startswith("clean/")]
    assert not [job for job in pending if job.endswith("/logged") or "/logged/" in job]


@pytest.mark.parametrize(
    "module", ["fit/fitting.py", "multiplier/equal_loss.py", "cleaning/clean.py", "job.py"]
)
def test_a_comment_or_a_docstring_in_the_library_reruns_nothing(tiny, module):
    name = f"{LIB}/{module}"
    with tiny.changed(name):
        path = tiny.folder / name
        text = path.read_text()
        assert text.startswith('"""')
        path.write_text('"""Other words, ' + text[3:] + "\n\n# A remark.\n")
        assert tiny.pending() == set()


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        (
            f"{LIB}/multiplier/equal_loss.py",
            of_both(
                "multiplier/{study}",
                "figure/{study}/scaling",
                "figure/{study}/multiplier",
                "table/{study}/multipliers",
                "claims/{study}",
                "numbers/{study}",
            )
            | {"headline"},
        ),
        (
            f"{LIB}/fit/fitting.py",
            of_both(
                "fit/{study}",
                "multiplier/{study}",
                "figure/{study}/scaling",
                "figure/{study}/multiplier",
                "table/{study}/fits",
                "table/{study}/multipliers",
                "claims/{study}",
                "numbers/{study}",
            )
            | {"headline", "figure/tiny/curves"},
        ),
        (f"{LIB}/claims/claims.py", of_both("claims/{study}")),
        (f"{LIB}/multiplier/headline.py", {"headline"}),
        (f"{LIB}/paper/figures/curves.py", {"figure/tiny/curves"}),
        (f"{LIB}/paper/figures/canvas.py", FIGURES | LOGGED_FIGURES),
        (f"{LIB}/paper/figures/positions.py", set()),
        (f"{LIB}/paper/page.js", of_both("page/{study}")),
        (f"{LIB}/paper/sketch.py", of_both("page/{study}", "figure/{study}/quality")),
        ("workflow/scripts/figures/multiplier.py", of_both("figure/{study}/multiplier")),
        (
            f"{LIB}/flops/consistency.py",
            of_both("breakdown/{study}", "table/{study}/runs", "claims/{study}"),
        ),
        (f"{LIB}/study/study.py", set()),
        (f"{LIB}/cli.py", set()),
        (f"{LIB}/provenance.py", set()),
    ],
    ids=lambda value: value.rpartition("isoloss/")[2] if isinstance(value, str) else "",
)
def test_changed_code_reruns_what_it_is_behind_and_what_follows(tiny, name, jobs):
    with tiny.changed(name):
        path = tiny.folder / name
        path.write_text(path.read_text() + "\n\n_CHANGED = 1\n")
        assert tiny.pending() == jobs


def test_a_change_in_reading_reruns_everything_in_the_studies_with_logs(tiny):
    name = f"{LIB}/logs/segments.py"
    with tiny.changed(name):
        path = tiny.folder / name
        path.write_text(path.read_text() + "\n\n_CHANGED = 1\n")
        pending = tiny.pending()
    assert pending >= AFTER_CLEAN
    assert {job.split("/")[0] for job in pending} == {
        "clean",
        "flops",
        "breakdown",
        "points",
        "fit",
        "multiplier",
        "figure",
        "table",
        "claims",
        "numbers",
        "headline",
        "quality",
        "page",
    }


def test_a_meaning_in_a_schema_reruns_nothing_and_a_new_rule_its_readers(tiny):
    schema = "workflow/schemas/tables/multiplier.schema.yaml"
    with tiny.changed(schema):
        tiny.replace(schema, "the candidate", "the arm that is compared")
        assert tiny.pending() == set()
    with tiny.changed(schema):
        tiny.replace(
            schema,
            '{type: number, description: "above 1',
            '{type: number, minimum: 0, description: "above 1',
        )
        pending = tiny.pending()
    assert {"multiplier/tiny", "claims/tiny", "headline", *FIGURES} <= pending
    assert not [job for job in pending if job.startswith(("clean", "flops", "fit"))]


def test_what_only_a_figure_needs_of_the_breakdown_refits_nothing(tiny):
    schema = "workflow/schemas/tables/overtaking.schema.yaml"
    with tiny.changed(schema):
        tiny.replace(schema, "exclusiveMinimum: 0", "minimum: 1")
        pending = tiny.pending()
    assert "breakdown/tiny" in pending
    assert not [job for job in pending if job.startswith(("flops", "points", "fit/", "multiplier"))]
