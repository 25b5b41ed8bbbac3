"""What is current, what made it, and what changed since: `isoloss status`, `isoloss why`.

The workflow alone knows what each job would be asked now, so Snakemake plans without running; the
stamps beside the results say what they were made of. Snakemake's own records are not looked at.
"""

import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss import stamps

PLAN = "ISOLOSS_PLAN"  # of the environment: the file in which a plan is left
PROFILE = "workflow/profiles/default"
NO_SETTINGS = ("code", "schemas", "files", "script")  # of a job's params


@dataclass(frozen=True)
class Job:
    """What made, or would make, some results.

    outputs: paths; inputs: path -> digest when they were made; asked: the job's params then;
    changes: what keeps the results from being current, a line each, none if they are.
    """

    rule: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, str]
    asked: Mapping[str, Any]
    changes: tuple[str, ...]


def leave(plan: Mapping[str, Mapping[str, Any]], cache: stamps.Cache) -> None:
    """Write the jobs of a plan (first result -> rule, params, outputs) with their changes, if the
    environment says where to."""
    path = os.environ.get(PLAN)
    if path is None:
        return
    jobs = []
    for job in plan.values():
        changed = stamps.changes(job["params"], job["outputs"], cache)
        jobs.append({"rule": job["rule"], "outputs": job["outputs"], "changes": changed})
    Path(path).write_text(json.dumps(jobs), encoding="utf-8")


def jobs(studies: Sequence[str] = ()) -> list[Job]:
    """Every job of the studies, or of all, in the order in which they follow from each other.

    Raises ValueError outside of a project, and where a study is not as it should be.
    """
    if not Path(PROFILE).is_dir():
        raise ValueError(f"{PROFILE} is not here; run it in the folder of the project")
    chosen = ["--config", f"studies=[{','.join(studies)}]"] if studies else []
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.json"
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", PROFILE]
        done = subprocess.run(
            [*command, "--dry-run", "--quiet", "all", *chosen],
            env=os.environ | {PLAN: str(plan)},
            capture_output=True,
            text=True,
            check=False,
        )
        if not plan.is_file():
            text = done.stderr.strip().rpartition("isoloss: ")[2]
            raise ValueError(text or "Snakemake could not plan")
        return list(_ordered(json.loads(plan.read_text(encoding="utf-8"))))


def _ordered(planned: Sequence[Mapping[str, Any]]) -> Iterator[Job]:
    """Jobs after those that they follow from, which pass their changes on."""
    maker = {path: job for job in planned for path in job["outputs"]}
    done: dict[str, Job] = {}

    def visit(planned: Mapping[str, Any]) -> Iterator[Job]:
        first = planned["outputs"][0]
        if first in done:
            return
        made = stamps.read(stamps.stamp_of(planned["outputs"]))
        inputs = made.get("inputs", {})
        changed = list(planned["changes"])
        for path in inputs:
            if path in maker and path not in planned["outputs"]:
                yield from visit(maker[path])
                before = done[maker[path]["outputs"][0]]
                if before.changes and not any(path in line for line in changed):
                    changed.append(f"{path}: to be made again")
        outputs = tuple(planned["outputs"])
        done[first] = Job(planned["rule"], outputs, inputs, made.get("asked", {}), tuple(changed))
        yield done[first]

    for job in planned:
        yield from visit(job)


def table(found: Sequence[Job], most: int = 3) -> list[str]:
    """Lines of `isoloss status`: what is not current with its reasons, and a count of the rest."""
    old = [job for job in found if job.changes]
    lines = []
    for job in old:
        lines.append(f"{job.outputs[0]}  (rule {job.rule})")
        lines += [f"    {change}" for change in job.changes[:most]]
        if len(job.changes) > most:
            lines.append(f"    and {len(job.changes) - most} more: isoloss why {job.outputs[0]}")
    count = f"{len(found) - len(old)} of {len(found)} results are current"
    return [*lines, count + ("; `make` makes the others." if old else ".")]


def why(found: Sequence[Job], path: str) -> list[str]:
    """Lines of `isoloss why`: what one result was made of and by, down to the raw files.

    Raises ValueError where no job makes the file.
    """
    maker = {made: job for job in found for made in job.outputs}
    name = os.path.normpath(path)
    if name not in maker:
        near = difflib.get_close_matches(name, maker, 1)
        meant = f"did you mean {near[0]}?" if near else "`isoloss status --json` lists them all"
        raise ValueError(f"{path}: no result of the studies here; {meant}")
    job = maker[name]
    lines = [f"{name}: {'not current' if job.changes else 'current'}, made by rule {job.rule}"]
    lines += [f"    {change}" for change in job.changes]
    lines += ["", "settings"]
    settings = {key: value for key, value in job.asked.items() if key not in NO_SETTINGS}
    lines += [f"    {key}: {stamps.short(value, 300)}" for key, value in settings.items()]
    code = job.asked.get("code", {})
    modules = [key for key in code if key.split(".")[0] == "isoloss"]
    packages = [f"{key} {code[key]}" for key in code if key not in (*modules, "script")]
    lines += [
        "",
        "code",
        f"    its script, {len(modules)} modules of isoloss",
        f"    {', '.join(packages) or 'no packages'}",
    ]
    raw = dict[str, str]()
    lines += ["", "made from, the last step first"]
    for step in reversed(_before(job, maker)):
        own = {path: known for path, known in step.inputs.items() if path not in maker}
        own |= step.asked.get("files", {})
        raw |= own
        results = [path for path in step.inputs if path in maker]
        many = [f"{len(own)} raw files"] if own else []
        lines.append(f"    {step.rule}: {step.outputs[0]}  from {', '.join(results + many)}")
    lines += ["", f"raw files, SHA-256: {len(raw)}"]
    lines += [f"    {digest}  {file}" for file, digest in sorted(raw.items())]
    return lines


def _before(job: Job, maker: Mapping[str, Job]) -> list[Job]:
    """A job and all that it follows from, each once, first things first."""
    steps: dict[str, Job] = {}

    def visit(job: Job) -> None:
        if job.outputs[0] in steps:
            return
        for path in job.inputs:
            if path in maker:
                visit(maker[path])
        steps[job.outputs[0]] = job

    visit(job)
    return list(steps.values())
