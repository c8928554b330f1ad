"""The live network: causal dilated convolutions over time, one output for each trained delay.

Like `temporal_denoiser`, but it sees the past only, so a stream costs the same for every frame.
The head of delay d gives, when frame t arrives, the position in frame t - d: weights over the
latest frames and two running medians, and a small correction in units of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pose_smoother.pretrained.live_features import (
    CANDIDATES,
    CHANNELS,
    DELAYS,
    DILATIONS,
    NEAR,
    LiveFeatures,
)
from trainer.data.clean_motion import MotionPool
from trainer.pretrain.batches import Clip, draw_clips

WIDTH = 48
ERROR_FLOOR = JITTER_FLOOR = 5e-4  # of the body, as in `train_denoiser`
OUTPUTS = 2 * CANDIDATES + 3


class CausalConvolution(nn.Module):
    """Three taps over the past as one matrix product; frames before the clip are 0."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = nn.Linear(3 * inputs, outputs)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, K, T, inputs) to (B, K, T, outputs)."""
        d, frames = self.dilation, h.shape[2]
        wide = functional.pad(h, (0, 0, 2 * d, 0))
        taps = [wide[:, :, i * d : i * d + frames] for i in range(3)]
        return self.linear(torch.cat(taps, -1))


class LiveBlock(nn.Module):
    """Residual block: a causal convolution, a pointwise layer, the mean over seen keypoints."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = CausalConvolution(width, width, dilation)
        self.point = nn.Linear(width, width)
        self.mix = nn.Linear(width, width)
        for layer in (self.point, self.mix):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, h: Tensor, share: Tensor) -> Tensor:
        """h (B, K, T, W), share (B, K, T) to (B, K, T, W)."""
        h = h + self.point(functional.relu(self.wide(functional.relu(h))))
        return h + self.mix((h * share[..., None]).sum(1, keepdim=True))


class LiveDenoiser(nn.Module):
    """The network; see the module."""

    def __init__(self, width: int = WIDTH, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__()
        self.first = nn.Linear(CHANNELS, width)
        self.blocks = nn.ModuleList(LiveBlock(width, d) for d in dilations)
        self.last = nn.Linear(width, len(DELAYS) * OUTPUTS)
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():  # begin as a mean of the frames around the target
            age = torch.arange(NEAR, dtype=torch.float32)
            start = torch.zeros(len(DELAYS), OUTPUTS)
            for row, delay in zip(start, DELAYS, strict=True):
                near = -((age - delay) ** 2) / 4.5
                row[:NEAR] = near.clamp(min=-8.0)
                row[NEAR:CANDIDATES] = -3.0
                row[CANDIDATES : 2 * CANDIDATES] = 0.3 * row[:CANDIDATES]
            self.last.bias.copy_(start.flatten())

    def forward(self, inputs: Tensor, ever: Tensor) -> Tensor:
        """Inputs (B, K, T, CHANNELS) and seen so far (B, K, T) to (B, K, T, DELAYS, OUTPUTS)."""
        share = ever.float() / ever.float().sum(1, keepdim=True).clamp(min=1.0)
        h = self.first(inputs)
        for block in self.blocks:
            h = block(h, share)
        out: Tensor = self.last(functional.relu(h))
        return out.unflatten(-1, (len(DELAYS), OUTPUTS))


def combine(raw: Tensor, near: Tensor, unit: Tensor) -> Tensor:
    """Positions about the base.

    Parameters
    ----------
    raw : float32 tensor, shape (B, K, T, D, OUTPUTS)
    near : float32 tensor, shape (B, K, T, CANDIDATES, 2)
    unit : float32 tensor, shape (B, K, T)

    Returns
    -------
    float32 tensor, shape (B, K, T, D, 2)
    """
    a = torch.softmax(raw[..., :CANDIDATES], -1)
    b = torch.softmax(raw[..., CANDIDATES : 2 * CANDIDATES], -1)
    gain = functional.softplus(raw[..., -3:-2] - 1.0)
    weight = a + gain * (a - b)
    return weight @ near + unit[..., None, None] * raw[..., -2:].clamp(-8.0, 8.0)


@dataclass
class LiveBatch:
    """B clips of T frames and K keypoints as the live network sees them.

    Attributes
    ----------
    inputs : float32 (B, K, T, CHANNELS).
    ever : bool (B, K, T), whether the keypoint was seen up to the frame.
    near : float32 (B, K, T, CANDIDATES, 2), about the base.
    base, target, noisy : float32 (B, K, T, 2), about a common centre; `noisy` is 0 if missing.
    unit : float32 (B, K, T).
    observed : bool (B, K, T).
    size : float32 (B,).
    """

    inputs: NDArray[np.float32]
    ever: NDArray[np.bool_]
    near: NDArray[np.float32]
    base: NDArray[np.float32]
    target: NDArray[np.float32]
    noisy: NDArray[np.float32]
    unit: NDArray[np.float32]
    observed: NDArray[np.bool_]
    size: NDArray[np.float32]


def live_batch(clips: list[Clip]) -> LiveBatch:
    """Clips of the same shape, put through `LiveFeatures` frame by frame."""
    noisy = np.stack([clip.noisy for clip in clips])  # (B, T, K, 2)
    target = np.stack([clip.target for clip in clips])
    scores = np.stack([clip.scores for clip in clips])
    centre = np.nanmean(np.where(np.isfinite(noisy), noisy, np.nan), axis=(1, 2), keepdims=True)
    centre = np.nan_to_num(centre)
    noisy, target = noisy - centre, target - centre
    features = LiveFeatures((len(clips), noisy.shape[2]))
    columns: list[tuple[NDArray, ...]] = []
    for t in range(noisy.shape[1]):
        inputs, near = features.update(noisy[:, t], scores[:, t])
        base = features.base.astype(np.float32)
        columns.append((inputs, features.ever, near, base, features.unit.astype(np.float32)))
    inputs, ever, near, base, unit = (np.stack(c, 2) for c in zip(*columns, strict=True))
    observed = np.isfinite(noisy).all(-1)
    return LiveBatch(
        inputs, ever, near, base,
        target.transpose(0, 2, 1, 3).astype(np.float32),
        np.nan_to_num(noisy).transpose(0, 2, 1, 3).astype(np.float32),
        unit, observed.transpose(0, 2, 1), np.array([c.size for c in clips], np.float32),
    )  # fmt: skip


def draw_live_batch(pool: MotionPool, rng: np.random.Generator) -> LiveBatch:
    """One batch of simulated detections as the live network sees them."""
    return live_batch(draw_clips(pool, rng))


def live_outputs(net: nn.Module, b: dict[str, Tensor]) -> Tensor:
    """Positions (B, K, T, D, 2): at t, those of frame t - DELAYS[d]."""
    raw = net(b["inputs"], b["ever"])
    out: Tensor = b["base"][..., None, :] + combine(raw, b["near"], b["unit"])
    return out


def live_loss(net: nn.Module, b: dict[str, Tensor], jitter_weight: float) -> tuple[Tensor, Tensor]:
    """(loss, mean logarithm of error over raw error) over all delays; see `train_denoiser`."""
    out = live_outputs(net, b)
    size = b["size"][:, None, None]
    losses, ratios = [], []
    for index, delay in enumerate(DELAYS):
        frames = out.shape[2] - delay
        ok = b["observed"][:, :, :frames].float()
        goal = b["target"][:, :, :frames]

        def means(positions: Tensor, ok: Tensor = ok, goal: Tensor = goal) -> tuple[Tensor, Tensor]:
            delta = (positions - goal) * ok[..., None]
            length = torch.sqrt((delta**2).sum(-1) / size**2 + 1e-9)
            second = delta[:, :, 2:] - 2 * delta[:, :, 1:-1] + delta[:, :, :-2]
            ok3 = ok[:, :, 2:] * ok[:, :, 1:-1] * ok[:, :, :-2]
            rough = torch.sqrt((second**2).sum(-1) / size**2 + 1e-9)
            error = (length * ok).sum((1, 2)) / ok.sum((1, 2)).clamp(min=1.0)
            return error, (rough * ok3).sum((1, 2)) / ok3.sum((1, 2)).clamp(min=1.0)

        error, jitter = means(out[:, :, delay:, index])
        raw, raw_jitter = means(b["noisy"][:, :, :frames])
        ratio = torch.log(error + ERROR_FLOOR) - torch.log(raw + ERROR_FLOOR)
        rough = torch.log(jitter + JITTER_FLOOR) - torch.log(raw_jitter + JITTER_FLOOR)
        ratios.append(ratio.mean())
        losses.append(ratio.mean() + jitter_weight * rough.mean())
    return torch.stack(losses).mean(), torch.stack(ratios).mean().detach()
