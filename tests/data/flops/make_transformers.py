"""Count parameters and products of small Hugging Face models, into transformers.json.

    pip install torch==2.13.0 transformers==5.23.0 && python tests/data/flops/make_transformers.py

Each config is kept as `save_pretrained` writes it. FLOPs are those of one forward pass of 32
tokens with eager attention, which multiplies the whole square, under torch's FlopCounterMode.
"""

import json
from pathlib import Path

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

LENGTH = 32
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 112,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "vocab_size": 320,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2 = {
    "n_embd": 64,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 96,
    "vocab_size": 320,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GQA = SMALL | {"num_key_value_heads": 2}
QWEN_MOE = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
MLA = SMALL | {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 2,
    "moe_intermediate_size": 24,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 1,
}
NO_PREDICTION = {"num_nextn_predict_layers": 0}  # transformers leaves these modules out
CASES = [
    ("gpt2", GPT2),
    ("gpt2", GPT2 | {"n_inner": 100, "tie_word_embeddings": False}),
    ("gpt_neox", SMALL),
    ("gpt_neox", SMALL | {"attention_bias": False}),
    ("llama", GQA),
    ("llama", SMALL | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", GQA | {"head_dim": 24}),
    ("mistral", GQA | {"sliding_window": None}),
    ("mistral", GQA | {"head_dim": 24, "sliding_window": 40}),
    ("mixtral", GQA),
    ("mixtral", GQA | {"num_local_experts": 6, "num_experts_per_tok": 3}),
    ("qwen2", GQA),
    ("qwen2", GQA | {"use_sliding_window": True, "sliding_window": 40, "max_window_layers": 2}),
    ("qwen3", GQA),
    ("qwen3", GQA | {"head_dim": 24, "attention_bias": True, "tie_word_embeddings": True}),
    ("qwen3_moe", GQA | QWEN_MOE),
    ("qwen3_moe", GQA | QWEN_MOE | {"decoder_sparse_step": 2, "mlp_only_layers": [1]}),
    ("deepseek_v2", MLA | {"q_lora_rank": 20}),
    ("deepseek_v2", MLA | {"q_lora_rank": None, "attention_bias": True}),
    ("deepseek_v3", MLA | NO_PREDICTION | {"q_lora_rank": 20}),
    ("deepseek_v3", MLA | NO_PREDICTION | {"q_lora_rank": None, "attention_bias": True}),
    ("olmo2", GQA),
    ("olmo2", GQA | {"attention_bias": True, "tie_word_embeddings": True}),
    ("gemma2", GQA | {"head_dim": 24, "sliding_window": 40}),
]


def counted(model_type, settings):
    config = transformers.AutoConfig.for_model(model_type, **settings)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.arange(LENGTH)[None], use_cache=False)
    corrections = sum(b.numel() for name, b in model.named_buffers() if "correction" in name)
    return {
        "config": json.loads(config.to_json_string()),
        "parameters": sum(p.numel() for p in model.parameters()) + corrections,
        "forward_flop": counter.get_total_flops(),
    }


if __name__ == "__main__":
    made = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sequence_length": LENGTH,
        "models": [counted(*case) for case in CASES],
    }
    text = json.dumps(made, indent=1)
    Path(__file__).with_name("transformers.json").write_text(text + "\n", encoding="utf-8")
