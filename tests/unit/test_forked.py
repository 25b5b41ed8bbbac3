"""Jobs as forks: to the outside what Python would have been, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from isoloss import forked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forks on Linux alone")

# Starts a server, and runs a script by it, or waits.
STARTER = """
import subprocess, sys
from isoloss import forked
prefix = forked.start(["isoloss.units"]).format()
run = subprocess.run(["bash", "-c", prefix + ' '.join(sys.argv[1:])])
sys.exit(run.returncode if run.returncode >= 0 else 128 - run.returncode)
"""


def started(script, **more):
    """A process that has a server run a script."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def write(folder, text):
    path = folder / "job.py"
    path.write_text(text, encoding="utf-8")
    return path


def gone(process):
    """Whether a process has ended, within a while."""
    for _ in range(500):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def waiting(tmp_path):
    """A starter whose script waits; the processes of the fork, its server and the request."""
    script = write(tmp_path, "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    job = started(script)
    fork = int(job.stdout.readline())
    server = int(Path(f"/proc/{fork}/stat").read_text().rpartition(")")[2].split()[1])
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    (request,) = {int(child) for child in children} - {server}
    yield job, fork, server, request
    job.kill()
    job.communicate()


def test_a_script_finds_what_it_would_find_if_python_had_started_it(tmp_path):
    script = write(
        tmp_path,
        "import os, signal, sys\n"
        "print('isoloss.units' in sys.modules, __name__, sys.argv, os.getcwd(), sys.path[0])\n"
        "print(os.environ['WORD'], signal.getsignal(signal.SIGINT), os.listdir('/proc/self/fd'))\n"
        "print('to the other', file=sys.stderr)\n"
        "import beside\n",
    )
    (tmp_path / "beside.py").write_text("import atexit\natexit.register(print, 'the end')\n")
    home = tmp_path / "a b"
    home.mkdir()
    surroundings = {"cwd": home, "env": os.environ | {"WORD": "ü $x {y}"}}
    alone = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, **surroundings
    )
    job = started(script, **surroundings)
    out, err = job.communicate()
    assert alone.stdout.startswith("False __main__")
    assert alone.stdout.endswith("the end\n")
    assert (job.returncode, err) == (0, "to the other\n")
    assert out == alone.stdout.replace("False", "True", 1)


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a word')", 1, "a word"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os.kill(os.getpid(), 15)", 128 + 15, ""),
    ],
)
def test_a_request_ends_as_its_script_has(tmp_path, script, status, said):
    job = started(write(tmp_path, script))
    _, err = job.communicate()
    assert job.returncode == status
    assert said in err


def test_a_request_that_is_killed_takes_its_script_with_it(waiting):
    job, fork, _, request = waiting
    os.kill(request, signal.SIGKILL)
    assert gone(fork)
    job.communicate()
    assert job.returncode == 128 + signal.SIGKILL


def test_whoever_started_the_server_takes_all_with_it(waiting):
    job, fork, server, request = waiting
    job.kill()
    assert gone(server)
    assert gone(fork)
    assert gone(request)


def test_a_server_that_is_killed_fails_the_job_and_ends_the_script(waiting):
    job, fork, server, _ = waiting
    os.kill(server, signal.SIGKILL)
    _, err = job.communicate()
    assert job.returncode == forked.LOST
    assert "the process that runs the jobs was killed" in err
    assert gone(fork)


def test_without_a_server_a_command_is_run_as_it_is(tmp_path):
    script = write(tmp_path, "print('alone')")
    for command in ([sys.executable, script], ["echo", "alone"]):
        done = subprocess.run(
            [sys.executable, "-IS", forked.__file__, *command], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, "alone\n")


def test_nothing_is_left_behind(tmp_path):
    job = started(write(tmp_path, f"import os\nprint(os.environ[{forked.SOCKET!r}])"))
    out, _ = job.communicate()
    assert out.startswith("/tmp/")
    assert not Path(out.strip()).parent.exists()
