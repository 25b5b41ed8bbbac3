"""Compute of one convention as that of another."""

import pytest
from isoloss.flops import conversion

SOFTMAX = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "head_dim": 128,
    "intermediate_size": 1408,
    "vocab_size": 32000,
}


def test_logged_compute_converts_only_from_a_declared_convention():
    with pytest.raises(ValueError, match=r"'logged': .*declare the convention"):
        conversion(SOFTMAX, 4096, "logged", "matmul_causal")
    assert conversion(None, None, "palm", "palm") == 1.0
