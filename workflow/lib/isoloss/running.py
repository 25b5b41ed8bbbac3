"""One run at a time in a folder: `python running.py snakemake ...`, which becomes that command.

A lock of the operating system on RUNNING is held until the command ends, whatever ends it. So
Snakemake's own lock, files in LOCKS, is known to be left over where nobody holds that of RUNNING.
"""

import fcntl
import os
import sys
from pathlib import Path

RUNNING, LOCKS = Path(".isoloss/running"), Path(".snakemake/locks")


def refusal(unlocking: bool) -> str:
    """Why a run cannot begin in this folder; empty where it can, and RUNNING is locked then."""
    RUNNING.parent.mkdir(exist_ok=True)
    file = os.open(RUNNING, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return (
            f"make is at work in this folder already (process {os.read(file, 20).decode()}); wait "
            "until it has ended, or end it"
        )
    if not unlocking and LOCKS.is_dir() and any(LOCKS.iterdir()):
        return (
            "a run that was killed has left this folder locked; type `make unlock`, and then make "
            "again (unless a snakemake that you started by hand is still at work here)"
        )
    os.truncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    os.set_inheritable(file, True)
    return ""


def main(command: list[str]) -> None:
    """Become the command, or end with a line that says why not."""
    if why := refusal("--unlock" in command):
        sys.exit(f"isoloss: {why}")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
