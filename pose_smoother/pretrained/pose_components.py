"""Take away what a keypoint does alone: Wiener weights for the principal components of a pose.

Keypoints of a body move together, and their errors hardly do. So of a pose's principal components
over the file, in units of each keypoint's noise, those with much variance are motion, and those
with no more than noise has are mostly error. A component of variance v keeps v / (v + n), n being
the variance of noise: Wiener's weight. Errors that last longer than the network can see
are lowered too, because components do not ask how long. Three bands of time, because the same
noise is small beside slow motion and large beside quick motion. On half of the recordings:
docs/experiments.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float64]

FEWEST_KEYPOINTS = 3
BANDS_FRAMES = (2.0, 8.0)  # of the Gaussians whose differences are the bands
NOISE_LEFT = (0.4, 0.3, 0.5)  # after the network, in units of `noise`, quickest band first
_LEAST_NOISE = 1e-6  # of the largest coordinate: a division by nothing


def shrink_components(positions: Floats, noise: NDArray[np.floating]) -> Floats:
    """Positions with less of what few keypoints do.

    Parameters
    ----------
    positions : float64 array, shape (T, K, 2), any unit
        Smoothed, without gaps.
    noise : float array, shape (K,), unit of the positions
        Standard deviation of each keypoint's noise before it was smoothed.

    Returns
    -------
    float64 array, shape (T, K, 2)
        The positions themselves for fewer than three keypoints.
    """
    if positions.shape[1] < FEWEST_KEYPOINTS:
        return positions
    least = _LEAST_NOISE * np.abs(positions).max()
    unit = np.maximum(noise, max(least, np.finfo(np.float64).tiny))
    scaled = positions / unit[:, None]
    rest = scaled.reshape(len(scaled), -1)
    out = np.zeros_like(rest)
    for width, left in zip(BANDS_FRAMES, NOISE_LEFT[:-1], strict=True):
        slow = gaussian_filter1d(rest, width, axis=0, mode="nearest")
        out += _wiener(rest - slow, left)
        rest = slow
    out += _wiener(rest, NOISE_LEFT[-1])
    return out.reshape(positions.shape) * unit[:, None]


def _wiener(band: Floats, noise: float) -> Floats:
    """A band (T, N) with each principal component weighed by its share of what is not noise."""
    mean = band.mean(0)
    band = band - mean
    variance, axes = np.linalg.eigh(band.T @ band / len(band))
    variance = np.maximum(variance, 0.0)
    out: Floats = mean + (band @ axes * (variance / (variance + noise**2))) @ axes.T
    return out
