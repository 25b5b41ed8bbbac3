"""What training programs print: the formats of console.yaml."""

from pathlib import Path

from isoloss.logs import console, patterns
from isoloss.logs.formats import composer, levanter, olmo

DATA = Path(__file__).with_name("console.yaml")
_CODE = {"composer": composer.parse, "levanter": levanter.parse}

FORMATS = tuple(
    olmo.described(table) if name == "olmo" else console.described(table, _CODE.get(name))
    for name, table in patterns.load(DATA).items()
)
