"""The noisy input's positions: counter-based, so that a keypoint's noise is a pure function.

There is no generator state (``trainer.noise.counter_rng``). The halves of a keypoint's 64 bits
pick the
shifts in x and y from integer thresholds of the rounded normal, and a second hash selects the blur.
Since the bits don't depend on the experiment, k = 1 and k = 2 share them, and paired differences
between experiments are less noisy.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import SIZE
from trainer.noise.counter_rng import hashed_bits, high_half, low_half

SHIFT_PX_PER_K = 3.0
TAIL_SIGMAS = 7.0  # beyond 6.4 sigma the normal's tail is under 2^-32, the hash's resolution

_SHIFT_STREAM = 1
_SIGMA_STREAM = 2


@dataclass(frozen=True)
class NoiseConfig:
    """The parameters of the noise.

    Attributes
    ----------
    k : shifting-scalar; shifts are N(mu_in_px, (3k)^2) per axis, rounded to whole pixels.
    sigma_in_px : blurs drawn from, uniformly, per keypoint and frame.
    mu_in_px : mean of the shift; 1 is the literal reading of the thesis.
    frozen : the thesis's own protocol: noise is fixed once for each source frame. The epoch and
        the split are ignored, and every window that holds a frame sees the same noise on it.
    per_clip_datasets : with ``frozen``, the datasets whose clips get one shift and one blur per
        keypoint for all their frames (in the thesis: ``penn-action``).

    Raises
    ------
    InvalidInputError : a value outside its range, or ``per_clip_datasets`` without ``frozen``.
    """

    k: float
    sigma_in_px: tuple[float, ...]
    mu_in_px: float = 0.0
    frozen: bool = False
    per_clip_datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.k) and self.k > 0):
            raise InvalidInputError(
                f"the shifting-scalar k must be a positive number, got {self.k}"
            )
        if not math.isfinite(self.mu_in_px):
            raise InvalidInputError(
                f"mu_in_px must be a finite number of pixels, got {self.mu_in_px}"
            )
        if not self.sigma_in_px or not all(0 < s < math.inf for s in self.sigma_in_px):
            raise InvalidInputError(f"sigma_in_px must be positive numbers, got {self.sigma_in_px}")
        if self.per_clip_datasets and not self.frozen:
            raise InvalidInputError(
                "noise per clip (per_clip_datasets) exists only as frozen noise"
            )


def noisy_input(
    keypoints: Tensor,
    annotated: Tensor,
    counter: Tensor,
    config: NoiseConfig,
    seed: int,
    purpose: int,
    epoch: int,
) -> tuple[Tensor, Tensor]:
    """Shifted positions and the blur of each keypoint.

    Parameters
    ----------
    keypoints : int64 (B, T, K, 2) as (x, y) in 0 ... 55; read only where annotated.
    annotated : bool (B, T, K).
    counter : what the noise belongs to. int64 (B,): each window's first frame; its T frames get
        independent noise. Or, for frozen noise, int64 (B, T): see ``frozen_counter``.
    config : what is drawn.
    seed, purpose, epoch : name the stream (``pose_smoother.seeds``); frozen noise uses the
        seed alone.

    Returns
    -------
    positions : int64 (B, T, K, 2), clipped to 0 ... 55; -1 where not annotated.
    sigma_index : int64 (B, T, K), index into ``config.sigma_in_px``.

    Source: DESIGN section 6.
    """
    stream = (seed, 0, 0) if config.frozen else (seed, purpose, epoch)
    n_frames, n_keypoints = annotated.shape[1:]
    bits = hashed_bits((*stream, _SHIFT_STREAM), counter, n_frames, n_keypoints)
    uniform = torch.stack((high_half(bits), low_half(bits)), dim=-1)
    thresholds, lowest_px = _thresholds_on(config.k, config.mu_in_px, keypoints.device)
    shift_px = torch.searchsorted(thresholds, uniform, right=True).add_(lowest_px)
    positions = shift_px.add_(keypoints).clamp_(0, SIZE - 1)
    positions.bitwise_or_(annotated.to(torch.int64).sub_(1)[..., None])  # -1 has every bit
    n_sigmas = len(config.sigma_in_px)
    if n_sigmas == 1:
        return positions, torch.zeros_like(bits)
    bits = hashed_bits((*stream, _SIGMA_STREAM), counter, n_frames, n_keypoints)
    return positions, low_half(bits).mul_(n_sigmas).bitwise_right_shift_(32)


def frozen_counter(frame: Tensor, clip: Tensor, per_clip: Tensor) -> Tensor:
    """The owner of frozen noise: the source frame, or the clip.

    Parameters
    ----------
    frame : int64 (B, T), source frame number, 0 ... 2^31 - 1.
    clip : int64 (B,), a number of the clip, 0 ... 2^31 - 1.
    per_clip : bool (B,), whether the clip's dataset has one shift for all frames.

    Returns
    -------
    int64 (B, T): clip and frame in one number; negative (so never the same) for clips.
    """
    of_frame = (clip.unsqueeze(1) << 32) | frame
    of_clip = (-1 - clip).unsqueeze(1)
    return torch.where(per_clip.unsqueeze(1), of_clip, of_frame)


def shift_thresholds(k: float, mu_px: float) -> tuple[np.ndarray, int]:
    """The rounded normal N(mu, (3k)^2) as thresholds of a 32-bit uniform integer.

    Returns
    -------
    thresholds : int64 (n,), ascending in 0 ... 2^32; a uniform u shifts by ``lowest_px`` + the
        number of thresholds that are not above u.
    lowest_px : the shift below the first threshold.
    """
    sigma_px = SHIFT_PX_PER_K * k
    lowest_px = math.floor(mu_px - TAIL_SIGMAS * sigma_px)
    highest_px = math.ceil(mu_px + TAIL_SIGMAS * sigma_px)
    upper_edges_px = np.arange(lowest_px, highest_px) + 0.5
    share_below = ndtr((upper_edges_px - mu_px) / sigma_px)
    return np.rint(share_below * 2.0**32).astype(np.int64), lowest_px


@lru_cache(maxsize=64)
def _thresholds_on(k: float, mu_px: float, device: torch.device) -> tuple[Tensor, int]:
    thresholds, lowest_px = shift_thresholds(k, mu_px)
    return torch.from_numpy(thresholds).to(device), lowest_px
