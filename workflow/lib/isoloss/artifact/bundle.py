"""One zip from which a reviewer makes the results of studies again: `make bundle`.

It holds what the results were made of, as their stamps say it, the program, and the results. The
same project gives the same bytes: names are in order, dates are the commit's, never the clock's.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import yaml

from isoloss.artifact import crate
from isoloss.artifact.published import LIST, listed
from isoloss.artifact.verify import MANIFEST
from isoloss.files import whole
from isoloss.stamps import digest
from isoloss.status import Job
from isoloss.study.validation import InputError, read_yaml

README, PROJECT = "README.md", "PROJECT.md"  # the reviewer's page; what was README.md before
CONFIG = "config/config.yaml"
PROGRAM = (
    *("Makefile", "Snakefile", "workflow/**/*", "docs/**/*", "config/README.md"),
    *("config/plotting.yaml", "requirements*.in", "requirements*.lock", "environment.yml"),
    *("pyproject.toml", "LICENSE", "CITATION.cff", "results/README.md"),
)
NO_PROGRAM = ("__pycache__", ".egg-info")  # in a path
EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # the first date that a zip can hold: of no commit
PACKAGES = ("snakemake", "numpy", "scipy", "pandas", "pyarrow", "matplotlib")
# Not looked up: what a system knows of file types differs from machine to machine.
TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".html": "text/html",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
    ".py": "text/x-python",
    ".md": "text/markdown",
    ".txt": "text/plain",
}
MANY = 1 << 20  # bytes that are copied at a time


@dataclass(frozen=True)
class Item:
    """A file of a bundle: its name there, what it is for, and where its bytes are."""

    name: str
    role: str  # program, input or result
    source: Path | bytes


@dataclass(frozen=True)
class Commit:
    """The commit that a clean project stands at; none where it is not clean, or has no history."""

    name: str | None
    date: datetime


def write(path: Path, studies: Sequence[str], jobs: Sequence[Job]) -> dict[str, Any]:
    """Write a bundle of studies and give its manifest.

    jobs: all that make their results (`status.jobs`). Raises InputError where a result is not
    current, or where a log lies outside of the project.
    """
    items = {item.name: item for item in _items(studies, jobs)}
    made = _manifest(studies, items.values(), _commit())
    made["files"] = dict(sorted(made["files"].items()))
    title = " and ".join(_study(name)["title"] for name in studies)
    texts = {
        crate.NAME: crate.metadata(made, title),
        MANIFEST: json.dumps(made, indent=1, ensure_ascii=False) + "\n",
    }
    sources = {name: item.source for name, item in items.items()}
    sources |= {name: text.encode() for name, text in texts.items()}
    date = datetime.fromisoformat(made["date"]).timetuple()[:6]
    with whole(path) as part, zipfile.ZipFile(part, "w") as file:
        for name, source in sorted(sources.items()):
            info = zipfile.ZipInfo(name, date)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            info.create_system = 3
            if isinstance(source, bytes):
                file.writestr(info, source)
            else:
                info.file_size = source.stat().st_size
                with source.open("rb") as raw, file.open(info, "w") as packed:
                    shutil.copyfileobj(raw, packed, MANY)
    return made


def _items(studies: Sequence[str], jobs: Sequence[Job]) -> Iterator[Item]:
    """What goes into a bundle, but for what says what is in it."""
    if old := [job for job in jobs if job.changes]:
        more = f" and {len(old) - 1} more" if len(old) > 1 else ""
        raise InputError(f"{old[0].outputs[0]}{more}: not current; run `make`, then bundle")
    results = {path: Path(path) for job in jobs for path in job.outputs}
    for name, source in results.items():
        yield Item(name, "result", source)
    yield Item(LIST, "program", "".join(listed(results)).encode())
    raw = {path for job in jobs for path in (*job.inputs, *job.asked.get("files", {}))}
    for study in studies:
        settings = _study(study)
        sheet = settings.get("runs") or settings["points"]["table"]
        told = Path(sheet).with_name("SOURCE.md")
        raw |= {f"config/studies/{study}.yaml", sheet, *([str(told)] if told.exists() else [])}
    for name in sorted(raw - results.keys()):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"{name}: lies outside of the project; copy it or link it into data/")
        yield Item(name, "input", Path(name))
    yield Item(CONFIG, "input", _config(studies))
    for path in sorted({path for pattern in PROGRAM for path in Path().glob(pattern)}):
        if path.is_file() and not any(sign in str(path) for sign in NO_PROGRAM):
            yield Item(path.as_posix(), "program", path)
    yield Item(PROJECT, "program", Path(README))
    yield Item(README, "program", _for_reviewers(studies, len(results)).encode())


def _config(studies: Sequence[str]) -> bytes:
    """config.yaml, which names the bundle's studies and no other."""
    text = Path(CONFIG).read_text(encoding="utf-8")
    config = read_yaml(Path(CONFIG))
    if list(config["studies"]) == list(studies):
        return text.encode()
    return yaml.safe_dump(config | {"studies": list(studies)}, sort_keys=False).encode()


def _study(name: str) -> dict[str, Any]:
    return dict(read_yaml(Path(f"config/studies/{name}.yaml")))


def _manifest(studies: Sequence[str], items: Iterable[Item], commit: Commit) -> dict[str, Any]:
    """What a bundle holds: of each file its SHA-256, size, type and role."""
    files = {}
    for item in items:
        raw = item.source
        files[item.name] = {
            "sha256": sha256(raw),
            "bytes": len(raw) if isinstance(raw, bytes) else raw.stat().st_size,
            "type": TYPES.get(Path(item.name).suffix, "application/octet-stream"),
            "role": item.role,
        }
    return {
        "isoloss": version("isoloss"),
        "studies": list(studies),
        "headline": headlines(),
        "commit": commit.name,
        "date": commit.date.isoformat(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
        "files": files,
    }


def headlines(folder: Path = Path()) -> list[str]:
    """The lines with which `make` ended."""
    path = folder / "results/headline.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _commit() -> Commit:
    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top) != Path.cwd().resolve() or git("status", "--porcelain") != "":
        return Commit(None, EPOCH)
    seconds = git("log", "-1", "--format=%ct")
    if not seconds:  # no commit yet
        return Commit(None, EPOCH)
    return Commit(git("rev-parse", "HEAD"), datetime.fromtimestamp(int(seconds), UTC))


def _for_reviewers(studies: Sequence[str], results: int) -> str:
    """The page that a reviewer reads first."""
    page = jinja2.Template(
        Path(__file__).with_name("reviewers.md").read_text(encoding="utf-8"),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    text: str = page.render(
        studies=studies,
        headlines=headlines(),
        results=results,
        project=PROJECT,
        manifest=MANIFEST,
    )
    return text


def sha256(source: Path | bytes) -> str:
    """The digest of a file or of bytes."""
    return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else digest(source)
