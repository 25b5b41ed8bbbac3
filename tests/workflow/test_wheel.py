"""The wheel alone, without Snakemake and this repository: logs, FLOPs, laws and multipliers."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USED = """
import json, sys
sys.modules["snakemake"] = None  # not installed
import isoloss
import numpy as np
from isoloss.flops import count_parameters
assert isoloss.__file__.startswith(sys.argv[1]), isoloss.__file__
log = isoloss.read(sys.argv[2], metrics={"loss": None}).table
assert len(log) > 10, log
config = json.load(open(sys.argv[3]))
assert count_parameters(config).total > 1e8
assert isoloss.flop_per_token(config, 4096, "matmul_causal") > 6e8
compute = [1.0, 2.0, 4.0, 8.0, 16.0]
from isoloss.fit.registry import LAWS
from isoloss.multiplier.equal_loss import Arm
def arm(scale):
    wobble = [1.0, 1.001, 0.999, 1.001, 1.0]
    loss = [scale * c**-0.05 * w for c, w in zip(compute, wobble)]
    law = isoloss.fit(compute, loss)
    given = tuple(map(np.array, (compute, loss))), tuple("abcde"), tuple(map(str, loss))
    (c, y), models, runs = given
    fitted = (law.coefficient, law.exponent)
    return Arm(LAWS["power"], "least_squares_log", fitted, c, y, models, runs, np.ones(5))
found = isoloss.multiplier(arm(2.0), arm(1.98), 1.8).iloc[0]
assert abs(found["multiplier"] - (2.0 / 1.98) ** 20) < 1e-3, found
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel, unpacked; built from a copy, so that nothing is left in the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "workflow/lib", folder / "workflow/lib", ignore=unwanted)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--no-index", "--wheel-dir", "dist", "."], cwd=folder, check=True)
    (built,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as file:
        file.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_reads_logs_counts_flops_and_fits_without_snakemake(wheel, tmp_path):
    log = ROOT / "tests/data/tiny/data/tiny/logs/base-10M.csv"
    config = next((ROOT / "tests/data/flops/configs").glob("*.json"))
    given = [str(wheel), str(log), str(config)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", USED, *given],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_wheel_has_every_file_that_the_library_reads(wheel):
    here, there = (
        {
            path.relative_to(library).as_posix()
            for path in library.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        for library in (ROOT / "workflow/lib/isoloss", wheel / "isoloss")
    )
    assert here == there
