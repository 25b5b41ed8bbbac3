"""The public names of `import isoloss`: what they are, and that naming them costs nothing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import isoloss
import numpy as np
import pytest

PUBLIC = {
    "read": "isoloss.logs.reading",
    "count_parameters": "isoloss.flops.parameters",
    "flop_per_token": "isoloss.flops.per_token",
}


@pytest.mark.parametrize(("name", "module"), PUBLIC.items())
def test_a_public_name_is_the_function_of_its_room(name, module):
    assert getattr(isoloss, name) is getattr(__import__(module, fromlist=[name]), name)
    assert name in dir(isoloss)


def test_the_names_of_rooms_stay_where_they_were():
    from isoloss.flops import count_parameters
    from isoloss.flops.parameters import count_parameters as counted
    from isoloss.logs import LogError, detect, read, reading

    assert (read, detect, count_parameters) == (reading.read, reading.detect, counted)
    assert issubclass(LogError, ValueError)


def test_fit_and_multiplier_are_called_like_functions_and_hold_their_rooms():
    compute = np.geomspace(1, 16, 5)
    before = isoloss.fit(compute, 2.3 * compute**-0.05)
    import_module("isoloss.fit.laws.power")
    import_module("isoloss.multiplier.verdict")
    after = isoloss.fit(compute, 2.3 * compute**-0.05)
    assert str(before) == str(after)
    assert after.exponent == pytest.approx(0.05)
    assert isoloss.fit.laws.power.LAW.name == "power"
    with pytest.raises(TypeError, match="required positional argument"):
        isoloss.multiplier()


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        isoloss.fitt  # noqa: B018


def test_importing_the_package_and_asking_its_version_imports_nothing_heavy():
    code = "import sys, isoloss; isoloss.__version__; print(*sys.modules)"
    library = str(Path(isoloss.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": library},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pandas", "scipy", "matplotlib", "isoloss.fit", "isoloss.logs"}
