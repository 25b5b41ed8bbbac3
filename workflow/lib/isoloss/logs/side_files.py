"""Files that tools write beside a log, and logs of one run in two formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    "wandb": {"tensorboard", "hf-stdout", "lightning"},
}
_TRAINER = frozenset(("trainer_log.jsonl", "logging.jsonl"))


def is_side(file: Path) -> bool:
    """Whether a file of a folder is one that a tool writes beside its log."""
    return file.name in SIDE or (
        file.name == "output.log" and file.parent.name == "files"  # what W&B saw printed
    )


def same_run(kinds: Mapping[str, Sequence[Path]]) -> tuple[str, list[str]]:
    """Of the formats of the files of one run the one to read, and those that say the same again.

    The first is "" where it is not known that they do.
    """
    for name, others in _SAME.items():
        rest = [kind for kind in kinds if kind != name]
        if name not in kinds or not rest or not set(rest) <= others:
            continue
        if all(file.name in _TRAINER for file in kinds.get("jsonl", ())):
            return name, rest
    return "", []
