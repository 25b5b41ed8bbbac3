"""All log formats; a new one is a table in console.yaml, or a module and an entry here."""

from isoloss.logs.formats import (
    delimited,
    detectron2,
    huggingface,
    jsonl,
    lightning,
    litgpt,
    mlflow,
    olmo_metrics,
    pairs,
    parquet,
    programs,
    tensorboard,
    wandb,
    wandb_chart,
)

FORMATS = (
    *delimited.FORMATS,
    *detectron2.FORMATS,
    *huggingface.FORMATS,
    *jsonl.FORMATS,
    *lightning.FORMATS,
    *litgpt.FORMATS,
    *mlflow.FORMATS,
    *olmo_metrics.FORMATS,
    *pairs.FORMATS,
    *parquet.FORMATS,
    *programs.FORMATS,
    *tensorboard.FORMATS,
    *wandb.FORMATS,
    *wandb_chart.FORMATS,
)
BY_NAME = {format.name: format for format in FORMATS}
