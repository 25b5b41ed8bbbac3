"""All log formats; a new one is a module, an import and an entry here."""

from isoloss.logs import (
    composer,
    delimited,
    huggingface,
    jsonl,
    levanter,
    lightning,
    litgpt,
    llmc,
    megatron,
    nanogpt,
    olmo,
    parquet,
    torchtitan,
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
    *nanogpt.FORMATS,
    *olmo.FORMATS,
    *parquet.FORMATS,
    *torchtitan.FORMATS,
    *wandb_chart.FORMATS,
)
BY_NAME = {format.name: format for format in FORMATS}
