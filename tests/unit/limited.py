"""Runs Python with little memory and time, so that what blows up fails instead of hanging."""

import os
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow/lib"
# What an answer may take above the interpreter and its libraries: processor time, so that a busy
# machine makes no difference, and addresses, of which memory is a part.
SECONDS, MEMORY = 2, 512 << 20
_START = f"""\
import resource, signal, sys
from pathlib import Path
import isoloss.logs.reading, isoloss.paper.figures.formulas, isoloss.study.study, jsonschema
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {MEMORY},) * 2)
signal.setitimer(signal.ITIMER_PROF, {SECONDS})
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
