"""Checks of what people write by hand; each raises one message with place, value and mend."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jsonschema import Draft202012Validator


class InputError(ValueError):
    """Something that a person wrote and can mend; the message names file, place, value and mend."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or the known names when none is near."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else f" Known: {', '.join(known) or 'none'}."


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[Any]()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key `{key}` stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values; raises InputError with line and column."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{path}{where}: {error.problem}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys and values, got {type(content).__name__}.")
    return content


def check(instance: Any, schema: Mapping[str, Any], where: str) -> None:
    """Raise the first violation of a JSON schema as `where: key: what is wrong, what to do`."""
    errors = sorted(Draft202012Validator(schema).iter_errors(instance), key=lambda e: str(e.path))
    if errors:
        raise InputError(f"{where}: {_explain(errors[0])}")


def _explain(error: Any) -> str:  # a jsonschema.ValidationError, whose fields are loosely typed
    key = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{key}: " if key else ""
    schema, value = error.schema, error.instance
    if error.validator == "additionalProperties":
        known = set(schema["properties"])
        unknown = sorted(str(name) for name in value if name not in known)[0]
        return f"{prefix}unknown key `{unknown}`.{did_you_mean(unknown, known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in value)
        meaning = schema["properties"].get(missing, {}).get("description", "see config/README.md")
        return f"{prefix}`{missing}` is missing. It is: {meaning}"
    if error.validator in ("enum", "const"):
        allowed = [str(item) for item in schema.get("enum", [schema.get("const")])]
        return f"{prefix}{value!r} is not allowed here.{did_you_mean(str(value), allowed)}"
    if error.validator == "propertyNames":
        return f"{prefix}{error.message}. Names are letters, digits, `.`, `_`, `+` and `-`."
    meaning = f" It is: {schema['description']}" if "description" in schema else ""
    return f"{prefix}{error.message}.{meaning}"


def read_run_sheet(
    path: Path, schema: Mapping[str, Any], arms: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Read and check a run sheet: one mapping a run, numbers as numbers, empty cells left out.

    Paths in the columns `log` (several joined by `;`) and `architecture` are relative to the sheet.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such run sheet; `runs:` is a CSV, one row a run.")
    try:
        sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from error
    sheet.columns = sheet.columns.str.strip()
    columns = schema["properties"]
    for name in sheet.columns:
        if name not in columns:
            raise InputError(f"{path}: unknown column `{name}`.{did_you_mean(name, columns)}")
    for name in schema["required"]:
        if name not in sheet.columns:
            raise InputError(
                f"{path}: column `{name}` is missing. It is: {columns[name]['description']}"
            )
    if sheet.empty:
        raise InputError(f"{path}: no runs; expected one row a run below the header.")
    rows = [_cells(row, columns) for row in sheet.to_dict("records")]
    for line, row in _numbered(rows):
        check(row, schema, f"{path}, line {line}, run {row.get('run', '?')}")
        if row["arm"] not in arms:
            raise InputError(
                f"{path}, line {line}: arm `{row['arm']}` is not an arm of the study."
                f"{did_you_mean(row['arm'], arms)}"
            )
    _unique(path, rows, "run")
    _unique(path, rows, "log")
    for arm in arms:
        if not any(row["arm"] == arm for row in rows):
            used = {row["arm"] for row in rows}
            raise InputError(f"{path}: arm `{arm}` has no runs.{did_you_mean(arm, used)}")
    for line, row in _numbered(rows):
        for name in ("log", "architecture"):
            for part in filter(None, row.get(name, "").split(";")):
                _exists(path, line, name, part.strip())
    return rows


def _numbered(rows: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    return enumerate(rows, start=2)  # line 1 is the header


def _cells(row: Mapping[Any, str], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The filled cells of a row, as numbers where the schema wants them and the text is one."""
    cells: dict[str, Any] = {name: text.strip() for name, text in row.items() if text.strip()}
    for name, text in cells.items():
        if columns[name]["type"] == "number":
            try:
                value = float(text)
            except ValueError:
                continue
            cells[name] = value if isfinite(value) else text  # `check` refuses what is left a text
    return cells


def _unique(path: Path, rows: list[dict[str, Any]], name: str) -> None:
    lines: dict[str, int] = {}
    for line, row in _numbered(rows):
        value = row[name]
        if value in lines:
            raise InputError(
                f"{path}, line {line}: {name} `{value}` stands in line {lines[value]} already; "
                f"each run has one row and a {name} of its own."
            )
        lines[value] = line


def _exists(path: Path, line: int, name: str, part: str) -> None:
    target = path.parent / part
    if target.exists() or (any(sign in part for sign in "*?[") and any(path.parent.glob(part))):
        return
    folder = target.parent
    siblings = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(target.name, siblings, n=1)
    hint = f" Did you mean `{Path(part).with_name(near[0]).as_posix()}`?" if near else ""
    raise InputError(
        f"{path}, line {line}: {name} `{part}` does not exist; paths are relative to "
        f"{path.parent.as_posix()}/.{hint}"
    )


def table_schema(path: Path) -> dict[str, Any]:
    """The schema of a stage table without its descriptions: what changes with it, and no more."""
    schema = read_yaml(path)
    columns = schema["properties"].items()
    bare = {
        name: {key: value for key, value in rule.items() if key != "description"}
        for name, rule in columns
    }
    return {"properties": bare, "required": schema.get("required", list(bare))}
