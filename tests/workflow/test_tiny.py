"""The two tiny studies from end to end. Their true multipliers are 1.25 and 0.8."""

import re
import subprocess

import pandas as pd
import pytest


def table(project, name):
    return pd.read_csv(project.folder / "results" / name)


def test_the_multiplier_of_a_study_with_steps_and_parameters_is_the_true_one(tiny):
    row = table(tiny, "multiplier/tiny.csv").query("headline").iloc[0]
    assert (row["candidate"], row["baseline"], row["loss"]) == ("new", "base", 3.2)
    assert row["convention"] == "6n_non_embedding"
    # The logs print four decimals: a slack of one interval's width about the interval.
    width = row["ci_high"] - row["ci_low"]
    assert row["ci_low"] - width <= 1.25 <= row["ci_high"] + width
    assert width < 0.05
    assert row["multiplier"] == pytest.approx(1.25, abs=0.01)
    assert row["pairing"] == "paired"


def test_the_multiplier_of_a_study_with_compute_alone_is_the_true_one(tiny):
    row = table(tiny, "multiplier/logged.csv").query("headline").iloc[0]
    assert row["convention"] == "logged"
    assert row["ci_low"] < 0.8 < row["ci_high"]
    assert row["multiplier"] == pytest.approx(0.8, abs=0.01)


def test_logged_compute_is_taken_as_it_stands(tiny):
    flops = table(tiny, "flops/logged.csv").set_index("run")["compute_pflop_s_days"]
    for run, compute in flops.items():
        log = pd.read_json(tiny.folder / f"data/logged/logs/{run}.jsonl", lines=True)
        assert compute == pytest.approx(log["pf_days"].max(), rel=1e-9)


def test_compute_is_six_n_d(tiny):
    flops = table(tiny, "flops/tiny.csv").set_index("run")
    logs = tiny.folder / "data/tiny/logs"
    for run, row in flops.iterrows():
        last = pd.read_csv(logs / f"{run}.csv")["step"].max()
        n = int(run.split("-")[1].removesuffix("M")) * 1e6
        assert row["training_tokens"] == last * 262144
        assert row["compute_pflop_s_days"] == pytest.approx(
            6 * n * last * 262144 / 8.64e19, rel=1e-9
        )


def test_every_row_of_the_logs_is_kept_or_flagged(tiny):
    runs = pd.concat(
        pd.read_csv(path) for path in (tiny.folder / "results/clean/tiny").glob("*.csv")
    )
    assert len(runs) == 8
    for row in runs.itertuples():
        lines = (tiny.folder / f"data/tiny/logs/{row.run}.csv").read_text().splitlines()
        assert row.values == len(lines) - 1 == row.kept + row.flagged


def test_a_published_number_has_its_verdict(tiny):
    claims = table(tiny, "claims/tiny.csv")
    assert list(claims["verdict"]) == ["reproduced", "differs"]
    assert list(claims["source"]) == ["Its maker, here", "Its maker, there"]
    assert table(tiny, "claims/logged.csv").empty


def test_the_readme_says_the_headline_that_comes_out(tiny, root):
    line = (tiny.folder / "results/headline.txt").read_text().splitlines()[0]
    assert f"`{line}`" in (root / "README.md").read_text(encoding="utf-8")


def test_every_figure_and_table_is_there_in_every_form(tiny):
    expected = {
        f"figure/tiny/{name}.{form}"
        for name in ("curves", "scaling", "multiplier")
        for form in ("pdf", "svg", "png", "txt")
    }
    expected |= {
        f"table/{study}/{name}.{form}"
        for study in ("tiny", "logged")
        for name in ("fits", "multipliers", "runs")
        for form in ("csv", "tex")
    }
    made = tiny.files("results")
    assert expected <= set(made)
    assert all(len(made[name]) > 100 for name in expected)
    assert not [name for name in made if name.endswith(".part")]


def test_progress_is_printed_with_what_each_job_makes(tiny):
    total = int(re.search(r"of (\d+) steps \(100%\) done", tiny.output)[1])
    done = [int(n) for n in re.findall(rf"(\d+) of {total} steps", tiny.output)]
    assert done[-1] == total
    assert len(set(done)) > total / 2
    for message in (
        "tiny: reading and cleaning logs",
        "tiny: fitting the laws",
        "logged: drawing scaling",
    ):
        assert message in tiny.output
    assert "Traceback" not in tiny.output


def test_nothing_to_do_the_second_time(tiny):
    tiny.build()  # other tests asked what changes would do, which sets results back
    before = {path: path.stat().st_mtime_ns for path in (tiny.folder / "results").rglob("*")}
    again = tiny.snakemake("--cores", "2")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout
    assert before == {
        path: path.stat().st_mtime_ns for path in (tiny.folder / "results").rglob("*")
    }


def test_the_summary_and_a_dry_run_agree(tiny):
    """The tests of reruns read the summary; here it is compared with what `-n` would do."""
    with tiny.changed("config/plotting.yaml"):
        tiny.replace("config/plotting.yaml", "dpi: 300", "dpi: 301")
        pending = tiny.pending()
        dry = tiny.snakemake("-n")
    assert dry.returncode == 0
    assert int(re.search(r"^total +(\d+)", dry.stdout, re.M)[1]) == len(pending) + 1  # and `all`
    figures = [job for job in pending if job.startswith("figure/")]
    assert int(re.search(r"^figure +(\d+)", dry.stdout, re.M)[1]) == len(figures)


@pytest.fixture
def make(tiny):
    """A function that runs make in the project."""
    return tiny.make


def test_make_builds_a_selection_and_ends_with_where_things_are_and_the_headline(make):
    out = make("STUDIES=tiny logged")
    assert "Nothing to be done" in out
    end = out.strip().splitlines()[-3:]  # a line of places, and one a study
    assert "results/figure" in end[0]
    assert re.fullmatch(
        r"tiny: 1\.2\d+x at loss 3\.2 \(95% 1\.2\d+ to 1\.2\d+, n = 4\), "
        r"6n_non_embedding, 20% less compute",
        end[1],
    )
    assert re.fullmatch(
        r"logged: 0\.\d+x at loss 2\.\d+ \(95% 0\.\d+ to 0\.\d+, n = \d\), "
        r"logged, \d+% more compute",
        end[2],
    )


@pytest.mark.parametrize("target", ["all", "check", "report"])
def test_studies_are_named_in_the_same_way_everywhere(make, target):
    """STUDY=a and STUDIES="a" are one study, STUDIES="a b" two, and a wrong one is told."""
    commands = {
        chosen: make("-n", target, *([chosen] if chosen else []))
        for chosen in ("", "STUDY=tiny", "STUDIES=tiny", "STUDIES=tiny logged")
    }
    assert "studies=" not in commands[""]
    assert commands["STUDY=tiny"] == commands["STUDIES=tiny"]
    assert '--config "studies=[tiny]"' in commands["STUDY=tiny"]
    assert '--config "studies=[tiny,logged]"' in commands["STUDIES=tiny logged"]
    assert "Did you mean `tiny`?" in make(target, "STUDY=tny", fails=True)


def test_make_check_tells_of_every_study_or_of_those_named(make):
    pages = {f"The page with every curve: results/page/{s}.html" for s in ("tiny", "logged")}
    both = make("check")
    assert pages <= set(both.splitlines())
    told = both[both.index("tiny: 8 runs: 8 ok") :]
    assert make("check", "STUDIES=tiny logged").endswith(told)
    one = make("check", "STUDY=logged").splitlines()
    assert pages & set(one) == {one[-1]} == {"The page with every curve: results/page/logged.html"}


def test_make_keeps_what_checks_where_it_is_installed(make, tiny):
    assert "requirements-dev.lock" not in make("-n", "--always-make", "setup")
    mark = tiny.folder / ".venv/ready-dev"
    mark.touch()
    try:
        assert "requirements-dev.lock requirements.lock" in make("-n", "--always-make", "setup")
    finally:
        mark.unlink()
    assert "requirements-dev.lock requirements.lock" in make("-n", "--always-make", "test")


def test_make_clean_leaves_what_says_what_the_results_are(project):
    folder = project("tiny").folder
    kept, gone = folder / "results/README.md", folder / "results/fit/tiny.csv"
    for path in (kept, gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for _ in range(2):
        done = subprocess.run(["make", "clean"], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert list((folder / "results").rglob("*")) == [kept]
