"""The noisy input's positions: counter-based, so that a keypoint's noise is a pure function.

There is no generator state. A hash of (seed, purpose, epoch, counter, place) gives every keypoint
64 bits; their halves pick the shifts in x and y from integer thresholds of the rounded normal, and
a second hash picks the smear. All is integer arithmetic: the same on every device, at every batch
size, in every order (DESIGN sections 6 and 12). Since the bits don't depend on the experiment,
k = 1 and k = 2 share them, and paired differences between experiments are less noisy.

Source: the mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014,
"Fast splittable pseudorandom number generators"), with Stafford's constants ("Mix13").
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from pipeline.contract.errors import BadInput
from pipeline.contract.heatmap import SIZE

SHIFT_PX_PER_K = 3.0
TAIL_SIGMAS = 7.0  # beyond 6.4 sigma the normal's tail is under 2^-32, the hash's resolution

_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64
_LOW_32 = 0xFFFFFFFF
_SHIFT_STREAM = 1
_SIGMA_STREAM = 2


@dataclass(frozen=True)
class NoiseConfig:
    """How the input is made noisy.

    Attributes
    ----------
    k : shifting-scalar; shifts are N(mu_in_px, (3k)^2) per axis, rounded to whole pixels.
    sigma_in_px : smears drawn from, uniformly, per keypoint and frame.
    mu_in_px : mean of the shift; 1 is the literal reading of the thesis.
    frozen : the thesis's own protocol: noise is fixed once for each source frame. The epoch and
        the split are ignored, and every window that holds a frame sees the same noise on it.
    per_clip_datasets : with ``frozen``, the datasets whose clips get one shift and one smear per
        keypoint for all their frames (in the thesis: ``penn-action``).

    Raises
    ------
    BadInput : a value outside its range, or ``per_clip_datasets`` without ``frozen``.
    """

    k: float
    sigma_in_px: tuple[float, ...]
    mu_in_px: float = 0.0
    frozen: bool = False
    per_clip_datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.k) and self.k > 0):
            raise BadInput(f"the shifting-scalar k must be a positive number, got {self.k}")
        if not math.isfinite(self.mu_in_px):
            raise BadInput(f"mu_in_px must be a finite number of pixels, got {self.mu_in_px}")
        if not self.sigma_in_px or not all(0 < s < math.inf for s in self.sigma_in_px):
            raise BadInput(f"sigma_in_px must be positive numbers, got {self.sigma_in_px}")
        if self.per_clip_datasets and not self.frozen:
            raise BadInput("noise per clip (per_clip_datasets) exists only as frozen noise")


def noisy_input(
    keypoints: Tensor,
    annotated: Tensor,
    counter: Tensor,
    config: NoiseConfig,
    seed: int,
    purpose: int,
    epoch: int,
) -> tuple[Tensor, Tensor]:
    """Shifted positions and the smear of each keypoint.

    Parameters
    ----------
    keypoints : int64 (B, T, K, 2) as (x, y) in 0 ... 55; read only where annotated.
    annotated : bool (B, T, K).
    counter : what the noise belongs to. int64 (B,): each window's first frame; its T frames get
        independent noise. Or, for frozen noise, int64 (B, T): see ``frozen_counter``.
    config : what is drawn.
    seed, purpose, epoch : name the stream (``pipeline.contract.seeds``); frozen noise uses the
        seed alone.

    Returns
    -------
    positions : int64 (B, T, K, 2), clipped to 0 ... 55; -1 where not annotated.
    sigma_index : int64 (B, T, K), index into ``config.sigma_in_px``.

    Source: DESIGN section 6.
    """
    stream = (seed, 0, 0) if config.frozen else (seed, purpose, epoch)
    n_frames, n_keypoints = annotated.shape[1:]
    bits = _hash((*stream, _SHIFT_STREAM), counter, n_frames, n_keypoints)
    uniform = torch.stack((_shift_right(bits, 32), bits & _LOW_32), dim=-1)
    thresholds, lowest_px = _thresholds_on(config.k, config.mu_in_px, keypoints.device)
    shift_px = torch.searchsorted(thresholds, uniform, right=True) + lowest_px
    positions = (keypoints + shift_px).clamp_(0, SIZE - 1)
    positions.masked_fill_(~annotated.unsqueeze(-1), -1)
    n_sigmas = len(config.sigma_in_px)
    if n_sigmas == 1:
        return positions, torch.zeros_like(bits)
    bits = _hash((*stream, _SIGMA_STREAM), counter, n_frames, n_keypoints)
    return positions, ((bits & _LOW_32) * n_sigmas) >> 32


def frozen_counter(frame: Tensor, clip: Tensor, per_clip: Tensor) -> Tensor:
    """What frozen noise belongs to: the source frame, or the whole clip.

    Parameters
    ----------
    frame : int64 (B, T), source frame number, 0 ... 2^31 - 1.
    clip : int64 (B,), a number of the clip, 0 ... 2^31 - 1.
    per_clip : bool (B,), whether the clip's dataset has one shift for all frames.

    Returns
    -------
    int64 (B, T): clip and frame in one number; negative (so never the same) for whole clips.
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


def _hash(stream: tuple[int, ...], counter: Tensor, n_frames: int, n_keypoints: int) -> Tensor:
    """64 bits, int64 (B, T, K), for every keypoint of every frame."""
    hashed = _absorb(_stream_key(stream, counter.device), counter)
    if counter.ndim == 1:
        hashed = hashed.reshape(-1, 1, 1)
        place = torch.arange(n_frames * n_keypoints, device=counter.device)
        return _absorb(hashed, place.reshape(n_frames, n_keypoints))
    return _absorb(hashed.unsqueeze(-1), torch.arange(n_keypoints, device=counter.device))


@lru_cache(maxsize=64)
def _stream_key(stream: tuple[int, ...], device: torch.device) -> Tensor:
    """The hash of the integers that name a stream, int64 ()."""
    key = torch.zeros((), dtype=torch.int64)
    for number in stream:
        key = _absorb(key, torch.tensor(number, dtype=torch.int64))
    return key.to(device)


def _absorb(hashed: Tensor, number: Tensor) -> Tensor:
    """The hash of a hash and one more number; for either one given, a bijection of the other."""
    z = (hashed ^ number) + _GAMMA
    z = (z ^ _shift_right(z, 30)) * _MIX_1
    z = (z ^ _shift_right(z, 27)) * _MIX_2
    return z ^ _shift_right(z, 31)


def _shift_right(z: Tensor, n_bits: int) -> Tensor:
    """Logical right shift of int64: torch's own copies the sign bit."""
    return (z >> n_bits) & ((1 << (64 - n_bits)) - 1)
