"""A run sheet and a study, drafted from a folder of logs."""

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from isoloss.logs.errors import LogError
from isoloss.logs.finding import Found
from isoloss.logs.finding import runs as found_runs
from isoloss.logs.reading import read
from isoloss.study.validation import InputError

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)([kKmMbBtT])(?![A-Za-z0-9])")
_SEED = re.compile(r"(?:seed|rep|repeat)[-_=]?(\d+)", re.IGNORECASE)
_BASELINE = ("baseline", "base", "control", "vanilla", "reference", "ref", "adamw", "mha", "dense")
_UNIT = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_SETTINGS = [
    "config.json",
    "hparams.yaml",
    "config.yaml",
    "config.yml",
    "args.json",
    "hparams.json",
    "training_args.json",
    "params.json",
    "run_config.json",
]
_LARGEST = 1 << 20  # bytes of a file of settings
# The names under which settings have the number, the first that is there.
_KEYS = {
    "parameters": [
        "n_params",
        "num_params",
        "n_parameters",
        "num_parameters",
        "parameters",
        "total_params",
        "trainable_params",
        "model_parameters",
    ],
    "tokens_per_step": [
        "tokens_per_step",
        "tokens_per_batch",
        "global_batch_tokens",
        "batch_tokens",
        "global_batch_size_tokens",
        "total_batch_size_tokens",
    ],
    "sequence_length": [
        "sequence_length",
        "seq_length",
        "seq_len",
        "block_size",
        "context_length",
        "max_seq_len",
        "max_seq_length",
        "max_sequence_length",
    ],
    "training_tokens": ["training_tokens", "max_tokens", "total_tokens", "token_budget"],
    "seed": ["seed", "random_seed"],
}
_SAMPLES = ("global_batch_size", "global_train_batch_size")
_TO_FILL = "FILL IN"


@dataclass
class Draft:
    """A run as it is drafted; what of it a person must fill in, and where its numbers are from."""

    run: Found
    row: dict[str, Any]
    to_fill: list[str] = field(default_factory=list)
    came: list[str] = field(default_factory=list)


def init(folder: Path, study: str, root: Path = Path()) -> list[str]:
    """Write `data/<study>/runs.csv` and `config/studies/<study>.yaml`; what to do next, in lines.

    folder: the logs, read in place. root: of the project. Raises InputError where either file is
    there already, or a name does not do; LogError where there are no logs in the folder.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", study):
        raise InputError(
            f"`{study}` is no name of a study; use small letters, digits and dashes (`--study`)."
        )
    sheet, settings = root / f"data/{study}/runs.csv", root / f"config/studies/{study}.yaml"
    for path in (sheet, settings):
        if path.exists():
            raise InputError(f"{path} is there already; remove it, or give another `--study`.")
    found, left = found_runs(folder)
    drafts = [_draft(run, folder, sheet.parent) for run in found]
    arms = _arms(drafts)
    metrics, first = _metrics(drafts)
    texts = {sheet: _sheet(drafts), settings: _study(study, folder, arms, metrics)}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [*_told(drafts, arms, left), *first, "", *_next(sheet, settings, study, drafts)]


def _draft(run: Found, folder: Path, home: Path) -> Draft:
    """The row of a run, as far as its name and the settings beside it tell."""
    row: dict[str, Any] = {"run": run.name, "log": _cell(run, folder, home)}
    draft = Draft(run, row)
    if size := _SIZE.search(run.name):
        row["model"] = f"{size[1]}{size[2].upper()}"
    if seed := _SEED.search(run.name):
        row["seed"] = seed[1]
    known, architecture = _settings(run, folder)
    by_file: dict[Path, list[str]] = {}
    for name, (value, file) in known.items():
        row.setdefault(name, value)
        by_file.setdefault(file, []).append(name)
    for file, names in by_file.items():
        draft.came.append(f"{', '.join(names)} from {file.relative_to(folder).as_posix()}")
    if architecture is not None:
        row["architecture"] = _relative(architecture, home)
    if "parameters" not in row and architecture is None and size:
        row["parameters"] = float(size[1]) * _UNIT[size[2].lower()]
        draft.came.append("parameters from the run's name, rounded as it is")
        draft.to_fill.append("parameters: is the size in the name exact?")
    elif "parameters" not in row and architecture is None:
        draft.to_fill.append("parameters, or architecture")
    return draft


def _relative(path: Path, home: Path) -> str:
    return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()


def _cell(run: Found, folder: Path, home: Path) -> str:
    """The cell `log`: several files of a folder that is the run's own are the folder."""
    own = len(run.files) > 1 and run.home != folder and run.alone
    files = [run.home] if own else run.files
    return "; ".join(_relative(file, home) for file in files)


def _settings(run: Found, folder: Path) -> tuple[dict[str, tuple[float | str, Path]], Path | None]:
    """Numbers of the run sheet out of files of settings beside a log or above it, and the
    architecture; what is nearer to the log goes before."""
    known: dict[str, tuple[float | str, Path]] = {}
    architecture = None
    for file in _beside(run, folder):
        tree = _tree(file)
        if architecture is None and file.name == "config.json" and _is_architecture(tree):
            architecture = file
        flat = dict(_flat(tree))
        for name, keys in _KEYS.items():
            value = next((v for key in keys if (v := _number(flat.get(key))) is not None), None)
            if value is not None and name not in known:
                known[name] = (f"{value:.0f}" if name == "seed" else value, file)
        batch = next((v for key in _SAMPLES if (v := _number(flat.get(key))) is not None), None)
        if batch and "tokens_per_step" not in known and "sequence_length" in known:
            known["tokens_per_step"] = (batch * float(known["sequence_length"][0]), file)
    return known, architecture


def _beside(run: Found, folder: Path) -> list[Path]:
    """The files of settings of a run, from beside its log up to the folder of its own."""
    found: dict[Path, None] = {}
    for file in run.files:
        if (file / "params").is_dir():  # of MLflow: a file a parameter
            found[file / "params"] = None
        here = file.parent
        while here.is_relative_to(folder):
            # What lies at the top is every run's, if it is of any.
            for name in (*_SETTINGS, *(f"files/{name}" for name in _SETTINGS)):
                if (here / name).is_file():
                    found[here / name] = None
            if here == folder:
                break
            here = here.parent
    return list(found)


def _tree(file: Path) -> Mapping[str, Any]:
    """The settings in a file; nothing where it holds something else."""
    if file.is_dir():
        texts = {item.name: item for item in sorted(file.iterdir()) if item.is_file()}
        return {name: item.read_text("utf-8", "replace")[:100] for name, item in texts.items()}
    if file.stat().st_size > _LARGEST:
        return {}
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        tree = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _flat(tree: Mapping[str, Any], depth: int = 0) -> Iterable[tuple[str, Any]]:
    """The leaves by their last name, those nearer the top last; W&B has each in `{value: ...}`."""
    for key, value in tree.items():
        if isinstance(value, dict) and depth < 8:
            if set(value) <= {"value", "desc"}:
                yield str(key), value.get("value")
            else:
                yield from _flat(value, depth + 1)
    yield from ((str(k), v) for k, v in tree.items() if not isinstance(v, dict))


def _number(value: Any) -> float | None:
    """A positive number, which may be written as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) and number > 0 else None


def _is_architecture(tree: Mapping[str, Any]) -> bool:
    return "hidden_size" in tree or ("n_embd" in tree and "n_layer" in tree)


def _arms(drafts: Sequence[Draft]) -> dict[str, str]:
    """Give each run its arm and model; the arms with their roles, the baseline first.

    The arm is what a name has beside size, seed and the words of all names. Where that tells no
    two arms, the first run is the baseline, and a person must say it.
    """
    words = [_words(draft.run.name) for draft in drafts]
    common = set.intersection(*map(set, words)) if len(words) > 1 else set[str]()
    names = ["-".join(word for word in mine if word not in common) for mine in words]
    told = 1 < len(set(names)) < len(names) and all(names)
    if not told:
        first = drafts[0].row.get("model")
        names = ["candidate"] * len(drafts)
        names[0] = "baseline"
        for draft in drafts:
            draft.row.setdefault("model", first or "one")
            draft.to_fill.append("arm: the names do not tell it")
    for draft, name in zip(drafts, names, strict=True):
        draft.row["arm"] = name
        if "model" not in draft.row:
            draft.row["model"] = "one"
            draft.to_fill.append("model: the size, the same in every arm")
    count = Counter(names)
    near = [n for word in _BASELINE for n in count if word in n.lower().split("-")]
    baseline = near[0] if near else sorted(count)[0]
    return {name: "baseline" for name in [baseline]} | {
        name: "candidate" for name in sorted(count) if name != baseline
    }


def _words(name: str) -> list[str]:
    """The words of a run's name but its size and its seed."""
    rest = _SEED.sub(" ", _SIZE.sub(" ", name))
    return [word for word in re.split(r"[\s_./=+-]+", rest) if word and not word.isdigit()]


def _metrics(drafts: Sequence[Draft]) -> tuple[list[str], list[str]]:
    """The metrics that the first run of each format has, and what to say of one without any.

    Runs that log no tokens, where nothing beside them says how many a step has, are marked.
    """
    metrics = ["loss"]
    first: list[str] = []
    kinds = {draft.run.format: draft for draft in reversed(drafts)}
    unclear: set[str] = set()
    for kind, draft in kinds.items():
        run = draft.run
        try:
            got = read(
                list(run.files), run=run.name, tokens_per_step=draft.row.get("tokens_per_step")
            )
        except LogError as error:
            first.append(f"{kind}: {error}")
            first.append(f"    see `isoloss explain {run.files[0].as_posix()}`")
            continue
        if len(kinds) == 1 and "eval_loss" in set(got.table["metric"].unique()):
            metrics.append("eval_loss")
        if got.table["tokens"].isna().all():
            unclear.add(kind)
    for draft in drafts:
        if draft.run.format in unclear:
            draft.to_fill.append("tokens_per_step: the log counts no tokens")
    return metrics, first


def _sheet(drafts: Sequence[Draft]) -> str:
    columns = ["run", "arm", "model", "log"]
    more = ("architecture", "parameters", "sequence_length", "tokens_per_step", "training_tokens")
    unclear = {word.split(":")[0].split(",")[0] for draft in drafts for word in draft.to_fill}
    columns += [n for n in (*more, "seed") if n in unclear or any(n in d.row for d in drafts)]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    for draft in drafts:
        cells = (draft.row.get(name, "") for name in columns)
        table.writerow(f"{cell:.15g}" if isinstance(cell, float) else cell for cell in cells)
    return out.getvalue()


def _study(study: str, folder: Path, arms: Mapping[str, str], metrics: Sequence[str]) -> str:
    labels = {"loss": "Training loss", "eval_loss": "Evaluation loss"}
    lines = [
        f"# Drafted from {folder.name}; what is marked {_TO_FILL} is a person's to say.",
        f"title: {study}  # {_TO_FILL}: what is compared, in words",
        f"runs: data/{study}/runs.csv",
        f"arms:  # {_TO_FILL}: labels, and which one is the baseline",
    ]
    for name, role in arms.items():
        more = ", role: baseline" if role == "baseline" else ""
        lines.append(f"  {json.dumps(name)}: {{label: {json.dumps(name)}{more}}}")
    lines.append("metrics:")
    lines += [f"  {name}: {{label: {labels[name]}}}" for name in metrics]
    lines.append(f"compute: {{headline: 6n_non_embedding}}  # {_TO_FILL}: see config/README.md")
    return "\n".join([*lines, ""])


def _told(drafts: Sequence[Draft], arms: Mapping[str, str], left: Sequence[str]) -> list[str]:
    """What was found, a line a run."""
    width = max(len(draft.row["run"]) for draft in drafts)
    lines = [f"{len(drafts)} runs, arms {', '.join(arms)} (baseline first):"]
    for draft in drafts:
        row = draft.row
        lines.append(
            f"  {row['run']:<{width}}  {draft.run.format}, arm {row['arm']}, model {row['model']}"
        )
        lines += [f"      {word}" for word in draft.came]
    return lines + [f"left out: {words}" for words in left[:20]]


def _next(sheet: Path, settings: Path, study: str, drafts: Sequence[Draft]) -> list[str]:
    lines = [f"Written: {sheet.as_posix()}, {settings.as_posix()}"]
    by_word: dict[str, list[str]] = {}
    for draft in drafts:
        for word in draft.to_fill:
            by_word.setdefault(word, []).append(draft.row["run"])
    for word, names in by_word.items():
        which = "every run" if len(names) == len(drafts) else ", ".join(names[:5])
        more = f" and {len(names) - 5} more" if which != "every run" and len(names) > 5 else ""
        lines.append(f"{_TO_FILL} {word} ({which}{more})")
    return [*lines, f"Then: make check STUDY={study}"]
