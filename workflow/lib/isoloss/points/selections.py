"""The points of a study by several selections."""

from collections.abc import Mapping, Sequence
from typing import Any

from isoloss import tables
from isoloss.points.from_table import tabled_points
from isoloss.points.points import NEEDED, points
from isoloss.points.settings import Selection


def selections(files: Any, params: Any, others: Sequence[str | float]) -> dict[str, Any]:
    """Points tables by the label of their selection, the study's own first.

    files, params: inputs and params of a job, as those of rule `points`. others: see
    `Selection.varied`. A study that starts from a table of points has that alone.
    """
    own = Selection(**params.points)
    if files.get("table"):
        asked = params.runs, params.metrics, params.conventions, params.exclude
        return {own.label: tabled_points(*asked)}
    schemas: Mapping[str, Any] = params.schemas
    flops, quality = (tables.read(files[key], schemas[key]) for key in ("flops", "quality"))
    columns = [name for name in NEEDED if name in schemas[params.of]["properties"]]
    logs = [tables.read(path, schemas[params.of], columns) for path in files.logs]
    return {
        label: points(logs, params.runs, flops, quality, list(params.metrics), selection)
        for label, selection in own.varied(others).items()
    }
