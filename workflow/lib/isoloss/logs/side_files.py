"""Files that tools write beside a log, and logs of one run in two formats."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from isoloss.logs.errors import LogError
from isoloss.units import Floats

Losses = Callable[[Sequence[Path], str], "pd.Series[float]"]
# By name: what a tool writes once, of settings, of the tokeniser, of the last values.
_SIDE = """wandb-summary.json wandb-metadata.json config.json generation_config.json vocab.json
    special_tokens_map.json tokenizer.json tokenizer_config.json added_tokens.json args.json
    adapter_config.json preprocessor_config.json training_args.json hparams.json requirements.txt
    all_results.json train_results.json eval_results.json model.safetensors.index.json
    pytorch_model.bin.index.json latest_checkpointed_iteration.txt"""
SIDE = frozenset(_SIDE.split())
# Where one run has logs of two formats, the first of these is read: it has what the others have.
_SAME = {
    "huggingface": {"tensorboard", "hf-stdout", "jsonl", "wandb"},
    "lightning": {"tensorboard", "wandb"},
    "llmc": {"llmc-main"},
    "olmo": {"olmo-metrics", "tensorboard", "wandb"},
    "wandb": {"tensorboard", "hf-stdout", "lightning"},
}
# Losses of one run agree to what is printed, but for the last of a log that was cut.
_ROUNDED, _MOST = 1e-3, 0.9
_TRAINER = frozenset(("trainer_log.jsonl", "logging.jsonl"))


def is_side(file: Path) -> bool:
    """Whether a file of a folder is one that a tool writes beside its log."""
    return file.name in SIDE or (
        file.name == "output.log" and file.parent.name == "files"  # what W&B saw printed
    )


def same_run(kinds: Mapping[str, Sequence[Path]], losses: Losses) -> tuple[str, list[str]]:
    """Of the formats of the files of one run the one to read, and those that say the same again.

    The first is "" where it is not known that they do: by their names they may, and where both have
    losses, they must be the same. losses: reads those of files of a format, by step.
    """
    for name, others in _SAME.items():
        rest = [kind for kind in kinds if kind != name]
        if name not in kinds or not rest or not set(rest) <= others:
            continue
        if all(file.name in _TRAINER for file in kinds.get("jsonl", ())) and all(
            _agree((kinds[name], name), (kinds[other], other), losses) for other in rest
        ):
            return name, rest
    return "", []


def _agree(
    one: tuple[Sequence[Path], str], other: tuple[Sequence[Path], str], losses: Losses
) -> bool:
    """Whether the losses of a log are those of another one, or the other has none."""
    try:
        again = losses(*other)
    except LogError:
        return True
    try:
        first = losses(*one)
    except LogError:
        return False
    if again.index.isna().any():  # no steps: then the one after the other
        n = min(len(first), len(again))
        return _near(first.to_numpy()[:n], again.to_numpy()[:n])
    first, again = (log[~log.index.duplicated(keep="last")] for log in (first, again))
    for shift in (0, 1, -1):  # one may count from 0
        shared = first.index.intersection(again.index + shift)
        if _near(first[shared].to_numpy(), again[shared - shift].to_numpy()):
            return True
    return False


def _near(one: Floats, other: Floats) -> bool:
    """Whether most of the values agree."""
    near = np.isclose(one, other, rtol=_ROUNDED, atol=_ROUNDED, equal_nan=True)
    return len(one) > 0 and bool(near.mean() >= _MOST)
