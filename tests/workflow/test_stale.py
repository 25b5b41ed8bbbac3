"""Never a stale number: content decides what is made again, whatever time stamps and engine say."""

import json
import os
import re
import shutil
import time

import pandas as pd
import pytest

LOG = "data/tiny/logs/base-10M.csv"
POINTS = "results/points/tiny.csv"
AFTER_POINTS = {"fit/tiny", "multiplier/tiny", "headline"}


@pytest.fixture
def built(tiny, tmp_path):
    """A copy of the built tiny studies, time stamps and engine's records included."""
    copy = copied(tiny, tmp_path / "copy")
    assert copy.pending() == set()
    return copy


def copied(project, folder):
    copy = object.__new__(type(project))
    copy.folder, copy.environment = folder, project.environment
    shutil.copytree(project.folder, copy.folder, symlinks=True)
    return copy


def shard(project, run="base-10M"):
    for path in (project.folder / "results/clean/tiny").glob("*.csv"):
        if f"\n{run}," in path.read_text():
            return path.stem
    raise AssertionError(run)


def times(path):
    stat = path.stat()
    return stat.st_atime_ns, stat.st_mtime_ns


def headline(project):
    return (project.folder / "results/headline.txt").read_text()


def test_a_log_replaced_by_one_with_an_older_time_stamp_is_read_again(built):
    log, before = built.folder / LOG, headline(built)
    other = built.folder / LOG.replace("base-10M", "base-20M")
    head, *rows = log.read_text().splitlines()
    parts = (row.rsplit(",", 1) for row in rows)
    worse = [f"{start},{float(loss) + 0.1:.4f}" for start, loss in parts]
    text = "\n".join([head, *worse]) + "\n"
    log.write_text(text)
    os.utime(log, ns=(times(other)[0], 10**18))  # 2001, as cp -p or tar would leave it
    pending = built.pending()
    assert f"clean/tiny/{shard(built)}" in pending
    assert pending >= AFTER_POINTS
    built.build()
    assert built.pending() == set()
    assert headline(built) != before


def test_what_no_look_at_a_file_can_see_is_found_without_the_digests_of_before(built):
    log = built.folder / LOG
    kept = times(log)
    with log.open("r+b") as file:  # the same inode
        content = file.read()
        file.seek(0)
        file.write(content.replace(b"4.6076", b"4.6077", 1))
    os.utime(log, ns=kept)
    assert built.pending() == set()
    (built.folder / ".isoloss/digests.json").unlink()  # make FRESH=1
    assert f"clean/tiny/{shard(built)}" in built.pending()


def test_a_touched_log_or_one_copied_over_itself_runs_nothing(built):
    log = built.folder / LOG
    later = time.time() + 60
    os.utime(log, (later, later))
    assert built.pending() == set()
    log.write_bytes(log.read_bytes())
    assert built.pending() == set()


def test_without_the_engines_records_a_changed_setting_is_noticed_and_nothing_else(built):
    shutil.rmtree(built.folder / ".snakemake")
    assert built.pending() == set()
    built.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
    shutil.rmtree(built.folder / ".snakemake")
    pending = built.pending()
    assert "multiplier/tiny" in pending
    assert "fit/tiny" not in pending
    built.build()
    assert "90%" in headline(built)


def test_a_setting_changed_and_changed_back_runs_nothing(built):
    with built.changed("config/config.yaml"):
        built.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
        assert "multiplier/tiny" in built.pending()
    assert built.pending() == set()


@pytest.mark.parametrize("name", [POINTS, "results/fit/.tiny.csv.stamp"])
def test_a_file_cut_short_with_its_time_stamp_kept_is_made_again(built, name):
    path = built.folder / name
    whole, kept, before = path.read_bytes(), times(path), headline(built)
    path.write_bytes(whole[: len(whole) // 2])
    os.utime(path, ns=kept)
    assert built.pending() >= AFTER_POINTS
    built.build()
    assert path.read_bytes() == whole
    assert headline(built) == before
    assert built.pending() == set()


def test_results_dated_in_the_future_do_not_hide_a_change(built):
    later = time.time() + 1e6
    for path in (built.folder / "results").rglob("*"):
        os.utime(path, (later, later))
    assert built.pending() == set()
    built.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
    built.build()
    assert "90%" in headline(built)
    assert built.pending() == set()


def test_results_copied_in_from_another_clone_are_used_if_they_are_of_the_same_inputs(
    tiny, project
):
    clone = project("tiny", "logged")
    for name in ("config", "data"):
        shutil.rmtree(clone.folder / name)
        shutil.copytree(tiny.folder / name, clone.folder / name)
    shutil.copytree(tiny.folder / "results", clone.folder / "results", copy_function=shutil.copy)
    assert clone.pending() == set()
    clone.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
    assert "multiplier/tiny" in clone.pending()


def test_a_missing_stamp_is_no_stamp(built):
    (built.folder / "results/multiplier/.tiny.csv.stamp").unlink()
    pending = built.pending()
    assert "multiplier/tiny" in pending
    assert "fit/tiny" not in pending


def isoloss(project, *arguments):
    done = project.run(str(project.bin / "python"), "-m", "isoloss.cli", *arguments)
    return done.returncode, done.stdout


def test_status_and_why_say_what_is_current_what_made_it_and_what_changed(built):
    built.environment |= {"PYTHONPATH": "workflow/lib"}
    shutil.rmtree(built.folder / ".snakemake")
    code, text = isoloss(built, "status")
    assert code == 0
    assert re.fullmatch(r"(\d+) of \1 results are current\.\n", text)

    built.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
    code, text = isoloss(built, "status")
    assert "results/multiplier/tiny.csv  (rule multiplier)" in text
    assert "    multiplier.confidence: 0.95 -> 0.9" in text
    assert "results/headline.txt  (rule headline)" in text
    assert "    results/multiplier/tiny.csv: to be made again" in text
    assert "results/fit/tiny.csv" not in text

    log = built.folder / LOG
    log.write_bytes(log.read_bytes() + b"\n")
    code, text = isoloss(built, "why", "results/multiplier/tiny.csv")
    assert code == 0
    assert text.startswith("results/multiplier/tiny.csv: not current, made by rule multiplier")
    assert "    multiplier.confidence: 0.95 -> 0.9" in text
    assert "results/points/tiny.csv: to be made again" in text
    assert f"  {LOG}\n" in text
    code, text = isoloss(built, "status", "--json")
    jobs = {job["outputs"][0]: job for job in json.loads(text)}
    (reading,) = [job for job in jobs.values() if any(LOG in change for change in job["changes"])]
    assert reading["rule"] == "clean"
    assert reading["changes"][0].startswith(f"files.{LOG}: ")

    code, text = isoloss(built, "why", "results/multiplier/tiny")
    assert code == 2
    assert "did you mean results/multiplier/tiny." in text


# --- what follows from a shard runs only where the shard came out different


def jobs(said):
    """The rules of the jobs that make ran, targets left out."""
    return set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", said, re.M)) - {
        "default",
        "check",
    }


def test_a_log_that_was_renamed_makes_its_shard_alone(built):
    before = built.files("results/points")
    log = built.folder / LOG
    log.rename(log.with_name("other name.csv"))
    built.replace("data/tiny/runs.csv", "logs/base-10M.csv", "logs/other name.csv")
    assert jobs(built.make()) == {"clean"}
    assert built.pending() == set()
    origins = pd.read_parquet(built.folder / f"results/clean/tiny/{shard(built)}.origins.parquet")
    assert "data/tiny/logs/other name.csv" in set(origins["source"])
    assert built.files("results/points") == before


def test_a_log_that_changed_without_a_consequence_makes_its_shard_alone(built):
    built.replace(LOG, "4.6076\n", "4.60760\n")
    assert jobs(built.make("check")) == {"clean"}
    assert built.pending() == set()


def test_a_changed_log_has_its_consequences_in_two_calls_as_in_one(built, tmp_path):
    other = copied(built, tmp_path / "other")
    for project in (built, other):
        project.replace(LOG, "4.6076\n", "4.7076\n")
    ran = jobs(built.make())
    assert {"clean", "quality", "flops", "points", "fit", "multiplier", "headline"} <= ran
    assert built.pending() == set()
    other.build()
    assert other.files("results") == built.files("results")


def test_runs_shared_out_otherwise_are_other_files_for_what_reads_them(built):
    built.replace("config/config.yaml", "runs_per_shard: 3", "runs_per_shard: 8")
    pending = built.pending()
    assert {f"{stage}/tiny" for stage in ("quality", "flops", "breakdown", "points")} <= pending
    assert "figure/tiny/curves" in pending
    built.make()
    built.replace(LOG, "4.6076\n", "4.7076\n")  # in a shard of the new ones
    assert "points" in jobs(built.make())


def test_snakemake_started_for_one_job_sets_nothing_back_that_another_has_written(built):
    """As on a cluster, where each job parses the Snakefile while others run."""
    built.append("config/config.yaml", "multiplier: {confidence: 0.9}\n")
    before = {path: times(path)[1] for path in (built.folder / "results").rglob("*.*")}
    digests = (built.folder / ".isoloss/digests.json").read_bytes()
    (built.folder / ".isoloss/digests.json").write_bytes(b"{}")
    done = built.snakemake(
        *("--dry-run", "--mode", "remote", "--nolock", "--force", "--allowed-rules"),
        *("multiplier", "headline", "--target-jobs", "headline:"),
    )
    assert "headline" in done.stdout, done.stdout
    assert {path: times(path)[1] for path in before} == before
    assert (built.folder / ".isoloss/digests.json").read_bytes() == b"{}"
    (built.folder / ".isoloss/digests.json").write_bytes(digests)
    assert "multiplier/tiny" in built.pending()
    assert times(built.folder / "results/multiplier/tiny.csv")[1] < 2e9
