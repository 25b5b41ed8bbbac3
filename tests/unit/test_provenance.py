"""Every test builds a small library of its own and compares digests of a script over it."""

import os
import shutil

import pytest
from isoloss import provenance

LIBRARY = {
    "script.py": "from isoloss.fitting import fit\n\nprint(fit(2))\n",
    "isoloss/__init__.py": "",
    "isoloss/fitting.py": (
        '"""Fits."""\n\nimport numpy as np\nfrom isoloss.laws import power\n\n\n'
        'def fit(x):\n    """Fit."""\n    return np.log(power(x))  # natural\n'
    ),
    "isoloss/laws.py": "def power(x):\n    return x**2\n",
    "isoloss/multiplier.py": "def multiplier():\n    return 1\n",
}


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """A function from changes of files (None: gone) to the digest of the script."""
    count = iter(range(100))

    def of(changes=None, versions=None, script="script.py"):
        home = tmp_path / str(next(count))
        for name, text in (LIBRARY | (changes or {})).items():
            if text is not None:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(text)
        monkeypatch.setattr(provenance, "LIBRARY", home)
        provenance._module.cache_clear()
        if versions is not None:
            monkeypatch.setattr(provenance, "_version", versions.get)
        return provenance.code(home / script)

    yield of
    provenance._module.cache_clear()


def edited(name, old, new):
    assert old in LIBRARY[name]
    return {name: LIBRARY[name].replace(old, new)}


@pytest.mark.parametrize(
    "change",
    [
        edited("isoloss/laws.py", "return", "# squares\n    return"),
        edited("isoloss/fitting.py", "# natural", "# to the base e"),
        edited("isoloss/fitting.py", '"""Fits."""', '"""Fits of laws, at length."""'),
        edited("isoloss/fitting.py", '    """Fit."""\n', '    """Fit\n\n    a law."""\n'),
        edited("isoloss/fitting.py", '    """Fit."""\n', ""),
        edited("isoloss/laws.py", "def power", '"""New."""\n\n\n\ndef power'),
        edited("isoloss/laws.py", "x**2", "(x ** 2)"),
        edited("script.py", "print", "# Print it.\nprint"),
    ],
    ids=[
        "comment",
        "comment behind code",
        "module docstring",
        "longer docstring",
        "no docstring",
        "new docstring and blank lines",
        "layout",
        "comment in the script",
    ],
)
def test_what_does_not_run_does_not_count(digest, change):
    assert digest(change) == digest()


@pytest.mark.parametrize(
    "change",
    [
        edited("script.py", "fit(2)", "fit(3)"),
        edited("isoloss/fitting.py", "np.log", "np.log2"),
        edited("isoloss/laws.py", "x**2", "x**3"),
        {"isoloss/__init__.py": "import warnings\n"},
    ],
    ids=["script", "imported", "imported by what is imported", "package"],
)
def test_changed_code_counts_directly_or_indirectly(digest, change):
    assert digest(change) != digest()


def test_a_module_that_is_not_imported_does_not_count(digest):
    plain = digest()
    assert digest(edited("isoloss/multiplier.py", "1", "2")) == plain
    assert digest({"isoloss/multiplier.py": None, "isoloss/new.py": "x = 1\n"}) == plain


def test_a_text_that_is_no_docstring_counts(digest):
    message = 'def power(x):\n    print("a")\n    return x**2\n'
    changed = message.replace('"a"', '"b"')
    assert digest({"isoloss/laws.py": message}) != digest({"isoloss/laws.py": changed})


@pytest.mark.parametrize(
    "line",
    [
        "import isoloss.laws",
        "import isoloss.laws as l",
        "from isoloss import laws",
        "from isoloss.laws import power",
        "def f():\n    from isoloss import laws\n",
    ],
)
def test_every_way_of_importing_is_seen(digest, line):
    script = {"script.py": line + "\n"}
    plain = digest(script)
    assert digest(script | edited("isoloss/laws.py", "x**2", "x**3")) != plain
    assert digest(script | edited("isoloss/multiplier.py", "1", "2")) == plain


def test_the_code_of_a_package_counts_for_its_modules(digest):
    package = {
        "isoloss/logs/__init__.py": "from isoloss.logs.csv import read\n",
        "isoloss/logs/csv.py": "read = 1\n",
        "isoloss/logs/other.py": "x = 1\n",
        "script.py": "from isoloss.logs.other import x\n",
    }
    changed = package | {"isoloss/logs/csv.py": "read = 2\n"}
    assert digest(changed) != digest(package)


def test_the_data_beside_a_module_that_it_names_counts(digest):
    named = edited("isoloss/laws.py", "x**2", 'x ** len("laws.yaml")')
    files = {"isoloss/laws.yaml": "a: 1\n", "isoloss/other.yaml": "a: 1\n"}
    plain = digest(named | files)
    assert digest(named | files | {"isoloss/laws.yaml": "a: 2\n"}) != plain
    assert digest(named | files | {"isoloss/laws.yaml": "# first\na:   1\n"}) == plain
    assert digest(named | files | {"isoloss/other.yaml": "a: 2\n"}) == plain
    assert digest(files | {"isoloss/laws.yaml": "a: 2\n"}) == digest(files)
    named = edited("isoloss/laws.py", "x**2", 'x ** len("page.js")')
    assert digest(named | {"isoloss/page.js": "1"}) != digest(named | {"isoloss/page.js": "2"})


def test_the_formats_of_logs_count_as_code_of_cleaning_alone(root, monkeypatch):
    seen = []
    monkeypatch.setattr(provenance, "_parse", provenance._parse.__wrapped__)
    data = provenance._data
    monkeypatch.setattr(
        provenance, "_data", lambda tree, folder: seen.extend(data(tree, folder)) or []
    )
    users = set()
    for script in (root / "workflow/scripts").rglob("*.py"):
        provenance.code(script)
        users |= {script.name} if any(text.startswith("console.yaml") for text in seen) else set()
        seen.clear()
    assert users == {"clean.py"}


def test_modules_that_import_each_other_end(digest):
    circle = {
        "isoloss/laws.py": "import isoloss.fitting\n",
        "isoloss/fitting.py": "import isoloss.laws\n",
    }
    assert digest(circle) == digest(circle)


def test_touching_a_file_does_not_count(digest, tmp_path):
    before = digest()
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (1, 1))
    provenance._parse.cache_clear()
    assert provenance.code(tmp_path / "0/script.py") == before


def test_what_changed_is_named(digest):
    before, after = digest(), digest(edited("isoloss/laws.py", "x**2", "x**3"))
    assert set(before) == {
        "script",
        "isoloss",
        "isoloss.fitting",
        "isoloss.laws",
        "numpy",
    }
    assert [name for name in after if after[name] != before[name]] == ["isoloss.laws"]


def test_the_version_of_an_imported_package_counts_and_no_other(digest):
    versions = {"numpy": "2.4.6", "scipy": "1.17.1"}
    before = digest(versions=versions)
    assert digest(versions=versions | {"numpy": "2.4.7"}) != before
    assert digest(versions=versions | {"scipy": "1.18.0"}) == before


def test_versions_are_those_installed():
    from importlib.metadata import version

    assert provenance._version("numpy") == version("numpy")
    assert provenance._version("yaml") == version("pyyaml")
    assert provenance._version("json") is None


def test_the_real_rules_have_the_modules_that_the_rerun_rules_speak_of(root):
    """fitting is behind fit and its checks, multiplier behind itself, drawing behind figures."""
    scripts = root / "workflow/scripts"
    seen = {
        path.relative_to(scripts).as_posix(): {
            f"{name.removeprefix('isoloss.').replace('.', '/')}.py"
            for name in provenance.code(path)
            if name.startswith("isoloss.")
        }
        for path in scripts.rglob("*.py")
    }
    users = {
        module: {s for s in seen if module in seen[s]} for module in set().union(*seen.values())
    }
    assert users["fit/fitting.py"] == {"fit.py", "diagnose.py", "choices.py"}
    arms = {"multiplier.py", "choices.py", "gain.py", "claims.py"}
    assert users["multiplier/equal_loss.py"] == arms
    assert users["cleaning/clean.py"] == {"clean.py"}
    assert users["claims/claims.py"] == {"claims.py"}
    assert users["logs/reading.py"] == {"clean.py"}
    assert users["flops/flops.py"] == {"flops.py"}
    assert users["flops/breakdown.py"] == users["flops/consistency.py"] == {"breakdown.py"}
    assert users["flops/overtaking.py"] == {"breakdown.py", "figures/overtake.py"}
    for name in ("flops", "points", "fit", "multiplier", "claims", "table"):  # no log reader
        logs = {path for path in seen[f"{name}.py"] if path.startswith("logs/")}
        assert logs <= {"logs/errors.py"}, name
    figures = {name for name in seen if name.startswith("figures/")}
    assert users["paper/figures/canvas.py"] == figures
    assert users["job.py"] == set(seen)


def test_editing_a_log_reader_leaves_the_multiplier_alone(root, tmp_path, monkeypatch):
    """Public names resolve from strings: no package imports the readers for those who do not."""
    shutil.copytree(root / "workflow/lib/isoloss", tmp_path / "isoloss")
    monkeypatch.setattr(provenance, "LIBRARY", tmp_path)

    def digest(script):
        provenance._module.cache_clear()
        provenance._parse.cache_clear()
        return provenance.code(root / f"workflow/scripts/{script}.py")

    before = {script: digest(script) for script in ("clean", "multiplier")}
    for name in ("formats/delimited", "reading"):
        with (tmp_path / f"isoloss/logs/{name}.py").open("a") as file:
            file.write("\n_CHANGED = 1\n")
    assert digest("multiplier") == before["multiplier"]
    assert digest("clean") != before["clean"]
    provenance._module.cache_clear()
