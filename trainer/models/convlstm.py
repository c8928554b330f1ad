"""The convolutional LSTM layer that both bi-ConvLSTM models read the window with.

Source: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
Nowcasting", NeurIPS 2015, equation 3. With * a convolution and . the elementwise product:

    i_t = sigmoid(W_xi * X_t + W_hi * H_(t-1) + W_ci . C_(t-1) + b_i)
    f_t = sigmoid(W_xf * X_t + W_hf * H_(t-1) + W_cf . C_(t-1) + b_f)
    C_t = f_t . C_(t-1) + i_t . tanh(W_xc * X_t + W_hc * H_(t-1) + b_c)
    o_t = sigmoid(W_xo * X_t + W_ho * H_(t-1) + W_co . C_t + b_o)
    H_t = o_t . tanh(C_t)

H and C start at zero. As in the paper the peepholes W_ci, W_cf, W_co have the shape of the state:
3 * 25 * 56 * 56 = 235,200 weights a direction. One weight a channel (75) would be smaller, but
another equation.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.models.glorot import glorot_uniform_

KERNEL_PX = 3
N_GATES = 4  # i, f, o, c: the order in which weights and biases are stacked


class ConvLSTM(nn.Module):
    """One direction of a convolutional LSTM, all four gates in one convolution a frame.

    Attributes
    ----------
    weight_input : (4 * hidden, in, 3, 3), the W_x of gates i, f, o, c.
    weight_hidden : (4 * hidden, hidden, 3, 3), the W_h in the same order.
    bias : (4 * hidden,).
    peephole : (3, hidden, H, W): W_ci, W_cf, W_co.
    """

    def __init__(self, n_in: int, n_hidden: int, size_px: int) -> None:
        super().__init__()
        kernel = (KERNEL_PX, KERNEL_PX)
        self.weight_input = nn.Parameter(torch.empty(N_GATES * n_hidden, n_in, *kernel))
        self.weight_hidden = nn.Parameter(torch.empty(N_GATES * n_hidden, n_hidden, *kernel))
        self.bias = nn.Parameter(torch.zeros(N_GATES * n_hidden))
        self.peephole = nn.Parameter(torch.empty(3, n_hidden, size_px, size_px))
        n_taps = KERNEL_PX**2
        # The fans are those of one gate's kernel: the gates are stacked for speed alone.
        glorot_uniform_(self.weight_input, n_in * n_taps, n_hidden * n_taps)
        glorot_uniform_(self.weight_hidden, n_hidden * n_taps, n_hidden * n_taps)
        # A peephole joins two layers of hidden * H * W units: the n_j of the thesis's equation 1.
        n_units = self.peephole[0].numel()
        glorot_uniform_(self.peephole, n_units, n_units)

    def forward(self, frames: list[Tensor]) -> list[Tensor]:
        """Hidden states of every frame, in the order in which the frames come.

        Parameters
        ----------
        frames : T tensors float32 (B, in, H, W), all of one memory format.

        Returns
        -------
        T tensors float32 (B, hidden, H, W) in (-1, 1).
        """
        # [X_t, H_(t-1)] under one kernel: on the CPU faster than convolving all X_t first, which
        # writes and re-reads B * T * 4 * hidden maps (docs/experiments.md).
        weight = torch.cat([self.weight_input, self.weight_hidden], dim=1)
        peephole = self.peephole.contiguous(memory_format=_format_of(frames[0]))
        gates = _convolve(frames[0], self.weight_input, self.bias)  # H_0 = 0
        cell = torch.zeros_like(gates[:, : self.peephole.shape[1]])
        hidden, cell = _advance(gates, cell, peephole)
        states = [hidden]
        for frame in frames[1:]:
            gates = _convolve(torch.cat([frame, hidden], dim=1), weight, self.bias)
            hidden, cell = _advance(gates, cell, peephole)
            states.append(hidden)
        return states


def _format_of(frame: Tensor) -> torch.memory_format:
    last = frame.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _convolve(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(maps, weight, bias, padding=KERNEL_PX // 2)


def _advance(gates: Tensor, cell: Tensor, peephole: Tensor) -> tuple[Tensor, Tensor]:
    """H_t and C_t from the stacked pre-activations (without peepholes) and C_(t-1)."""
    pre_i, pre_f, pre_o, pre_c = gates.chunk(N_GATES, dim=1)
    gate_i = torch.sigmoid(pre_i + peephole[0] * cell)
    gate_f = torch.sigmoid(pre_f + peephole[1] * cell)
    cell = gate_f * cell + gate_i * torch.tanh(pre_c)
    gate_o = torch.sigmoid(pre_o + peephole[2] * cell)
    return gate_o * torch.tanh(cell), cell
