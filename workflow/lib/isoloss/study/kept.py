"""What one start has worked out, kept for the next: as JSON, until what it hangs on has changed.

The size, times and inode of each file and folder that it was made from tell. The time of the last
change of an inode counts too, which no copy and no `touch` sets back; and nothing is kept that was
made from what had only just changed, since time stamps are coarse.
"""

import hashlib
import json
import os
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

HOME = Path(".isoloss")
LIBRARY = Path(__file__).parents[1]
COARSE = 2  # seconds: as coarse as the time stamps of any file system


def kept(
    name: str, asked: Any, make: Callable[[], tuple[Any, Iterable[str]]], *, save: bool = True
) -> Any:
    """What `make` gives, from .isoloss/<name>.json where it is still so.

    asked: all that it depends on beside files, as plain data. make: gives the plain data to keep,
    and the paths of all files and folders that it hangs on; this library and the installed packages
    are among them anyway. save: whether to keep it (one process at a time).
    """
    file = HOME / f"{name}.json"
    text = json.dumps([sys.version, asked], default=str)
    question = hashlib.sha256(text.encode()).hexdigest()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["asked"] == question and found["marks"] == _marks(found["paths"])[0]:
            return found["made"]
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or damaged
        pass
    start = time.time()
    made, hangs_on = make()
    made = json.loads(json.dumps(made))  # the same, whether it was kept or not
    if save:
        paths = sorted({*hangs_on, *code()})
        marks, newest = _marks(paths)
        file.unlink(missing_ok=True)
        if newest < start - COARSE:
            _write(file, {"asked": question, "paths": paths, "marks": marks, "made": made})
    return made


@cache
def code() -> tuple[str, ...]:
    """The files of this library, and the folders into which packages are installed."""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return (*below(LIBRARY), *sorted(installed))


def below(folder: Path) -> list[str]:
    """A folder, with all files and folders in it but those of bytecode."""
    found = [folder, *(path for path in folder.rglob("*") if "__pycache__" not in path.parts)]
    return sorted(map(str, found))


def _marks(paths: Sequence[str]) -> tuple[str, float]:
    """A digest of what a look at files and folders tells, and when the newest was changed (s)."""
    digest, newest = hashlib.sha256(), 0
    for path in paths:
        try:
            s = os.stat(path)
        except OSError:
            digest.update(b"none;")
            continue
        newest = max(newest, s.st_ctime_ns)
        mark = f"{s.st_mode},{s.st_size},{s.st_mtime_ns},{s.st_ctime_ns},{s.st_ino};"
        digest.update(mark.encode())
    return digest.hexdigest(), newest / 1e9


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".part", delete=False) as part:
        part.write(json.dumps(content))
    os.replace(part.name, file)
