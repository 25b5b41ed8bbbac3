"""The names that loggers without a format of their own use most, the first match wins."""

from isoloss.logs.records import Preset

_STEP = "step iter iteration iter_num global_step trainer/global_step train/global_step Step"
_TOKENS = "tokens total_tokens num_tokens tokens_seen consumed_tokens num_input_tokens_seen"
_TRAIN = "loss train_loss train/loss train.loss training_loss loss/train training/loss lm_loss"
_EVAL = "eval_loss val_loss eval/loss val/loss eval.loss val.loss validation_loss valid_loss"

PLAIN = Preset(
    step=(*_STEP.split(), "update", "current_steps", "_step", "metrics.step"),
    tokens=(*_TOKENS.split(), "train/tokens", "throughput/total_tokens"),
    compute=("compute_pflop_s_days",),
    wall_time=("timestamp", "_timestamp", "time", "wall_time", "wall_time_s"),
    train_loss=(*_TRAIN.split(), "lm loss", "train/ce_loss", "train/CrossEntropyLoss"),
    eval_loss=(*_EVAL.split(), "validation/loss", "loss/val", "test_loss"),
)
