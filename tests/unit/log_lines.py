"""Lines in the shapes that training programs print, for the tests of their formats."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """How one program prints: `train` and `late` take a step, from 1, and a loss.

    header: what stands in front. lost: records that are lost where two lines are glued, as nothing
    says where the first ends. axis: whether it prints steps. cut: how much of a line betrays that
    there was a record.
    """

    train: Callable[[int, float], str]
    late: Callable[[int, float], str] | None = None
    header: str = ""
    lost: int = 0
    axis: bool = True
    cut: float = 0.3

    def text(self, steps: range, diverges: int | None = None) -> str:
        """A log of these steps, with an evaluation every 20; NaN from `diverges` on."""
        lines = [self.header] if self.header else []
        for s in steps:
            is_nan = diverges is not None and s >= diverges
            lines.append(self.train(s, math.nan if is_nan else loss(s)))
            if self.late and s % 20 == 0:
                lines.append(self.late(s, math.nan if is_nan else late(s)))
        return "\n".join(lines) + "\n"


def loss(step: int) -> float:
    return round(2 + 8 / step, 4)


def late(step: int) -> float:
    return round(2.5 + 8 / step, 4)


# A training program whose lines look like those that it prints, longer than the usual first look.
_SOURCE = "\n".join(
    [
        "import os, sys",
        "with open(sys.argv[0]) as f: code = f.read()",
        *(
            f"def layer_{i}(x, loss=0.5): return x + {i}  # step: {i}, loss: {i}"
            for i in range(1500)
        ),
        'print0(f"step:{step}/{args.num_iterations} train_time:{ms:.0f}ms step_avg:{avg:.2f}ms")',
        'print0(f"step:{step}/{n} val_loss:{val_loss:.4f} train_time:{ms:.0f}ms", console=True)',
        "=" * 100,
        "Running Python 3.12.7 and PyTorch 2.6.0 on 8 GPUs",
    ]
)


def _modded(key: str, unit: str) -> Callable[[int, float], str]:
    time = {"ms": lambda s: f"{95 * s}ms", "s": lambda s: f"{0.095 * s:.3f}s"}[unit]
    return lambda s, v: f"step:{s}/60 {key}:{v:.4f} train_time:{time(s)} step_avg:95.00ms"


def _neox(s: int, v: float) -> str:
    printed = "" if math.isnan(v) else f" lm_loss: {v:.6E} |"
    return (
        f" samples/sec: 51.200 | iteration {s:8d}/      60 | elapsed time per iteration (ms): 2.0 |"
        f" learning rate: 1.234E-04 | approx flops per GPU: 40.1TFLOPS |{printed} number of skipped"
        f" iterations:   0 | number of nan iterations: {int(math.isnan(v)):3d} |"
    )


def _megatron(s: int, v: float, name: str = "lm loss") -> str:
    printed = "" if math.isnan(v) else f" {name}: {v:.6E} |"
    return (
        f"    [default0]: [2025-05-27 15:23:{s % 60:02d}] iteration {s:8d}/      60 | "
        f"consumed samples: {s * 128:12d} | elapsed time per iteration (ms): 930.0 | "
        f"learning rate: 3.0E-06 | global batch size:   128 |{printed} loss scale: 1.0 | "
        f"number of skipped iterations:   0 | number of nan iterations: {int(math.isnan(v)):3d} |"
    )


def _keras(s: int, v: float) -> str:
    bars = "".join(f"{i}/938 [>....] - ETA: 9s - loss: 9.0000\b\b\b\b\r" for i in (1, 700, 938))
    late_ = f"{math.nan if math.isnan(v) else late(s):.4f}"
    return f"Epoch {s}/60\n{bars}938/938 [====] - 2s 2ms/step - loss: {v:.4f} - val_loss: {late_}"


_ABSL = "I0317 10:00:13.224641 125344476638336"


def _bars(s: int, v: float, named: str) -> str:
    """An overprinted bar, epochs of 20 batches, behind one that has measured nothing."""
    epoch, batch = (s - 1) // 20, (s - 1) % 20 + 1
    bar = "\u2588" * (batch // 2)
    ahead = f"Epoch {epoch}:   0%|          | 0/20 [00:00<?, ?it/s]\r" if batch == 1 else ""
    return (
        f"{ahead}Epoch {epoch}: {5 * batch:3d}%|{bar:10s}| {batch}/20 [00:{batch:02d}<00:09,  "
        f"9.91it/s, {named}={v:.4f}]"
    )


def _mm_epoch(s: int, v: float) -> str:
    epoch, n = (s - 1) // 20 + 1, (s - 1) % 20 + 1
    return (
        f"06/11 03:36:{s % 60:02d} - mmengine - INFO - Epoch(train)   [{epoch}][{n:4d}/20]  "
        "base_lr: 7.9760e-05 lr: 7.9760e-05  eta: 2 days, 7:32:05  time: 1.0788  data_time: 0.0849"
        f"  memory: 15079  loss: {v:.4f}"
    )


SHAPES = {
    "lightning-bar": Shape(
        lambda s, v: _bars(s, v, "v_num=9f3k, train_loss_step"), lost=0, cut=0.9
    ),
    "tqdm": Shape(
        lambda s, v: f"train: {s:3d}%|##   | {s}/60 [00:01<?, 2.5s/it, lr=1e-4, loss={v:.4f}]",
        cut=0.9,
    ),
    "mmengine epoch": Shape(_mm_epoch, lost=1, cut=0.7),
    "modded-nanogpt": Shape(_modded("train_loss", "ms"), _modded("val_loss", "ms"), _SOURCE),
    "nanochat": Shape(
        lambda s, v: (
            f"step {s - 1:05d}/00060 (0.00%) | loss: {v:.6f} | lrm: 1.00 | dt: 649.22ms | "
            "tok/sec: 807,569 | mfu: 35.64 | total time: 0.00m"
        ),
        header="Total batch size 524,288 => gradient accumulation steps: 1",
    ),
    "gpt-neox": Shape(
        _neox,
        lambda s, v: (
            f" validation results at iteration {s} | lm_loss value: {v:.6E} | "
            f"lm_loss_ppl value: {math.exp(v):.6E} | "
        ),
    ),
    "megatron": Shape(
        _megatron,
        lambda s, v: (
            f"    [default0]: validation loss at iteration {s} | lm loss value: {v:.6E} | "
            f"lm loss PPL: {math.exp(v):.6E} | "
        ),
    ),
    "nemo": Shape(
        lambda s, v: (
            f"(pretraining, pid=4112) Training epoch 0, iteration {s - 1}/59 | lr: 2.999e-06 | "
            f"global_batch_size: 512 | global_step: {s - 1} | reduced_train_loss: {v:.4f} | "
            f"train_step_timing in s: 46.86 | consumed_samples: {s * 512}"
        ),
        lost=1,
    ),
    "nanotron": Shape(
        lambda s, v: (
            f"07/07/2024 16:00:00 [INFO|DP=0|PP=0|TP=0|ip-26]: iteration: {s} / 60 | "
            f"consumed_tokens: {s * 1.02:.3g}K | time_per_iteration_ms: 90.4 | tokens_per_sec: "
            f"11.3K | global_batch_size: 1.02K | lm_loss: {v:.4f} | lr: 3.3e-05 | grad_norm: 1.4M"
        ),
        lost=1,
    ),
    "maxtext": Shape(
        lambda s, v: (
            f"{_ABSL} metric_logger.py:181] completed step: {s - 1}, seconds: 0.277, "
            f"TFLOP/s/device: 370.707, Tokens/s/device: 14774.896, total_weights: 31850, "
            f"loss: {v:.4f}"
        ),
        lambda s, v: (
            f"{_ABSL} metric_logger.py:190] eval metrics after step: {s - 1}, loss={v:.4f}, "
            "total_weights=262144.0"
        ),
        lost=1,
        cut=0.6,
    ),
    "clu": Shape(
        lambda s, v: (
            f"{_ABSL} logging_writer.py:48] [{s}] global_step={s}, grad_norm=0.2, loss={v}"
        ),
        lambda s, v: (
            f"{_ABSL} logging_writer.py:48] [{s}] accumulated_eval_time=2.5, global_step={s}, "
            f"train/loss=1.5, validation/loss={v:.6f}, validation/num_examples=3554"
        ),
        lost=1,
        cut=0.7,
    ),
    "fairseq": Shape(
        lambda s, v: (
            f"2023-06-13 17:31:{s % 60:02d} | INFO | train_inner | epoch 001:     {s} / 60 "
            f"loss={v:.4f}, nll_loss=1.236, ppl=8.86, wps=130525, num_updates={s}, lr=0.000157, "
            "gnorm=0.635, wall=0"
        ),
        lambda s, v: (
            f"2023-06-13 17:31:{s % 60:02d} | INFO | valid | epoch 001 | valid on 'valid' subset | "
            f"loss {v:.4f} | nll_loss 8.5 | ppl 360.1 | num_updates {s} | best_loss 3.2"
        ),
        lost=1,
    ),
    "fairseq json": Shape(
        lambda s, v: (
            f"2021-03-08 12:31:{s % 60:02d} | INFO | train_inner | "
            f'{{"epoch": 1, "update": 0.0, "loss": "{v:.4f}", "num_updates": "{s}", "lr": "2e-05", '
            '"wall": "0"}'
        ),
        lambda s, v: (
            f"2021-03-08 12:31:{s % 60:02d} | INFO | valid | "
            f'{{"epoch": 1, "valid_loss": "{v:.4f}", "valid_num_updates": "{s}"}}'
        ),
        lost=1,
        cut=0.6,
    ),
    "mmengine": Shape(
        lambda s, v: (
            f"01/29 21:35:34 - mmengine - INFO - Iter(train) [{s:3d}/60]  lr: 9.0001e-05  "
            f"eta: 0:31:46  time: 2.6851  data_time: 0.0077  memory: 12762  loss: {v:.4f}"
        ),
        lost=1,
        cut=0.6,
    ),
    "hf-stdout": Shape(
        lambda s, v: (
            f"{{'loss': {v:.4f}, 'grad_norm': 1.8, 'learning_rate': 3e-05, 'epoch': 0.36}}"
        ),
        lambda s, v: f"{{'eval_loss': {v:.4f}, 'eval_runtime': 2.0, 'epoch': 4.31}}",
        axis=False,
    ),
    "hf-stdout 5": Shape(
        lambda s, v: (
            f" 84%|███▍ | {s}/60 [1:27:33<14:12] {{'loss': '{v:.4f}', 'learning_rate': '3e-05', "
            "'epoch': '0.36'}"
        ),
        axis=False,
        cut=0.6,
    ),
    "keras": Shape(_keras, lost=1, cut=0.85),
    "modded-nanogpt 3": Shape(_modded("val_loss", "s")),
    "megatron loss": Shape(lambda s, v: _megatron(s, v, "loss")),
}
