"""The loss, with no pull on keypoints that have no ground truth (thesis section 1.2.1)."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose_smoother.errors import InvalidInputError, unknown_name
from trainer.data.stream import Batch
from trainer.models import ModelModule, deciwatch, resmlp
from trainer.models.codec import HALF_PX, model_input, model_target

#: (model, batch) -> (scalar loss, the model's output)
BatchLoss = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]

LOSSES = ("mse", "official", "likelihood")
#: Weights of DeciWatch's official loss (Zeng et al. 2022, configuration for 2D JHMDB).
DENOISE_WEIGHT, RECOVER_WEIGHT = 1.0, 5.0
#: Of the likelihood loss: where smooth L1 turns from square to straight, in coordinates (1.4 px),
#: and the weight of the scale's likelihood.
SMOOTH_L1_BETA, SCALE_WEIGHT = 0.05, 0.1


def batch_loss_of(name: str, module: ModelModule) -> BatchLoss:
    """The loss of a batch by name: "mse" for every model, or one that belongs to a model.

    Raises
    ------
    InvalidInputError : an unknown loss, or one of another model.
    """
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    if name == "mse":
        return lambda model, batch: mse_of_batch(model, batch, module.CONSUMES)
    owner, batch_loss = _OWN_LOSSES[name]
    if owner != module.NAME:
        raise InvalidInputError(f"the {name} loss is {owner}'s own; {module.NAME} has not got it")
    return batch_loss


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


def likelihood_of_batch(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Smooth L1 of the estimate, in px, and the likelihood of its distance from the truth.

    The distance is taken to be exponentially distributed, and as given: so the scale learns what
    the estimate's errors are, and can't make a keypoint that is hard count for less. (With the
    likelihood of both together, estimates were worse: docs/experiments.md.)
    """
    both = cast(resmlp.ResidualMLP, model)
    estimate, log_scale = both.forward_both(model_input(batch, resmlp.CONSUMES))
    target, has_target = model_target(batch, resmlp.CONSUMES)
    aim = masked_target(estimate, target, has_target)
    correction = functional.smooth_l1_loss(estimate, aim, beta=SMOOTH_L1_BETA) * HALF_PX
    distance_px = (aim - estimate.detach()).unflatten(2, (-1, 2)).norm(dim=-1) * HALF_PX
    surprise = log_scale + distance_px * torch.exp(-log_scale)
    no_loss = surprise.new_zeros(())
    scale = torch.where(has_target[..., ::2], surprise, no_loss).mean()
    return correction + SCALE_WEIGHT * scale, estimate


#: Loss -> the model that it belongs to, and what it does.
_OWN_LOSSES: dict[str, tuple[str, BatchLoss]] = {
    "official": (deciwatch.NAME, official_of_batch),
    "likelihood": (resmlp.NAME, likelihood_of_batch),
}


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
    return cast(Tensor, _MaskedSquares.apply(predicted, target, has_target))


class _MaskedSquares(torch.autograd.Function):
    """``mse_loss`` of ``masked_target``: the same gradient bit for bit, in half of its time.

    The difference is kept from the forward pass and becomes the gradient where it stands, so that
    of a heatmap batch's 25 MB neither a masked target nor a gradient is made.
    """

    @staticmethod
    def forward(context: Any, predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
        found = None
        if _is_of_maps(predicted, has_target):
            found = _map_squares(predicted, target, has_target, context.needs_input_grad[0])
        if found is None:
            # Target less prediction, made where the masked target stands.
            difference = masked_target(predicted, target, has_target)
            difference -= predicted
            loss = (difference * difference).mean()
        else:
            difference, loss = found
        if context.needs_input_grad[0]:
            context.save_for_backward(difference)
            context.dtype = predicted.dtype
        return loss

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (difference,) = context.saved_tensors
        slope = difference.mul_(gradient * (-2.0 / difference.numel()))
        return slope.to(context.dtype), None, None


def _is_of_maps(predicted: Tensor, has_target: Tensor) -> bool:
    """Whether whole heatmaps count or don't, the same in all frames, and the host can look."""
    shape = predicted.shape
    in_form = len(shape) == 5 and has_target.shape == (shape[0], 1, shape[2], 1, 1)
    return in_form and predicted.device.type == "cpu"


def _map_squares(
    predicted: Tensor, target: Tensor, has_target: Tensor, blank: bool
) -> tuple[Tensor, Tensor] | None:
    """Target less prediction of heatmaps, and its mean square where there is a target.

    Everything is subtracted, and what has no target left out afterwards: to select (``where``)
    takes longer. Few and large operations, for in each of them threads wait for the slowest.

    Parameters
    ----------
    blank : whether the difference of maps without a target has to be zero.

    Returns
    -------
    float32 (B, T, K, H, W), and float32 (), summed up in float64. None where a map without a target
    is not finite, for the target's part in that is harmless, and the prediction's is not.
    """
    difference = target - predicted
    maps = difference.flatten(0, 2)
    lengths = torch.linalg.vector_norm(maps.flatten(1), dim=1)
    empty = (~has_target).expand(*predicted.shape[:3], 1, 1).flatten().nonzero().squeeze(1)
    if not lengths[empty].isfinite().all():
        return None
    lengths[empty] = 0.0
    if blank:
        maps.index_fill_(0, empty, 0.0)
    squares = lengths.double().square_().sum()
    return difference, (squares / difference.numel()).float()


def masked_l1(predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
    """Mean absolute error over all elements; those without a target count as zero."""
    return functional.l1_loss(predicted, masked_target(predicted, target, has_target))
