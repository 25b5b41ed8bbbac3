"""Checks of what people write by hand; each raises one message with place, value and mend."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from isoloss.logs.errors import in_one_line


class InputError(ValueError):
    """Something that a person wrote and can mend; the message names file, place, value and mend."""

    def __init__(self, message: str) -> None:
        super().__init__(in_one_line(message))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or the known names when none is near."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else f" Known: {', '.join(known) or 'none'}."


# Far more than any study or schema has; what is checked for each costs microseconds.
_MAX_BYTES, _MAX_VALUES, _MAX_DEPTH, _MAX_SHOWN = 1 << 20, 20_000, 50, 300
_MAX_DIGITS = 1000  # Python prints no number of more than 4,300, and no message could name it
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not a silent loss of the first.

    Depth is bounded, and so is the number of values, those behind an alias counted each time.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._values = 0
        self._behind: dict[int, int] = {}  # values in a finished node, by its id

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        before = self._values
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _refused(event, f"nested more than {_MAX_DEPTH} deep; make it flatter")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not isinstance(event, yaml.AliasEvent):
            self._values += 1
            self._behind[id(node)] = self._values - before
        elif id(node) in self._behind:
            self._values += self._behind[id(node)]
        else:
            raise _refused(event, f"alias `*{event.anchor}` stands inside what it names; remove it")
        if self._values > _MAX_VALUES:
            raise _refused(
                event, f"more than {_MAX_VALUES:,} values, aliases written out; use fewer"
            )
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[Any]()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _refused(key_node, "a list or mapping cannot be a key; write a word")
            if not isinstance(key, str):
                raise _refused(key_node, f"key {key} is not a text; put it between quotes")
            if key in seen:
                raise _refused(key_node, f"key `{key}` stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if node.tag in _NUMBERS and len(node.value) > _MAX_DIGITS:
            raise _refused(node, f"a number of more than {_MAX_DIGITS:,} characters")
        if isinstance(value, str) and _UNPRINTABLE.search(value):
            raise _refused(node, "a control character, or half of one; remove it")
        return value


def _refused(at: Any, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, at.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values; raises InputError with line and column."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a regular file.")
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: over {_MAX_BYTES:,} bytes; no file of settings is that long.")
    try:
        # Read no further: files of /proc and /dev say nothing of their size.
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file.read(_MAX_BYTES), _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{path}{where}: {_cut(str(error.problem))}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # control characters, a 32nd of June
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys and values, got {type(content).__name__}.")
    return content


def validate(instance: Any, schema: Mapping[str, Any], where: str) -> None:
    """Raise the first violation of a JSON schema as `where: key: what is wrong, what to do`."""
    validator(schema)(instance, where)


def validator(schema: Mapping[str, Any]) -> Callable[[Any, str], None]:
    """A function that does what `validate` does, for many instances of one schema."""
    from jsonschema import Draft202012Validator  # heavy, and not for every start

    rules = Draft202012Validator(schema)

    def validate(instance: Any, where: str) -> None:
        for key, number in _floats(instance):
            if not isfinite(number):  # which no rule of a schema refuses
                raise InputError(f"{where}: {key}: {number} is not a finite number.")
        errors = sorted(rules.iter_errors(instance), key=lambda e: str(e.path))
        if errors:
            raise InputError(f"{where}: {_explain(errors[0])}")

    return validate


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that a schema states: of its keys, and of the keys of its sections."""
    found: dict[str, Any] = {}
    for key, rule in schema["properties"].items():
        if "default" in rule:
            found[key] = deepcopy(rule["default"])
        elif "properties" in rule:
            found[key] = defaults(rule)
    return found


def _floats(instance: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every float in nested mappings and lists, with its key."""
    if isinstance(instance, float):
        yield key, instance
    elif isinstance(instance, Mapping):
        for name, value in instance.items():
            yield from _floats(value, f"{key}.{name}" if key else str(name))
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield from _floats(value, f"{key}.{index}")


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
    if "propertyNames" in error.absolute_schema_path:
        return f"{prefix}{value!r} cannot be a name; letters, digits, `.`, `_`, `+` and `-` can."
    meaning = f" It is: {schema['description']}" if "description" in schema else ""
    return f"{prefix}{_cut(error.message)}.{meaning}"  # which holds the value, however long


def _cut(message: str) -> str:
    """A message without its middle, where it is long."""
    if len(message) <= _MAX_SHOWN:
        return message
    return f"{message[: _MAX_SHOWN // 2]} ... {message[-_MAX_SHOWN // 2 :]}"


def table_schema(path: Path) -> dict[str, Any]:
    """The schema of a stage table without its descriptions: what changes with it, and no more."""
    schema = read_yaml(path)
    columns = schema["properties"].items()
    bare = {
        name: {key: value for key, value in rule.items() if key != "description"}
        for name, rule in columns
    }
    marks = {"exact": True} if schema.get("exact") else {}
    return {"properties": bare, "required": schema.get("required", list(bare))} | marks
