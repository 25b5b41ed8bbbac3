"""Linear mixers in chunks, each checked against its recurrence, for make_golden.py."""

import torch
from torch_run import heads_of


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
