"""Closed forms of pair counts against queries counted one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isoloss.flops.architecture import Blocks, Causal, Native, Window
from isoloss.flops.pairs import full_gate_pairs, full_pairs, gate_pairs, visited_pairs

LENGTHS = st.integers(1, 120)
SIZES = st.integers(1, 20)


def blocks_seen(t, size, top):
    """Keys that the query at t (from 0) sees of its own block and the best earlier ones."""
    return t % size + 1 + size * min(t // size, top - 1)


@given(LENGTHS)
def test_causal(length):
    assert visited_pairs(Causal(), length) == sum(t + 1 for t in range(length))
    assert full_pairs(Causal(), length) == length**2


@given(LENGTHS, SIZES)
def test_window(length, size):
    assert visited_pairs(Window(size), length) == sum(min(t + 1, size) for t in range(length))
    assert full_pairs(Window(size), length) == length * min(length, size)


@given(LENGTHS, SIZES, st.integers(1, 6))
def test_moba(length, size, top):
    pattern = Blocks(size, top)
    seen = sum(blocks_seen(t, size, top) for t in range(length))
    assert visited_pairs(pattern, length) == seen
    assert gate_pairs(pattern, length) == sum(t // size for t in range(length))
    assert full_gate_pairs(pattern, length) == length * ((length + size - 1) // size)


@given(LENGTHS, SIZES, SIZES, SIZES, st.integers(1, 6), SIZES)
def test_nsa(length, compress, stride, select, top, window):
    seen = 0
    for t in range(length):
        seen += sum(start + compress <= t + 1 for start in range(0, t + 1, stride))
        seen += blocks_seen(t, select, top) + min(t + 1, window)
    assert visited_pairs(Native(compress, stride, select, top, window), length) == seen


@given(LENGTHS, SIZES)
def test_moba_with_enough_blocks_is_full_attention(length, size):
    assert visited_pairs(Blocks(size, length + 1), length) == visited_pairs(Causal(), length)


def test_moba_sparsity_of_the_paper():
    # MoBA, section 3.1: block 512, top 3 leave 81.25% unvisited at 8K; 95.31% at 32K.
    for length, sparsity in ((8192, 0.8125), (32768, 0.9531)):
        left_out = 1 - full_pairs(Blocks(512, 3), length) / length**2
        assert left_out == pytest.approx(sparsity, abs=5e-5)
