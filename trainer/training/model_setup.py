"""A run's model: with its initial weights, or those of its best epoch."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose_smoother.errors import RunError
from pose_smoother.skeleton import N_KEYPOINTS
from trainer.models import model_module
from trainer.models.torch_seed import initial_model
from trainer.runs import checkpoint
from trainer.training.config import TrainConfig


def new_model(config: TrainConfig) -> nn.Module:
    """A run's model with its initial weights, on its device."""
    build = model_module(config.model).build
    model = initial_model(lambda: build(N_KEYPOINTS, config.window), config.seed)
    return model.to(config.torch_device)


def best_model(folder: Path, config: TrainConfig) -> tuple[nn.Module, int]:
    """A run's model with the weights of its best epoch so far, to predict with, and that epoch.

    Raises
    ------
    RunError : there is no best epoch yet, its file is damaged, or it is of another model.
    """
    weights, epoch = best_weights(folder, config)
    model = new_model(config)
    model.load_state_dict(weights)
    return model.eval(), epoch


def best_weights(folder: Path, config: TrainConfig) -> tuple[dict[str, Tensor], int]:
    """The weights of a run's best epoch so far, and that epoch; no model is built.

    Raises
    ------
    RunError : there is no best epoch yet, its file is damaged or of another model, or a weight is
        not finite.
    """
    file = folder / checkpoint.BEST
    best: dict[str, Any] = checkpoint.read_checkpoint(file, config.torch_device)
    weights, epoch = best.get("model"), best.get("epoch")
    if not isinstance(weights, dict) or type(epoch) is not int:
        raise RunError(
            f"{file} does not fit {config.model} as it is now (it has no weights, or no epoch)"
        )
    with torch.device("meta"):  # shapes alone: a file may ask for a model of any size
        expected = model_module(config.model).build(N_KEYPOINTS, config.window).state_dict()
    if fault := _misfit(weights, expected):
        raise RunError(f"{file} does not fit {config.model} as it is now ({fault})")
    if not all(bool(w.isfinite().all()) for w in weights.values() if w.is_floating_point()):
        raise RunError(f"{file} is damaged: a weight is not finite")
    return weights, epoch


def _misfit(weights: dict[str, Any], expected: dict[str, Tensor]) -> str:
    """How weights differ in names, shapes or types from those of a model; "" if they don't."""
    if absent := sorted(set(expected) - set(weights)):
        return f"it has no {absent[0]}"
    if len(weights) > len(expected):
        return "it has more weights"
    for name, tensor in expected.items():
        found = weights[name]
        if not isinstance(found, Tensor) or found.layout != torch.strided:
            return f"{name} is no plain tensor"
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            return f"{name}: expected {tuple(tensor.shape)}, found {tuple(found.shape)}"
    return ""
