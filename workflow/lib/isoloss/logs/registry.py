"""All log formats; a new one is a table in console.yaml, or a module and an entry here."""

from isoloss.logs.formats import (
    delimited,
    huggingface,
    jsonl,
    lightning,
    litgpt,
    mlflow,
    pairs,
    parquet,
    programs,
    tensorboard,
    wandb,
    wandb_chart,
)

FORMATS = (
    *delimited.FORMATS,
    *huggingface.FORMATS,
    *jsonl.FORMATS,
    *lightning.FORMATS,
    *litgpt.FORMATS,
    *mlflow.FORMATS,
    *pairs.FORMATS,
    *parquet.FORMATS,
    *programs.FORMATS,
    *tensorboard.FORMATS,
    *wandb.FORMATS,
    *wandb_chart.FORMATS,
)
BY_NAME = {format.name: format for format in FORMATS}
