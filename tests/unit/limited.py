"""Runs Python with little memory and time, so that what blows up fails instead of hanging."""

import os
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow/lib"
# 512 MB above what the interpreter and its libraries take; seconds of processor time.
_START = """\
import resource, sys
from pathlib import Path
import isoloss.logs.reading, isoloss.study.study
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 512 * 2**20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
"""
# Threads of libraries set aside addresses that they never use.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


def error_of(code, *arguments, folder=None):
    """The one-line ValueError that `code` raises with `arguments` in `sys.argv`."""
    wrapped = "\n".join(f"    {line}" for line in code.splitlines())
    ended = subprocess.run(
        [sys.executable, "-c", f"{_START}try:\n{wrapped}\nexcept ValueError as e:\n    print(e)"]
        + [str(argument) for argument in arguments],
        env=os.environ | _ENVIRONMENT | {"PYTHONPATH": str(LIBRARY)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,  # what sleeps for ever uses no processor
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("\n") == 1, ended.stdout[:2000]
    return ended.stdout.strip()
