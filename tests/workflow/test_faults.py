"""What goes wrong around a run: kills, full and read-only disks, odd places, two runs at once.

`make test` runs a sample, `make faults` (FAULTS=1) all. After every fault the same command gives
the bytes of a run without one. Time stamps out of order and in the future are in test_stale.py.
"""

import contextlib
import csv
import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Project

ALL = bool(os.environ.get("FAULTS"))
KILLS = 50 if ALL else 2
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")


class Small(Project):
    """The study `tiny` with one figure and one table, built by `make`."""

    def __init__(self, folder, **environment):
        super().__init__(folder, ("tiny",), **environment)
        study = folder / "config/studies/tiny.yaml"
        text = re.sub(r"^figures:.*\n", "", study.read_text(), flags=re.M)
        study.write_text(text + "figures: [multiplier]\ntables: [fits]\n")
        (folder / ".venv").mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            (folder / ".venv" / name).symlink_to(self.bin.parent / name)
        for name in ("requirements.lock", "pyproject.toml"):
            (folder / name).touch()
            os.utime(folder / name, (1, 1))
        (folder / ".venv/ready").touch()  # as after the set-up, which needs a network

    def make(self, *arguments, fails=False):
        """What `make` prints."""
        done = self.run("make", "CORES=2", *arguments)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def begun(self, *arguments):
        """`make` in the background, in a group of its own."""
        return subprocess.Popen(
            ["make", "CORES=2", *arguments],
            cwd=self.folder,
            env=self.surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def told(self, output):
        """The one line that says what is wrong."""
        (line,) = (line for line in output.splitlines() if line.startswith("isoloss: "))
        assert "Traceback" not in output
        return line


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The results of a run to which nothing happened, and the seconds that it took."""
    home, start = Small(tmp_path_factory.mktemp("whole") / "project"), time.monotonic()
    home.make()
    return home.files("results"), time.monotonic() - start


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path / "project")


# --- kills


def descendants(process):
    """The processes below one, the last started last."""
    found, parents = [], {process}
    for entry in sorted(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        with contextlib.suppress(OSError):
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            if parent in parents:
                parents.add(entry)
                found.append(entry)
    return found


@pytest.mark.parametrize("what", ["everything", "a job"])
@pytest.mark.parametrize("moment", range(KILLS // 2))
def test_a_run_that_is_killed_is_resumed_to_the_same_bytes(small, whole, what, moment):
    results, seconds = whole
    draw = random.Random(f"{what} {moment}")
    begun = small.begun()
    time.sleep(draw.uniform(0.1, 0.9) * seconds)
    if what == "everything":
        os.killpg(begun.pid, signal.SIGKILL)
    elif below := descendants(begun.pid)[3:]:  # after make, its shell and Snakemake
        with contextlib.suppress(ProcessLookupError):
            os.kill(draw.choice(below), signal.SIGKILL)
    begun.communicate()
    locks = small.folder / ".snakemake/locks"
    if locks.is_dir() and any(locks.iterdir()):
        assert "killed has left this folder locked; type `make unlock`" in small.told(
            small.make(fails=True)
        )
        small.make("unlock")
    small.make()
    assert small.files("results") == results
    assert "Nothing to be done" in small.make()


def test_of_two_runs_at_once_one_says_that_another_is_at_work(small, whole):
    first = small.begun()
    while not (small.folder / ".isoloss/running").exists():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.01)
    for target in ("all", "unlock"):
        output = small.make(target, fails=True)
        line = small.told(output)
        assert re.search(r"make is at work in this folder already \(process \d+\); wait", line)
        assert len(output.splitlines()) == 2  # and make's own
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert small.files("results") == whole[0]


def test_a_run_that_is_refused_leaves_what_the_other_has_to_do_yet(small):
    """Its mark that, the shards made, the rest is to follow: without it old numbers would stay."""
    home = small.folder / ".isoloss"
    home.mkdir()
    marks = {home / name for name in ("more", "more.1")}
    for mark in marks:
        mark.touch()
    with (home / "running").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        output = small.make(fails=True)
    assert "make is at work in this folder already" in small.told(output)
    assert marks == set(home.glob("more*"))


# --- files and disks


def reading(project):
    """`make check`, begun, and what it has said until the logs are read."""
    begun, output = project.begun("check"), ""
    while "reading and cleaning logs" not in output:
        line = begun.stdout.readline()
        assert line, output
        output += line
    return begun, output


def test_a_log_that_vanishes_under_a_run_is_named(small):
    begun, output = reading(small)
    (small.folder / "data/tiny/logs/new-20M.csv").unlink()
    output += begun.communicate()[0]
    assert begun.returncode != 0
    assert small.told(output) == (
        "isoloss: data/tiny/logs/new-20M.csv: the file has vanished since the start. Run again."
    )


def test_a_log_that_grows_under_a_run_stops_it_and_the_next_one_reads_all_of_it(small):
    begun, output = reading(small)
    log = small.folder / "data/tiny/logs/new-20M.csv"
    lines = log.read_text().splitlines()
    step, *rest = lines[-1].split(",")
    with log.open("a") as file:
        file.write(",".join([str(int(step) + 1), *rest]) + "\n")
    output += begun.communicate()[0]
    assert begun.returncode != 0
    assert "data/tiny/logs/new-20M.csv: the file has changed since the start" in small.told(output)
    small.make("check")
    with (small.folder / "results/quality/tiny.csv").open() as table:
        rows = {row["run"]: row for row in csv.DictReader(table)}
    assert int(rows["new-20M"]["values"]) == len(lines)  # the header, and one line more


@contextlib.contextmanager
def mounted(folder, options):
    """A small disk in memory, mounted on a folder."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@AS_ROOT
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("size=80k", "No space left on device"),
        *([("size=40k", "No space left"), ("size=80k,ro", "Read-only file system")] * ALL),
    ],
)
def test_a_disk_that_is_full_or_read_only_is_told_and_then_resumed(small, whole, options, words):
    with mounted(small.folder / "results", options):
        assert words in small.make(fails=True)
        kept = small.folder / "kept"
        shutil.copytree(small.folder / "results", kept)
    shutil.rmtree(small.folder / "results")
    kept.rename(small.folder / "results")
    small.make()
    assert small.files("results") == whole[0]


@pytest.mark.parametrize(
    ("place", "mode", "says"),
    [
        ("data/tiny/logs/new-20M.csv", 0, "/logs/new-20M.csv: no permission to read this log."),
        ("results", 0o555, "Permission denied: 'results/clean'"),
    ],
)
def test_what_may_not_be_read_or_written_is_told(small, place, mode, says):
    (small.folder / "results").mkdir(exist_ok=True)
    (small.folder / place).chmod(mode)
    # Root may do anything, but for what it has given up.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.geteuid() == 0)
    done = small.run(*bound, "make", "check", "CORES=2")
    (small.folder / place).chmod(0o755)
    assert done.returncode != 0
    assert says in done.stdout
    small.make("check")


# --- odd places and surroundings

ODD = {"HOME": None, "USER": None, "LOGNAME": None, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
COMMA = {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}
NAMES = ["a b", "it's", 'a "b"', "Übung", "$HOME", 'a b\'s "Ü" $x']


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        *([(name, {}) for name in NAMES] * ALL),
        *([("project", {key: value}) for key, value in ODD.items()] * ALL),
        (NAMES[-1], ODD | COMMA),
    ],
)
def test_neither_place_nor_surroundings_change_a_byte(tmp_path, whole, name, environment):
    home = Small(tmp_path / name, **environment)
    home.make()
    assert home.files("results") == whole[0]


def test_a_comma_in_numbers_changes_nothing(tmp_path, whole):
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout
    if "de_DE.utf8" not in known.split():
        pytest.skip("needs a locale with a decimal comma: localedef -i de_DE -f UTF-8 de_DE.UTF-8")
    home = Small(tmp_path / "project", **COMMA)
    home.make()
    assert home.files("results") == whole[0]
