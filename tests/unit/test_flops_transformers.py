"""Counts against Hugging Face's own models, as tests/data/flops/make_transformers.py made them."""

import json
from pathlib import Path

import pytest
from isoloss.flops import count_parameters, flop_per_token

PATH = Path(__file__).parents[1] / "data" / "flops" / "transformers.json"
GOLDEN = json.loads(PATH.read_text(encoding="utf-8"))
IDS = [model["config"]["model_type"] for model in GOLDEN["models"]]


@pytest.mark.parametrize("model", GOLDEN["models"], ids=IDS)
def test_parameters_of_a_config_as_saved(model):
    assert count_parameters(model["config"]).total == model["parameters"]


@pytest.mark.parametrize("model", GOLDEN["models"], ids=IDS)
def test_products_of_a_config_as_saved(model):
    length = GOLDEN["sequence_length"]
    flop = flop_per_token(model["config"], length, "matmul_full")
    assert flop * length == pytest.approx(3 * model["forward_flop"], rel=1e-9)
