"""What training programs print: the formats of console.yaml, and of a study's own patterns."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from isoloss.logs import console, patterns
from isoloss.logs.formats import composer, levanter, olmo
from isoloss.logs.records import Format

DATA = Path(__file__).with_name("console.yaml")
_CODE = {"composer": composer.parse, "levanter": levanter.parse}

FORMATS = tuple(
    olmo.described(table) if name == "olmo" else console.described(table, _CODE.get(name))
    for name, table in patterns.load(DATA).items()
)


@lru_cache(maxsize=8)
def own(path: Path, content: bytes) -> Mapping[str, Format]:
    """The formats of a study's own file of patterns, by name; LogError for the first mistake.

    content: what is in it, so that one that has changed is read again.
    """
    return {name: console.described(table) for name, table in patterns.parse(path, content).items()}
