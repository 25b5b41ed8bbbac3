"""Both papers' axes, from their models' shapes and their tokens."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.flops import count_parameters, flop_per_token, notes

DATA = Path(__file__).parents[1] / "data" / "flops"
PFLOP_S_DAY = 8.64e19
KIMI = pd.read_csv(DATA / "kimi_linear.csv")
MOBA = pd.read_csv(DATA / "moba.csv")


def kimi_config(arm, layers, heads, hidden, **changes):
    full = sorted({*range(4, layers + 1, 4), layers})
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
        "moe_intermediate_size": 16 * math.ceil(4 * hidden / 9 / 16),
        "n_routed_experts": 64,
        "num_experts_per_tok": 8,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
        "vocab_size": 163840,
        "tie_word_embeddings": False,
        "kv_lora_rank": 512,
        "q_lora_rank": None,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "hidden_act": "silu",
        "attention": "mla",
    }
    if arm == "kimi-linear":
        config |= {
            "attention": "kda_mla_hybrid",
            "linear_attn_config": {
                "full_attn_layers": full,
                "kda_layers": [i for i in range(1, layers + 1) if i not in full],
                "head_dim": 128,
                "num_heads": heads,
                "short_conv_kernel_size": 4,
                "chunk_size": 64,
            },
        }
    return config | changes


def kimi_row_config(row):
    return kimi_config(row.arm, row.layers, row.heads, row.hidden_size)


def moba_config(row):
    config = {
        "hidden_size": row.hidden_size,
        "num_hidden_layers": row.layers,
        "num_attention_heads": row.heads,
        "num_key_value_heads": row.heads,
        "head_dim": 128,
        "intermediate_size": row.intermediate_size,
        "hidden_act": "silu",
        "vocab_size": None,
        "tie_word_embeddings": False,
        "attention": "full",
    }
    if row.run.startswith("moba"):
        config |= {"attention": "moba", "moba_chunk_size": 512, "moba_topk": 3}
    return config


def compute(row, convention):
    flop = flop_per_token(kimi_row_config(row), 4096, convention)
    return flop * float(row.tokens) / PFLOP_S_DAY


def multiplier(convention, loss):
    """Equal-loss compute ratio of lines fitted to the logs of both arms' five points."""
    needed = {}
    for arm, rows in KIMI.groupby("arm"):
        x = np.log([compute(row, convention) for row in rows.itertuples()])
        slope, intercept = np.polyfit(x, np.log(rows.loss), 1)
        needed[arm] = math.exp((math.log(loss) - intercept) / slope)
    return needed["mla"] / needed["kimi-linear"]


@pytest.mark.parametrize("row", list(KIMI.itertuples()), ids=lambda row: f"{row.arm}-{row.model}")
def test_kimi_linear_axis_is_6n_with_head(row):
    assert compute(row, "6n_with_head") == pytest.approx(
        row.plotted_compute_pflop_s_days, rel=0.0015
    )


@pytest.mark.parametrize("row", list(MOBA.itertuples()), ids=lambda row: row.run)
def test_moba_axis_is_6n_with_the_published_parameters(row):
    flop = flop_per_token(None, None, "6n_non_embedding", parameters=row.parameters)
    assert flop * float(row.tokens) / PFLOP_S_DAY == pytest.approx(
        row.plotted_compute_pflop_s_days, rel=1e-4
    )


@pytest.mark.parametrize("row", list(MOBA[:10].itertuples()), ids=lambda row: row.run)
def test_moba_shapes_give_the_published_parameters_without_a_vocabulary(row):
    counted = count_parameters(moba_config(row))
    assert counted.non_embedding == pytest.approx(row.parameters, rel=0.06)
    assert counted.total is None
    flop = flop_per_token(moba_config(row), None, "6n_non_embedding")
    assert flop == 6 * counted.non_embedding
    with pytest.raises(ValueError, match=r"vocab_size: null.*6n_with_head"):
        flop_per_token(moba_config(row), None, "6n_with_head")
    assert "head is not counted" in notes(moba_config(row), "matmul_causal")[0]


def test_kimi_linear_costs_less_than_mla_once_scores_are_counted():
    ratios = {}
    for convention in ("6n_with_head", "matmul_causal"):
        cost = KIMI.assign(c=[compute(row, convention) for row in KIMI.itertuples()])
        table = cost.pivot(index="model", columns="arm", values="c")
        ratios[convention] = table["kimi-linear"] / table["mla"]
    assert ratios["6n_with_head"].between(1.034, 1.059).all()
    assert ratios["matmul_causal"].between(0.885, 0.925).all()


def test_the_convention_moves_the_multiplier():
    assert multiplier("6n_with_head", 2.1) == pytest.approx(1.155, abs=0.001)
    assert multiplier("matmul_causal", 2.1) == pytest.approx(1.33, abs=0.005)


def test_moba_is_charged_the_keys_it_visits():
    full, moba = (
        next(row for row in MOBA.itertuples() if row.run == f"{arm}-545M-8k")
        for arm in ("full", "moba")
    )
    saved = flop_per_token(moba_config(full), 8192, "matmul_causal") - flop_per_token(
        moba_config(moba), 8192, "matmul_causal"
    )
    dense_pairs = 8192 * 8193 // 2
    moba_pairs = sum(t % 512 + 1 + 512 * min(t // 512, 2) for t in range(8192))
    gate_pairs = sum(t // 512 for t in range(8192))
    per_layer = 2 * 14 * 128 * (2 * (dense_pairs - moba_pairs) - gate_pairs) / 8192
    assert saved == pytest.approx(3 * 14 * per_layer, rel=1e-12)
