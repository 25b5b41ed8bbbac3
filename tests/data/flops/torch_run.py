"""One counted forward pass in plain torch, for make_golden.py."""

import math
from collections import Counter
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode


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
            self.parameters[name] = values.requires_grad_()
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
