"""Filters of one keypoint over time: identity, mean, Gaussian, median and Savitzky-Golay.

All map noisy positions float32 (N, T, K, 2), heatmap pixels, NaN where not annotated, to smoothed
ones of the same shape with NaN in the same places: missing frames get no weight and no position.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

_Float = TypeVar("_Float", np.float32, np.float64)


def identity(noisy: NDArray[np.float32]) -> NDArray[np.float32]:
    """The input itself: what doing nothing scores."""
    return noisy.copy()


def mean(noisy: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of a window's annotated frames, given to every one of them.

    Not a moving average that shrinks at the window's ends: that one never averages all frames at
    the ends and cannot reach the reference numbers of DESIGN section 8.
    """
    present = present_frames(noisy)
    total = np.where(present, noisy, np.float32(0)).sum(axis=1, keepdims=True)
    n_frames = present.sum(axis=1, keepdims=True, dtype=np.float32)
    return np.where(present, total / np.maximum(n_frames, 1), np.float32(np.nan))


def gaussian(noisy: NDArray[np.float32], *, sigma_frames: float) -> NDArray[np.float32]:
    """Normalised convolution (Knutsson & Westin 1993) of the annotated frames with a Gaussian.

    Parameters
    ----------
    sigma_frames : standard deviation in window frames; never truncated within the window.
    """
    n_windows, n_frames, n_keypoints, n_axes = noisy.shape
    present = present_frames(noisy)
    weights = gaussian_filter1d(
        np.eye(n_frames, dtype=np.float32),
        sigma_frames,
        axis=1,
        mode="constant",
        radius=n_frames - 1,
    )
    values = np.where(present, noisy, np.float32(0))
    total = weights @ values.reshape(n_windows, n_frames, n_keypoints * n_axes)
    below = (weights @ present[..., 0].astype(np.float32))[..., None]
    return np.divide(
        total.reshape(noisy.shape), below, out=np.full_like(noisy, np.nan), where=present
    )


def median(noisy: NDArray[np.float32], *, width_frames: int) -> NDArray[np.float32]:
    """The median of the annotated frames around each frame, per axis.

    Parameters
    ----------
    width_frames : odd number of frames centred on each frame; those outside the window don't
        count, so 2 T - 1 takes the whole window everywhere.
    """
    half, n_frames = width_frames // 2, noisy.shape[1]
    medians = [nan_median(noisy[:, max(0, t - half) : t + half + 1]) for t in range(n_frames)]
    return np.where(present_frames(noisy), np.stack(medians, axis=1), np.float32(np.nan))


def savgol(noisy: NDArray[np.float32], *, width_frames: int, polyorder: int) -> NDArray[np.float32]:
    """Savitzky-Golay: a polynomial fitted to the annotated frames around each frame.

    With nothing missing, ``scipy.signal.savgol_filter(..., mode="interp")``: near the ends of the
    window the fit of its first or last ``width_frames`` is read off. Where no more frames are
    annotated than the polynomial has terms, it passes through them all and nothing is smoothed.

    Parameters
    ----------
    width_frames : odd number of frames fitted, at most T.
    polyorder : order of the polynomial, below ``width_frames``.

    Raises
    ------
    ValueError : the window is shorter than ``width_frames``.
    """
    if width_frames > noisy.shape[1]:
        raise ValueError(f"can't fit {width_frames} frames of a window of {noisy.shape[1]}")
    present = present_frames(noisy)[..., 0]  # (N, T, K)
    # A few patterns of missing frames make all series: one matrix of weights for each.
    bits = (1 << np.arange(noisy.shape[1])).astype(np.min_scalar_type(1 << noisy.shape[1]))
    codes = (present * bits[:, None]).sum(axis=1, dtype=bits.dtype)
    patterns, pattern = np.unique(codes, return_inverse=True)
    annotated = (patterns[:, None] & bits) != 0
    weights = _savgol_weights(annotated, width_frames, polyorder).astype(np.float32)
    values = np.where(present[..., None], noisy, np.float32(0)).transpose(0, 2, 1, 3)
    smoothed = weights[pattern.reshape(codes.shape)] @ values  # (N, K, T, 2)
    return np.where(present[..., None], smoothed.transpose(0, 2, 1, 3), np.float32(np.nan))


def present_frames(noisy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool (N, T, K, 1): whether a position is there."""
    return np.asarray(np.isfinite(noisy).all(axis=-1, keepdims=True))


def nan_median(values: NDArray[_Float]) -> NDArray[_Float]:
    """Median over axis 1 of what is not NaN, as ``np.nanmedian`` but quick and quiet."""
    ordered = np.sort(values, axis=1)  # NaN last
    n_present = np.isfinite(ordered).sum(axis=1, keepdims=True)
    upper = np.take_along_axis(ordered, n_present // 2 % values.shape[1], axis=1)
    lower = np.take_along_axis(ordered, np.maximum(n_present - 1, 0) // 2, axis=1)
    middle: NDArray[_Float] = (np.float32(0.5) * (upper + lower))[:, 0]
    return middle


def _savgol_weights(
    annotated: NDArray[np.bool_], width_frames: int, polyorder: int
) -> NDArray[np.float64]:
    """Weights (patterns, T out, T in) of each pattern (patterns, T) of annotated frames.

    Rows of frames that aren't annotated are of no use.
    """
    n_patterns, n_frames = annotated.shape
    weights = np.zeros((n_patterns, n_frames, n_frames))
    for t in range(n_frames):
        start = min(max(0, t - width_frames // 2), n_frames - width_frames)
        frames = slice(start, start + width_frames)
        powers = np.vander(
            np.arange(start, start + width_frames) - t, polyorder + 1, increasing=True
        )
        design = powers * annotated[:, frames, None]
        # The fit at frame t is its constant term: the first row of the pseudo-inverse.
        weights[:, t, frames] = np.linalg.pinv(design)[:, 0]
    return weights
