"""Reading the keys of a config: every key is used, known to be irrelevant, or an error."""

from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Integral
from typing import Any

# Keys of Hugging Face configs that change neither a parameter count nor a matrix multiplication.
_IRRELEVANT = (
    # names, versions, files
    "_attn_implementation _attn_implementation_autoset _name_or_path architectures auto_map dtype "
    "finetuning_task prefix quantization_config "
    "task_specific_params tf_legacy_loss tokenizer_class torch_dtype torchscript "
    "transformers.js_config transformers_version unsloth_fixed unsloth_version use_bfloat16 "
    # tokens and generation
    "begin_suppress_tokens bos_token_id cache_implementation decoder_start_token_id eos_token_id "
    "forced_bos_token_id forced_eos_token_id id2label is_decoder label2id "
    "pad_token_id problem_type return_dict return_dict_in_generate sep_token_id temperature "
    "tie_encoder_decoder top_k top_p typical_p use_cache keys_to_ignore_at_inference "
    "output_attentions output_hidden_states output_router_logits output_scores "
    "bad_words_ids diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size "
    "exponential_decay_length_penalty length_penalty max_length min_length no_repeat_ngram_size "
    "num_beam_groups num_beams num_return_sequences repetition_penalty suppress_tokens "
    "remove_invalid_values chunk_size_feed_forward summary_activation summary_first_dropout "
    "summary_proj_to_labels summary_type summary_use_proj "
    # activations, norms' constants, initialisation, dropout
    "activation_function attention_dropout attention_softmax_in_fp32 attn_logit_softcapping "
    "attn_pdrop classifier_dropout embd_pdrop embedding_dropout final_logit_softcapping "
    "gradient_checkpointing hidden_act hidden_activation hidden_dropout initializer_range "
    "layer_norm_eps layer_norm_epsilon pretraining_tp query_pre_attn_scalar "
    "reorder_and_upcast_attn resid_pdrop rms_norm_eps scale_attn_by_inverse_layer_idx "
    "scale_attn_weights use_parallel_residual "
    # positions without parameters
    "max_position_embeddings mla_use_nope model_max_length n_ctx partial_rotary_factor "
    "rope_interleave rope_interleaved rope_parameters rope_scaling rope_theta rotary_emb_base "
    "rotary_pct "
    # how experts are chosen, not how many
    "aux_loss_alpha ep_size moe_aux_loss_coeff moe_renormalize moe_router_activation_func "
    "n_group norm_topk_prob num_expert_group routed_scaling_factor router_aux_loss_coef "
    "router_jitter_noise scoring_func seq_aux topk_group use_grouped_topk route_norm score_func "
    "route_scale router_scaling_factor moe_router_dtype moe_router_topk_scaling_factor "
    "input_jitter_noise moe_norm_min enable_moe_fp32_combine moe_shared_expert_overlap "
    "moe_renorm router_bias_update_rate load_balance_coeff moe_router_scaling_factor "
    # multiplied by numbers, clipped
    "activation_scaling attention_in_multiplier attention_multiplier attention_out_multiplier "
    "attention_value_scale attn_scale attn_temperature_tuning clip_qkv embedding_multiplier "
    "floor_scale full_attn_alpha_factor full_attn_beta_factor key_multiplier layernorm_epsilon "
    "linear_attn_alpha_factor linear_attn_beta_factor lm_head_multiplier logit_scale "
    "logits_scaling mlp_alpha_factor mlp_beta_factor mlp_multipliers mup_enabled norm_eps "
    "norm_epsilon residual_multiplier ssm_in_multiplier ssm_multipliers ssm_out_multiplier "
    "swiglu_alpha swiglu_limit z_loss_coefficient use_gemma_norm rotary_dim "
    # how states are computed and initialised
    "a_log_init mamba_hidden_act mamba_norm_before_gate mamba_ssm_cache_dtype mamba_ssm_dtype "
    "mlp_hidden_act output_gate_type num_logits_to_keep rescale_prenorm_residual "
    "residual_in_fp32 time_step_floor time_step_init_scheme time_step_rank time_step_limit "
    "time_step_max time_step_min time_step_scale use_associative_scan use_mamba_kernels "
    "use_mambapy mixer_rms_eps "
    "linear_a_log_max linear_a_log_min linear_allow_neg_eigval linear_dt_init_floor "
    "linear_dt_max linear_dt_min "
    # positions and dropout under further names
    "layer_rope_theta "
    "initial_context_length original_max_position_embeddings residual_dropout resid_dropout "
    "rope_local_base_freq rope_percent rope_type swa_rope_theta local_rope_theta "
    "global_rope_theta layer_norm_elementwise_affine indexer_rope_interleave mrope_interleaved "
    "mrope_section eod_token_id im_start_token_id pad_id sep_id bos_id eos_id is_llama_config "
    "_sliding_window_pattern "
    # of multi-token prediction, which only `multi_token_prediction` counts
    "index_share_for_mtp_iteration mtp_hybrid_override_pattern mtp_layers_block_type "
    "mtp_transformer_layers mtp_use_dedicated_embeddings use_mtp"
)
IRRELEVANT = frozenset(_IRRELEVANT.split())

REQUIRED: Any = object()


class Keys:
    """A config being read; `finish` refuses what nobody asked for."""

    def __init__(
        self,
        config: Mapping[str, Any],
        where: str = "",
        silent: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.config = config
        self.where = where
        self.silent = silent or {}  # what the model's code takes for keys that are not there
        self.names = names or {}  # isoloss's word for a key to the model type's own
        self.asked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the key is there and not null."""
        return self.config.get(name) is not None

    def value(self, *names: str, default: Any = REQUIRED) -> Any:
        """The value of a key under any of its names; then what the model's code takes.

        For a key that the config omits, that is `silent` (the config class has a default); for
        one that is null, or that the class does not know, it is `default`.
        """
        names = tuple(self.names.get(name, name) for name in names)
        self.asked.update(names)
        present = [name for name in names if self.has(name)]
        if len(present) > 1 and len({repr(self.config[name]) for name in present}) > 1:
            pairs = ", ".join(f"{name}: {self.config[name]!r}" for name in present)
            raise ValueError(f"{self.where}{pairs}: these name one thing; keep one of them")
        if present:
            return self.config[present[0]]
        if not any(name in self.config for name in names):
            for name in names:
                if name in self.silent:
                    return self.silent[name]
        if default is REQUIRED:
            near = get_close_matches(
                names[0], sorted(set(self.config) - IRRELEVANT - set(names)), 1, 0.8
            )
            raise ValueError(
                f"{self.where}{names[0]}: missing; the config must give it"
                + (f" (is it {near[0]}?)" if near else "")
            )
        return default

    def integer(self, *names: str, default: Any = REQUIRED, least: int = 1) -> Any:
        """A whole number of at least `least` (or the default, which may be None)."""
        value = self.value(*names, default=default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(
                f"{self.where}{names[0]}: {value!r}: expected a whole number of at least {least}"
            )
        return int(value)

    def number(self, *names: str, default: float) -> float:
        """A positive number."""
        value = self.value(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise ValueError(f"{self.where}{names[0]}: {value!r}: expected a positive number")
        return float(value)

    def flag(self, *names: str, default: bool) -> bool:
        """True or false."""
        value = self.value(*names, default=default) if names else default
        if not isinstance(value, bool):
            raise ValueError(f"{self.where}{names[0]}: {value!r}: expected true or false")
        return value

    def choice(self, *names: str, among: tuple[str, ...], default: Any = REQUIRED) -> str:
        """One of the given words."""
        value = self.value(*names, default=default)
        if value not in among:
            raise ValueError(
                f"{self.where}{names[0]}: {value!r}: expected one of {', '.join(among)}"
                + did_you_mean(value, among)
            )
        return str(value)

    def integers(self, name: str, default: Any = REQUIRED) -> Any:
        """A list of whole numbers."""
        value = self.value(name, default=default)
        if value is None and default is None:
            return None
        if not isinstance(value, list | tuple) or not all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        ):
            raise ValueError(f"{self.where}{name}: {value!r}: expected a list of whole numbers")
        return tuple(value)

    def words(self, name: str) -> tuple[str, ...] | None:
        """A list of words, one a layer, or None."""
        value = self.value(name, default=None)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or not all(isinstance(w, str) for w in value):
            raise ValueError(f"{self.where}{name}: {value!r}: expected a list of words")
        return tuple(value)

    def same(self, name: str, expected: object, why: str) -> None:
        """ValueError if the key is given and is not what the others make of it."""
        value = self.value(name, default=expected)
        if value != expected:
            raise ValueError(f"{self.where}{name}: {value!r}: expected {why} ({expected})")

    def section(self, name: str) -> "Keys":
        """A mapping inside the config."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise ValueError(f"{self.where}{name}: {value!r}: expected a mapping")
        return Keys(value, f"{self.where}{name}.")

    def _says(self, name: str) -> bool:
        """Whether a key nobody asked for says something: not null, nor false, nor empty.

        False is what a switch that the model's code does not have is written as; but not what is
        misspelt.
        """
        value = self.config[name]
        if value is False or value in ({}, [], ""):
            return bool(get_close_matches(name, sorted(self.asked), 1, 0.85))
        return value is not None

    def finish(self) -> None:
        """ValueError for a key that was neither asked for nor is irrelevant nor says nothing."""
        unknown = set(self.config) - self.asked - IRRELEVANT - set(self.silent)
        for name in sorted(name for name in unknown if self._says(name)):
            hint = did_you_mean(name, self.asked | IRRELEVANT)
            raise ValueError(
                f"{self.where}{name}: {self.config[name]!r}: not known for this model and may "
                f"change the count{hint}; remove it if it is irrelevant"
            )


def did_you_mean(word: object, known: "tuple[str, ...] | set[str] | frozenset[str]") -> str:
    """A hint at the nearest known word, or nothing."""
    near = get_close_matches(str(word), sorted(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
