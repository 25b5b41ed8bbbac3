"""Measure a small model of every model type that isoloss knows, into families.json.

    pip install torch==2.13.0 transformers==5.23.0
    PYTHONPATH=workflow/lib python tests/data/flops/make_families.py [model types]

Of each type: the parameters of its default model (null: it has none), the settings a person would
write, the config as `save_pretrained` writes it, its parameters with those of every setting
changed alone (on the meta device), and the FLOPs of one forward pass of 64 tokens under torch's
FlopCounterMode (eager attention; all windows are longer).
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch
import transformers
from isoloss.flops.families.table import FAMILIES
from isoloss.flops.keys import IRRELEVANT
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

LENGTH = 64
PATH = Path(__file__).with_name("families.json")
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 320,
    "sliding_window": 80,
    "attention_chunk_size": 96,
    # experts
    "num_experts": 8,
    "num_local_experts": 8,
    "n_routed_experts": 8,
    "moe_num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_k": 2,
    "moe_topk": 2,
    "top_k_experts": 2,
    "moe_intermediate_size": 24,
    "intermediate_size_mlp": 112,
    "shared_expert_intermediate_size": 40,
    "moe_shared_expert_intermediate_size": 40,
    "shared_intermediate_size": 40,
    "n_group": 1,
    "topk_group": 1,
    # latent attention
    "kv_lora_rank": 16,
    "q_lora_rank": 20,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "index_topk": 70,
    "index_n_heads": 2,
    "index_head_dim": 16,
    # states
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 12,
    "linear_num_heads": 4,
    "linear_head_dim": 16,
    "mamba_n_heads": 8,
    "mamba_num_heads": 8,
    "mamba_d_head": 16,
    "mamba_head_dim": 16,
    "mamba_d_ssm": 128,
    "mamba_d_state": 12,
    "mamba_n_groups": 2,
    "mamba_chunk_size": 16,
    "ssm_state_size": 12,
    "state_size": 12,
    "n_groups": 2,
    "chunk_size": 16,
    "block_size": 16,
    # per-layer inputs
    "hidden_size_per_layer_input": 8,
    "vocab_size_per_layer_input": 320,
}
SPECIAL = {
    "gpt2": {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 96, "vocab_size": 320},
    "mamba2": {"num_heads": 8, "head_dim": 16},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "bamba": {"attn_layer_indices": [2]},
    "lfm2": {"full_attn_idxs": [1, 3]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "nemotron_h": {"layers_block_type": ["linear_attention", "moe", "full_attention", "mlp"]},
    "mimo_v2_flash": {"num_hidden_layers": 6},
    "gemma3_text": {"num_hidden_layers": 6},
    "gemma4_text": {"num_hidden_layers": 6, "global_head_dim": 24},
    "dots1": {"n_shared_experts": 1, "first_k_dense_replace": 1},
    "glm_moe_dsa": {"index_topk_freq": 2},
    "llama4_text": {"interleave_moe_layer_step": 2},
    "minimax": {"sliding_window": None},
}
MORE = {
    "gemma4_text": [
        {"enable_moe_block": True, "num_experts": 8, "attention_k_eq_v": True},
        {"num_kv_shared_layers": 2, "use_double_wide_mlp": True},
    ],
    "granitemoehybrid": [{"num_local_experts": 0}],
    "nemotron_h": [{"moe_latent_size": 32}],
    "mistral": [{"sliding_window": None}],
    "qwen3_moe": [{"decoder_sparse_step": 2, "mlp_only_layers": [1]}],
    "smollm3": [{"use_sliding_window": True, "sliding_window": 80}],
    "deepseek_v3": [{"q_lora_rank": None}],
}


def fields(model_type):
    """The fields of a config class, also under the names that it maps to these."""
    cls = CONFIG_MAPPING[model_type]
    own = {field.name: field.default for field in dataclasses.fields(cls)}
    return own, set(own) | set(cls.attribute_map)


def settings(model_type):
    """The small config that a person would write."""
    special = SPECIAL.get(model_type, {})
    if model_type == "gpt2":
        return special
    own, _ = fields(model_type)
    written = {name: value for name, value in SMALL.items() if name in own}
    if "kv_lora_rank" in own:
        written["num_key_value_heads"] = 4
    if isinstance(own.get("pad_token_id"), int):
        written["pad_token_id"] = 0
    if model_type in ("mamba", "falcon_mamba"):
        written.pop("intermediate_size", None)
    if model_type == "gemma4_text":
        written = {k: v for k, v in written.items() if k not in ("num_experts", "top_k_experts")}
        written |= {"top_k_experts": 2, "moe_intermediate_size": 24}
    return written | special


def changes(model_type):
    """Each key of the config class that may matter, changed alone; and chosen sets of changes."""
    own, _ = fields(model_type)
    common = {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)}
    written = settings(model_type)
    for name, default in own.items():
        if name in IRRELEVANT | common - {"tie_word_embeddings"}:
            continue
        value = written.get(name, default)
        if isinstance(value, bool):
            yield {name: not value}
        elif isinstance(value, int) and value > 0:
            yield {name: 2 * value}
    yield from MORE.get(model_type, [])


def build(model_type, written, device):
    config = CONFIG_MAPPING[model_type](**written)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    torch.manual_seed(0)
    if model_type.startswith("qwen3_vl"):  # a text model without a head of its own
        with torch.device(device):
            body = transformers.AutoModel.from_config(config)
        return config, body.eval(), config.vocab_size * config.hidden_size
    with torch.device(device):
        return config, transformers.AutoModelForCausalLM.from_config(config).eval(), 0


def parameters(config, model, head):
    """All, and what only corrects the choice of experts, a buffer in many models."""
    head = 0 if getattr(config, "tie_word_embeddings", False) else head
    own = sum(p.numel() for p in model.parameters())
    names = ("correction", "expert_bias")
    buffers = sum(b.numel() for n, b in model.named_buffers() if any(word in n for word in names))
    return own + buffers + head


def products(model):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.arange(LENGTH)[None], use_cache=False)
    return counter.get_total_flops()


def default_parameters(model_type):
    try:
        return parameters(*build(model_type, {}, "meta"))
    except Exception:  # some defaults make no model
        return None


def measured(model_type):
    written = settings(model_type)
    config, model, head = build(model_type, written, "cpu")
    row = {
        "default_parameters": default_parameters(model_type),
        "settings": written,
        "saved": json.loads(config.to_json_string()),
        "parameters": parameters(config, model, head),
        "forward_flop": products(model) + 2 * LENGTH * head,
        "changes": [],
    }
    for change in changes(model_type):
        try:
            config, other, head = build(model_type, written | change, "meta")
        except Exception:  # not every change makes a model
            continue
        row["changes"].append([change, parameters(config, other, head)])
    return row


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    made = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {"models": {}}
    made |= {"torch": torch.__version__, "transformers": transformers.__version__, "tokens": LENGTH}
    for name in sys.argv[1:] or [name for name in FAMILIES if name in CONFIG_MAPPING]:
        try:
            made["models"][name] = measured(name)
        except Exception as error:
            print(f"{name}: {error!r}", file=sys.stderr)
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(made.pop("models").items())]
    head = json.dumps(made, sort_keys=True)[:-1]
    text = head + ', "models": {\n' + ",\n".join(lines) + "\n}}\n"
    PATH.write_text(text, encoding="utf-8")
