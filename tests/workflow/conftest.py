"""Copies of the workflow in temporary folders, and what Snakemake does and would do in them."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[2]
PROGRAM = ("Snakefile", "Makefile", "environment.yml", "config", "workflow")
# What is not kept in git would change the copy: half-written files, results, bytecode of old code.
UNWANTED = shutil.ignore_patterns("*.part", ".snakemake", "results", "logs.*")


# None of the vector instructions that numpy looks for, a BLAS kernel of 2004, and, where the C
# library is glibc, its exponentials and logarithms of that time.
OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(
        name for name in __cpu_dispatch__ if __cpu_features__[name]
    ),
    "OPENBLAS_CORETYPE": "Prescott",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4",
}


class Project:
    """A copy of the workflow with some studies, built or not."""

    bin = Path(sys.executable).parent  # where the environment's programs are

    def __init__(self, folder, studies, **environment):
        self.folder = folder
        self.environment = {"PYTHONIOENCODING": "utf-8"} | environment
        for name in PROGRAM:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=UNWANTED)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name)
        for study in studies:
            example = ROOT / "tests/data" / study
            if example.is_dir():
                shutil.copytree(example, folder, dirs_exist_ok=True)
            else:
                shutil.copytree(ROOT / "data" / study, folder / "data" / study)
        for path in (folder / "config/studies").glob("*.yaml"):
            if path.stem not in studies:
                path.unlink()
        config = folder / "config/config.yaml"
        text, found = re.subn(
            r"^studies:.*$", f"studies: [{', '.join(studies)}]", config.read_text(), flags=re.M
        )
        assert found == 1
        config.write_text(text)

    def surroundings(self):
        """The environment of a user, without the tests'; what is None in ours is taken out."""
        clean = {
            key: value
            for key, value in os.environ.items()
            if key
            not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
            and not key.startswith(("PYTEST", "COV"))
        }
        return {key: value for key, value in (clean | self.environment).items() if value}

    def run(self, *command):
        """Run a command here as a user would, outside of the tests' environment."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
            check=False,
        )

    def snakemake(self, *arguments):
        return self.run(
            str(self.bin / "snakemake"),
            "--workflow-profile",
            "workflow/profiles/default",
            *arguments,
        )

    def build(self, *arguments, cores=2):
        done = self.snakemake("--cores", str(cores), *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def make(self, *arguments, fails=False):
        """Run make; the environment is taken for set up, which needs a network."""
        (self.folder / ".venv").mkdir(exist_ok=True)
        for name in ("bin", "lib", "pyvenv.cfg"):
            if not (self.folder / ".venv" / name).exists():
                (self.folder / ".venv" / name).symlink_to(self.bin.parent / name)
        for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            (self.folder / name).touch()
            os.utime(self.folder / name, (1, 1))
        (self.folder / ".venv/ready").touch()
        done = self.run("make", "CORES=2", *arguments)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def pending(self):
        """The jobs that a run would do, named by their results: `fit/tiny`, `figure/tiny/curves`.

        From the summary of Snakemake's plan, which does not run anything either.
        """
        done = self.snakemake("--summary")
        assert done.returncode == 0, done.stdout
        lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
        header, *rows = lines
        made, plan = header.index("output_file"), header.index("plan")
        assert rows
        assert {row[plan] for row in rows} <= {"update pending", "no update"}, done.stdout
        return {
            re.sub(r"\.[^/]*$", "", row[made].removeprefix("results/"))
            for row in rows
            if row[plan] == "update pending"
        }

    def replace(self, name, old, new):
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not have {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def append(self, name, text):
        path = self.folder / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    @contextmanager
    def changed(self, *names):
        """Files that may be changed within, and are afterwards what they were, times included."""
        paths = [self.folder / name for name in names]
        before = {p: (p.read_bytes(), p.stat()) if p.exists() else None for p in paths}
        try:
            yield
        finally:
            for path, old in before.items():
                if old is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_bytes(old[0])
                    os.utime(path, ns=(old[1].st_atime_ns, old[1].st_mtime_ns))

    def files(self, under):
        """Every file below a folder by its path there, as bytes."""
        home = self.folder / under
        return {
            path.relative_to(home).as_posix(): path.read_bytes()
            for path in sorted(home.rglob("*"))
            if path.is_file() and path.suffix != ".stamp"
        }


@pytest.fixture
def project(tmp_path):
    """A function that makes a copy of the workflow with the studies named."""
    return lambda *studies: Project(tmp_path / "project", studies)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The two tiny studies, built: `tiny` in several shards and with published numbers."""
    home = Project(tmp_path_factory.mktemp("tiny") / "project", ("tiny", "logged"))
    home.append("config/config.yaml", "ingest: {runs_per_shard: 3}\n")
    study = home.folder / "config/studies/tiny.yaml"
    study.write_text(
        study.read_text()
        + "published: data/tiny/published.yaml\nlog: {patterns: data/tiny/patterns.yaml}\n"
    )
    # A format of the study's own, of which no log is: it is an input of the reading all the same.
    (home.folder / "data/tiny/patterns.yaml").write_text(
        "mine: {recognise: '^>> ce=', lines: {train: {record: '>> ce=(?P<loss>{number})'}}}\n"
    )
    (home.folder / "data/tiny/published.yaml").write_text(
        "source: Its maker\n"
        "multipliers:\n"
        '  - {place: here, candidate: new, metric: loss, loss: 3.2, multiplier: "1.25"}\n'
        '  - {place: there, candidate: new, metric: loss, loss: 3.2, multiplier: "1.9"}\n'
    )
    home.output = home.build()
    return home


@pytest.fixture(scope="session")
def papers(tmp_path_factory):
    """The three studies of the papers, built cold where all is as unlike as it can be.

    Another folder, time zone, language and hash order and, as far as numpy and its BLAS know,
    another processor than where the list of published results was made.
    """
    folder = tmp_path_factory.mktemp("papers") / "two cores"
    unlike = {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C"} | OLD_PROCESSOR
    home = Project(folder, ("kimi-linear", "moba-8k", "moba-32k"), **unlike)
    home.output = home.build()
    return home
