"""Digests of code: what a script does, whatever its comments say and whoever touched its file."""

import ast
import hashlib
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

PACKAGE = "isoloss"
LIBRARY = Path(__file__).parent.parent
# Distributions that are not called as the module that they install.
_DISTRIBUTIONS = {"yaml": "pyyaml", "google_crc32c": "google-crc32c"}


def code(script: Path) -> dict[str, str]:
    """What a script runs: a digest of it (`script`) and of every isoloss module that it imports,
    directly or not, by name; the version of each third-party package among the imports.

    What is hashed is the syntax tree without docstrings, so that comments, layout and
    documentation do not count. Imports inside functions count; `import_module` is not seen.
    A file beside a module that the module names in a string, alone, counts as its code: YAML
    without comments and layout, and parts of a page (HTML, CSS, JavaScript) as they are.
    """
    digest, imports = _parse(script)
    found, todo = {"script": digest}, set(imports)
    while todo:
        name = todo.pop()
        package = name.split(".")[0]
        path = _module(name) if package == PACKAGE else None
        if package != PACKAGE:
            if installed := _version(package):
                found[package] = installed
        elif path is not None and name not in found:
            found[name], more = _parse(path)
            todo |= more | {name.rpartition(".")[0] or PACKAGE}  # a package runs with its modules
    return dict(sorted(found.items()))


@cache
def _module(name: str) -> Path | None:
    stem = LIBRARY.joinpath(*name.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)


@cache
def _parse(path: Path) -> tuple[str, frozenset[str]]:
    """Digest of a file's syntax tree without docstrings and of the data that the file names; and
    the modules that it names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # In `from isoloss import fitting` the name is a module; in others it may be anything.
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and _documented(node):
            node.body = node.body[1:] or [ast.Pass()]
    text = "\n".join([ast.dump(tree), *_data(tree, path.parent)])
    return hashlib.sha256(text.encode()).hexdigest()[:16], frozenset(imports)


def _data(tree: ast.Module, folder: Path) -> list[str]:
    """The content of the files of a folder whose names are strings of a module of it."""
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named = re.compile(r"[\w-]+\.(yaml|html|css|js)").fullmatch
    paths = [
        folder / name for name in sorted(s for s in strings if isinstance(s, str) and named(s))
    ]
    texts = [(path, path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
    return [
        f"{path.name} {yaml.safe_load(text) if path.suffix == '.yaml' else text!r}"
        for path, text in texts
    ]


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None


@cache
def _version(package: str) -> str | None:
    """The installed version; None for the standard library."""
    try:
        return version(_DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        return None
