"""The searched network, and its heads: what its outputs mean, how they are trained and read.

All work in coordinates of -1 ... 1. A head's ``loss`` takes outputs (B, T, K, n), the keypoints'
means over their windows and the truth (B, T, K, 2), and which are there (B, T, K); ``estimate``
gives positions in px.
"""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.resmlp_search.poses import LAST_PX
from benchmarks.resmlp_search.variants import Variant
from pose_smoother.store.names import WINDOW_FRAMES
from trainer.models.resmlp import CORRECTION_SCALE, Block

HALF_PX = LAST_PX / 2
_SMOOTH_L1_BETA = 0.05
_N_GAUSSIANS = 3
_N_MODE_STEPS, _MODE_BLUR_PX = 8, 1.0


class Head(Protocol):
    """What the network's outputs mean."""

    n_outputs: int

    def loss(self, out: Tensor, mean: Tensor, truth: Tensor, there: Tensor) -> Tensor:
        """A scalar."""

    def estimate(self, out: Tensor, mean: Tensor) -> Tensor:
        """Positions in px."""


class SmoothL1:
    """A correction to the window's mean."""

    n_outputs = 2

    def loss(self, out: Tensor, mean: Tensor, truth: Tensor, there: Tensor) -> Tensor:
        """Smooth L1 in px."""
        off = functional.smooth_l1_loss(
            mean + out[..., :2] * CORRECTION_SCALE, truth, beta=_SMOOTH_L1_BETA, reduction="none"
        )
        return _mean_of(off.sum(-1) * HALF_PX, there)

    def estimate(self, out: Tensor, mean: Tensor) -> Tensor:
        """The corrected mean."""
        return (mean + out[..., :2] * CORRECTION_SCALE + 1) * HALF_PX


class Laplace(SmoothL1):
    """A correction and the logarithm of a scale, by the likelihood of both."""

    n_outputs = 3

    def loss(self, out: Tensor, mean: Tensor, truth: Tensor, there: Tensor) -> Tensor:
        """Of a distance whose density falls exponentially, in the plane."""
        off = truth - (mean + out[..., :2] * CORRECTION_SCALE)
        distance_px = (off.square().sum(-1) * HALF_PX**2 + 1e-2).sqrt()
        log_scale = out[..., 2].clamp(-4, 4) + 0.5
        return _mean_of(2 * log_scale + distance_px * torch.exp(-log_scale), there)


class Mixture:
    """Gaussians with a place, a scale and a weight each; the estimate is their mode."""

    n_outputs = 4 * _N_GAUSSIANS

    def __init__(self) -> None:
        self._apart = torch.randn(_N_GAUSSIANS, 2) * 0.02  # otherwise all would stay one

    def _parts(self, out: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = out.view(*out.shape[:-1], _N_GAUSSIANS, 4)
        place = mean[..., None, :] + out[..., :2] * CORRECTION_SCALE + self._apart
        return place, out[..., 2].clamp(-6, 3), out[..., 3]

    def loss(self, out: Tensor, mean: Tensor, truth: Tensor, there: Tensor) -> Tensor:
        """Negative logarithm of the density."""
        place, log_scale, weight = self._parts(out, mean)
        squared_px = ((truth[..., None, :] - place) * HALF_PX).square().sum(-1)
        inner = 2 * log_scale + 0.5 * squared_px * torch.exp(-2 * log_scale)
        log_parts = functional.log_softmax(weight, -1) - inner
        return _mean_of(-torch.logsumexp(log_parts, -1), there)

    def estimate(self, out: Tensor, mean: Tensor) -> Tensor:
        """The mode of the mixture blurred a little, by mean shift from its mean."""
        place, log_scale, logits = self._parts(out, mean)
        weight = logits.softmax(-1)
        at = (place * weight[..., None]).sum(-2)
        variance = torch.exp(2 * log_scale) + _MODE_BLUR_PX**2
        for _ in range(_N_MODE_STEPS):
            squared_px = ((at[..., None, :] - place) * HALF_PX).square().sum(-1)
            pull = (weight.log() - variance.log() - 0.5 * squared_px / variance).softmax(-1)
            pull = pull / variance
            pull = pull / pull.sum(-1, keepdim=True)
            at = (pull[..., None] * place).sum(-2)
        return (at + 1) * HALF_PX


HEADS: dict[str, type[SmoothL1 | Laplace | Mixture]] = {
    "smooth-l1": SmoothL1,
    "laplace": Laplace,
    "mixture": Mixture,
}


def _mean_of(loss: Tensor, there: Tensor) -> Tensor:
    n = there.float()
    return (loss * n).sum() / n.sum()


class Network(nn.Module):
    """Residual dense blocks from positions and flags of a window to a head's outputs."""

    def __init__(self, how: Variant, n_keypoints: int, n_outputs: int) -> None:
        super().__init__()
        self.shape = (WINDOW_FRAMES, n_keypoints, n_outputs)
        n_positions = WINDOW_FRAMES * n_keypoints
        self.enter = nn.Linear(3 * n_positions, how.width)
        self.blocks = nn.Sequential(*(new_block(how.width) for _ in range(how.blocks)))
        self.norm = nn.LayerNorm(how.width)
        self.leave = nn.Linear(how.width, n_positions * n_outputs)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, noisy_px: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, K, n), and the windows' means in coordinates (B, T, K, 2)."""
        coordinates = torch.where(there[..., None], noisy_px / HALF_PX - 1, torch.zeros(()))
        flags = there.float()
        with torch.autocast("cpu", torch.bfloat16):
            features = torch.cat([coordinates.flatten(1), flags.flatten(1)], 1)
            out = self.leave(self.norm(self.blocks(self.enter(features)))).view(-1, *self.shape)
        n_frames = flags[..., None].sum(1, keepdim=True).clamp(min=1)
        mean = (coordinates * flags[..., None]).sum(1, keepdim=True) / n_frames
        return out.float(), mean.expand_as(coordinates)


def new_block(width: int) -> Block:
    """A block that starts as the identity."""
    block = Block(width)
    nn.init.zeros_(block.second.weight)
    nn.init.zeros_(block.second.bias)
    return block
