"""What every start of the workflow asks of the library, kept for the next one (`kept`)."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from isoloss import provenance
from isoloss.logs.paths import Logs
from isoloss.paper import venues
from isoloss.study import study
from isoloss.study.kept import below, kept
from isoloss.study.sections import typed
from isoloss.study.study import Study
from isoloss.study.validation import read_yaml, table_schema, validate


def load(
    config: Mapping[str, Any],
    folder: Path,
    schemas: Path,
    figures: Mapping[str, Sequence[str]],
    tables: Mapping[str, Sequence[str]],
    *,
    save: bool = True,
) -> dict[str, Study]:
    """The studies of `study.load`, with the files of their logs; checked only where something
    has changed. save: whether to keep them."""

    def make() -> tuple[Any, list[str]]:
        found = study.load(config, folder, schemas, figures, tables).values()
        hangs_on = [str(path) for one in found for path in _hangs_on(one, folder)]
        return [_plain(one) for one in found], [*hangs_on, *below(schemas)]

    asked = [config, str(folder), str(schemas), figures, tables]
    plain = kept("studies", asked, make, save=save)
    return {each["name"]: _study(folder, each) for each in plain}


def looks(
    plotting: Path, schemas: Path, *, save: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the figures, with those of their venue, and all columns by stage table."""

    def make() -> tuple[Any, list[str]]:
        settings = read_yaml(plotting)
        validate(settings, read_yaml(schemas / "plotting.schema.yaml"), str(plotting))
        end = ".schema.yaml"
        columns = {
            path.name.removesuffix(end): table_schema(path)
            for path in sorted(schemas.glob(f"tables/*{end}"))
        }
        return [venues.looks(settings), columns], [str(plotting), *below(schemas)]

    settings, columns = kept("looks", [str(plotting), str(schemas)], make, save=save)
    return settings, columns


def code(scripts: Path, *, save: bool = True) -> dict[str, dict[str, str]]:
    """What `provenance.code` says of every script, by its path there without the suffix."""

    def make() -> tuple[Any, list[str]]:
        digests = {
            path.relative_to(scripts).with_suffix("").as_posix(): provenance.code(path)
            for path in sorted(scripts.rglob("*.py"))
        }
        return digests, below(scripts)

    found: dict[str, dict[str, str]] = kept("code", str(scripts), make, save=save)
    return found


def _hangs_on(found: Study, folder: Path) -> list[Path | str]:
    """The files and folders that tell whether a study is still what it was."""
    settings, home = found.settings, found.folder
    named = [settings.get("runs"), found.table, settings.get("published")]
    named.append(found.typed.log.patterns)
    files = [folder / f"{found.name}.yaml", *(path for path in named if path is not None)]
    files += {home / run["architecture"] for run in found.runs if "architecture" in run}
    return [*files, *chain(*found.logs.files.values()), *found.logs.looked]


def _plain(found: Study) -> dict[str, Any]:
    logs = {cell: list(map(str, files)) for cell, files in found.logs.files.items()}
    home = str(found.folder)
    return {
        "name": found.name,
        "settings": found.settings,
        "runs": found.runs,
        "folder": home,
        "logs": logs,
    }


def _study(folder: Path, plain: Mapping[str, Any]) -> Study:
    settings = plain["settings"]
    files = {cell: list(map(Path, paths)) for cell, paths in plain["logs"].items()}
    return Study(
        plain["name"],
        settings,
        typed(folder / f"{plain['name']}.yaml", settings),
        tuple(plain["runs"]),
        Logs(Path(plain["folder"]), files),
    )
