"""All log formats; a new one is a module, an import and an entry here."""

from isoloss.logs.formats import (
    composer,
    delimited,
    huggingface,
    jsonl,
    levanter,
    lightning,
    litgpt,
    llmc,
    megatron,
    mlflow,
    nanogpt,
    olmo,
    parquet,
    tensorboard,
    torchtitan,
    wandb,
    wandb_chart,
)

FORMATS = (
    *composer.FORMATS,
    *delimited.FORMATS,
    *huggingface.FORMATS,
    *jsonl.FORMATS,
    *levanter.FORMATS,
    *lightning.FORMATS,
    *litgpt.FORMATS,
    *llmc.FORMATS,
    *megatron.FORMATS,
    *mlflow.FORMATS,
    *nanogpt.FORMATS,
    *olmo.FORMATS,
    *parquet.FORMATS,
    *tensorboard.FORMATS,
    *torchtitan.FORMATS,
    *wandb.FORMATS,
    *wandb_chart.FORMATS,
)
BY_NAME = {format.name: format for format in FORMATS}
