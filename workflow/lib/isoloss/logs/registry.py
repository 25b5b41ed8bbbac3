"""All log formats; a new one is a module, an import and an entry here."""

from isoloss.logs import delimited, jsonl, parquet

FORMATS = (*jsonl.FORMATS, *delimited.FORMATS, *parquet.FORMATS)
BY_NAME = {format.name: format for format in FORMATS}
