"""Jobs as forks of one process that has imported what they all import: 0.1 s a start for 1 s.

`start` starts that process, the server, and gives the words to put before a job's command, which
make it a request to the server: `python forked.py python script.py`, with the same files, folder
and environment. The server forks, and the fork runs the script as Python would; the request ends
with its status. Where a request is killed, so is its fork; when whoever started the server ends, in
whatever way, so do the server and its forks. Where no server answers, the command is run as it is.
"""

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import import_module

SOCKET = "ISOLOSS_FORKED"  # of the environment: where the server listens
PACKAGES = (
    *("numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.optimize", "scipy.stats"),
    *("matplotlib.figure", "matplotlib.colors", "matplotlib.ticker", "matplotlib.font_manager"),
    *(f"matplotlib.backends.backend_{name}" for name in ("agg", "pdf", "svg")),
    *("yaml", "snakemake.iocontainers", "snakemake.logging"),
)
# One thread a job, as the rules have it, and none beside that which forks.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PR_SET_PDEATHSIG = 1  # of Linux: which signal a process gets when its parent ends
LOST = 1  # the status of a job whose server was killed


def start(modules: Iterable[str]) -> str:
    """Start the server, which imports PACKAGES and `modules`; the `shell.prefix` of Snakemake that
    makes the commands of jobs requests to it.

    On Linux alone: elsewhere libraries that have been imported may not survive a fork.
    """
    always = "set -euo pipefail; "
    if sys.platform != "linux":
        return always
    try:  # where nobody else may enter, and a name is short enough for a socket
        folder = tempfile.mkdtemp(prefix="isoloss-", dir="/tmp")
    except OSError:
        return always
    os.environ[SOCKET] = os.path.join(folder, "socket")
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, "--serve", *modules],
        env=os.environ | dict.fromkeys(THREADS, "1"),
        stdin=subprocess.PIPE,  # closed when this process ends
        stdout=subprocess.PIPE,
    )
    assert server.stdout

    def stop() -> None:
        server.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    server.stdout.read(1)  # it listens, or has ended
    words = f"{always}exec {shlex.quote(sys.executable)} -IS {shlex.quote(__file__)} "
    return words.replace("{", "{{").replace("}", "}}")  # as it is a format


def request(command: list[str]) -> int:
    """Have a command run; its status."""
    server = socket.socket(socket.AF_UNIX)
    try:
        if len(command) != 2 or not os.path.samefile(command[0], sys.executable):
            raise LookupError  # not a script for this Python
        server.connect(os.environ[SOCKET])
    except (OSError, LookupError):
        os.execvp(command[0], command)
    try:
        socket.send_fds(server, [b"f"], [0, 1, 2])
        asked = json.dumps([command[1], os.getcwd(), dict(os.environ)])
        server.sendall(asked.encode() + b"\n")
        status = int(server.recv(16))
    except (OSError, ValueError):
        print("isoloss: the process that runs the jobs was killed", file=sys.stderr)
        return LOST
    if status < 0:  # ended by a signal, as this process is to end
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def serve(modules: Iterable[str]) -> str:
    """Fork for every request; in a fork, the script to run. Without its starter, end with all."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.environ[SOCKET])
    listening.listen(128)
    os.write(1, b"1")
    os.dup2(2, 1)
    for name in (*PACKAGES, *modules):
        import_module(name)
    gc.collect()
    gc.freeze()  # what was imported stays as it is, so that forks share its memory
    prctl = import_module("ctypes").CDLL(None).prctl
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the forks get it as well
    jobs: dict[int, tuple[int, socket.socket]] = {}  # process and request, by the request's file
    look = select.poll()
    for fd in (0, listening.fileno(), woken.fileno()):
        look.register(fd, select.POLLIN)
    while True:
        ready = {fd for fd, _ in look.poll()}
        for fd in ready & jobs.keys() if 0 not in ready else jobs:
            os.kill(jobs[fd][0], signal.SIGKILL)
        if 0 in ready:
            sys.exit()
        if woken.fileno() in ready:
            woken.recv(4096)
        for fd, (process, asking) in list(jobs.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                look.unregister(fd)
                with contextlib.suppress(BrokenPipeError), jobs.pop(fd)[1]:
                    asking.send(str(os.waitstatus_to_exitcode(status)).encode())
        if listening.fileno() in ready:
            asking, _ = listening.accept()
            process = os.fork()
            if process == 0:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for each in (listening, woken, wake, *(other for _, other in jobs.values())):
                    each.close()
                return _received(asking)
            jobs[asking.fileno()] = process, asking
            look.register(asking.fileno(), 0)  # tells when the other end is closed


def _received(asking: socket.socket) -> str:
    """Take over the files, folder and environment of a request; its script."""
    _, files, _, _ = socket.recv_fds(asking, 1, 3)
    with asking, asking.makefile("rb") as text:
        script, folder, environment = json.loads(text.readline())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return str(script)


if __name__ == "__main__":
    _, first, *others = sys.argv
    if first != "--serve":
        sys.exit(request([first, *others]))
    script = serve(others)
    sys.argv, sys.path[:0] = [script], [os.path.dirname(script)]
    runpy.run_path(script, run_name="__main__")
