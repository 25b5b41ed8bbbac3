"""Count the matrix multiplications of every layer type with torch, into golden.json.

    pip install torch==2.13.0 && python tests/data/flops/make_golden.py

Small models written out in plain torch, run once under FlopCounterMode: once as dense kernels
(`full`) and once visiting only what the causal mask leaves (`causal`), query by query. What is
computed is checked too: both ways give the same output, and the chunkwise linear layers agree
with their recurrences. Nothing here uses isoloss.
"""

import json
import math
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

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
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
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
    "prediction": (MLA | MOE | {"num_nextn_predict_layers": 1}, 24),
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


class Run:
    """One forward pass: parameters made as they are asked for, FLOPs counted by component."""

    def __init__(self, config, causal):
        self.config, self.causal = config, causal
        self.parameters, self.counts = {}, Counter()
        self.generator = torch.Generator().manual_seed(0)

    @contextmanager
    def counted(self, component):
        with FlopCounterMode(display=False) as counter:
            yield
        self.counts[component] += counter.get_total_flops()

    def parameter(self, name, *shape):
        if name not in self.parameters:
            values = torch.randn(*shape, generator=self.generator) / math.sqrt(shape[-1])
            self.parameters[name] = values
        return self.parameters[name]

    def linear(self, name, x, outputs, component="projections", bias=False):
        weight = self.parameter(f"{name}.weight", outputs, x.shape[-1])
        with self.counted(component):
            y = x @ weight.T
        return y + self.parameter(f"{name}.bias", outputs) if bias else y

    def norm(self, name, x):
        scale = self.parameter(f"{name}.norm", x.shape[-1])
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + scale)

    def convolve(self, name, x, kernel, bias=False):
        channels = x.shape[-1]
        weight = self.parameter(f"{name}.conv", channels, 1, kernel)
        offset = self.parameter(f"{name}.conv_bias", channels) if bias else None
        padded = torch.nn.functional.pad(x.T[None], (kernel - 1, 0))
        with self.counted("short_convolution"):
            y = torch.nn.functional.conv1d(padded, weight, offset, groups=channels)
        return torch.nn.functional.silu(y[0].T)


def heads_of(x, heads):
    """T x (heads d) to heads x T x d."""
    return x.reshape(len(x), heads, -1).transpose(0, 1)


def recent(window):
    """Keys that the query at t sees: itself and the window - 1 before it."""
    return lambda t: torch.arange(max(0, t - window + 1), t + 1)


def attend(run, q, keys_of, k, v, component="scores"):
    """One head; keys_of(t) are the keys that query t sees. Dense: one product, masked."""
    length, width = q.shape
    if run.causal:
        rows = []
        for t in range(length):
            index = keys_of(t)
            with run.counted(component):
                scores = q[t : t + 1] @ k[index].T
                rows.append(torch.softmax(scores / math.sqrt(width), -1) @ v[index])
        return torch.cat(rows)
    mask = torch.full((length, len(k)), -torch.inf)
    for t in range(length):
        mask[t, keys_of(t)] = 0
    with run.counted(component):
        return torch.softmax(q @ k.T / math.sqrt(width) + mask, -1) @ v


def attend_gathered(run, q, k, v, keys_of, width):
    """One head of a sparse pattern: dense, every query is given `width` keys, some masked."""
    if run.causal:
        return attend(run, q, keys_of, k, v)
    length, dim = q.shape
    index = torch.zeros(length, width, dtype=torch.long)
    mask = torch.full((length, width), -torch.inf)
    for t in range(length):
        seen = keys_of(t)
        index[t, : len(seen)], mask[t, : len(seen)] = seen, 0
    with run.counted("scores"):
        scores = torch.bmm(q[:, None], k[index].transpose(1, 2))[:, 0] / math.sqrt(dim) + mask
        return torch.bmm(torch.softmax(scores, -1)[:, None], v[index])[:, 0]


def best_blocks(scores, t, size, top):
    """Keys up to t of the block of t and of the top - 1 best-scored earlier blocks."""
    own = t // size
    best = scores[:own].topk(min(own, top - 1)).indices.tolist() if own else []
    keys = [torch.arange(b * size, (b + 1) * size) for b in sorted(best)]
    return torch.cat([*keys, torch.arange(own * size, t + 1)])


def moba(run, q, k, v):
    size, top = run.config["moba_chunk_size"], run.config["moba_topk"]
    means = k.reshape(-1, size, k.shape[-1]).mean(1)
    gates = []
    if run.causal:
        for t in range(len(q)):
            with run.counted("router"):
                gates.append((q[t : t + 1] @ means[: t // size].T)[0])
    else:
        with run.counted("router"):
            gates = list(q @ means.T)
    return attend_gathered(run, q, k, v, lambda t: best_blocks(gates[t], t, size, top), size * top)


def nsa(run, q, ks, vs, gates):
    c = run.config["nsa_config"]
    size, stride = c["compress_block_size"], c["compress_block_stride"]
    starts = range(0, len(q) - size + 1, stride)
    ck, cv = (torch.stack([x[0][s : s + size].mean(0) for s in starts]) for x in (ks, vs))

    def ended(t):
        return torch.tensor([b for b, s in enumerate(starts) if s + size <= t + 1])

    compressed = torch.zeros_like(q[:, : cv.shape[1]])
    if run.causal:
        for t in range(size - 1, len(q)):
            index = ended(t)
            with run.counted("scores"):
                weights = torch.softmax(q[t : t + 1] @ ck[index].T / math.sqrt(q.shape[1]), -1)
                compressed[t] = (weights @ cv[index])[0]
    else:
        mask = torch.full((len(q), len(ck)), -torch.inf)
        for t in range(size - 1, len(q)):
            mask[t, ended(t)] = 0
        with run.counted("scores"):
            weights = torch.softmax(q @ ck.T / math.sqrt(q.shape[1]) + mask, -1).nan_to_num()
            compressed = weights @ cv
    # Which blocks are selected does not change the count; NSA sums their compressed scores.
    block = c["select_block_size"]
    importance = [torch.arange(len(q) // block).cos() for _ in q]
    top = c["select_block_count"]
    selected = attend_gathered(
        run, q, ks[1], vs[1], lambda t: best_blocks(importance[t], t, block, top), block * top
    )
    window = c["window_size"]
    local = attend_gathered(run, q, ks[2], vs[2], recent(window), window)
    gates = torch.sigmoid(gates)
    return gates[:, :1] * compressed + gates[:, 1:2] * selected + gates[:, 2:] * local


def softmax_attention(run, name, x, kind):
    c = run.config
    heads = c["num_attention_heads"]
    groups = c.get("num_key_value_heads", heads)
    dim = c.get("head_dim", x.shape[1] // heads)
    bias = c.get("attention_bias", False)
    branches = 3 if kind == "nsa" and not c["nsa_config"].get("shared_key_values") else 1
    q = heads_of(run.linear(f"{name}.q", x, heads * dim, bias=bias), heads)
    ks, vs = (
        [
            heads_of(run.linear(f"{name}.{which}{b}", x, groups * dim, bias=bias), groups)
            for b in range(branches)
        ]
        for which in "kv"
    )
    if c.get("qk_norm") == "head":
        q, ks = run.norm(f"{name}.q", q), [run.norm(f"{name}.k", k) for k in ks]
    if kind == "nsa":
        gates = run.linear(f"{name}.gate", x, 3 * heads).reshape(len(x), heads, 3)
        ks, vs = (branch * (3 // branches) for branch in (ks, vs))
    outputs = []
    for h in range(heads):
        g = h * groups // heads
        if kind == "moba":
            out = moba(run, q[h], ks[0][g], vs[0][g])
        elif kind == "nsa":
            out = nsa(run, q[h], [k[g] for k in ks], [v[g] for v in vs], gates[:, h])
        elif kind == "sliding":
            window = c["sliding_window"]
            out = attend_gathered(run, q[h], ks[0][g], vs[0][g], recent(window), window)
        else:
            out = attend(run, q[h], recent(len(x)), ks[0][g], vs[0][g])
        outputs.append(out)
    return run.linear(f"{name}.o", torch.cat(outputs, -1), x.shape[1], bias=bias)


def latent_attention(run, name, x):
    c = run.config
    heads, rank = c["num_attention_heads"], c["kv_lora_rank"]
    nope, rope, value = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    query = x
    if c.get("q_lora_rank"):
        query = run.norm(f"{name}.qa", run.linear(f"{name}.qa", x, c["q_lora_rank"]))
    q = heads_of(run.linear(f"{name}.qb", query, heads * (nope + rope)), heads)
    latent, shared = run.linear(f"{name}.kva", x, rank + rope).split([rank, rope], -1)
    latent = run.norm(f"{name}.kva", latent)
    up = run.parameter(f"{name}.kvb.weight", heads * (nope + value), rank)
    up = up.reshape(heads, nope + value, rank)
    outputs = []
    for h in range(heads):
        up_key, up_value = up[h].split([nope, value])
        if c.get("mla_absorbed"):
            with run.counted("projections"):
                inner = q[h, :, :nope] @ up_key
            out = attend(
                run,
                torch.cat([inner, q[h, :, nope:]], -1) * math.sqrt((rank + rope) / (nope + rope)),
                recent(len(x)),
                torch.cat([latent, shared], -1),
                latent,
            )
            with run.counted("projections"):
                outputs.append(out @ up_value.T)
        else:
            with run.counted("projections"):
                k, v = latent @ up_key.T, latent @ up_value.T
            outputs.append(attend(run, q[h], recent(len(x)), torch.cat([k, shared], -1), v))
    return run.linear(f"{name}.o", torch.cat(outputs, -1), x.shape[1])


def lower_product(run, a, b, strict=False):
    """tril(a b'), dense or only the lower rows."""
    if not run.causal:
        with run.counted("state"):
            return torch.tril(a @ b.T, -1 if strict else 0)
    out = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        stop = i if strict else i + 1
        with run.counted("state"):
            out[i, :stop] = (a[i : i + 1] @ b[:stop].T)[0]
    return out


def lower_times(run, lower, x):
    """A lower triangle times x, dense or without its zeros."""
    with run.counted("state"):
        if not run.causal:
            return lower @ x
        return torch.cat([lower[i : i + 1, : i + 1] @ x[: i + 1] for i in range(len(x))])


def delta_rule(run, q, k, v, decay, beta, chunk):
    """One head of the gated delta rule, chunkwise in WY form; decay is log, T x (key width)."""
    state, outputs = torch.zeros(k.shape[1], v.shape[1]), []
    for start in range(0, len(q), chunk):
        s = slice(start, start + chunk)
        total = decay[s].cumsum(0)
        queries, keys = q[s] * total.exp(), k[s] * total.exp()
        inverse_keys = k[s] * (-total).exp()
        interaction = beta[s, None] * lower_product(run, keys, inverse_keys, strict=True)
        inverse = -interaction
        for i in range(1, len(keys)):
            inner = inverse.clone()
            if run.causal:
                for j in range(i - 1):
                    with run.counted("state"):
                        inner[i, j] += (
                            inverse[i : i + 1, j + 1 : i] @ inverse[j + 1 : i, j : j + 1]
                        )[0, 0]
            else:
                with run.counted("state"):
                    inner[i, :i] += (inverse[i : i + 1, :i] @ inverse[:i, :i])[0]
            inverse = inner
        inverse = (inverse + torch.eye(len(keys))) * beta[s]
        w, u = lower_times(run, inverse, keys), lower_times(run, inverse, v[s])
        with run.counted("state"):
            new = u - w @ state
            across = queries @ state
        outputs.append(across + lower_times(run, lower_product(run, queries, inverse_keys), new))
        with run.counted("state"):
            added = (k[s] * (total[-1] - total).exp()).T @ new
        state = total[-1].exp()[:, None] * state + added
    out = torch.cat(outputs)
    state = torch.zeros_like(state)
    for t in range(len(q)):  # the recurrence that the chunks must agree with
        state = decay[t].exp()[:, None] * state
        state = state + beta[t] * torch.outer(k[t], v[t] - k[t] @ state)
        assert torch.allclose(q[t] @ state, out[t]), "chunkwise delta rule"
    return out


def kimi_delta(run, name, x):
    c = run.config["linear_attn_config"]
    heads, dim, kernel = c["num_heads"], c["head_dim"], c["short_conv_kernel_size"]
    q, k, v = (
        heads_of(
            run.convolve(f"{name}.{n}", run.linear(f"{name}.{n}", x, heads * dim), kernel), heads
        )
        for n in "qkv"
    )
    k = torch.nn.functional.normalize(k, dim=-1)
    low_rank = run.linear(f"{name}.fb", run.linear(f"{name}.fa", x, dim), heads * dim)
    rates = run.parameter(f"{name}.A_log", heads).exp()[:, None, None]
    times = run.parameter(f"{name}.dt_bias", heads * dim)
    decay = -rates * torch.nn.functional.softplus(heads_of(low_rank + times, heads)) / 4
    beta = torch.sigmoid(run.linear(f"{name}.b", x, heads))
    outputs = [
        delta_rule(run, q[h], k[h], v[h], decay[h], beta[:, h], c["chunk_size"])
        for h in range(heads)
    ]
    gate = run.linear(f"{name}.gb", run.linear(f"{name}.ga", x, dim), heads * dim)
    out = run.norm(f"{name}.o", torch.stack(outputs)).transpose(0, 1).reshape(len(x), -1)
    return run.linear(f"{name}.o", out * torch.sigmoid(gate), x.shape[1])


def gated_delta(run, name, x):
    c = run.config
    heads, key_heads = c["linear_num_value_heads"], c["linear_num_key_heads"]
    key, value = c["linear_key_head_dim"], c["linear_value_head_dim"]
    mixed = torch.cat(
        [
            run.linear(f"{name}.{n}", x, width)
            for n, width in (("q", key_heads * key), ("k", key_heads * key), ("v", heads * value))
        ],
        -1,
    )
    q, k, v = run.convolve(name, mixed, c["linear_conv_kernel_dim"]).split(
        [key_heads * key, key_heads * key, heads * value], -1
    )
    q, k, v = heads_of(q, key_heads), heads_of(k, key_heads), heads_of(v, heads)
    k = torch.nn.functional.normalize(k, dim=-1)
    beta = torch.sigmoid(run.linear(f"{name}.b", x, heads))
    times = run.linear(f"{name}.a", x, heads) + run.parameter(f"{name}.dt_bias", heads)
    rates = run.parameter(f"{name}.A_log", heads).exp()
    decay = -rates * torch.nn.functional.softplus(times) / 4
    group = heads // key_heads
    outputs = [
        delta_rule(
            run,
            q[h // group],
            k[h // group],
            v[h],
            decay[:, h, None].expand(-1, key),
            beta[:, h],
            c["linear_chunk_size"],
        )
        for h in range(heads)
    ]
    out = run.norm(f"{name}.o", torch.stack(outputs)).transpose(0, 1).reshape(len(x), -1)
    gate = run.linear(f"{name}.g", x, heads * value)
    return run.linear(f"{name}.o", out * torch.nn.functional.silu(gate), x.shape[1])


def mamba(run, name, x):
    c = run.config
    heads, dim, groups = c["mamba_num_heads"], c["mamba_head_dim"], c["mamba_n_groups"]
    width, chunk, inner = c["mamba_state_size"], c["mamba_chunk_size"], heads * dim
    mixed = run.linear(f"{name}.in", x, 2 * inner + 2 * groups * width + heads)
    gate, mixed, times = mixed.split([inner, inner + 2 * groups * width, heads], -1)
    mixed = run.convolve(name, mixed, c["mamba_conv_kernel"], bias=True)
    values, b, d = mixed.split([inner, groups * width, groups * width], -1)
    values, b, d = heads_of(values, heads), heads_of(b, groups), heads_of(d, groups)
    times = torch.nn.functional.softplus(times + run.parameter(f"{name}.dt_bias", heads))
    decay = -run.parameter(f"{name}.A_log", heads).exp() * times
    skip = run.parameter(f"{name}.D", heads)
    products = [
        [
            lower_product(run, d[g, s : s + chunk], b[g, s : s + chunk])
            for s in range(0, len(x), chunk)
        ]
        for g in range(groups)
    ]
    outputs = []
    for h in range(heads):
        g, state, parts = h * groups // heads, torch.zeros(width, dim), []
        scaled = values[h] * times[:, h, None]
        for n, start in enumerate(range(0, len(x), chunk)):
            s = slice(start, start + chunk)
            total = decay[s, h].cumsum(0)
            weights = torch.tril(products[g][n] * torch.exp(total[:, None] - total[None]))
            inside = lower_times(run, weights, scaled[s])
            with run.counted("state"):
                parts.append(inside + (d[g, s] * total.exp()[:, None]) @ state)
                added = (b[g, s] * (total[-1] - total).exp()[:, None]).T @ scaled[s]
            state = total[-1].exp() * state + added
        out, state = torch.cat(parts), torch.zeros(width, dim)
        for t in range(len(x)):
            state = decay[t, h].exp() * state + torch.outer(b[g, t], scaled[t])
            assert torch.allclose(d[g, t] @ state, out[t]), "chunkwise state space"
        outputs.append(out + skip[h] * values[h])
    out = torch.stack(outputs).transpose(0, 1).reshape(len(x), -1)
    out = run.norm(f"{name}.o", out * torch.nn.functional.silu(gate))
    return run.linear(f"{name}.o", out, x.shape[1])


def mlp(run, name, x, width, bias=False):
    component = "feed_forward"
    up = run.linear(f"{name}.up", x, width, component, bias)
    if run.config.get("mlp_gated", True):
        gate = run.linear(f"{name}.gate", x, width, component, bias)
        up = torch.nn.functional.silu(gate) * up
    else:
        up = torch.nn.functional.gelu(up)
    return run.linear(f"{name}.down", up, x.shape[1], component, bias)


def mixture(run, name, x):
    c = run.config
    count, top, width = c["n_routed_experts"], c["num_experts_per_tok"], c["moe_intermediate_size"]
    scores = torch.softmax(run.linear(f"{name}.router", x, count, "router"), -1)
    weights, chosen = scores.topk(top)
    out = mlp(run, f"{name}.shared", x, c["n_shared_experts"] * width)
    for e in range(count):
        token, place = (chosen == e).nonzero(as_tuple=True)
        slots = x[token]
        if "moe_capacity_factor" in c:  # dropped above the capacity, padded below
            capacity = round(c["moe_capacity_factor"] * len(x) * top / count)
            token, place = token[:capacity], place[:capacity]
            slots = torch.zeros(capacity, x.shape[1])
            slots[: len(token)] = x[token]
        result = mlp(run, f"{name}.{e}", slots, width)[: len(token)]
        out = out.index_add(0, token, weights[token, place, None] * result)
    return out


def layer(run, name, x, kind, sparse):
    mix = {"mla": latent_attention, "kda": kimi_delta, "gated_deltanet": gated_delta}
    mix["mamba2"] = mamba
    normed = run.norm(f"{name}.1", x)
    if kind in mix:
        x = x + mix[kind](run, name, normed)
    else:
        x = x + softmax_attention(run, name, normed, kind)
    if sparse:
        return x + mixture(run, f"{name}.experts", run.norm(f"{name}.2", x))
    width = run.config["intermediate_size"]
    if not width:
        return x
    bias = run.config.get("mlp_bias", False)
    return x + mlp(run, f"{name}.mlp", run.norm(f"{name}.2", x), width, bias)


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
    own = sum(p.numel() for p in run.parameters.values())
    for n in range(c.get("num_nextn_predict_layers", 0)):
        pair = torch.cat([run.norm(f"next{n}.h", x), run.norm(f"next{n}.e", table[tokens])], -1)
        joined = run.linear(f"next{n}.join", pair, c["hidden_size"])
        x = layer(run, f"next{n}", joined, kinds[-1], sparse[-1])
        head(run.norm(f"next{n}.final", x))
    return logits, own


def golden():
    made = {}
    for name, (config, length) in CASES.items():
        counts, outputs = {}, []
        for convention in ("full", "causal"):
            run = Run(config, convention == "causal")
            logits, own = forward(run, length)
            outputs.append(logits)
            counts[convention] = dict(sorted(run.counts.items()))
        assert torch.allclose(*outputs), name
        total = sum(parameter.numel() for parameter in run.parameters.values())
        made[name] = {
            "config": config,
            "sequence_length": length,
            "parameters": own,
            "prediction_parameters": total - own,
            "forward_flop": counts,
        }
    return made


if __name__ == "__main__":
    path = Path(__file__).with_name("golden.json")
    text = json.dumps({"torch": torch.__version__, "cases": golden()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
