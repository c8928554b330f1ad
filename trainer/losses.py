"""The loss, with no pull on keypoints that have no ground truth (thesis section 1.2.1)."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.contract.errors import BadInput, unknown_name
from trainer.codec import model_input, model_target
from trainer.input.stream import Batch
from trainer.models import ModelModule, deciwatch

#: (model, batch) -> (scalar loss, the model's output)
BatchLoss = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]

LOSSES = ("mse", "official")
#: Weights of DeciWatch's official loss (Zeng et al. 2022, configuration for 2D JHMDB).
DENOISE_WEIGHT, RECOVER_WEIGHT = 1.0, 5.0


def batch_loss_of(name: str, module: ModelModule) -> BatchLoss:
    """The loss of a batch by name: "mse" for every model, or DeciWatch's own "official".

    Raises
    ------
    BadInput : an unknown loss, or "official" for another model.
    """
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    if name == "mse":
        return lambda model, batch: mse_of_batch(model, batch, module.CONSUMES)
    if module.NAME != deciwatch.NAME:
        raise BadInput(f"the official loss is {deciwatch.NAME}'s own; {module.NAME} has only mse")
    return official_of_batch


def mse_of_batch(model: nn.Module, batch: Batch, consumes: str) -> tuple[Tensor, Tensor]:
    """The text's loss: masked mean squared error, in heatmap values or in coordinates."""
    output = model(model_input(batch, consumes))
    return masked_mse(output, *model_target(batch, consumes)), output


def official_of_batch(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """DeciWatch's masked L1: 1 x the denoised sampled frames + 5 x the recovered window."""
    both = cast(deciwatch.DeciWatch, model)
    denoised, recovered = both.forward_both(model_input(batch, deciwatch.CONSUMES))
    target, has_target = model_target(batch, deciwatch.CONSUMES)
    seen = list(both.sampled)
    denoise = masked_l1(denoised, target[:, seen], has_target[:, seen])
    recover = masked_l1(recovered, target, has_target)
    return DENOISE_WEIGHT * denoise + RECOVER_WEIGHT * recover, recovered


def masked_target(predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
    """The target, equal to the detached prediction where there is none: no loss, no gradient."""
    return torch.where(has_target, target, predicted.detach())


def masked_mse(predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
    """Mean squared error over all elements; those without a target count as zero.

    Parameters
    ----------
    predicted, target : float (B, T, ...), in the model's own terms.
    has_target : bool, broadcastable to them.

    Returns
    -------
    scalar; the divisor is the number of all elements, as in the text.
    """
    return functional.mse_loss(predicted, masked_target(predicted, target, has_target))


def masked_l1(predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
    """Mean absolute error over all elements; those without a target count as zero."""
    return functional.l1_loss(predicted, masked_target(predicted, target, has_target))
