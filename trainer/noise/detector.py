"""The noisy input as a measured detector would give it: biased, heavy-tailed, swapped, with holes.

Counter-based like ``trainer.noise.gaussian``, and integer arithmetic to the end: uniform bits
become
normal numbers in units of 1/256 sigma through a table of thresholds, those of a window's frames are
correlated by the Cholesky factor of an AR(1) matrix in fixed point, and the error is rounded to
whole pixels once (a Gaussian copula whose marginals are exact up to those units). So the noise is
the same on every device, at every batch size and after a resume.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import MIRROR
from trainer.noise.counter_rng import hashed_bits, high_half, low_half
from trainer.noise.gaussian import TAIL_SIGMAS
from trainer.noise.noise_file import DetectorNoise

_PER_SIGMA = 256  # resolution of the normal numbers
_NORMAL_BITS = 8  # 2^8 = 256
_FACTOR_BITS = 16  # of the Cholesky factors
_PIXEL_BITS = 16  # of spreads
_ALL_BITS = _NORMAL_BITS + _FACTOR_BITS + _PIXEL_BITS
_U32 = 2.0**32

# What each hash is for; the numbers differ from those of ``trainer.noise.gaussian``.
_NORMAL_STREAM = 3
_EVENT_STREAM = 4
_PAIR_STREAM = 5


@dataclass(frozen=True)
class _Tables:
    """A detector's noise as integers on one device, K = 25 keypoints.

    Attributes
    ----------
    normal : int64, thresholds of the normal in units of 1/256 sigma.
    factor : int64 (T, T, K, 1), Cholesky factors; [t, s] is what number s adds to frame t.
    bias : int64 (K, 2), in units of 2^-40 px.
    spread, wide : int64 (K, 2), of ordinary errors and of outliers, in units of 2^-16 px.
    missing, outlier, swapped : int64 (K,), thresholds of a 32-bit uniform number.
    sigma : int64 (S - 1,), the same for the blurs, cumulated.
    mirror, pair : int64 (K,), each keypoint's mirror image, and the lower of the two.
    """

    normal: Tensor
    factor: Tensor
    bias: Tensor
    spread: Tensor
    wide: Tensor
    missing: Tensor
    outlier: Tensor
    swapped: Tensor
    sigma: Tensor
    mirror: Tensor
    pair: Tensor


def detected_input(
    keypoints: Tensor,
    annotated: Tensor,
    counter: Tensor,
    noise: DetectorNoise,
    seed: int,
    purpose: int,
    epoch: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Positions as the detector might have given them.

    Parameters
    ----------
    keypoints : int64 (B, T, K, 2) as (x, y) in 0 ... 55; read only where annotated.
    annotated : bool (B, T, K).
    counter : int64 (B,), each window's first frame.
    noise : its correlation is taken from one frame of a window to the next.
    seed, purpose, epoch : name the stream (``pose_smoother.seeds``).

    Returns
    -------
    positions : int64 (B, T, K, 2), clipped to 0 ... 55; -1 where not detected.
    detected : bool (B, T, K), annotated and not missed.
    sigma_index : int64 (B, T, K), index into ``noise.sigma_in_px``.

    Notes
    -----
    A swapped keypoint has its usual error, about the position of its mirror image; where only
    one of a pair is annotated there is nothing to swap with.
    """
    n_frames, n_keypoints = annotated.shape[1:]
    tables = _tables_on(noise, n_frames, keypoints.device)

    def bits(purpose_of_bits: int) -> Tensor:
        stream = (seed, purpose, epoch, purpose_of_bits)
        return hashed_bits(stream, counter, n_frames, n_keypoints)

    events, of_pair = bits(_EVENT_STREAM), bits(_PAIR_STREAM)
    both = annotated & annotated[..., tables.mirror]
    swapped = both & (high_half(of_pair)[..., tables.pair] < tables.swapped)
    centre = torch.where(swapped.unsqueeze(-1), keypoints[:, :, tables.mirror], keypoints)
    is_outlier = low_half(events) < tables.outlier
    spread = torch.where(is_outlier.unsqueeze(-1), tables.wide, tables.spread)
    error = tables.bias + spread * _correlated(bits(_NORMAL_STREAM), tables)
    shift_px = (error + (1 << (_ALL_BITS - 1))) >> _ALL_BITS  # rounds, halves upwards
    detected = annotated & (high_half(events) >= tables.missing)
    positions = (centre + shift_px).clamp_(0, SIZE - 1)
    positions.masked_fill_(~detected.unsqueeze(-1), -1)
    sigma_index = torch.searchsorted(tables.sigma, low_half(of_pair), right=True)
    return positions, detected, sigma_index


def ar1_factors(correlation: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    """Cholesky factors of the matrices rho^|t - s|.

    Parameters
    ----------
    correlation : float64 (K,), rho in -1 ... 1.

    Returns
    -------
    float64 (K, T, T), lower triangular; every row has length 1, so each frame's number stays a
    standard normal one.
    """
    rho = correlation[:, None, None]
    lag = np.subtract.outer(np.arange(n_frames), np.arange(n_frames))
    factors = np.tril(rho ** np.maximum(lag, 0)) * np.sqrt(1.0 - rho**2)
    factors[:, :, :1] = rho ** np.arange(n_frames)[:, None]  # the first frame has no past
    return np.asarray(factors)


def _correlated(bits: Tensor, tables: _Tables) -> Tensor:
    """Standard normal numbers, int64 (B, T, K, 2) in units of 2^-24, correlated over frames."""
    uniform = torch.stack((high_half(bits), low_half(bits)), dim=-1)
    lowest = -(len(tables.normal) // 2)
    normal = torch.searchsorted(tables.normal, uniform, right=True) + lowest
    # Not a matrix product: those don't exist for integers on a GPU.
    return (tables.factor * normal.unsqueeze(1)).sum(dim=2)


def _normal_thresholds() -> NDArray[np.int64]:
    """Thresholds of a 32-bit uniform number; those at or below it, less half of all, is 256 z."""
    reach = int(TAIL_SIGMAS * _PER_SIGMA)
    upper_edges = (np.arange(-reach, reach) + 0.5) / _PER_SIGMA
    return np.rint(ndtr(upper_edges) * _U32).astype(np.int64)


@lru_cache(maxsize=16)
def _tables_on(noise: DetectorNoise, n_frames: int, device: torch.device) -> _Tables:
    def fixed(values: object, bits: int) -> Tensor:
        numbers = np.rint(np.array(values, dtype=np.float64) * 2.0**bits).astype(np.int64)
        return torch.from_numpy(numbers).to(device)

    rows = noise.keypoints
    factors = ar1_factors(np.array([row.correlation for row in rows]), n_frames)
    pair = [min(i, other) for i, other in enumerate(MIRROR)]
    return _Tables(
        normal=torch.from_numpy(_normal_thresholds()).to(device),
        factor=fixed(np.moveaxis(factors, 0, -1)[..., None], _FACTOR_BITS),
        bias=fixed([row.bias_px for row in rows], _ALL_BITS),
        spread=fixed([row.spread_px for row in rows], _PIXEL_BITS),
        wide=fixed([row.outlier_spread_px for row in rows], _PIXEL_BITS),
        missing=fixed([row.missing for row in rows], 32),
        outlier=fixed([row.outliers for row in rows], 32),
        swapped=fixed(noise.swapped_by_keypoint, 32),
        sigma=fixed(np.cumsum(noise.sigma_share)[:-1], 32),
        mirror=torch.tensor(MIRROR, device=device),
        pair=torch.tensor(pair, device=device),
    )
