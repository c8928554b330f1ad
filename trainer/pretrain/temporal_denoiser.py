"""The network of the pretrained smoother: dilated convolutions over time, one keypoint at a time.

Inputs are differences in units of the file's own noise (`pose_smoother.pretrained.features`). The
output is a weighted mean of neighbouring frames and running medians. The weights are
`(1 + g) softmax(a) - g softmax(b)`: they sum to 1, so the network is equivariant to translation,
and they may be negative, so that peaks of fast motion are not flattened. A small correction in
units of the noise is added. Keypoints exchange a mean over all and a mean over those that move
alike, so their order does not matter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose_smoother.pretrained.features import CANDIDATES, CHANNELS, TAPS

WIDTH = 64
DILATIONS = (1, 2, 4, 8, 16, 8, 4, 2, 1)
OUTPUTS = 2 * CANDIDATES + 4
UNSEEN_LOGIT = -3.0


class TimeConvolution(nn.Module):
    """Three taps over time as one matrix product; frames outside of the clip are 0.

    A matrix product compiles nothing for a new shape, a convolution on CPU does (8 s each).
    """

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = nn.Linear(3 * inputs, outputs)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, K, T, inputs) to (B, K, T, outputs)."""
        d, frames = self.dilation, h.shape[2]
        wide = functional.pad(h, (0, 0, d, d))
        taps = [wide[:, :, i * d : i * d + frames] for i in range(3)]
        return self.linear(torch.cat(taps, -1))


class Block(nn.Module):
    """Residual block: dilated convolution, pointwise layer, and what other keypoints know."""

    def __init__(self, width: int, dilation: int, mixes: bool) -> None:
        super().__init__()
        self.wide = TimeConvolution(width, width, dilation)
        self.point = nn.Linear(width, width)
        nn.init.zeros_(self.point.weight)
        nn.init.zeros_(self.point.bias)
        self.mix = nn.Linear(2 * width, width) if mixes else None
        if self.mix is not None:
            nn.init.zeros_(self.mix.weight)
            nn.init.zeros_(self.mix.bias)

    def forward(self, h: Tensor, neighbours: Tensor, share: Tensor) -> Tensor:
        """h (B, K, T, W), neighbours (B, K, K), share (B, K) to (B, K, T, W)."""
        h = h + self.point(functional.relu(self.wide(functional.relu(h))))
        if self.mix is None:
            return h
        flat = h.flatten(2)
        like = torch.bmm(neighbours.to(h.dtype), flat).view_as(h)
        mean = torch.bmm(share[:, None].to(h.dtype), flat).view(h.shape[0], 1, *h.shape[2:])
        return h + self.mix(torch.cat([mean.expand_as(h), like], -1))


class TemporalDenoiser(nn.Module):
    """The network; see the module."""

    def __init__(self, width: int = WIDTH, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__()
        self.first = TimeConvolution(CHANNELS, width, 1)
        self.blocks = nn.ModuleList(
            Block(width, d, mixes=i % 2 == 1) for i, d in enumerate(dilations)
        )
        self.last = nn.Linear(width, OUTPUTS)
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():  # begin as a Gaussian of 1.5 frames
            taps = torch.tensor(TAPS, dtype=torch.float32)
            start = torch.full((OUTPUTS,), 0.0)
            near = torch.cat([(-(taps**2) / 4.5).clamp(min=-8.0), torch.full((3,), -3.0)])
            start[:CANDIDATES] = near
            start[CANDIDATES : 2 * CANDIDATES] = 0.3 * near
            self.last.bias.copy_(start)

    def forward(self, inputs: Tensor, neighbours: Tensor, valid: Tensor) -> Tensor:
        """Raw outputs.

        Parameters
        ----------
        inputs : float32 tensor, shape (B, K, T, CHANNELS)
        neighbours : float32 tensor, shape (B, K, K)
        valid : bool tensor, shape (B, K)

        Returns
        -------
        float32 tensor, shape (B, K, T, OUTPUTS)
        """
        share = valid.float() / valid.float().sum(1, keepdim=True).clamp(min=1.0)
        h = self.first(inputs)
        for block in self.blocks:
            h = block(h, neighbours, share)
        return self.last(functional.relu(h)).float()


def candidates(filled: Tensor, medians: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Positions that the output weighs.

    Parameters
    ----------
    filled : float32 tensor, shape (B, T, K, 2)
    medians : float32 tensor, shape (B, M, T, K, 2)
    observed : bool tensor, shape (B, T, K)

    Returns
    -------
    float32 tensor, shape (B, K, T, CANDIDATES, 2)
        About the running median of five frames.
    float32 tensor, shape (B, K, T, CANDIDATES)
        Logit that is added: negative where a frame has no detection or is outside of the file.
    """
    frames = filled.shape[1]
    at = torch.arange(frames)[:, None] + torch.tensor(TAPS)[None]
    inside = (at >= 0) & (at < frames)
    at = at.clamp(0, frames - 1)
    base = medians[:, 0]
    near = filled[:, at] - base[:, :, None]  # (B, T, taps, K, 2)
    middle = medians.transpose(1, 2) - base[:, :, None]
    seen = (observed[:, at] & inside[None, :, :, None]).permute(0, 3, 1, 2)
    logit = torch.where(seen, 0.0, UNSEEN_LOGIT)
    logit = functional.pad(logit, (0, middle.shape[2]))
    return torch.cat([near, middle], 2).permute(0, 3, 1, 2, 4), logit


def combine(raw: Tensor, near: Tensor, logit: Tensor, base: Tensor, unit: Tensor) -> Tensor:
    """Smoothed positions from raw outputs.

    Parameters
    ----------
    raw : float32 tensor, shape (B, K, T, OUTPUTS)
    near, logit
        Of `candidates`.
    base : float32 tensor, shape (B, T, K, 2)
        Running median of five frames.
    unit : float32 tensor, shape (B, K)

    Returns
    -------
    float32 tensor, shape (B, T, K, 2)
    """
    a = torch.softmax(raw[..., :CANDIDATES] + logit, -1)
    b = torch.softmax(raw[..., CANDIDATES : 2 * CANDIDATES] + logit, -1)
    gain = functional.softplus(raw[..., 2 * CANDIDATES : 2 * CANDIDATES + 1] - 1.0)
    weight = a + gain * (a - b)
    moved = (near * weight[..., None]).sum(-2)
    correction = raw[..., 2 * CANDIDATES + 1 : 2 * CANDIDATES + 3].clamp(-8.0, 8.0)
    moved = moved + unit[:, :, None, None] * correction
    return base + moved.transpose(1, 2)
