"""Files are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all went well and is removed when not."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())  # a power cut leaves the old file or the new one
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
