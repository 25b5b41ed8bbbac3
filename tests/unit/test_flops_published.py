"""FLOPs that papers print."""

import json
from pathlib import Path

import pytest
from isoloss.flops import components, count_parameters, flop_per_token

CONFIGS = Path(__file__).parents[1] / "data" / "flops" / "configs"
PFLOP_S_DAY = 8.64e19


def config(model, **changes):
    return json.loads((CONFIGS / f"{model}.json").read_text(encoding="utf-8")) | changes


# GPT-3 (arXiv 2005.14165), table D.1: millions of parameters, PFLOP/s-days of 300B tokens.
GPT3_TABLE_D1 = [
    (125, "2.60"),
    (356, "7.42"),
    (760, "15.8"),
    (1_320, "27.5"),
    (2_650, "55.2"),
    (6_660, "139"),
    (12_850, "268"),
    (174_600, "3640"),
]


@pytest.mark.parametrize(("millions", "published"), GPT3_TABLE_D1)
def test_gpt3_table_d1(millions, published):
    compute = flop_per_token(None, None, "6n_total", parameters=millions * 1e6) * 300e9
    digits = float(f"{compute / PFLOP_S_DAY:.2e}")
    assert digits == pytest.approx(float(published), rel=0.004)  # its N are rounded


def test_gpt3_175b_from_its_shape():
    gpt3 = config("gpt2", n_layer=96, n_embd=12288, n_head=96, n_positions=2048)
    compute = flop_per_token(gpt3, None, "6n_total") * 300e9 / PFLOP_S_DAY
    assert round(compute, -1) == 3640


def test_palm_540b_mfu():
    # PaLM (arXiv 2204.02311), section 4.1 and appendix B: 238.3K tokens/s on 6,144 TPU v4.
    palm_540b = {
        "model_type": "llama",
        "hidden_size": 18432,
        "num_hidden_layers": 118,
        "num_attention_heads": 48,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "intermediate_size": 4 * 18432,
        "vocab_size": 256000,
        "tie_word_embeddings": True,
    }
    assert count_parameters(palm_540b).total == pytest.approx(540.35e9, rel=1e-4)
    per_flop = 238.3e3 / (6144 * 275e12)
    assert round(100 * per_flop * flop_per_token(palm_540b, 2048, "palm"), 1) == 46.2
    assert round(100 * per_flop * flop_per_token(palm_540b, 2048, "6n_with_head"), 1) == 45.7


def test_deepseek_v3_and_v2_cost_per_token():
    # "Insights into DeepSeek-V3" (arXiv 2505.09343), table 2: 250 and 155 GFLOP at 4K.
    without_mtp = config("deepseek-v3", num_nextn_predict_layers=0)
    assert flop_per_token(without_mtp, 4096, "matmul_causal") == pytest.approx(250e9, rel=0.005)
    assert flop_per_token(without_mtp, 4096, "megatron") == pytest.approx(250e9, rel=0.005)
    assert flop_per_token(config("deepseek-v2"), 4096, "megatron") == pytest.approx(
        155e9, rel=0.005
    )


# Chinchilla (arXiv 2203.15556), table A4: layers, width, feed-forward, heads, head width, ratio.
CHINCHILLA_A4 = [
    (10, 640, 2560, 10, 64, 1.03),
    (20, 1024, 4096, 16, 64, 1.10),
    (24, 1280, 5120, 10, 128, 1.08),
    (26, 1792, 7168, 14, 128, 1.04),
    (28, 2048, 8192, 16, 128, 1.03),
    (40, 3584, 14336, 28, 128, 0.99),
]


@pytest.mark.parametrize(("layers", "width", "inner", "heads", "head", "ratio"), CHINCHILLA_A4)
def test_chinchilla_table_a4(layers, width, inner, heads, head, ratio):
    model = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "head_dim": head,
        "intermediate_size": inner,
        "mlp_gated": False,
        "vocab_size": 32000,
    }
    parts = components(model, 2048, "chinchilla").set_index("component").training
    ours = parts.drop(["embedding", "head"]).sum()
    # Its models have a position matrix a layer (Transformer-XL) that the config cannot say.
    n = count_parameters(model).activated_with_head + layers * width**2
    assert ours / (6 * n) == pytest.approx(ratio, abs=0.0065)
