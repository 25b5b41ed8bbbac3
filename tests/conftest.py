"""What unit and workflow tests share: where the project is, and how tests are shared out."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Files whose tests share an expensive fixture, which is to be built once.
TOGETHER = {
    "test_papers.py": "papers",
    "test_tiny.py": "tiny",
    "test_reruns.py": "tiny",
    "test_figures.py": "figures",
    "test_faults.py": "faults",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Of `pytest -n`: tests of TOGETHER go to one process, every other test to the next free one.

    The marks of `--dist loadgroup` are not heeded by xdist 3.8 under pytest 9.2.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return TOGETHER.get(nodeid.partition("::")[0].rpartition("/")[2], nodeid)

    return Together(config, log)


@pytest.fixture(scope="session")
def root():
    """The folder of the Snakefile."""
    return ROOT


@pytest.fixture(scope="session")
def stage_schema():
    """A function from the name of a stage table to its schema."""
    from isoloss.study.validation import table_schema

    return lambda name: table_schema(ROOT / f"workflow/schemas/tables/{name}.schema.yaml")
