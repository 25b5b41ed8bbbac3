"""What unit and workflow tests share: where the project is, and how tests are shared out."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def pytest_configure(config):
    # Tests that share an expensive fixture carry an `xdist_group`, which only this mode heeds.
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"


@pytest.fixture(scope="session")
def root():
    """The folder of the Snakefile."""
    return ROOT


@pytest.fixture(scope="session")
def stage_schema():
    """A function from the name of a stage table to its schema."""
    from isoloss.validation import table_schema

    return lambda name: table_schema(ROOT / f"workflow/schemas/tables/{name}.schema.yaml")
