"""How a stage of the pipeline ends when something is wrong."""

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isoloss import stamps


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a stage with its warnings in its log file; a stamp is left beside what it made.

    snakemake: the object that Snakemake gives to a script: log, params, input, output.
    A ValueError is a mistake in what the stage was given: its message alone goes to the screen, and
    the process ends with status 1. The traceback of any error goes to the log. Raw files that
    changed since they were planned for (param `files`, path -> digest) are such a mistake.
    """
    params = dict(snakemake.params.items())
    with Path(snakemake.log[0]).open("w", encoding="utf-8") as file, warnings.catch_warnings():
        warnings.showwarning = lambda message, kind, *_: print(
            f"{kind.__name__}: {message}", file=file
        )
        try:
            yield
            stamps.unchanged(params.get("files", {}))
            stamps.leave(snakemake.rule, params, list(snakemake.input), list(snakemake.output))
        except Exception as error:
            traceback.print_exc(file=file)
            if not isinstance(error, ValueError):
                raise
            print(f"\nisoloss: {error}\n", file=sys.stderr, flush=True)
            sys.exit(1)
