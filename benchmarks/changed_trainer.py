"""The trainer's command with one thing changed, to find out where rounding grows.

    CHANGED=float64 python -m benchmarks.changed_trainer train --model deciwatch --exp 2.1 ...

For ``benchmarks.ddp``: one process and two differ by rounding alone, so in float64 the difference
all but vanishes; and where it grows in float32 is shown by what makes it small. Gradients are
shared, and losses weighted, by the same code as ever. Not for resmlp, whose own losses return to
float32.
"""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainer.__main__ import program
from trainer.training import loop, model_setup
from trainer.training.config import TrainConfig

VARIABLE = "CHANGED"
EPSILON = 1e-4  # Adam's own is 1e-8
CHANGES = ("float64", "adam-epsilon", "gelu")

_new_model, _make_optimizer = model_setup.new_model, loop.make_optimizer


def in_float64(config: TrainConfig) -> nn.Module:
    """The same weights in float64, and inputs converted on the way in."""
    model = _new_model(config).double()
    model.register_forward_pre_hook(_doubled)
    return model


def _doubled(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    del module
    return tuple(one.double() for one in inputs)


def without_kinks(config: TrainConfig) -> nn.Module:
    """A model whose LeakyReLUs are GELUs: no slope that jumps."""
    model = _new_model(config)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LeakyReLU):
                setattr(module, name, nn.GELU())
    return model


def with_epsilon(model: nn.Module, learning_rate: float) -> torch.optim.Adam:
    """An Adam that divides no gradient by less than ``EPSILON``."""
    optimizer = _make_optimizer(model, learning_rate)
    for group in optimizer.param_groups:
        group["eps"] = EPSILON
    return optimizer


def use_models(new_model: Callable[[TrainConfig], nn.Module]) -> None:
    """Have models made so, to train and to test."""
    modules: tuple[Any, ...] = (training, made, tested)
    for module in modules:
        assert hasattr(module, "new_model")
        module.new_model = new_model


if __name__ == "__main__":
    if os.environ[VARIABLE] == "float64":
        use_models(in_float64)
    elif os.environ[VARIABLE] == "gelu":
        use_models(without_kinks)
    elif os.environ[VARIABLE] == "adam-epsilon":
        loop.make_optimizer = with_epsilon
    else:
        raise SystemExit(f"{VARIABLE} must be one of {', '.join(CHANGES)}")
    program()
