"""Count the matrix multiplications of every layer type with torch, into golden.json.

    pip install torch==2.13.0 && python tests/data/flops/make_golden.py

Small models written out in plain torch, run once under FlopCounterMode: once as dense kernels
(`full`) and once visiting only what the causal mask leaves (`causal`), query by query. What is
computed is checked too: both ways give the same output, and the chunkwise linear layers agree
with their recurrences. Nothing here uses isoloss.
"""

import json
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from torch_layers import layer
from torch_run import Run

torch.set_default_dtype(torch.float64)
BASE = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "vocab_size": 50,
    "tie_word_embeddings": False,
}
GQA = BASE | {"num_key_value_heads": 2, "head_dim": 8}
MLA = BASE | {
    "attention": "mla",
    "kv_lora_rank": 10,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4,
    "v_head_dim": 6,
}
MOE = {
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "moe_intermediate_size": 12,
    "first_k_dense_replace": 1,
}
LINEAR_ATTENTION = {"num_heads": 3, "head_dim": 6, "short_conv_kernel_size": 4, "chunk_size": 8}
GATED_DELTA = {
    "linear_num_value_heads": 6,
    "linear_num_key_heads": 3,
    "linear_key_head_dim": 6,
    "linear_value_head_dim": 5,
    "linear_conv_kernel_dim": 4,
    "linear_chunk_size": 8,
}
MAMBA = {
    "mamba_num_heads": 6,
    "mamba_head_dim": 8,
    "mamba_state_size": 10,
    "mamba_n_groups": 2,
    "mamba_conv_kernel": 4,
    "mamba_chunk_size": 8,
}
NSA = {
    "compress_block_size": 8,
    "compress_block_stride": 4,
    "select_block_size": 8,
    "select_block_count": 3,
    "window_size": 6,
}
CASES = {
    "mha-plain": (BASE | {"mlp_gated": False, "mlp_bias": True, "attention_bias": True}, 24),
    "gqa-gated": (GQA, 24),
    "gqa-qk-norm-tied": (GQA | {"qk_norm": "head", "tie_word_embeddings": True}, 24),
    "sliding": (GQA | {"attention": "sliding", "sliding_window": 5}, 24),
    "window-and-full": (
        GQA | {"layer_types": ["sliding", "full"], "sliding_window": 5},
        24,
    ),
    "moba": (GQA | {"attention": "moba", "moba_chunk_size": 8, "moba_topk": 3}, 48),
    "nsa": (GQA | {"attention": "nsa", "nsa_config": NSA}, 48),
    "nsa-shared": (GQA | {"attention": "nsa", "nsa_config": NSA | {"shared_key_values": True}}, 48),
    "mla": (MLA, 24),
    "mla-query-rank": (MLA | {"q_lora_rank": 14}, 24),
    "mla-absorbed": (MLA | {"q_lora_rank": 14, "mla_absorbed": True}, 24),
    "moe": (MLA | MOE, 24),
    "moe-capacity": (MLA | MOE | {"moe_capacity_factor": 1.5}, 16),
    "prediction": (MLA | MOE | {"multi_token_prediction": 1}, 24),
    "kda-hybrid": (
        MLA
        | MOE
        | {
            "attention": "kda_mla_hybrid",
            "linear_attn_config": LINEAR_ATTENTION | {"kda_layers": [1], "full_attn_layers": [2]},
        },
        24,
    ),
    "kda-ragged": (BASE | {"attention": "kda", "linear_attn_config": LINEAR_ATTENTION}, 29),
    "gated-deltanet": (BASE | GATED_DELTA | {"attention": "gated_deltanet"}, 24),
    "mamba2": (BASE | MAMBA | {"attention": "mamba2", "intermediate_size": 0}, 24),
    "mamba2-hybrid": (GQA | MAMBA | {"layer_types": ["mamba2", "full"]}, 24),
}


def forward(run, length):
    c = run.config
    tokens = torch.arange(length) * 7 % c["vocab_size"]
    table = run.parameter("embedding", c["vocab_size"], c["hidden_size"])
    kinds = c.get("layer_types") or [c.get("attention", "full")] * c["num_hidden_layers"]
    if kinds[0] == "kda_mla_hybrid":
        full = c["linear_attn_config"]["full_attn_layers"]
        kinds = ["mla" if i + 1 in full else "kda" for i in range(len(kinds))]
    sparse = [
        "n_routed_experts" in c and i >= c["first_k_dense_replace"] for i in range(len(kinds))
    ]
    x = table[tokens]
    for i, kind in enumerate(kinds):
        x = layer(run, f"layer{i}", x, kind, sparse[i])

    def head(hidden):
        matrix = table if c["tie_word_embeddings"] else run.parameter("head", *table.shape)
        with run.counted("head"):
            return hidden @ matrix.T

    logits = head(run.norm("final", x))
    losses = [logits.square().mean()]
    own = sum(p.numel() for p in run.parameters.values())
    for n in range(c.get("multi_token_prediction", 0)):
        pair = torch.cat([run.norm(f"next{n}.h", x), run.norm(f"next{n}.e", table[tokens])], -1)
        joined = run.linear(f"next{n}.join", pair, c["hidden_size"])
        x = layer(run, f"next{n}", joined, kinds[-1], sparse[-1])
        losses.append(head(run.norm(f"next{n}.final", x)).square().mean())
    return logits, sum(losses), own


def golden():
    made = {}
    for name, (config, length) in CASES.items():
        counts, outputs = {}, []
        for convention in ("full", "causal"):
            run = Run(config, convention == "causal")
            logits, loss, own = forward(run, length)
            outputs.append(logits)
            if convention == "full":
                with FlopCounterMode(display=False) as counter:
                    loss.backward()
                # The counter charges a depthwise convolution's gradient as a dense one's.
                counts_by_operator = counter.get_flop_counts()["Global"]
                counts_by_operator.pop(torch.ops.aten.convolution_backward, None)
                backward = sum(counts_by_operator.values())
            counts[convention] = dict(sorted(run.counts.items()))
        assert torch.allclose(*outputs), name
        total = sum(parameter.numel() for parameter in run.parameters.values())
        made[name] = {
            "config": config,
            "sequence_length": length,
            "parameters": own,
            "prediction_parameters": total - own,
            "forward_flop": counts,
            "backward_flop_without_convolution": backward,
        }
    return made


if __name__ == "__main__":
    path = Path(__file__).with_name("golden.json")
    text = json.dumps({"torch": torch.__version__, "cases": golden()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
