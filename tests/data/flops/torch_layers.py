"""Every layer type written out in plain torch, for make_golden.py.

Each is run as dense kernels, or (`causal`) visiting only what the causal mask leaves.
"""

import math

import torch
from torch_linear import gated_delta, kimi_delta, mamba
from torch_run import heads_of


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
