"""Two studies that start from tables of final points, from end to end in one run.

The true multiplier of `surface` is 1.3, that of `finals` 1.5.
"""

import pandas as pd
import pytest
from conftest import Project

pytestmark = pytest.mark.xdist_group("finals")
STUDIES = {
    "surface": ("scaling", "multiplier", "residuals", "holdout", "surface", "isoflop"),
    "finals": ("scaling", "residuals", "holdout"),
}


@pytest.fixture(scope="module")
def finals(tmp_path_factory):
    home = Project(tmp_path_factory.mktemp("finals") / "project", tuple(STUDIES))
    home.output = home.build()
    return home


def table(project, name):
    return pd.read_csv(project.folder / "results" / name)


def test_no_log_is_read_and_every_figure_and_table_is_made(finals):
    made = finals.files("results")
    stages = {name.split("/")[0] for name in made}
    assert not stages & {"clean", "flops"}
    for study, figures in STUDIES.items():
        for name in figures:
            assert len(made[f"figure/{study}/{name}.pdf"]) > 1000
        assert f"table/{study}/fits.tex" in made
        assert f"table/{study}/runs.csv" not in made


def test_the_multipliers_are_the_true_ones(finals):
    for study, truth, law in (("surface", 1.3, "chinchilla"), ("finals", 1.5, "power")):
        row = table(finals, f"multiplier/{study}.csv").query("headline").iloc[0]
        assert row["ci_low"] < truth < row["ci_high"]
        assert row["law"] == law
        assert row["status"] == "converged"


def test_every_law_asked_for_has_its_rows(finals):
    rows = table(finals, "fit/finals.csv")
    assert set(rows["law"] + " " + rows["method"]) == {
        "power least_squares_log",
        "power_floor least_squares_log",
        "power huber_log",
    }
    assert rows["weighted"].all()
    assert len(table(finals, "fit/surface.surface.csv")) == 4
    assert len(table(finals, "fit/surface.isoflop.csv")) == 8
    assert table(finals, "fit/finals.isoflop.csv").empty
    drawn = pd.read_parquet(finals.folder / "results/fit/finals.draws.parquet")
    assert set(drawn["method"]) == {"least_squares_log", "huber_log"}


def test_a_look_refits_nothing_and_a_point_does(finals):
    with finals.changed("config/plotting.yaml"):
        finals.replace("config/plotting.yaml", "dpi: 300", "dpi: 301")
        assert not [job for job in finals.pending() if not job.startswith("figure/")]
    with finals.changed("data/finals/points.csv"):
        finals.replace("data/finals/points.csv", "2.8798", "2.8799")
        pending = finals.pending()
    assert {"points/finals", "fit/finals", "multiplier/finals"} <= pending
    assert not [job for job in pending if "surface" in job]
