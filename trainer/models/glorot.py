"""Glorot-uniform weights, as the thesis draws them for every model (its equation 1).

Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010, equation 16; the biases start at zero there too.
"""

import math

import torch
from torch import Tensor, nn

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def glorot_uniform_(weight: Tensor, fan_in: int, fan_out: int) -> Tensor:
    """Fill a tensor in place from U(-b, b), b = sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    weight : float tensor of any shape.
    fan_in, fan_out : connections into one output unit, and out of one input unit.

    Returns
    -------
    The same tensor.
    """
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    with torch.no_grad():
        return weight.uniform_(-bound, bound)


def initialise(model: nn.Module) -> None:
    """Draw the weights of every linear and convolutional layer inside, and zero their biases.

    Layer norms keep scale 1 and offset 0; layers of other kinds draw their own.
    """
    for layer in model.modules():
        if isinstance(layer, _LAYERS):
            n_taps = layer.weight[0, 0].numel()
            n_out, n_in = layer.weight.shape[:2]
            glorot_uniform_(layer.weight, n_in * n_taps, n_out * n_taps)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
