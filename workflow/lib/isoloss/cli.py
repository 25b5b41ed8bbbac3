"""The `isoloss` command: every verb calls a stage or a pure function, and prints."""

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss import status
from isoloss.artifact import published
from isoloss.artifact.moved import moved
from isoloss.artifact.revision import results_of
from isoloss.artifact.verify import verify
from isoloss.claims.ledger import broken, printed
from isoloss.cleaning.report import report as quality_report
from isoloss.flops.conventions import CONVENTIONS, RECOMPUTED
from isoloss.flops.report import lines
from isoloss.flops.report import report as flops_report
from isoloss.study.validation import InputError, read_yaml

if TYPE_CHECKING:
    import pandas as pd

COUNTED = tuple(name for name in CONVENTIONS if name != "logged")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 2, and a line on stderr, where an argument or a file is wrong."""
    given = _parser().parse_args(arguments)
    try:
        text = given.verb(given)
    except (OSError, ValueError) as error:
        print(f"isoloss {given.name}: {error}", file=sys.stderr)
        return 2
    if text:
        print(text)
    return 0


def flops(given: argparse.Namespace) -> str:
    """Parameters and FLOPs per token of one model."""
    try:
        config = json.loads(given.config.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"expected a JSON object, not {type(config).__name__}")
        made = flops_report(
            config, given.sequence_length, given.documents, given.recompute, given.breakdown
        )
    except ValueError as error:
        raise ValueError(f"{given.config}: {error}") from error
    return json.dumps(made, indent=1) if given.json else "\n".join(lines(made))


def check(given: argparse.Namespace) -> str:
    """The verdict on every log of the studies, from their quality tables."""
    studies = given.studies or read_yaml(Path("config/config.yaml"))["studies"]
    return "\n\n".join("\n".join(_checked(study)) for study in studies)


def claims(given: argparse.Namespace) -> str:
    """The ledgers of the studies; in the end ValueError, where a strict claim differs."""
    studies = given.studies or read_yaml(Path("config/config.yaml"))["studies"]
    differ = []
    for study in studies:
        path = Path(f"results/claims/{study}.csv")
        if not path.is_file():
            raise InputError(f"{path} does not exist yet; `make claims STUDY={study}` makes it")
        with path.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table))
        print("\n".join([f"{study}: {printed(rows)[0]}", *printed(rows)[1:], ""]))
        differ += [f"{study}: {row['claim']}" for row in rows if broken(row)]
    if differ:
        raise ValueError(f"{len(differ)} strict claims differ: {'; '.join(differ)}")
    return ""


def current(given: argparse.Namespace) -> str:
    """Which results are current, and why others are not."""
    found = status.jobs(given.studies)
    if given.json:
        return json.dumps([asdict(job) for job in found], indent=1)
    return "\n".join(status.table(found))


def why(given: argparse.Namespace) -> str:
    """What one result was made of and by, and what changed since."""
    return "\n".join(status.why(status.jobs(), given.result))


def bundle(given: argparse.Namespace) -> str:
    """One zip for reviewers; what writes it is set up by `make bundle` alone."""
    from isoloss.artifact.bundle import write

    studies = given.studies or read_yaml(Path("config/config.yaml"))["studies"]
    made = write(given.output, studies, status.jobs(studies))
    commit = made["commit"] or "none: what is here is not committed"
    size = given.output.stat().st_size / 1e6
    return f"{given.output}: {len(made['files'])} files, {size:.1f} MB; commit {commit}"


def verified(given: argparse.Namespace) -> str:
    """A bundle made again elsewhere, compared byte by byte; ValueError on a difference."""
    found = verify(given.bundle)
    same = f"{found.results - len(found.differences)} of {found.results} results are the same bytes"
    if found.differences:
        lines = [f"    {each.path}: {each.what}" for each in found.differences]
        raise ValueError("\n".join([f"{given.bundle}: {same}", *lines]))
    return f"{given.bundle}: {same}"


def diff(given: argparse.Namespace) -> str:
    """What moved between two folders of results, or two commits."""
    with results_of(given.before) as before, results_of(given.after) as after:
        return "\n".join(moved(before, after))


def same(given: argparse.Namespace) -> str:
    """How many results equal those that were published, as `make` says it at its end."""
    if given.list:
        jobs = status.jobs(read_yaml(Path("config/config.yaml"))["studies"])
        return "".join(published.listed(path for job in jobs for path in job.outputs)).rstrip()
    return "\n".join(published.told(published.compared()))


def explain(given: argparse.Namespace) -> str:
    """What a log looks like, and how a study would read it."""
    from isoloss.logs.explain import explain as explained  # heavy, as all that reads logs

    return "\n".join(explained(given.log, given.format, given.run, given.patterns))


def drafted(given: argparse.Namespace) -> str:
    """A run sheet and a study, from a folder of logs."""
    from isoloss.study.scaffold import init  # heavy, as all that reads logs

    name = given.study or re.sub("[^a-z0-9]+", "-", given.folder.resolve().name.lower()).strip("-")
    return "\n".join(init(given.folder, name))


def plan(given: argparse.Namespace) -> str:
    """How many sizes and seeds tell a multiplier from 1, and how wide its interval will be."""
    from isoloss.multiplier import outlook  # heavy, as pandas is

    names = ("scatter", "correlation", "seed_noise", "exponent", "loss", "span")
    stated = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    if given.study is None:
        known = outlook.usual(**stated)
    elif stated:
        option = next(iter(stated)).replace("_", "-")
        raise ValueError(f"--{option} and a study: give the one or the other")
    else:
        made_of = [_result(kind, given.study) for kind in ("multiplier", "fit", "points")]
        known = outlook.of_study(made_of[0], made_of[1], made_of[2], given.metric, given.candidate)
    made = outlook.report(
        known, given.multiplier, given.sizes, given.seeds, given.power, given.confidence
    )
    return json.dumps(made, indent=1) if given.json else "\n".join(outlook.lines(made))


def _result(kind: str, study: str) -> "pd.DataFrame":
    """A stage table of a study that has been made."""
    import pandas as pd

    path = Path(f"results/{kind}/{study}.csv")
    if not path.is_file():
        raise InputError(f"{path} does not exist yet; `make STUDY={study}` makes it")
    return pd.read_csv(path)


def _checked(study: str) -> list[str]:
    path = Path(f"config/studies/{study}.yaml")
    if not path.is_file():
        raise InputError(f"no study `{study}`: {path} does not exist")
    if "runs" not in read_yaml(path):
        return [f"{study}: starts from a table of points; there are no logs to check"]
    quality = Path(f"results/quality/{study}.csv")
    if not quality.is_file():
        raise InputError(f"{quality} does not exist yet; `make check STUDY={study}` makes it")
    with quality.open(encoding="utf-8", newline="") as table:
        first, *rest = quality_report(csv.DictReader(table))
    page = f"The page with every curve: results/page/{study}.html"
    return [f"{study}: {first}", *rest, "", page]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="isoloss", description="At equal loss, how much less compute does the new thing need?"
    )
    parser.add_argument("--version", action="version", version=f"isoloss {_version()}")
    verbs = parser.add_subparsers(dest="name", required=True, metavar="VERB")

    verb = verbs.add_parser("flops", help="parameters and FLOPs per token of a model")
    verb.set_defaults(verb=flops)
    verb.add_argument("config", type=Path, help="a Hugging Face config.json")
    verb.add_argument("--sequence-length", type=int, required=True, metavar="TOKENS")
    verb.add_argument(
        "--documents", type=int, nargs="+", metavar="TOKENS", help="lengths of packed documents"
    )
    verb.add_argument("--recompute", choices=tuple(RECOMPUTED), default="none")
    verb.add_argument(
        "--breakdown",
        choices=COUNTED,
        default="matmul_causal",
        metavar="CONVENTION",
        help="the convention to break down (default: %(default)s)",
    )
    verb.add_argument("--json", action="store_true", help="for programs")

    verb = verbs.add_parser("check", help="whether the logs of studies can be trusted")
    verb.set_defaults(verb=check)
    verb.add_argument(
        "studies", nargs="*", metavar="STUDY", help="default: those of config/config.yaml"
    )
    verb = verbs.add_parser("claims", help="published statements against ours, a sentence each")
    verb.set_defaults(verb=claims)
    verb.add_argument(
        "studies", nargs="*", metavar="STUDY", help="default: those of config/config.yaml"
    )
    verb = verbs.add_parser("explain", help="what a log looks like, and how to have it read")
    verb.set_defaults(verb=explain)
    verb.add_argument("log", type=Path, metavar="FILE", help="a log, or a folder of logs")
    verb.add_argument("--format", default="auto", help="read it as this (default: by content)")
    verb.add_argument("--run", metavar="NAME", help="of a store of several, by name or id")
    verb.add_argument("--patterns", type=Path, metavar="FILE", help="of formats of your own")
    verb = verbs.add_parser("init", help="draft a run sheet and a study from a folder of logs")
    verb.set_defaults(verb=drafted)
    verb.add_argument("folder", type=Path, metavar="FOLDER", help="logs, as the tools left them")
    verb.add_argument("--study", metavar="NAME", help="its name (default: the folder's)")
    verb = verbs.add_parser("status", help="which results are current, and why others are not")
    verb.set_defaults(verb=current)
    verb.add_argument("studies", nargs="*", metavar="STUDY", help="default: all")
    verb.add_argument("--json", action="store_true", help="for programs")

    verb = verbs.add_parser("why", help="what a result was made of, and what changed since")
    verb.set_defaults(verb=why)
    verb.add_argument("result", metavar="RESULT", help="a file, as results/multiplier/mine.csv")

    verb = verbs.add_parser("bundle", help="one zip for reviewers (`make bundle` sets it up)")
    verb.set_defaults(verb=bundle)
    verb.add_argument("studies", nargs="*", metavar="STUDY", help="default: all")
    verb.add_argument("--output", type=Path, default=Path("results/bundle.zip"), metavar="ZIP")

    verb = verbs.add_parser("verify", help="make a bundle again elsewhere, and compare every byte")
    verb.set_defaults(verb=verified)
    verb.add_argument("bundle", type=Path, metavar="ZIP")

    verb = verbs.add_parser("diff", help="which numbers moved between two results, and why")
    verb.set_defaults(verb=diff)
    either = "a folder of a project or of results, or a commit (made in a folder of its own)"
    verb.add_argument("before", help=either)
    verb.add_argument("after", nargs="?", default=".", help="default: this folder")

    verb = verbs.add_parser("published", help="how many results equal those that were published")
    verb.set_defaults(verb=same)
    verb.add_argument("--list", action="store_true", help=f"the lines of {published.LIST}")

    verb = verbs.add_parser("plan", help="how many runs tell a multiplier from 1")
    verb.set_defaults(verb=plan)
    verb.add_argument(
        "study", nargs="?", metavar="STUDY", help="whose results to plan by (default: none)"
    )
    verb.add_argument("--metric", help="of the study (default: the first)")
    verb.add_argument("--candidate", help="of the study (default: the first)")
    for name, meaning in (
        ("scatter", "standard deviation of a run about its law, as a share of the loss"),
        ("correlation", "of the errors of both arms at one size"),
        ("seed-noise", "standard deviation of the loss over seeds, nats"),
        ("exponent", "of the laws"),
        ("loss", "at which arms are compared, nats"),
        ("span", "largest compute over the smallest"),
    ):
        verb.add_argument(f"--{name}", type=float, metavar="NUMBER", help=meaning)
    numbers: dict[str, Any] = {"nargs": "+", "metavar": "NUMBER"}
    verb.add_argument("--multiplier", type=float, default=[1.05, 1.16], **numbers)
    verb.add_argument("--sizes", type=int, default=[3, 4, 5, 8, 12], **numbers)
    verb.add_argument("--seeds", type=int, default=[1, 2], **numbers)
    verb.add_argument("--power", type=float, default=0.8, metavar="SHARE", help="that is wanted")
    verb.add_argument("--confidence", type=float, default=0.95, metavar="SHARE")
    verb.add_argument("--json", action="store_true", help="for programs")
    return parser


def _version() -> str:
    try:
        return version("isoloss")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
