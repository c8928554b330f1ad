"""Windows through filters of tracks: every keypoint of every window is a keypoint of one run."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pose_smoother.filters.base import Floats, Run, Windows
from pose_smoother.filters.missing import present_frames

_CHUNK_WINDOWS = 2048  # bounds memory


def smooth_as_runs(noisy: Windows, smooth_run: Callable[..., Floats], **params: Any) -> Windows:
    """Windows smoothed as runs of a track are; NaN stays NaN.

    A frame is the unit of time, so a cutoff in Hz is one per frame. Where the filter finds no
    position, the given one stays.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2).
    smooth_run : a filter's, with its parameters.
    """
    smoothed = noisy.copy()
    n_frames, n_keypoints, n_axes = noisy.shape[1:]
    for start in range(0, len(noisy), _CHUNK_WINDOWS):
        rows = slice(start, start + _CHUNK_WINDOWS)
        given = noisy[rows].astype(np.float64)
        found = smooth_run(Run(np.concatenate(given, axis=1), size=1.0, fps=1.0), **params)
        found = found.reshape(n_frames, len(given), n_keypoints, n_axes).transpose(1, 0, 2, 3)
        kept = present_frames(given) & np.isfinite(found).all(axis=-1, keepdims=True)
        smoothed[rows] = np.where(kept, found, given)
    return smoothed
