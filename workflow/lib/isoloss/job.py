"""How a stage of the pipeline ends when something is wrong."""

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def job(log: str) -> Iterator[None]:
    """Run a stage with its warnings in a log file.

    A ValueError is a mistake in what the stage was given: its message alone goes to the screen, and
    the process ends with status 1. The traceback of any error goes to the log.
    """
    with Path(log).open("w", encoding="utf-8") as file, warnings.catch_warnings():
        warnings.showwarning = lambda message, kind, *_: print(
            f"{kind.__name__}: {message}", file=file
        )
        try:
            yield
        except Exception as error:
            traceback.print_exc(file=file)
            if not isinstance(error, ValueError):
                raise
            print(f"\nisoloss: {error}\n", file=sys.stderr, flush=True)
            sys.exit(1)
