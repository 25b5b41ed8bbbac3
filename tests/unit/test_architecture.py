"""The import arrows of the library: a room a stage, and no way back."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "workflow/lib"
FLOW = ("logs", "cleaning", "flops", "points", "fit", "multiplier", "claims", "paper")
# May import every stage; no stage imports them; each those before it.
ABOVE = ("study", "status", "artifact", "cli")
SHARED = ("tables", "files", "job", "provenance", "stamps", "units")  # what stages need
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}


def imports(path):
    """(module, name) of every import of a file; the name is None in `import module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def own(path):
    """The modules of the project that a file imports."""
    return {
        f"{module}.{name}" if f"{module}.{name}" in MODULES else module
        for module, name in imports(path)
        if module.split(".")[0] == "isoloss"
    }


ARROWS = {name: own(path) for name, path in MODULES.items()}


def room(module):
    """The package or the root module that a module is in."""
    return [*module.split("."), ""][1]


def circle(arrows):
    """A circle among the arrows, as the way round it; [] without one."""
    done = set()

    def walk(name, way):
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for target in sorted(arrows.get(name, ())):
            if found := walk(target, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def against_the_flow(arrows):
    """The arrows that lead from one room to another to which none may lead."""
    rank = {name: i for i, name in enumerate(FLOW)}
    wrong = []
    for source, targets in arrows.items():
        for target in targets:
            here, there = room(source), room(target)
            if here == there or there == "" or there in SHARED:
                continue
            if here in rank and there in rank and rank[there] < rank[here]:
                continue
            if here in ABOVE and (there in rank or there in ABOVE[: ABOVE.index(here)]):
                continue
            wrong.append(f"{source} -> {target}")
    return wrong


def test_the_checks_see_a_circle_and_an_arrow_against_the_flow():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []
    wrong = {"isoloss.fit.fit": {"isoloss.claims.claims", "isoloss.points.points"}}
    assert against_the_flow(wrong) == ["isoloss.fit.fit -> isoloss.claims.claims"]
    for source, target in (("fit.fit", "study.study"), ("tables", "logs.read"), ("study", "cli")):
        assert against_the_flow({f"isoloss.{source}": {f"isoloss.{target}"}})


def test_there_is_no_circle():
    assert circle(ARROWS) == []


def test_no_arrow_leads_against_the_flow():
    assert len(ARROWS) > 100
    assert against_the_flow(ARROWS) == []


def test_at_the_root_is_only_what_all_stages_need():
    packages = {path.parent.name for path in LIBRARY.glob("isoloss/*/__init__.py")}
    modules = {path.stem for path in LIBRARY.glob("isoloss/*.py")}
    assert packages == {*FLOW, "study", "artifact"}
    assert modules == {"__init__", "cli", "forked", "running", "status", *SHARED}


def test_packages_import_nothing_of_the_project_but_itself():
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            assert ARROWS[name] <= {"isoloss"}, name


def test_matplotlib_is_for_figures_and_snakemake_for_none():
    for name, path in MODULES.items():
        roots = {module.split(".")[0] for module, _ in imports(path)}
        assert "snakemake" not in roots, name
        assert "matplotlib" not in roots or name.startswith("isoloss.paper.figures."), name


def lazy():
    """The packages whose public names resolve on first use, and those names."""
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            yield name, set(getattr(import_module(name), "_PUBLIC", ()))


def test_no_module_takes_a_public_name_from_where_digests_do_not_see_it():
    """`from isoloss.logs import read` would be the code of no module that a digest follows."""
    names = dict(lazy())
    assert "read" in names["isoloss"] & names["isoloss.logs"]
    root = Path(__file__).parents[2]
    for path in [*MODULES.values(), *(root / "workflow/scripts").rglob("*.py")]:
        for module, name in imports(path):
            hidden = name in names.get(module, ()) and f"{module}.{name}" not in MODULES
            called = (module, name) in {("isoloss", "fit"), ("isoloss", "multiplier")}
            assert not hidden, f"{path.name}: from {module} import {name}"
            assert not called, f"{path.name}: from {module} import {name}"


@pytest.mark.parametrize(("package", "names"), list(lazy()))
def test_every_public_name_is_there(package, names):
    for name in names:
        assert getattr(import_module(package), name) is not None


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    """Of the two, `from package import name` would give the one that was imported first."""
    for package, names in lazy():
        both = {name for name in names if f"{package}.{name}" in MODULES}
        assert both <= {"fit", "multiplier"}  # packages that are called like functions
