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
    "router_jitter_noise scoring_func seq_aux topk_group use_grouped_topk"
)
IRRELEVANT = frozenset(_IRRELEVANT.split())

_REQUIRED: Any = object()


class Keys:
    """A config being read; `finish` refuses what nobody asked for."""

    def __init__(self, config: Mapping[str, Any], where: str = "") -> None:
        self.config = config
        self.where = where
        self.asked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the key is there and not null."""
        return self.config.get(name) is not None

    def value(self, *names: str, default: Any = _REQUIRED) -> Any:
        """The value of the first key present (null counts as absent), under any of its names."""
        self.asked.update(names)
        present = [name for name in names if self.has(name)]
        if len(present) > 1 and len({repr(self.config[name]) for name in present}) > 1:
            pairs = ", ".join(f"{name}: {self.config[name]!r}" for name in present)
            raise ValueError(f"{self.where}{pairs}: these name one thing; keep one of them")
        if present:
            return self.config[present[0]]
        if default is _REQUIRED:
            near = get_close_matches(names[0], sorted(set(self.config) - IRRELEVANT), 1, 0.8)
            raise ValueError(
                f"{self.where}{names[0]}: missing; the config must give it"
                + (f" (is it {near[0]}?)" if near else "")
            )
        return default

    def integer(self, *names: str, default: Any = _REQUIRED, least: int = 1) -> Any:
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
        value = self.value(*names, default=default)
        if not isinstance(value, bool):
            raise ValueError(f"{self.where}{names[0]}: {value!r}: expected true or false")
        return value

    def choice(self, *names: str, among: tuple[str, ...], default: Any = _REQUIRED) -> str:
        """One of the given words."""
        value = self.value(*names, default=default)
        if value not in among:
            raise ValueError(
                f"{self.where}{names[0]}: {value!r}: expected one of {', '.join(among)}"
                + did_you_mean(value, among)
            )
        return str(value)

    def integers(self, name: str, default: Any = _REQUIRED) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self.value(name, default=default)
        if not isinstance(value, list | tuple) or not all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        ):
            raise ValueError(f"{self.where}{name}: {value!r}: expected a list of whole numbers")
        return tuple(value)

    def section(self, name: str) -> "Keys":
        """A mapping inside the config."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise ValueError(f"{self.where}{name}: {value!r}: expected a mapping")
        return Keys(value, f"{self.where}{name}.")

    def finish(self) -> None:
        """ValueError for a key that was neither asked for nor is irrelevant nor null."""
        unknown = set(self.config) - self.asked - IRRELEVANT
        for name in sorted(name for name in unknown if self.has(name)):
            hint = did_you_mean(name, self.asked | IRRELEVANT)
            raise ValueError(
                f"{self.where}{name}: {self.config[name]!r}: not known for this model and may "
                f"change the count{hint}; remove it if it is irrelevant"
            )


def did_you_mean(word: object, known: "tuple[str, ...] | set[str] | frozenset[str]") -> str:
    """A hint at the nearest known word, or nothing."""
    near = get_close_matches(str(word), sorted(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
