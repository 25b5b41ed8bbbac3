"""What made a result: a stamp beside it, so that content decides what is made again, not time.

A stamp has what the job was asked (its params: settings, schemas, digests of code and of raw files,
rows of the run sheet), and the digests of the files that it read and wrote. It is sound if
all of them are still so. A job without a sound stamp runs again: its results are dated back to
1970, and it gets one more input, AGAIN, which is younger. Time stamps only carry a change onwards;
where copying has mixed them up they are put in order first (`settle`).
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoloss.files import whole

AGAIN = Path(".isoloss/again")
CACHE = Path(".isoloss/digests.json")
BACK, YOUNGER = 1, 1_000_000_000  # seconds: 1970, 2001; every result is younger than both
SUFFIX = ".stamp"
Digests = dict[str, str]


class Cache:
    """SHA-256 of files by path, looked up anew where size, time stamp or inode are others."""

    def __init__(self, path: Path = CACHE) -> None:
        self.path, self.changed = path, False
        try:
            self.known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none yet, or damaged: all are looked at again
            self.known = {}

    def digest(self, path: str | Path) -> str | None:
        """The digest of a file; None where there is none."""
        name = str(path)
        try:
            now = _mark(name)
        except OSError:
            return None
        if name not in self.known or self.known[name][0] != now:
            self.known[name], self.changed = [now, digest(name)], True
        return str(self.known[name][1])

    def save(self) -> None:
        """Keep what was looked up for the next start."""
        if self.changed:
            self.path.parent.mkdir(exist_ok=True)
            with whole(self.path) as part:
                part.write_text(json.dumps(self.known), encoding="utf-8")
            self.changed = False


def _mark(path: str) -> list[int]:
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """A job's params as JSON has them: plain mappings, lists, numbers and texts.

    Their order counts, for that of metrics and columns does.
    """
    return dict(json.loads(_text(params)))


def _text(params: Mapping[str, Any]) -> str:
    return json.dumps(params, default=str)


def stamp_of(outputs: Sequence[str]) -> Path:
    """Where the stamp of a job lies: a hidden file beside its first result."""
    first = Path(outputs[0])
    return first.with_name(f".{first.name}{SUFFIX}")


def leave(
    rule: str, params: Mapping[str, Any], inputs: Iterable[str], outputs: Sequence[str]
) -> None:
    """Leave the stamp of a job that has ended well."""
    made = {
        "rule": rule,
        "asked": asked(params),
        "inputs": {path: digest(path) for path in inputs if path != str(AGAIN)},
        "outputs": {path: digest(path) for path in outputs},
    }
    with whole(stamp_of(outputs)) as part:
        part.write_text(json.dumps(made, indent=1), encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """A stamp; empty where there is none, or a damaged one."""
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        return made if {"rule", "asked", "inputs", "outputs"} <= made.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def sound(params: Mapping[str, Any], outputs: Sequence[str], cache: Cache) -> bool:
    """Whether results are what their stamp says, and what they would be asked for now."""
    made = read(stamp_of(outputs))
    if not made or set(made["outputs"]) != set(outputs) or _text(made["asked"]) != _text(params):
        return False
    files = (made["inputs"] | made["outputs"]).items()
    return all(cache.digest(path) == known for path, known in files)


def changes(params: Mapping[str, Any], outputs: Sequence[str], cache: Cache) -> list[str]:
    """What keeps results from being sound, a line each; none if they are."""
    missing = [path for path in outputs if not os.path.exists(path)]
    made = read(stamp_of(outputs))
    if len(missing) == len(outputs):
        return ["not made yet"]
    if not made:
        return ["nothing says what made it: its stamp is missing or damaged"]
    lines = [f"{path} is missing" for path in missing]
    lines += [
        f"{path}: not what was written"
        for path, known in made["outputs"].items()
        if path not in missing and cache.digest(path) != known
    ]
    lines += [
        f"{path}: changed since"
        for path, known in made["inputs"].items()
        if cache.digest(path) != known
    ]
    return lines + list(differences(made["asked"], asked(params)))


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Where two JSON values differ, a line each: `multiplier.confidence: 0.95 -> 0.9`.

    Rows of the run sheet are told by their run.
    """
    if json.dumps(old) == json.dumps(new):
        return
    old, new = _by_run(old), _by_run(new)
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new) and old.keys() == new.keys():
            yield f"{where or 'params'}: in another order"
        for key in old | new:
            below = f"{where}.{key}" if where else str(key)
            yield from differences(old.get(key), new.get(key), below)
    else:
        before, after = (short(value) for value in (old, new))
        yield f"{where}: {before} -> {after}" if before != after else f"{where}: changed"


def _by_run(value: Any) -> Any:
    rows = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    return {row["run"]: row for row in value} if rows and "run" in value[0] else value


def short(value: Any, most: int = 60) -> str:
    """A JSON value as text, cut where it is longer than `most`."""
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else text[: most - 1] + "…"


def again(params: Mapping[str, Any], outputs: Sequence[str], cache: Cache) -> list[str]:
    """The further inputs of a job: none if its stamp is sound, else AGAIN, its results set back."""
    if sound(params, outputs, cache):
        return []
    if not AGAIN.is_file():
        AGAIN.parent.mkdir(exist_ok=True)
        AGAIN.write_text("An input of every job that is to run again.\n", encoding="utf-8")
    os.utime(AGAIN, (YOUNGER, YOUNGER))
    for path in outputs:
        if os.path.exists(path):
            os.utime(path, (BACK, BACK))
    return [str(AGAIN)]


def settle(results: Path, cache: Cache) -> None:
    """Date results in the order in which they follow from each other, where they are not.

    After a copy, or with a clock that went back, the order of their time stamps means nothing.
    """
    stamps = [made for path in results.rglob(f".*{SUFFIX}") if (made := read(path))]
    maker = {path: made for made in stamps for path in made["outputs"] if os.path.exists(path)}

    at = {path: os.stat(path).st_mtime for path in maker}

    def ordered(made: dict[str, Any]) -> bool:
        before = [at[path] for path in made["inputs"] if path in at]
        after = [at[path] for path in made["outputs"] if path in at]
        return max(before, default=0) <= min(after, default=math.inf)

    if all(map(ordered, stamps)) and max(at.values(), default=0) <= time.time():
        return
    levels: dict[str, int] = {}

    def level(path: str) -> int:
        if path not in levels:
            levels[path] = 0  # a stamp that names its own result is damaged; it ends here
            inputs = [each for each in maker[path]["inputs"] if each in maker]
            levels[path] = 1 + max(map(level, inputs), default=0)
        return levels[path]

    start = time.time() - 1000
    for path in maker:
        known = cache.digest(path)
        os.utime(path, (start + level(path), start + level(path)))
        cache.known[path], cache.changed = [_mark(path), known], True


def unchanged(files: Mapping[str, str]) -> None:
    """Raise ValueError where raw files are not those that were planned for, by their digests."""
    for path, planned in files.items():
        if not os.path.exists(path):
            raise ValueError(f"{path}: the file has vanished since the start. Run again.")
        if digest(path) != planned:
            raise ValueError(
                f"{path}: the file has changed since the start, or grew while it was read; nothing "
                "of it was used. Run again; of a run that is still training, copy the log first."
            )
