"""Losses with no pull on keypoints that have no ground truth (thesis section 1.2.1)."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional


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

    The difference is kept from the forward pass and becomes the gradient in place, so that
    of a heatmap batch's 25 MB neither a masked target nor a gradient is made.
    """

    @staticmethod
    def forward(context: Any, predicted: Tensor, target: Tensor, has_target: Tensor) -> Tensor:
        found = None
        if _is_of_maps(predicted, has_target):
            found = _map_squares(predicted, target, has_target, context.needs_input_grad[0])
        if found is None:
            # Target less prediction, made in place of the masked target.
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
    """Whether the mask is by heatmap, the same in all frames, and readable on the host."""
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
