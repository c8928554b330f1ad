"""The bi-ConvLSTM models as the paper writes them: gate by gate, frame by frame.

Nothing is stacked, reordered or laid out for speed: Shi et al. 2015, equation 3, line by line, and
heads frame by frame. Tests hold the fast models to this, and ``trainer bench`` times it.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from trainer.models.biconvlstm_c import BiConvLSTMC
from trainer.models.biconvlstm_s import BiConvLSTMS
from trainer.models.convlstm import ConvLSTM


def plain_convlstm(layer: ConvLSTM, frames: list[Tensor]) -> list[Tensor]:
    """Hidden states of T frames (B, in, H, W), with the weights of a fast layer."""
    w_xi, w_xf, w_xo, w_xc = layer.weight_input.chunk(4)
    w_hi, w_hf, w_ho, w_hc = layer.weight_hidden.chunk(4)
    b_i, b_f, b_o, b_c = (bias[:, None, None] for bias in layer.bias.chunk(4))
    w_ci, w_cf, w_co = layer.peephole
    n_batch = len(frames[0])
    h = c = w_ci.new_zeros(n_batch, *w_ci.shape)
    states = []
    for x in frames:
        i = torch.sigmoid(conv2d(x, w_xi, padding=1) + conv2d(h, w_hi, padding=1) + w_ci * c + b_i)
        f = torch.sigmoid(conv2d(x, w_xf, padding=1) + conv2d(h, w_hf, padding=1) + w_cf * c + b_f)
        new = torch.tanh(conv2d(x, w_xc, padding=1) + conv2d(h, w_hc, padding=1) + b_c)
        c = f * c + i * new
        o = torch.sigmoid(conv2d(x, w_xo, padding=1) + conv2d(h, w_ho, padding=1) + w_co * c + b_o)
        h = o * torch.tanh(c)
        states.append(h)
    return states


def plain_branches(
    model: BiConvLSTMS | BiConvLSTMC, heatmaps: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Hidden states of both branches, in frame order."""
    frames = list(heatmaps.unbind(1))
    back = plain_convlstm(model.backward_lstm, frames[::-1])
    return plain_convlstm(model.forward_lstm, frames), back[::-1]


def plain_model_s(model: BiConvLSTMS, heatmaps: Tensor) -> Tensor:
    """Model S, frame by frame: (B, T, K, H, W) to the same."""
    frames = []
    for ahead, back in zip(*plain_branches(model, heatmaps), strict=True):
        frames.append(model.forward_head(ahead) + model.backward_head(back))
    return torch.stack(frames, dim=1)


def plain_model_c(model: BiConvLSTMC, heatmaps: Tensor) -> Tensor:
    """Model C, frame by frame: (B, T, K, H, W) to the same."""
    frames = []
    for ahead, back in zip(*plain_branches(model, heatmaps), strict=True):
        both = torch.cat([model.forward_features(ahead), model.backward_features(back)], dim=1)
        frames.append(model.merge(both))
    return torch.stack(frames, dim=1)
