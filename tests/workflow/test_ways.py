"""Every way of starting work: from the root, by workflow/Snakefile, and as a module elsewhere."""

import re
import shutil
from copy import copy

import pytest

TARGET = "results/flops/tiny.csv"
MODULE = """\
configfile: "config/config.yaml"


module isoloss:
    snakefile:
        {snakefile}
    config:
        config


use rule * from isoloss
"""


def planned(done):
    """Jobs by rule of a dry run, without the target that holds no work."""
    assert done.returncode == 0, done.stdout
    table = re.findall(r"^(\w+) +(\d+)$", done.stdout.partition("Job stats")[2], re.M)
    return {rule: n for rule, n in table if rule not in ("all", "default", "total")}


@pytest.fixture
def home(project):
    return project("tiny")


@pytest.fixture
def deployed(home, tmp_path):
    """A function from the `snakefile` of a module to a folder as snakedeploy leaves it: a Snakefile
    that names the module, a copy of `config`, and the user's data."""

    def deploy(snakefile):
        user = copy(home)
        user.folder = tmp_path / "user"
        for name in ("config", "data"):
            shutil.copytree(home.folder / name, user.folder / name)
        (user.folder / "workflow").mkdir()
        text = MODULE.format(snakefile=snakefile)
        (user.folder / "workflow/Snakefile").write_text(text)
        return user

    return deploy


def test_from_the_root_and_by_the_workflows_own_file_the_same_is_done(home):
    root = planned(home.snakemake("-n"))
    assert root == planned(home.snakemake("-n", "-s", "workflow/Snakefile"))
    assert {"clean", "flops", "breakdown", "fit", "figure", "headline"} <= set(root)
    home.build(TARGET)
    again = home.snakemake("-n", "-s", "workflow/Snakefile", TARGET)
    assert "Nothing to be done" in again.stdout


def test_a_module_from_a_folder_elsewhere(home, deployed):
    path = home.folder / "workflow/Snakefile"
    user = deployed(f'"{path.as_posix()}"')
    own = planned(home.snakemake("-n"))
    assert planned(user.run(str(user.bin / "snakemake"), "-n")) == own
    done = user.run(str(user.bin / "snakemake"), "--cores", "2", TARGET)
    assert done.returncode == 0, done.stdout
    assert (user.folder / TARGET).is_file()


def git(home, *command):
    done = home.run("git", "-c", "user.name=a", "-c", "user.email=a@b", *command)
    assert done.returncode == 0, done.stdout


def test_a_module_named_by_its_repository_and_tag(home, deployed, tmp_path):
    """As snakedeploy writes it. The clone that Snakemake keeps is there: nothing is fetched."""
    git(home, "init", "--quiet")
    git(home, "add", ".")
    git(home, "commit", "--quiet", "-m", "all")
    git(home, "tag", "v1")
    cache = tmp_path / "cache"
    clone = cache / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/a/isoloss"
    git(home, "clone", "--quiet", "--bare", ".", str(clone))
    user = deployed('github("a/isoloss", path="workflow/Snakefile", tag="v1")')
    user.environment = {**user.environment, "XDG_CACHE_HOME": str(cache)}
    done = user.run(str(user.bin / "snakemake"), "--cores", "2", TARGET)
    assert done.returncode == 0, done.stdout
    assert (user.folder / TARGET).is_file()
    (taken,) = (user.folder / ".snakemake/isoloss").iterdir()
    assert [path.name for path in taken.iterdir()] == ["workflow"]
