"""What must hold between the files of the repository: pins, rules, documentation."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import MISSING, fields
from importlib.metadata import version
from inspect import signature
from itertools import chain, combinations
from pathlib import Path

import pytest
import yaml
from isoloss import logs
from isoloss.cleaning.settings import Cleaning, Quality
from isoloss.flops.settings import Compute
from isoloss.logs.settings import Reading
from isoloss.multiplier.settings import Gate
from isoloss.points.settings import Selection
from isoloss.study import study
from isoloss.study.validation import InputError, defaults, read_yaml, validate
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")  # for running; and for what checks
# and for what hands jobs to Slurm, and what writes a bundle
HASHED = (*LOCKS, "requirements-slurm.lock", "requirements-bundle.lock")
RULES = {
    name: body
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for name, body in re.findall(
        r"^rule (\w+):\n((?:(?:    .*)?\n)+)", path.read_text(encoding="utf-8"), re.M
    )
}


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def wanted(name):
    """The names in a file of requirements."""
    lines = [line.partition("#")[0].strip() for line in text_of(name).splitlines()]
    return {
        canonicalize_name(Requirement(line).name)
        for line in lines
        if line and not line.startswith("-")
    }


def locked(name="requirements.lock"):
    """Name -> version of what the lock installs into the Python that runs this."""
    pins = {}
    for line in re.findall(r"^[A-Za-z0-9][^\\\n]*", text_of(name), re.M):
        requirement = Requirement(line.strip())
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            name = canonicalize_name(requirement.name)
            assert name not in pins, f"{name} is locked twice for this Python"
            pins[name] = pin.version
    return pins


def conda():
    """Name -> specifier of the conda definition."""
    lines = read_yaml(ROOT / "environment.yml")["dependencies"]
    return {name: rest.strip() for name, _, rest in (line.partition(" ") for line in lines)}


# --- the environment


def test_environment_yml_and_the_lock_pin_the_same_versions():
    pins, environment = locked(), conda()
    environment.pop("python")
    assert environment
    assert {name: f"=={pins[canonicalize_name(name)]}" for name in environment} == environment


def test_everything_that_the_pipeline_runs_on_is_in_the_conda_definition():
    setting_up = {"setuptools", "uv"}
    assert setting_up < wanted("requirements.in")
    assert wanted("requirements.in") - setting_up == {
        canonicalize_name(name) for name in conda() if name != "python"
    }


def test_each_lock_has_what_is_wanted_and_what_runs_needs_nothing_that_checks():
    running, checking = (locked(name) for name in LOCKS)
    assert wanted("requirements.in") <= set(running)
    assert wanted("requirements-dev.in") <= set(checking)
    assert not wanted("requirements-dev.in") & set(running)


@pytest.mark.parametrize(("first", "second"), list(combinations(HASHED, 2)))
def test_the_locks_agree_on_what_both_have(first, second):
    one, other = locked(first), locked(second)
    both = set(one) & set(other)
    assert both
    assert {name: one[name] for name in both} == {name: other[name] for name in both}


def test_the_lock_for_slurm_adds_the_plugin_and_nothing_that_runs_here():
    added = set(locked("requirements-slurm.lock")) - set(locked())
    plugin = "snakemake-executor-plugin-slurm"
    assert wanted("requirements-slurm.in") == {plugin}
    assert added == {plugin, f"{plugin}-jobstep"}


def test_the_lock_for_bundles_adds_their_writer_and_what_it_needs():
    assert set(locked("requirements-bundle.lock")) - set(locked()) == {"rocrate", "arcp", "click"}


@pytest.mark.parametrize(
    ("marks", "wish", "locks"),
    [
        ([], [], {"requirements.lock"}),
        ([], ["PROFILE=slurm"], {"requirements.lock", "requirements-slurm.lock"}),
        (["slurm"], [], {"requirements.lock", "requirements-slurm.lock"}),
        (
            ["dev", "slurm"],
            [],
            {"requirements.lock", "requirements-dev.lock", "requirements-slurm.lock"},
        ),
    ],
)
def test_what_was_added_to_the_environment_stays(tmp_path, marks, wish, locks):
    for name in ("Makefile", "pyproject.toml", *HASHED):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "workflow").mkdir()
    shutil.copytree(ROOT / "workflow/profiles", tmp_path / "workflow/profiles")
    (tmp_path / ".venv").mkdir()
    for name in marks:
        (tmp_path / f".venv/ready-{name}").touch()
    made = subprocess.run(
        ["make", "-n", "setup", *wish], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    last = re.findall(r"uv pip sync .*", made.stdout)[-1]
    assert set(re.findall(r"requirements\S*\.lock", last)) == locks


# --- the profiles


def test_the_profile_for_slurm_differs_from_the_default_in_how_jobs_are_run_alone():
    default, slurm = (
        read_yaml(ROOT / f"workflow/profiles/{name}/config.yaml") for name in ("default", "slurm")
    )
    assert {key: slurm[key] for key in default} == default | {"cores": slurm["cores"]}


def test_every_key_of_the_profiles_is_an_option_of_snakemake_or_of_its_plugin():
    options = {
        option.removeprefix("--")
        for action in get_argument_parser()._actions
        for option in action.option_strings
    }
    slurm = set(read_yaml(ROOT / "workflow/profiles/slurm/config.yaml"))
    of_plugin = {key for key in slurm if key.startswith("slurm-")}
    assert slurm - of_plugin <= options
    assert not {"slurm-array-jobs", "slurm-requeue"} & of_plugin


def test_every_rule_has_its_group_on_a_cluster_or_is_local():
    groups = read_yaml(ROOT / "workflow/profiles/slurm/config.yaml")["groups"]
    local = {name for name, body in RULES.items() if "localrule: True" in body}
    assert set(groups) == set(RULES) - local
    for name, body in RULES.items():
        asks = "mem_mb=memory,\n        runtime=minutes," in body
        assert asks == (name in groups), name


def test_the_environment_is_that_of_the_locks():
    for lock in LOCKS:
        for name, pin in locked(lock).items():
            assert version(name) == pin, f"{name}: run `make test`, which sets up both locks"


def test_the_conda_definition_and_the_package_want_the_same_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = SpecifierSet(project["requires-python"])
    given = SpecifierSet(conda()["python"])
    for python in ("3.9", "3.10", "3.11", "3.12", "3.13"):
        assert (python in lowest) == (python in given)


def test_what_the_library_needs_is_among_what_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {canonicalize_name(name) for name in project["dependencies"]} <= set(locked())


def test_the_package_needs_just_what_the_library_imports():
    imported = set()
    for path in (ROOT / "workflow/lib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    others = imported - sys.stdlib_module_names - {"isoloss"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {"yaml": "pyyaml", "google_crc32c": "google-crc32c"}
    needed = {*project["dependencies"], *chain(*project["optional-dependencies"].values())}
    assert {names.get(name, name) for name in others} == needed


@pytest.mark.parametrize("name", HASHED)
def test_every_package_in_a_lock_is_pinned_and_hashed(name):
    blocks = re.split(r"^(?=[A-Za-z0-9])", text_of(name), flags=re.M)[1:]
    assert len(blocks) > 10
    for block in blocks:
        assert "==" in block.splitlines()[0], block.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


@pytest.mark.parametrize("name", HASHED)
def test_a_lock_names_no_host_and_no_index(name):
    assert "://" not in text_of(name)
    options = re.findall(r"^\s*(?:-\w\b|--(?!hash=)).*", text_of(name), re.M)
    assert options == []


def test_make_help_lists_every_target():
    makefile = text_of("Makefile")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True
    )
    shown = set(re.findall(r"^  (\w+) +\S", listed.stdout, re.M))
    assert {"all", "check", "report", "test"} < shown
    assert shown == phony


# --- what is kept in git


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_text_holds_a_path_of_a_machine_or_the_host_of_a_registry():
    homes = [f"/{name}/" for name in ("home", "root", "Users", "work")]
    dots = "."  # apart, so that this file does not find itself
    hosts = [
        dots.join(parts)
        for parts in (
            ("pypi", "org"),
            ("files", "pythonhosted", "org"),
            ("anaconda", "org"),
            ("npmjs", "org"),
            ("proxy", "golang", "org"),
            ("crates", "io"),
        )
    ]
    path_of_machine = re.compile(r"(?<![\w.:/-])(?:" + "|".join(homes) + r")\w")
    found = []
    files = tracked()
    assert len(files) > 100
    for path in files:
        if path.name == Path(__file__).name:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT).as_posix()
        found += [f"{name}: {match[0]}" for match in path_of_machine.finditer(text)]
        found += [f"{name}: {host}" for host in hosts if host in text]
    assert found == []


def test_what_can_be_made_again_is_not_tracked():
    names = {path.relative_to(ROOT).as_posix() for path in tracked()}
    assert not [
        name
        for name in names
        if (
            (name.split("/")[0] in {"results", "logs", ".snakemake", ".venv"})
            and name != "results/README.md"
        )
        or "__pycache__" in name
        or name.endswith((".part", ".pyc"))
    ]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "CITATION.cff",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        ".snakemake-workflow-catalog.yml",
        ".ci/run",
        "config/README.md",
        "results/README.md",
        "workflow/profiles/default/config.yaml",
        "workflow/profiles/slurm/config.yaml",
    ],
)
def test_what_a_project_must_have_is_there_and_says_something(name):
    assert len((ROOT / name).read_text(encoding="utf-8").strip()) > 20


@pytest.mark.parametrize("study_name", ["kimi-linear", "moba-8k", "moba-32k"])
def test_the_source_of_data_separates_published_read_off_and_inferred(study_name):
    text = (ROOT / f"data/{study_name}/SOURCE.md").read_text(encoding="utf-8")
    for part in ("Published", "Read off", "Inferred"):
        assert re.search(rf"^## {part}", text, re.M), part
    assert re.search(r"\b[0-9a-f]{64}\b", text)


def test_numbers_of_one_printed_table_have_the_same_decimals():
    """A zero at the end was printed too: `1.6` would be held against one digit, not three."""
    claims = read_yaml(ROOT / "data/moba-32k/published.yaml")["fits"]
    for quantity in ("coefficient", "exponent"):
        short = [c[quantity] for c in claims if len(c[quantity].partition(".")[2]) != 3]
        assert short == []


# --- the rules


def test_every_rule_has_log_conda_message_and_the_digest_of_its_code():
    assert {"clean", "flops", "points", "fit", "multiplier"} < set(RULES)
    assert {"figure", "table", "claims", "headline"} < set(RULES)
    for name, body in RULES.items():
        for part in ("log:", "conda:", "message:", "params:", "input:", "output:"):
            assert f"\n    {part}\n" in f"\n{body}", f"{name} has no {part}"
        if "script:" in body:
            expected = "code=figure_code" if name == "figure" else f'code=code("{name}")'
            assert expected in body, f"{name} does not have {expected}"


def test_a_stage_has_one_word():
    for name, body in RULES.items():
        scripts = re.findall(r'script:\n\s+"\.\./scripts/([^"]+)"', body)
        assert scripts in ([f"{name}.py"], ["figures/{params.script}.py"]), name
        assert f'"logs/{name}' in body, name
        assert re.search(rf'"results/{name}[/.]', body), name
        if len(scripts) == 1 and "{" not in scripts[0]:
            assert (ROOT / "workflow/scripts" / scripts[0]).is_file()


def test_rules_have_no_lambdas_no_run_and_no_numbers():
    for name, body in RULES.items():
        assert "lambda" not in body, name
        assert "run:" not in body.replace("\n    params:\n        runs", ""), name
        code = re.sub(r'"[^"]*"', '""', body)
        assert not re.search(r"\b\d", code), name


def test_scripts_are_short_and_modules_can_be_read_at_one_sitting():
    for path in (ROOT / "workflow/scripts").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 25, path.name
    for path in (ROOT / "workflow/lib").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path.name


def test_every_figure_and_table_that_the_rules_know_has_its_code():
    from isoloss.paper.table import TABLES

    common = (ROOT / "workflow/rules/common.smk").read_text()
    known = {
        name: set(re.findall(r'^    "(\w+)": \[', body, re.M))
        for name, body in re.findall(r"^(FIGURES|TABLES) = \{\n(.*?)^\}", common, re.M | re.S)
    }
    scripts = {path.stem for path in (ROOT / "workflow/scripts/figures").glob("*.py")}
    others = dict(re.findall(r'"(\w+)": "(\w+)"', re.search(r"^DRAWN_BY = (.*)$", common, re.M)[1]))
    assert known["FIGURES"] == scripts | set(others)
    assert set(others.values()) <= scripts
    assert not set(others) & scripts
    assert known["TABLES"] == set(TABLES)


def test_results_readme_says_what_every_folder_holds():
    text = text_of("results/README.md")
    for name in RULES:
        assert re.search(rf"^\| `{name}[/.]", text, re.M), name


# --- the documentation


KEYED = ("config", "study")  # schemas of what config/README.md explains key by key


def rules_of(schema, prefix=""):
    """Every key of a schema, dotted (`points.window`, `arms.*.label`), rule, whether needed."""
    for name, rule in schema.get("properties", {}).items():
        yield f"{prefix}{name}", rule, name in schema.get("required", [])
        yield from rules_of(rule, f"{prefix}{name}.")
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        yield from rules_of(more, f"{prefix}*.")
    if isinstance(schema.get("items"), dict):
        yield from rules_of(schema["items"], prefix)


def keys_of(schema):
    return [key for key, _, _ in rules_of(schema)]


def documented():
    """Every word in backticks of config/README.md."""
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)))


def stated_defaults():
    """The column `default` of the tables of keys in config/README.md, by key."""
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| key \| meaning \| default \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    rows = [row[2:-2].split(" | ") for table in tables for row in table.splitlines()]
    return {key: row[-1] for row in rows for key in re.findall(r"`([^`]+)`", row[0])}


def test_config_readme_and_schemas_agree_on_keys_and_defaults():
    schemas = [read_yaml(ROOT / f"workflow/schemas/{name}.schema.yaml") for name in KEYED]
    rules = {key: (rule, needed) for schema in schemas for key, rule, needed in rules_of(schema)}
    stated = stated_defaults()
    sections = {key for key, (rule, _) in rules.items() if "properties" in rule}
    assert rules.keys() - sections == stated.keys() - sections
    for key in rules.keys() - sections:
        rule, needed = rules[key]
        if "default" not in rule:
            assert stated[key].startswith("required") or not needed, key
            assert re.match("(required|none|the|where)\\b", stated[key]), key
            continue
        value = rule["default"]
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, list):
            items = (item if isinstance(item, str) else f"{item:g}" for item in value)
            shown = f"[{', '.join(items)}]"
        shown = "none" if value in ([], {}) else shown
        assert re.match(rf"`?{re.escape(shown)}(?![\w.]*\w)", stated[key]), (
            f"{key} is {value}, but config/README.md says {stated[key]}"
        )


def test_every_default_fits_its_own_schema():
    for name in KEYED:
        for key, rule, _ in rules_of(read_yaml(ROOT / f"workflow/schemas/{name}.schema.yaml")):
            if "default" in rule:
                validate(rule["default"], rule, key)


def test_defaults_stand_in_the_schema_alone():
    """Sections have no defaults of their own; `isoloss.read` has those of section `log`."""
    rules = defaults(read_yaml(ROOT / "workflow/schemas/study.schema.yaml"))
    for kind in (Cleaning, Quality, Selection, Reading, Compute, Gate):
        given = {field.name: field.default for field in fields(kind)}
        assert {value for value in given.values() if value is not MISSING} <= {None, ()}
    read = {name: it.default for name, it in signature(logs.read).parameters.items()}
    assert {name: read[name] for name in rules["log"]} == rules["log"]
    assert read_yaml(ROOT / "config/config.yaml").keys() == {"studies"}


@pytest.mark.parametrize("name", ["runs", "published"])
def test_config_readme_names_every_column_of_the_sheet_and_key_of_published_numbers(name):
    words = documented()
    for key in keys_of(read_yaml(ROOT / f"workflow/schemas/{name}.schema.yaml")):
        assert {key, key.rpartition(".")[2]} & words, key


def test_config_readme_names_every_key_of_the_looks():
    words = documented()
    for key, value in read_yaml(ROOT / "config/plotting.yaml").items():
        names = [f"{key}.{part}" for part in value] if isinstance(value, dict) else [key]
        for name in names:
            assert name in words, name


def test_config_readme_names_every_figure_table_and_convention():
    from isoloss.flops import CONVENTIONS
    from isoloss.paper.table import TABLES

    words = documented()
    figures = {path.stem for path in (ROOT / "workflow/scripts/figures").glob("*.py")}
    assert set(CONVENTIONS) | figures | {"panels"} | set(TABLES) <= words


def test_every_key_of_a_schema_says_what_it_is():
    def nameless(schema, prefix=""):
        for name, rule in schema.get("properties", {}).items():
            if "$ref" not in rule and not rule.get("description"):
                yield f"{prefix}{name}"
            yield from nameless(rule, f"{prefix}{name}.")
        for inner in (schema.get("additionalProperties"), schema.get("items")):
            if isinstance(inner, dict):
                yield from nameless(inner, prefix)

    for path in sorted((ROOT / "workflow/schemas").glob("*.yaml")):
        assert list(nameless(read_yaml(path))) == [], path.name


def test_the_newcomers_walk_in_the_readme_is_the_tiny_study():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tiny = ROOT / "tests/data/tiny"
    written = (tiny / "config/studies/tiny.yaml").read_text(encoding="utf-8")
    sheet = (tiny / "data/tiny/runs.csv").read_text(encoding="utf-8").splitlines()
    assert f"```yaml\n{written.strip()}\n```" in text
    assert "\n".join(sheet[:2]) in text
    assert len(written.strip().splitlines()) <= 11  # the title and ten lines


def test_the_other_walk_in_the_readme_is_the_study_of_logged_compute():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    logged = (ROOT / "tests/data/logged/config/studies/logged.yaml").read_text(encoding="utf-8")
    lines = [line for line in logged.splitlines() if line.startswith(("log:", "compute:"))]
    assert len(lines) == 2
    assert "\n".join(lines) in text


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config/studies/tiny.yaml", "at_loss", "at_los"),
        ("data/tiny/runs.csv", "logs/base-20M.csv", "logs/base-20.csv"),
    ],
)
def test_the_messages_in_the_readme_are_those_that_come(tmp_path, monkeypatch, name, old, new):
    shutil.copytree(ROOT / "tests/data/tiny", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text().replace(old, new, 1))
    config = read_yaml(ROOT / "config/config.yaml") | {"studies": ["tiny"]}
    with pytest.raises(InputError) as error:
        study.load(
            config,
            Path("config/studies"),
            ROOT / "workflow/schemas",
            ["curves", "scaling", "multiplier"],
            ["fits", "multipliers", "runs"],
        )
    assert f"\n{error.value}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_between_the_documents_lead_somewhere():
    documents = [path for path in tracked() if path.suffix == ".md"]
    assert documents
    for path in documents:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_workflow_catalog_and_the_citation_are_yaml():
    for name in (".snakemake-workflow-catalog.yml", "CITATION.cff"):
        assert isinstance(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), dict)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "title", "message", "authors"} <= set(citation)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if "version" in citation:
        assert str(citation["version"]) == project["version"]
