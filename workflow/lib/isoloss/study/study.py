"""A study as a person writes it: read, checked and completed with the defaults."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

from isoloss.fit.problem import FitError
from isoloss.fit.request import ISOFLOP, NAMES, VARIED, Request, require
from isoloss.logs.paths import Logs
from isoloss.points.axes import axes_of
from isoloss.study.conventions import check_compute, check_costs, with_headline
from isoloss.study.logged import check_logged, text, with_columns
from isoloss.study.outputs import chosen
from isoloss.study.points_table import check_table_compute, read_points_table
from isoloss.study.published import check_published
from isoloss.study.run_sheet import read_run_sheet
from isoloss.study.sections import Sections, check_varied, typed
from isoloss.study.validation import InputError, defaults, did_you_mean, read_yaml, validate

NAME = "[a-z0-9][a-z0-9-]*"  # of a study: it is a folder and a wildcard
BYTES_PER_SHARD = 1 << 26  # of logs, as they lie on the disk
SHOWS = {"surface": "chinchilla", "isoflop": ISOFLOP}  # figures of one law
SCHEMAS = ("config", "study", "runs", "points_table", "published")
# Sections whose settings `config/config.yaml` may give for every study.
SECTIONS = (
    *("log", "clean", "quality", "points", "fit", "multiplier", "gate"),
    *("choices", "figures", "tables"),
)


@dataclass(frozen=True)
class Study:
    """A checked study.

    settings: its file over the defaults, every section complete. typed: the sections as their
    stages take them. runs: rows of its run sheet, or of its table of points (absent cells left
    out). logs: their files, by cell of the run sheet, with the folder that paths are relative to.
    """

    name: str
    settings: Mapping[str, Any]
    typed: Sections
    runs: tuple[Mapping[str, Any], ...]
    logs: Logs

    @property
    def folder(self) -> Path:
        """What the paths in the run sheet are relative to."""
        return self.logs.folder

    @property
    def arms(self) -> dict[str, Mapping[str, Any]]:
        """The arms, the baseline first, then the candidates in the study's order."""
        arms = self.settings["arms"].items()
        return dict(sorted(arms, key=lambda item: item[1].get("role") != "baseline"))

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with."""
        return next(iter(self.arms))

    @property
    def conventions(self) -> tuple[str, ...]:
        """The FLOP conventions, the headline first."""
        return self.typed.compute.conventions

    @property
    def table(self) -> str | None:
        """The path of its table of final points, where it does not start from logs."""
        return self.typed.points.table

    @property
    def requests(self) -> tuple[Request, ...]:
        """The laws to be fitted, the headline first."""
        return self.typed.fit.requests

    def files(self, run: Mapping[str, Any]) -> list[Path]:
        """Every file that the readers of a run's log open."""
        return self.logs.of(run["log"])

    def shards(self, runs_per_shard: int) -> dict[str, list[Mapping[str, Any]]]:
        """Its runs by shard; none where it starts from a table of points."""
        if self.table is not None:
            return {}
        sizes = [sum(path.stat().st_size for path in self.files(run)) for run in self.runs]
        return shards(self.runs, sizes, runs_per_shard)


def shards(
    runs: Sequence[Mapping[str, Any]], sizes: Sequence[int], runs_per_shard: int
) -> dict[str, list[Mapping[str, Any]]]:
    """Runs by shard, each some seconds of work. sizes: bytes of each run's log.

    A power of two of shards, by the number of runs and the bytes of their logs; a run's shard comes
    from a hash of its name, so that adding a run touches one shard, unless it doubles their number.
    A log of more bytes than a shard should have is a shard by itself.
    """
    least = max(len(runs) / runs_per_shard, min(len(runs), sum(sizes) / BYTES_PER_SHARD))
    count = 1 << math.ceil(math.log2(max(1, least)))
    found: dict[str, list[Mapping[str, Any]]] = {}
    for run, size in zip(runs, sizes, strict=True):
        digest = hashlib.sha256(run["run"].encode())
        shard = f"{int.from_bytes(digest.digest()[:4]) % count}-of-{count}"
        if size > BYTES_PER_SHARD:
            shard = f"alone-{digest.hexdigest()[:12]}"
        found.setdefault(shard, []).append(run)
    return {name: sorted(runs, key=itemgetter("run")) for name, runs in sorted(found.items())}


def load(
    config: Mapping[str, Any],
    folder: Path,
    schemas: Path,
    figures: Mapping[str, Sequence[str]],
    tables: Mapping[str, Sequence[str]],
) -> dict[str, Study]:
    """Read and check the studies that `config` names; raises InputError for the first mistake.

    folder: where `<study>.yaml` are. schemas: where the JSON schemas are. figures, tables: those
    that exist, with the stages that they are made from.
    """
    rules = {name: read_yaml(schemas / f"{name}.schema.yaml") for name in SCHEMAS}
    fit = rules["study"]["properties"]["fit"]["properties"]
    for name, known_names in NAMES.items():
        for part in (fit, fit["also"]["items"]["properties"]):
            part[name]["enum"] = known_names
    varied = rules["study"]["properties"]["choices"]["properties"]
    for name, known_names in VARIED.items():
        varied[name]["items"]["enum"] = known_names
    shared = {key: rules["study"]["properties"][key] for key in SECTIONS}
    rules["config"]["properties"] |= shared
    validate(config, rules["config"], "config/config.yaml")
    base = _over(defaults(rules["study"]), defaults(rules["config"]))
    base = _over(base, {key: value for key, value in config.items() if key != "studies"})
    names = config["studies"]
    names = names.split() if isinstance(names, str) else names
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    for name in names:
        if not re.fullmatch(NAME, name):
            raise InputError(
                f"studies: `{name}` cannot be the name of a study; lower-case letters, digits and "
                f"`-` can. Rename {folder}/{name}.yaml."
            )
        if name not in known:
            raise InputError(
                f"studies: there is no study `{name}`, that is no file {folder}/{name}.yaml."
                f"{did_you_mean(name, known)}"
            )
    found = {}
    for name in dict.fromkeys(names):
        path = folder / f"{name}.yaml"
        try:
            found[name] = _study(path, base, rules, figures, tables)
        except OSError as error:  # without permission, in a circle of links, gone by now
            file = path if error.filename is None else error.filename
            raise InputError(f"{path}: {file}: {error.strerror}.") from error
    return found


def _over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings over others, key by key where a section has keys of its own."""
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = base[key] | value if both else value
    return merged


def _study(
    path: Path,
    base: Mapping[str, Any],
    rules: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, Sequence[str]],
    tables: Mapping[str, Sequence[str]],
) -> Study:
    """The study of a file. base: the settings that it may override. rules: the JSON schemas."""
    own = read_yaml(path)
    validate(own, rules["study"], str(path))
    _labels(path, own)
    baselines = [arm for arm, value in own["arms"].items() if value.get("role") == "baseline"]
    if len(baselines) != 1:
        raise InputError(
            f"{path}: arms: {len(baselines)} arms have `role: baseline`; exactly one must have it "
            f"(the arms are {', '.join(own['arms'])})."
        )
    settings = _over(base, own)
    settings |= chosen(path, settings, own, figures, tables)
    table = settings["points"].get("table")
    if table is None and "runs" not in own:
        raise InputError(
            f"{path}: `runs` is missing. It is: path of the run sheet; or start from a table of "
            "final points, `points: {table: data/<study>/points.csv}`."
        )
    if table is not None and "runs" in own:
        raise InputError(
            f"{path}: `runs` and `points: {{table: ...}}`: a study starts from logs or from a "
            "table of final points; give one of the two."
        )
    sheet = Path(own.get("runs", table))
    logs = Logs(sheet.parent)
    if table is None:
        runs = read_run_sheet(sheet, with_columns(rules["runs"], own["metrics"]), own["arms"], logs)
        settings["compute"] = with_headline(path, settings["compute"], runs)
    else:
        runs = read_points_table(sheet, rules["points_table"], own["arms"], own["metrics"])
        settings["compute"] = check_table_compute(path, runs, settings["compute"])
    study = Study(path.stem, settings, typed(path, settings), tuple(runs), logs)
    _excluded(path, study)
    _losses(path, study)
    if table is None:
        check_logged(path, study.typed.log, study.settings, runs, study.files)
        compute, log = study.typed.compute, study.typed.log
        check_compute(path, sheet, compute, log, runs, lambda run: text(study.files(run)))
        check_costs(sheet, settings["figures"], runs)
    _laws(path, study)
    check_varied(path, settings, study.conventions)
    if "published" in own:
        known = {
            "arm": list(study.arms),
            "than": list(study.arms),
            "candidate": [arm for arm in study.arms if arm != study.baseline],
            "metric": list(study.settings["metrics"]),
            "convention": list(study.conventions),
            "run": [run["run"] for run in study.runs],
        }
        at_loss = study.typed.multiplier.losses
        check_published(Path(own["published"]), rules["published"], known, at_loss, study.table)
    return study


def _labels(path: Path, own: Mapping[str, Any]) -> None:
    """Whether the formulas in labels can be drawn; an odd `$` is a dollar, for matplotlib."""
    for section, key in product(("arms", "metrics"), sorted({*own["arms"], *own["metrics"]})):
        label = own[section].get(key, {}).get("label", "")
        dollars = label.count("$") - label.count("\\$")
        if dollars == 0 or dollars % 2:
            continue
        from isoloss.paper.figures.formulas import broken  # heavy, and seldom needed

        if problem := broken(label):
            raise InputError(
                f"{path}: {section}.{key}.label: the formula in `{label}` cannot be drawn: "
                f"{problem}. Mend it, or write `\\$` for a dollar."
            )


def _excluded(path: Path, study: Study) -> None:
    """Whether the runs left out exist, and every arm keeps some."""
    exclude = study.settings["exclude"]
    names = {row["run"] for row in study.runs}
    for run in exclude:
        if run not in names:
            raise InputError(f"{path}: exclude: there is no run `{run}`.{did_you_mean(run, names)}")
    for arm in study.arms:
        if all(row["run"] in exclude for row in study.runs if row["arm"] == arm):
            raise InputError(f"{path}: exclude: no run of arm `{arm}` is left to compare.")


def _losses(path: Path, study: Study) -> None:
    """Whether the metrics exist for which losses are given."""
    at_loss, metrics = study.settings["multiplier"]["at_loss"], study.settings["metrics"]
    for metric in at_loss if isinstance(at_loss, Mapping) else ():
        if metric not in metrics:
            raise InputError(
                f"{path}: multiplier.at_loss: there is no metric `{metric}`."
                f"{did_you_mean(metric, metrics)}"
            )


def _laws(path: Path, study: Study) -> None:
    """Whether the laws exist and every arm has the runs that they take, as far as can be told.

    Of logs only the number of runs is known before they are read.
    """
    try:
        asked = study.requests
    except ValueError as error:
        raise InputError(f"{path}: fit: {error}.") from error
    for figure, law in SHOWS.items():
        if figure in study.settings["figures"] and law not in {request.law for request in asked}:
            raise InputError(
                f"{path}: figures: `{figure}` shows law {law}; add it to the study's `fit`, as "
                f"headline or `also: [{{law: {law}}}]`."
            )
    kept = [run for run in study.runs if run["run"] not in study.settings["exclude"]]
    for request, arm in product(asked, study.arms):
        runs = [run for run in kept if run["arm"] == arm]
        axes = [list(map(float, range(1, len(runs) + 1)))] * 3
        if study.table is not None:
            rows = [axes_of(run, study.conventions[0]) for run in runs]
            axes = [list(column) for column in zip(*rows, strict=True)]
        elif request.surface and not study.conventions[0].startswith("6n"):
            raise InputError(
                f"{path}: fit: law {request.law} needs the N of 6 N D, which convention "
                f"`{study.conventions[0]}` does not have; make a 6 N convention the headline."
            )
        elif request.law == ISOFLOP:
            continue
        try:
            require(request, *axes, tolerance=study.typed.fit.budget_tolerance)
        except FitError as error:
            raise InputError(f"{path}: fit: arm {arm}: {error}.") from error
