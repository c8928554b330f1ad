"""A run's model: with its initial weights, or those of its best epoch."""

from pathlib import Path
from typing import Any

from torch import nn

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
    best: dict[str, Any] = checkpoint.read_checkpoint(folder / checkpoint.BEST, config.torch_device)
    model = new_model(config)
    try:
        model.load_state_dict(best["model"])
    except (KeyError, RuntimeError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunError(
            f"{folder / checkpoint.BEST} does not fit {config.model} as it is now ({reason})"
        ) from None
    return model.eval(), int(best["epoch"])
