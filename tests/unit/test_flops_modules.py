"""Counts against transformers' modules as installed here, on the meta device; else skipped."""

import importlib.util
from pathlib import Path

import pytest
from isoloss.flops import count_parameters
from isoloss.flops.families.defaults import DEFAULTS

pytest.importorskip("torch")
pytest.importorskip("transformers")
FLOPS = Path(__file__).parents[1] / "data" / "flops"


def script(name):
    spec = importlib.util.spec_from_file_location(name, FLOPS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", DEFAULTS)
def test_parameters_are_those_of_the_modules(name):
    make = script("make_families")
    written = make.settings(name)
    counted = count_parameters({"model_type": name} | written).total
    assert counted == make.parameters(*make.build(name, written, "meta"))


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_the_config_class(name):
    assert script("make_defaults").defaults(name) == DEFAULTS[name]
