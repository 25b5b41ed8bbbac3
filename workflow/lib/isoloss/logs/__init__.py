"""Reads training logs of any format into one long table."""

from isoloss.logs.reading import Log, detect, read
from isoloss.logs.records import LogError

__all__ = ["Log", "LogError", "detect", "read"]
