"""A bundle for reviewers: whole, the same bytes twice, made again and compared; and what moved."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import Project
from isoloss.artifact import moved, revision, verify


def isoloss(project, *words, fails=False):
    done = project.run(sys.executable, "-m", "isoloss.cli", *words)
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tiny study, built and committed, and its bundle."""
    library = str(Path(__file__).parents[2] / "workflow/lib")
    project = Project(tmp_path_factory.mktemp("bundled") / "p", ["tiny"], PYTHONPATH=library)
    for name in ("README.md", "results/README.md", "requirements.lock", ".gitignore"):
        target = project.folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(Path(__file__).parents[2] / name, target)
    project.build()
    known = isoloss(project, "published", "--list")
    (project.folder / "config/results.sha256").write_text(known)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "study"]):
        assert project.run("git", *words).returncode == 0
    isoloss(project, "bundle")
    return project


@pytest.fixture
def bundle(built):
    return built.folder / "results/bundle.zip"


@pytest.fixture
def remade(built, monkeypatch):
    """What `make` in an unpacked bundle does, but for setting up its environment."""

    def make(folder):
        command = [str(built.bin / "snakemake"), "--workflow-profile", "workflow/profiles/default"]
        subprocess.run([*command, "--cores", "2"], cwd=folder, check=True, capture_output=True)

    monkeypatch.setattr(verify, "make", make)


def changed(bundle, path, name, content, known=True):
    """A copy of a bundle with one file changed, in its manifest too or not."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        manifest = json.loads(old.read("MANIFEST.json"))
        if known:
            digest = hashlib.sha256(content).hexdigest()
            manifest["files"][name] |= {"sha256": digest, "bytes": len(content)}
        for info in old.infolist():
            whole = json.dumps(manifest) if info.filename == "MANIFEST.json" else old.read(info)
            new.writestr(info.filename, content if info.filename == name else whole)
    return path


def test_a_bundle_is_the_same_bytes_twice_and_says_what_it_is(built, bundle):
    before = bundle.read_bytes()
    for path in built.folder.rglob("*"):
        if path.is_file() and ".git" not in path.parts and "results" not in path.parts:
            os.utime(path, (1e9, 1e9))  # dates of files do not count
    isoloss(built, "bundle", "tiny", "--output", "results/again.zip")
    assert (built.folder / "results/again.zip").read_bytes() == before
    manifest = json.loads(zipfile.ZipFile(bundle).read("MANIFEST.json"))
    assert manifest["studies"] == ["tiny"]
    assert manifest["headline"] == (built.folder / "results/headline.txt").read_text().splitlines()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=built.folder, capture_output=True, text=True, check=True
    )
    assert manifest["commit"] == commit.stdout.strip()


def test_a_bundle_has_what_its_results_were_made_of_and_every_result(built, bundle):
    files = json.loads(zipfile.ZipFile(bundle).read("MANIFEST.json"))["files"]
    with zipfile.ZipFile(bundle) as file:
        assert {*files, "MANIFEST.json", "ro-crate-metadata.json"} == set(file.namelist())
    role = {name: {path for path in files if files[path]["role"] == name} for name in ("input",)}
    logs = {f"data/tiny/logs/{path.name}" for path in built.folder.glob("data/tiny/logs/*")}
    assert role["input"] == {
        *logs,
        "data/tiny/runs.csv",
        "config/config.yaml",
        "config/studies/tiny.yaml",
    }
    results = {path for path in files if files[path]["role"] == "result"}
    assert results == {f"results/{path}" for path in built.files("results") if path.count("/")} | {
        "results/headline.txt"
    }


def test_the_crate_names_the_workflow_what_it_read_and_what_it_made(bundle):
    with zipfile.ZipFile(bundle) as file:
        graph = json.loads(file.read("ro-crate-metadata.json"))["@graph"]
        files = json.loads(file.read("MANIFEST.json"))["files"]
    of = {entity["@id"]: entity for entity in graph}
    action = of["#make"]
    assert action["instrument"] == of["./"]["mainEntity"] == {"@id": "Snakefile"}
    for key, role in (("object", "input"), ("result", "result")):
        named = {each["@id"] for each in action[key]}
        assert named == {path for path in files if files[path]["role"] == role}
    assert of["data/tiny/runs.csv"]["sha256"] == files["data/tiny/runs.csv"]["sha256"]
    assert "ComputationalWorkflow" in of["Snakefile"]["@type"]


def test_a_bundle_made_again_is_the_same_bytes(bundle, remade):
    found = verify.verify(bundle)
    assert found.differences == ()
    assert found.results > 30


def test_a_result_that_was_changed_is_told_with_its_size(built, bundle, remade, tmp_path):
    name = "results/multiplier/tiny.csv"
    text = (built.folder / name).read_text()
    value = text.splitlines()[1].split(",")[8]
    other = text.replace(value, str(float(value) * 1.1)).encode()
    found = verify.verify(changed(bundle, tmp_path / "b.zip", name, other))
    assert [each.path for each in found.differences] == ["multiplier/tiny.csv"]
    assert "by up to 0.091 of its value" in found.differences[0].what


def test_a_bundle_that_is_damaged_or_leads_outside_is_refused(bundle, tmp_path):
    name = "data/tiny/runs.csv"
    size = len(zipfile.ZipFile(bundle).read(name))
    cases = {
        "not the bytes": changed(bundle, tmp_path / "a.zip", name, b"x" * size, known=False),
        "missing": changed(bundle, tmp_path / "b.zip", name, b"x", known=False),
    }
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as file:
        known = {"../evil": {"bytes": 1, "sha256": "0", "role": "input"}}
        file.writestr("MANIFEST.json", json.dumps({"files": known}))
        file.writestr("../evil", "x")
    cases["leads out"] = tmp_path / "c.zip"
    (tmp_path / "d.zip").write_bytes(bundle.read_bytes()[:5000])
    cases["not a whole bundle"] = tmp_path / "d.zip"
    for words, path in cases.items():
        with pytest.raises(ValueError, match=words):
            verify.unpack(path, tmp_path / words)
    assert not (tmp_path / "evil").exists()


def test_results_that_are_not_current_are_not_bundled(built):
    with built.changed("config/studies/tiny.yaml"):
        built.append("config/studies/tiny.yaml", "quality: {truncated_fraction: 0.5}\n")
        told = isoloss(built, "bundle", "--output", "results/old.zip", fails=True)
        assert "not current; run `make`" in told
        assert not (built.folder / "results/old.zip").exists()


def test_make_says_how_many_results_are_as_published(built):
    count = len((built.folder / "config/results.sha256").read_text().splitlines())
    told = isoloss(built, "published")
    assert told.startswith(f"{count} of {count} results are the same bytes as those published (")
    assert len(told.splitlines()) == 1
    with built.changed("results/headline.txt"):
        built.append("results/headline.txt", "more\n")
        told = isoloss(built, "published").splitlines()
        assert told[0].startswith(f"{count - 1} of {count} ")
        assert told[1:] == ["    differs: results/headline.txt"]


def test_of_some_studies_alone_what_is_said_of_all_is_not_compared(built):
    with built.changed("config/results.sha256", "results/headline.txt"):
        built.append("config/results.sha256", f"{'0' * 64}  results/points/another.csv\n")
        built.append("results/headline.txt", "more\n")
        count = len((built.folder / "config/results.sha256").read_text().splitlines()) - 2
        assert isoloss(built, "published").startswith(f"{count} of {count} results")


def test_what_moved_is_told_by_its_interval_and_with_its_cause(built, tmp_path):
    after = Project(tmp_path / "p", ["tiny"])
    log = after.folder / "data/tiny/logs/new-40M.csv"
    header, *rows = log.read_text().splitlines()
    at = header.split(",").index("loss")
    cells = [row.split(",") for row in rows]
    for row in cells:
        row[at] = f"{float(row[at]) * 1.01:.4f}"
    log.write_text("\n".join([header, *map(",".join, cells)]) + "\n")
    after.build()
    with revision.results_of(str(built.folder)) as before:
        text = "\n".join(moved.moved(before, after.folder))
    assert "tiny: new, loss, 6n_non_embedding, power, least_squares_log: multiplier 1.2" in text
    assert "data/tiny/logs/new-40M.csv" in text.split("what moved them")[1]
    assert "base-40M" not in text
    same = "\n".join(moved.moved(built.folder, built.folder))
    assert "    none" in same
    assert "nothing that a stamp tells" in same


def test_neither_a_folder_nor_a_commit_is_told(built, monkeypatch):
    monkeypatch.chdir(built.folder)
    with pytest.raises(ValueError, match="neither a folder nor a commit"), revision.results_of("x"):
        pass
