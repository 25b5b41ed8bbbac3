"""The results of a commit, made in a folder of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of the environment, what would lead a rerun to this project's own library or settings.
LEAVE_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


@contextmanager
def results_of(what: str) -> Iterator[Path]:
    """A folder with results: `what` itself where it is a folder, else of a commit, made now.

    A commit's own `make` sets up its own environment, so that old code runs on old packages.
    Raises ValueError where there is neither, or where its `make` fails.
    """
    if Path(what).is_dir():
        yield Path(what)
        return
    known = _git("rev-parse", "--verify", "--quiet", f"{what}^{{commit}}")
    if known is None:
        raise ValueError(f"{what}: neither a folder nor a commit")
    with tempfile.TemporaryDirectory(prefix="isoloss-") as name:
        folder = Path(name) / "project"
        if _git("worktree", "add", "--quiet", "--detach", str(folder), known) is None:
            raise ValueError(f"{what}: the commit could not be checked out")
        try:
            make(folder)
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def make(folder: Path) -> None:
    """Run `make` in a folder, its words to stderr. Raises ValueError where it fails."""
    mine = {key: value for key, value in os.environ.items() if key not in LEAVE_OUT}
    environment = {key: value for key, value in mine.items() if not key.startswith("ISOLOSS_")}
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}"],
        cwd=folder,
        env=environment,
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"`make` in {folder} ended with {done.returncode}; its words are above")


def _git(*words: str) -> str | None:
    """What git says; None where it fails."""
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
